"""3-D pose from one depth map on ITOP's side view, with A2J over our encoders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hcmoco_bench.body import joint_set
from hcmoco_bench.data.itop_crops import ItopCrops, collate_joints
from hcmoco_bench.data.normalize import normalize_depth
from hcmoco_bench.errors import UsageError
from hcmoco_bench.files.hashing import fingerprint
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.metrics.joint_accuracy import JointAccuracyMetric, joint_accuracy_per_joint, joint_accuracy_scores
from hcmoco_bench.modality import Modality
from hcmoco_bench.models.a2j import A2J
from hcmoco_bench.models.anchor_votes import JointVotes
from hcmoco_bench.models.foreign.format import Network
from hcmoco_bench.results.evidence import Evidence
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.runtime.ranks import gather_objects
from hcmoco_bench.sources.itop import SPLITS, ItopSplit, find_boxes, open_itop, pixels_from_world, read_boxes
from hcmoco_bench.sources.itop.split import person_of
from hcmoco_bench.tasks.core.batches import evaluation_batches
from hcmoco_bench.tasks.core.encoder import task_encoder
from hcmoco_bench.tasks.core.plausibility import Reading, refuse_doubtful, refuse_reading
from hcmoco_bench.tasks.core.predictions import check_ids
from hcmoco_bench.tasks.core.record import TaskRecord
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.core.task import Evaluation, ResultFigure, SampleGroups, Task
from hcmoco_bench.tasks.core.task_data import TaskData
from hcmoco_bench.tasks.core.uniform import uniform_rows
from hcmoco_bench.tasks.itop_pose.boxed_frames import with_boxes
from hcmoco_bench.tasks.itop_pose.objective import A2JObjective
from hcmoco_bench.tasks.itop_pose.predictions import read_joint_predictions
from hcmoco_bench.tasks.itop_pose.readings import FARTHEST, likely_reading, out_of_range
from hcmoco_bench.tasks.itop_pose.record import RECORD, TASK, ItopProtocol
from hcmoco_bench.tasks.itop_pose.settings import ItopSettings
from hcmoco_bench.training.objective import Objective
from hcmoco_bench.training.precision import autocast
from hcmoco_bench.uniform import spread

if TYPE_CHECKING:
    from matplotlib.figure import Figure

JOINTS: Final = "itop15"
COORDINATES: Final = "meters in the camera's coordinates (x to the right of the image, y up, z forward)"
TRUE_BOXES: Final = "true_boxes"
"""The variant whose crops are those of the true joints."""
_LABEL: Final = "scoring, frames"


class ItopPose(Task[ItopSettings]):
    """Places of 15 joints, in meters, from one depth map."""

    record: ClassVar[TaskRecord] = RECORD
    settings: ClassVar[type[FinetuneSettings]] = ItopSettings
    modality: ClassVar[Modality | None] = "depth"
    network: ClassVar[Network | None] = "a2j"
    label_columns: ClassVar[frozenset[str]] = frozenset({"valid"})

    def check(self, config: ItopSettings) -> None:
        """See `Task.check`; the crop's side must be a multiple of 4, the anchors' stride."""
        super().check(config)
        if config.boxes is not None and self.protocol(config).framing != "labels":
            raise UsageError(
                f"{TASK}: boxes go with --protocol published; {config.protocol} finds people in the depth map itself, "
                "so leave them out"
            )
        if config.training_warp == "published" and self.protocol(config).framing != "labels":
            raise UsageError(
                f"{TASK}: training_warp = published stretches boxes to squares, and protocol {config.protocol} does "
                "not; use --protocol published, or training_warp = nearest"
            )
        if config.image_size % 4:
            raise UsageError(f"{TASK}: image_size {config.image_size} is not a multiple of 4; choose another --size")

    def protocol(self, config: ItopSettings) -> ItopProtocol:
        """See `Task.protocol`."""
        return self.record.protocol_of_type(config.protocol, ItopProtocol)

    def default_data(self, home: Path) -> dict[str, Any]:
        """The folder `itop` in the home folder."""
        folder = home / "itop"
        if not folder.is_dir():
            raise UsageError(
                f"{TASK}: no data is given and there is no {folder}; give --root with ITOP's files, or generate some: "
                f"hcmoco-bench synth itop --out {folder}"
            )
        return {"root": str(folder)}

    def open_data(self, config: ItopSettings, split: str, *, train: bool) -> TaskData:
        """See `Task.open_data`."""
        if config.root is None:
            raise UsageError(f"{TASK} reads {RECORD.data}; give --root")
        name, _, percent = split.partition("_")
        if name not in SPLITS or (percent and name != "train"):
            raise UsageError(f"{TASK}: there is no split {split!r}; there are train, test, and train_<percent>")
        source = open_itop(Path(config.root), "train" if name == "train" else "test")
        boxes = None if config.boxes is None else read_boxes(Path(config.boxes), source)
        dataset = ItopCrops(
            source,
            framing=self.protocol(config).framing,
            size=config.image_size,
            train=train,
            strength=config.augmentation,
            warp=config.training_warp,
            seed=config.seed,
            boxes=boxes,
        )
        expected = (*source.ids, *(problem.id for problem in source.problems))
        data = TaskData(
            dataset=dataset,
            collate=collate_joints,
            ids=source.ids,
            name="ITOP side view",
            generated=source.generated,
            split=split,
            expected=expected,
            split_sha256=fingerprint(expected),
            manifest_sha256=None,
            problems=source.problems,
            groups=source.people,
        )
        if percent:
            data = data.subset(uniform_rows(len(source), percent, task=TASK), split=split)
        return data if boxes is None or name == "test" else with_boxes(data, boxes[_source(data)[1]])

    def variant(self, config: ItopSettings, *, own: bool = True) -> str:
        """`true_boxes` where the boxes of the test frames come from their labels; empty otherwise."""
        return TRUE_BOXES if own and self.protocol(config).framing == "labels" and config.boxes is None else ""

    def variants(self, protocol: str) -> frozenset[str]:
        """See `Task.variants`; only a protocol that frames people by labels can take them from the true joints."""
        framing = self.record.protocol_of_type(protocol, ItopProtocol).framing
        return frozenset({"", TRUE_BOXES}) if framing == "labels" else frozenset({""})

    def groups(self, ids: Sequence[str]) -> SampleGroups:
        """The people of the frames; an id begins with the person's number."""
        return SampleGroups(tuple(map(person_of, ids)), "people")

    def notes(self, config: ItopSettings, *, own: bool = True) -> tuple[str, ...]:
        """See `Task.notes`; where the boxes of the test frames came from."""
        if not own or self.protocol(config).framing != "labels":
            return ()
        if config.boxes is None:
            return ("the boxes of the test frames are those of their true joints (no boxes were given): a leak",)
        return (f"the boxes of the test frames are those of {find_boxes(Path(config.boxes), 'test').name}",)

    def build_model(self, config: ItopSettings, *, fresh: bool = True) -> nn.Module:
        """A2J over the encoder; see `Task.build_model`."""
        return A2J(task_encoder(config, "depth", fresh=fresh), len(joint_set(JOINTS)), width=config.head_width)

    def build_objective(self, config: ItopSettings, model: nn.Module, data: TaskData) -> Objective[Any]:
        """See `A2JObjective`."""
        return A2JObjective()

    def evaluate(
        self,
        model: nn.Module,
        data: TaskData,
        config: ItopSettings,
        *,
        device: torch.device,
        progress: Progress = no_progress,
        sheet_size: int = 0,
    ) -> Evaluation:
        """See `Task.evaluate`."""
        metric, done = JointAccuracyMetric(JOINTS), 0
        predicted: dict[str, NDArray[np.float32]] = {}
        lost: list[Problem] = []
        for batch in evaluation_batches(data, config, device):
            with autocast(config.precision, device):
                votes: JointVotes = model(normalize_depth(batch.depth))
            joints = batch.to_world(votes.places, votes.depths).cpu().numpy()
            metric.update(joints, batch.world.cpu().numpy(), batch.sample_ids)
            predicted |= dict(zip(batch.sample_ids, joints, strict=True))
            lost += _not_found(batch.sample_ids, batch.known, boxes=config.boxes is not None)
            done += len(batch)
            progress(_LABEL, done, len(data))
        problems = tuple(problem for part in gather_objects(lost) for problem in part)
        return self._evaluation(metric, data, predicted, problems, sheet_size)

    def check_predictions(self, path: Path, data: TaskData, config: ItopSettings) -> None:
        """See `Task.check_predictions` and `likely_reading`."""
        found = _read_predictions(path, data)
        if not np.isfinite(found).all():
            return  # which scoring refuses, by name
        source, rows = _source(data)
        true = source.joints[rows].astype(np.float64)
        likely = likely_reading(found, true, joint_set(JOINTS))
        if likely is not None:
            given = self._reading("as documented", found, true, data)
            refuse_reading(path, COORDINATES, given, self._reading(likely.what, likely.joints, true, data))
        if out_of_range(found):
            refuse_doubtful(
                path,
                f"read as {COORDINATES}, most of the predicted joints lie more than {FARTHEST:g} m away; convert them",
            )

    def _reading(self, what: str, found: NDArray[np.float64], true: NDArray[np.float64], data: TaskData) -> Reading:
        metric = JointAccuracyMetric(JOINTS)
        metric.update(found, true, data.ids)
        scores = self.scores(metric.evidence())
        told = f"an accuracy of {scores['accuracy']:.1f} % (mean error {scores['mean_error_cm']:,.1f} cm)"
        return Reading(what, told)

    def score_predictions(
        self,
        path: Path,
        data: TaskData,
        config: ItopSettings,
        *,
        progress: Progress = no_progress,
        sheet_size: int = 0,
    ) -> Evaluation:
        """Score an `.npz` or `.json` of joints by frame; see `read_joint_predictions` and `Task.score_predictions`."""
        ordered = _read_predictions(path, data)
        metric = JointAccuracyMetric(JOINTS)
        source, rows = _source(data)
        metric.update(ordered, source.joints[rows], data.ids)
        progress(_LABEL, len(data), len(data))
        predicted = dict(zip(data.ids, ordered.astype(np.float32), strict=True))
        return self._evaluation(metric, data, predicted, (), sheet_size)

    def blank_evidence(self, protocol: str, variant: str) -> Evidence:
        """See `Task.blank_evidence`."""
        return JointAccuracyMetric(JOINTS).evidence()

    def label_evidence(self, data: TaskData, config: ItopSettings) -> dict[str, NDArray[Any]]:
        """See `Task.label_evidence`: every joint of these frames counts."""
        return {"valid": np.ones((len(data), len(joint_set(JOINTS))), np.bool_)}

    def scores(self, evidence: Evidence) -> dict[str, float]:
        """The accuracy of all, upper and lower joints in %, and the mean distance in cm."""
        found = joint_accuracy_scores(evidence)
        return {name: 100 * value if name.startswith("accuracy") else value for name, value in found.items()}

    def per_class(self, evidence: Evidence) -> dict[str, dict[str, float | None]]:
        """Accuracy of each joint in percent, and its mean distance in cm."""
        return {
            name: figures | {"accuracy": None if figures["accuracy"] is None else 100 * figures["accuracy"]}
            for name, figures in joint_accuracy_per_joint(evidence).items()
        }

    def _evaluation(
        self,
        metric: JointAccuracyMetric,
        data: TaskData,
        predicted: Mapping[str, NDArray[np.float32]],
        problems: tuple[Problem, ...],
        sheet_size: int,
    ) -> Evaluation:
        evidence = metric.evidence()
        per_joint = self.per_class(evidence)
        drawn: tuple[ResultFigure, ...] = ()
        if sheet_size:
            names = spread(list(predicted), sheet_size)
            drawn = (
                ResultFigure(
                    "skeletons",
                    "True joints in white, predicted ones in orange, and in red where they are at least 10 cm off.",
                    partial(_draw_sheet, data, {name: predicted[name] for name in names}),
                ),
                ResultFigure("joints", "Share of joints within 10 cm.", partial(_draw_bars, per_joint)),
                ResultFigure("curve", "Share of joints within a distance.", partial(_draw_curve, evidence)),
            )
        return Evaluation(
            scores=self.scores(evidence),
            per_class=per_joint,
            evidence=evidence,
            n_expected=len(data.expected),
            n_scored=len(evidence),
            problems=problems,
            figures=drawn,
        )


class MeanPose(nn.Module):
    """A model without any skill, which puts each joint to the same place and depth in every crop.

    Args:
        target: (J, 3) px of the crop (x, y), and depth in the unit of the targets.
    """

    target: Tensor

    def __init__(self, target: Tensor) -> None:
        super().__init__()
        self.register_buffer("target", target)

    def forward(self, image: Tensor) -> JointVotes:
        """The same votes for each of (B, 3, H, W) crops."""
        target = self.target.expand(len(image), -1, -1)
        return JointVotes(target[..., :2], target[..., :2], target[..., 2])


def mean_pose(data: TaskData) -> MeanPose:
    """The mean target of a split's crops as a model; what `evaluate` gives for it is the chance level of the task.

    Args:
        data: Training data, opened with `train=False`.
    """
    return MeanPose(torch.stack([data.dataset[row].target for row in range(len(data))]).mean(dim=0))


def _read_predictions(path: Path, data: TaskData) -> NDArray[np.float64]:
    """(N, J, 3) joints of a file, in the order of the split."""
    ids, joints = read_joint_predictions(path, len(joint_set(JOINTS)))
    check_ids(ids, data.ids, path=path)
    row = {name: number for number, name in enumerate(ids)}
    return joints[[row[name] for name in data.ids]]


def _source(data: TaskData) -> tuple[ItopSplit, NDArray[np.intp]]:
    """The split that the data is from, and the rows of it."""
    crops, rows = data.source(ItopCrops)
    return crops.source, rows


def _not_found(ids: Sequence[str], known: Tensor, *, boxes: bool) -> list[Problem]:
    kind, reason = (
        ("box_missing", "the box file has no box for it") if boxes else ("person_not_found", "nobody was found in it")
    )
    return [
        Problem(name, kind, "", f"{reason}; the whole depth map was used", kept=True)
        for name, found in zip(ids, known.tolist(), strict=True)
        if not found
    ]


def _draw_sheet(data: TaskData, predicted: Mapping[str, NDArray[np.float32]]) -> Figure:
    from hcmoco_bench.plotting.skeletons import SkeletonImage, skeleton_sheet

    source, rows = _source(data)
    row_of = {name: int(row) for name, row in zip(data.ids, rows, strict=True)}
    return skeleton_sheet(
        [
            SkeletonImage(
                name=name,
                depth=source.depth(row_of[name]),
                true=source.joints[row_of[name]],
                predicted=joints,
                true_pixels=pixels_from_world(source.joints[row_of[name]]),
                predicted_pixels=pixels_from_world(joints),
            )
            for name, joints in predicted.items()
        ],
        joints=JOINTS,
    )


def _draw_bars(per_joint: Mapping[str, Mapping[str, float | None]]) -> Figure:
    from hcmoco_bench.plotting.skeletons import joint_bars

    return joint_bars(per_joint)


def _draw_curve(evidence: Evidence) -> Figure:
    from hcmoco_bench.metrics.joint_accuracy import CURVE_CM
    from hcmoco_bench.plotting.skeletons import accuracy_curve

    errors, valid = evidence.columns["error_cm"], evidence.columns["valid"]

    def curve(members: Sequence[int]) -> NDArray[np.float64]:
        counted = errors[:, members][valid[:, members]]
        return np.asarray((counted[:, None] < CURVE_CM).mean(axis=0))

    groups = {"all joints": range(len(joint_set(JOINTS))), **joint_set(JOINTS).groups}
    return accuracy_curve(CURVE_CM, {name: curve(list(members)) for name, members in groups.items()})
