"""3-D pose from one RGB image on Human3.6M, by integral regression over our encoders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hcmoco_bench.body import joint_set
from hcmoco_bench.data.normalize import normalize_rgb
from hcmoco_bench.data.pose3d_crops import BOX_METERS, ROOT, PoseBatch, PoseCrops, collate_poses
from hcmoco_bench.data.pose_index import read_pose_index
from hcmoco_bench.errors import UsageError
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.metrics.pose3d import PoseErrorMetric, near_scores, pose_error_scores, pose_errors_by
from hcmoco_bench.metrics.pose_conventions import PosePair
from hcmoco_bench.modality import Modality
from hcmoco_bench.models.first_weights import start_network
from hcmoco_bench.models.integral_pose import TYPICAL_BONES, IntegralPose, PosePlaces
from hcmoco_bench.results.evidence import Evidence
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources.human36m.layout import ACTIONS
from hcmoco_bench.sources.human36m.names import FrameId
from hcmoco_bench.store.kinds.human36m import JOINTS, Human36mManifest
from hcmoco_bench.store.manifest import MANIFEST_FILE
from hcmoco_bench.store.registry import open_store
from hcmoco_bench.tasks.core.batches import evaluation_batches
from hcmoco_bench.tasks.core.encoder import task_encoder
from hcmoco_bench.tasks.core.plausibility import Reading, refuse_reading
from hcmoco_bench.tasks.core.pose_readings import likely_pose_reading
from hcmoco_bench.tasks.core.record import TaskRecord
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.core.task import Evaluation, ResultFigure, SampleGroups, Task
from hcmoco_bench.tasks.core.task_data import TaskData
from hcmoco_bench.tasks.pose3d.figures import pose_figures
from hcmoco_bench.tasks.pose3d.objective import IntegralPoseObjective
from hcmoco_bench.tasks.pose3d.predictions import read_pose_predictions
from hcmoco_bench.tasks.pose3d.record import RECORD, STORE, TASK, Pose3dProtocol
from hcmoco_bench.tasks.pose3d.root_distance import distance_by_bones, total_length
from hcmoco_bench.tasks.pose3d.settings import Pose3dSettings
from hcmoco_bench.training.objective import Objective
from hcmoco_bench.training.precision import autocast
from hcmoco_bench.uniform import spread

Points = NDArray[np.float64]

COORDINATES: Final = "meters in the camera's axes (x right, y down, z forward), joints in the order of h36m17"
_LABEL: Final = "scoring, frames"
_NEAR_ZERO: Final = 0.1
"""Meters from the camera within which no root is: predictions whose roots are there are about the root."""


class Pose3d(Task[Pose3dSettings]):
    """Places of 17 joints about the root, in meters, from one RGB image."""

    record: ClassVar[TaskRecord] = RECORD
    settings: ClassVar[type[FinetuneSettings]] = Pose3dSettings
    modality: ClassVar[Modality | None] = "rgb"
    label_columns: ClassVar[frozenset[str]] = frozenset({"n_points", "valid"})

    def check(self, config: Pose3dSettings) -> None:
        """See `Task.check`; the crop's side must be a multiple of 32, the stride of the coarsest map."""
        super().check(config)
        if config.root is not None:
            raise UsageError(f"{TASK} reads a prepared store; run prepare on {config.root}, and give --store")
        if config.image_size % 32:
            raise UsageError(f"{TASK}: image_size {config.image_size} is not a multiple of 32; choose another --size")

    def protocol(self, config: Pose3dSettings) -> Pose3dProtocol:
        """See `Task.protocol`."""
        return self.record.protocol_of_type(config.protocol, Pose3dProtocol)

    def default_data(self, home: Path) -> dict[str, Any]:
        """The store that `prepare human36m` makes in the home folder."""
        store = home / STORE
        if not (store / MANIFEST_FILE).is_file():
            raise UsageError(
                f"{store}: there is no prepared store. If you have Human3.6M: hcmoco-bench prepare human36m --root "
                "DIR. If not: hcmoco-bench synth human36m --out generated, then hcmoco-bench prepare human36m --root "
                "generated"
            )
        return {"stores": (str(store),)}

    def open_data(self, config: Pose3dSettings, split: str, *, train: bool) -> TaskData:
        """See `Task.open_data`; `config.stores` is one store with 3-D joints."""
        if len(config.stores) != 1:
            raise UsageError(f"{TASK} reads one store, {len(config.stores)} are given; give --store once")
        store = open_store(Path(config.stores[0]), "poses")
        if split not in store.splits:
            raise UsageError(f"{store.path}: there is no split {split}; it has {', '.join(store.splits)}")
        if store.capabilities.joints != JOINTS:
            raise UsageError(f"{store.path}: {TASK} needs the joints {JOINTS}, not {store.capabilities.joints}")
        index, declared = read_pose_index(store, split), store.splits[split]
        wanted = set(declared.ids) - set(index.ids.tolist()) - {problem.id for problem in index.problems}
        dataset = PoseCrops(
            store.path,
            index,
            store.shards(),
            joints=joint_set(JOINTS),
            framing=self.protocol(config).framing,
            size=config.image_size,
            train=train,
            strength=config.augmentation,
            seed=config.seed,
        )
        return TaskData(
            dataset=dataset,
            collate=collate_poses,
            ids=tuple(index.ids.tolist()),
            name=store.kind.dataset(store.manifest),
            generated=bool(store.capabilities.generated),
            split=split,
            expected=declared.ids,
            split_sha256=declared.sha256,
            manifest_sha256=file_sha256(store.path / MANIFEST_FILE),
            problems=(*(problem for problem in store.problems() if problem.id in wanted), *index.problems),
            groups=tuple(index.groups.tolist()),
        )

    def groups(self, ids: Sequence[str]) -> SampleGroups:
        """The performances of the frames: four cameras film the same one, and the test split shows two people."""
        names = (FrameId.parse(one).sequence for one in ids)
        return SampleGroups(tuple(f"S{name.subject} {name.action}" for name in names), "performances")

    def notes(self, config: Pose3dSettings, *, own: bool = True) -> tuple[str, ...]:
        """See `Task.notes`; which frames are scored, where they are not those of the record."""
        manifest = open_store(Path(config.stores[0])).manifest if config.stores else None
        every = manifest.options.every if isinstance(manifest, Human36mManifest) else None
        return () if every in (None, 25) else (f"frames 0, {every}, {2 * every}, ... of each video were used",)

    def build_model(self, config: Pose3dSettings, *, fresh: bool = True) -> nn.Module:
        """Integral regression over the encoder; see `Task.build_model`."""
        encoder = task_encoder(config, "rgb", fresh=fresh)
        net = IntegralPose(
            encoder,
            len(joint_set(JOINTS)),
            size=config.image_size,
            depth_range=BOX_METERS,
            width=config.head_width,
        )
        start_network(net.head, config, drawn=fresh)
        return net

    def build_objective(self, config: Pose3dSettings, model: nn.Module, data: TaskData) -> Objective[Any]:
        """See `IntegralPoseObjective`; the model learns how long the bones of the training people are."""
        if isinstance(model, IntegralPose):
            joints = torch.from_numpy(_true(data))
            model.bone_length.copy_(total_length(joints, joint_set(JOINTS).edges).mean())
        return IntegralPoseObjective()

    def evaluate(
        self,
        model: nn.Module,
        data: TaskData,
        config: Pose3dSettings,
        *,
        device: torch.device,
        progress: Progress = no_progress,
        sheet_size: int = 0,
    ) -> Evaluation:
        """See `Task.evaluate`."""
        metric, done = _metric(), 0
        length = _bone_length(model)
        predicted: dict[str, Points] = {}
        for batch in evaluation_batches(data, config, device):
            found = _places(model, batch, config, device)
            joints = self._joints(found, batch.to("cpu"), config, length).numpy()
            metric.update(joints, batch.joints.cpu().numpy(), batch.sample_ids)
            predicted |= dict(zip(batch.sample_ids, joints, strict=True))
            done += len(batch)
            progress(_LABEL, done, len(data))
        return self._evaluation(metric, data, predicted, sheet_size)

    def _joints(self, found: PosePlaces, batch: PoseBatch, config: Pose3dSettings, length: Tensor) -> Tensor:
        """(B, J, 3) float64 meters in the camera's coordinates."""
        if self.protocol(config).root_distance == "true":
            root_z = batch.joints[:, ROOT, 2]
        else:
            rays, depths = batch.to_rays(found.places), found.depths.double()
            root_z = distance_by_bones(rays, depths, joint_set(JOINTS).edges, length)
        return batch.to_camera(found.places, found.depths, root_z)

    def check_predictions(self, path: Path, data: TaskData, config: Pose3dSettings) -> None:
        """See `Task.check_predictions` and `likely_pose_reading`."""
        found, true = _read_predictions(path, data), _true(data)
        if not np.isfinite(found).all():
            return  # which scoring refuses, by name
        everywhere = np.ones(found.shape[:2], np.bool_)
        likely = likely_pose_reading(found, true, joint_set(JOINTS), everywhere, views=_cameras(data.ids))
        if likely is not None:
            given = self._reading("as documented", found, true, data)
            refuse_reading(path, COORDINATES, given, self._reading(likely.what, likely.joints, true, data))

    def _reading(self, what: str, found: Points, true: Points, data: TaskData) -> Reading:
        metric = _metric()
        metric.update(found, true, data.ids)
        scores = pose_error_scores(metric.evidence())
        return Reading(what, f"an MPJPE of {scores['mpjpe']:,.1f} mm")

    def score_predictions(
        self,
        path: Path,
        data: TaskData,
        config: Pose3dSettings,
        *,
        progress: Progress = no_progress,
        sheet_size: int = 0,
    ) -> Evaluation:
        """Score a file of joints; see `read_pose_predictions` and `Task.score_predictions`."""
        ordered = _read_predictions(path, data)
        metric = _metric()
        metric.update(ordered, _true(data), data.ids)
        progress(_LABEL, len(data), len(data))
        return self._evaluation(metric, data, dict(zip(data.ids, ordered, strict=True)), sheet_size)

    def pose_pairs(self, path: Path, data: TaskData, config: Pose3dSettings) -> tuple[PosePair, ...]:
        """See `Task.pose_pairs`."""
        found, true = _read_predictions(path, data), _true(data)
        absolute = bool(np.median(np.linalg.norm(found[:, ROOT], axis=-1)) > _NEAR_ZERO)
        everywhere, actions = np.ones(found.shape[:2], np.bool_), tuple(_actions(data.ids))
        pair = PosePair(found, true, everywhere, JOINTS, data.ids, absolute, actions=actions, views=_cameras(data.ids))
        return (pair,)

    def blank_evidence(self, protocol: str, variant: str) -> Evidence:
        """See `Task.blank_evidence`."""
        return _metric().evidence()

    def label_evidence(self, data: TaskData, config: Pose3dSettings) -> dict[str, NDArray[Any]]:
        """See `Task.label_evidence`: every joint of these frames counts."""
        count = len(joint_set(JOINTS))
        return {
            "n_points": np.full(len(data), count, np.int32),
            "valid": np.ones((len(data), count), np.bool_),
        }

    def scores(self, evidence: Evidence) -> dict[str, float]:
        """Mean distances in mm over frames, and over the actions' means; shares of joints in %."""
        by_action = pose_errors_by(evidence, _actions(evidence.sample_ids)).values()
        means = {}
        for name in ("mpjpe", "pa_mpjpe"):
            known = [value for one in by_action if (value := one[name]) is not None]
            means[f"{name}_actions"] = float(np.mean(known)) if known else float("nan")
        shares = {name: 100 * value for name, value in near_scores(evidence).items()}
        return pose_error_scores(evidence) | means | shares

    def per_class(self, evidence: Evidence) -> dict[str, dict[str, float | None]]:
        """MPJPE and PA-MPJPE of each action, mm; None for an action of which no frame is there."""
        found = pose_errors_by(evidence, _actions(evidence.sample_ids))
        none: dict[str, float | None] = {"mpjpe": None, "pa_mpjpe": None}
        return {name: found.get(name, none) for name in (*ACTIONS, *sorted(found.keys() - {*ACTIONS}))}

    def _evaluation(
        self, metric: PoseErrorMetric, data: TaskData, predicted: Mapping[str, Points], sheet_size: int
    ) -> Evaluation:
        evidence = metric.evidence()
        per_action = self.per_class(evidence)
        drawn: tuple[ResultFigure, ...] = ()
        if sheet_size:
            crops, rows = data.source(PoseCrops)
            row_of = dict(zip(data.ids, rows.tolist(), strict=True))
            names = spread(list(predicted), sheet_size)
            shown = {name: row_of[name] for name in names}
            drawn = pose_figures(crops, shown, {name: predicted[name] for name in names}, evidence, per_action)
        return Evaluation(
            scores=self.scores(evidence),
            per_class=per_action,
            evidence=evidence,
            n_expected=len(data.expected),
            n_scored=len(evidence),
            figures=drawn,
        )


def mean_pose(data: TaskData) -> Points:
    """(J, 3) mean of the joints about the root, meters; given for every test frame, it has the chance level.

    Args:
        data: Training data.
    """
    joints = _true(data)
    return np.asarray((joints - joints[:, [ROOT]]).mean(axis=0))


def _bone_length(model: nn.Module) -> Tensor:
    """() float64 length of all bones of a person, meters, as a model has learned it; typical for other modules."""
    inner = getattr(model, "module", model)
    return inner.bone_length.cpu() if isinstance(inner, IntegralPose) else torch.tensor(TYPICAL_BONES).double()


def _metric() -> PoseErrorMetric:
    return PoseErrorMetric("joints", root=ROOT, names=joint_set(JOINTS).joints)


def _actions(ids: Sequence[str]) -> list[str]:
    return [FrameId.parse(one).sequence.kind for one in ids]


def _cameras(ids: Sequence[str]) -> tuple[str, ...]:
    """Camera of each frame; all subjects were filmed with nearly the same directions of the four cameras."""
    return tuple(FrameId.parse(one).sequence.camera for one in ids)


def _places(model: nn.Module, batch: PoseBatch, config: Pose3dSettings, device: torch.device) -> PosePlaces:
    """What a model finds in a batch, averaged with what it finds in the mirror image; on the processor."""
    image = normalize_rgb(batch.rgb)
    with autocast(config.precision, device):
        found: PosePlaces = model(image)
        if config.flip_test:
            other: PosePlaces = model(image.flip(-1))
            order = torch.from_numpy(joint_set(JOINTS).flip).to(device)
            right = torch.tensor([image.shape[-1] - 1.0, 0.0], device=device)
            mirrored = right + other.places[:, order] * torch.tensor([-1.0, 1.0], device=device)
            found = PosePlaces((found.places + mirrored) / 2, (found.depths + other.depths[:, order]) / 2)
    return PosePlaces(found.places.cpu(), found.depths.cpu())


def _read_predictions(path: Path, data: TaskData) -> Points:
    """(N, J, 3) joints of a file, in the order of the split."""
    return read_pose_predictions(path, data.ids, len(joint_set(JOINTS)))


def _true(data: TaskData) -> Points:
    """(N, J, 3) true joints of the rows, meters in the camera's coordinates."""
    crops, rows = data.source(PoseCrops)
    return crops.index.joints[rows]
