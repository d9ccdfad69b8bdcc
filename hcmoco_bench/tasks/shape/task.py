"""Body-model parameters from one image: pose, shape, height, mass and waist."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import torch
from numpy.typing import NDArray
from torch import nn

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.data.normalize import normalize_rgb
from hcmoco_bench.errors import UsageError
from hcmoco_bench.metrics.pose_conventions import PosePair
from hcmoco_bench.metrics.shape import FIGURES, LABEL_COLUMNS, ShapeMetric, shape_per_joint, shape_scores
from hcmoco_bench.modality import Modality
from hcmoco_bench.models.shape_regression import BodyEstimate, ShapeNet
from hcmoco_bench.results.evidence import Evidence
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources.anny_people.layout import person_of
from hcmoco_bench.sources.pw3d import track_of
from hcmoco_bench.tasks.core.batches import evaluation_batches
from hcmoco_bench.tasks.core.encoder import task_encoder
from hcmoco_bench.tasks.core.record import TaskRecord
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.core.task import Evaluation, ResultFigure, SampleGroups, Task
from hcmoco_bench.tasks.core.task_data import TaskData
from hcmoco_bench.tasks.shape.bodies import TaskBodies, open_bodies
from hcmoco_bench.tasks.shape.data import open_split, people_and_rows
from hcmoco_bench.tasks.shape.objective import ShapeObjective
from hcmoco_bench.tasks.shape.pictures import KeptEstimates, shape_figures
from hcmoco_bench.tasks.shape.plausible import check_plausible
from hcmoco_bench.tasks.shape.predictions import BodySizes, PredictedBodies, read_bodies
from hcmoco_bench.tasks.shape.record import JOINTS, RECORD, TASK, ShapeProtocol
from hcmoco_bench.tasks.shape.scoring import chunks, estimated_bodies, matching_truth, poses, predicted_bodies
from hcmoco_bench.tasks.shape.settings import ShapeSettings
from hcmoco_bench.tasks.shape.thin_body import thin_bodies
from hcmoco_bench.tasks.shape.truth import true_bodies, true_figures
from hcmoco_bench.training.objective import Objective
from hcmoco_bench.training.precision import autocast

_LABEL: Final = "scoring, people"
_ONE_FILE: Final = "one SMPL file serves for everybody, whatever their gender (--body-model names a file, not a folder)"


class Shape(Task[ShapeSettings]):
    """Recovery of a parametric body from the crop of a person."""

    record: ClassVar[TaskRecord] = RECORD
    settings: ClassVar[type[FinetuneSettings]] = ShapeSettings
    modality: ClassVar[Modality | None] = "rgb"
    label_columns: ClassVar[frozenset[str]] = LABEL_COLUMNS

    def check(self, config: ShapeSettings) -> None:
        """See `Task.check`; Anny needs no file, and SMPL does."""
        super().check(config)
        if self.protocol(config).body == "anny" and config.body_model is not None:
            raise UsageError(
                f"{TASK}: --body-model goes with --protocol pw3d; Anny comes with its package, leave it out"
            )

    def protocol(self, config: ShapeSettings) -> ShapeProtocol:
        """See `Task.protocol`."""
        return self.record.protocol_of_type(config.protocol, ShapeProtocol)

    def default_data(self, home: Path) -> dict[str, Any]:
        """The folder `shape` in the home folder."""
        folder = home / "shape"
        if not folder.is_dir():
            raise UsageError(
                f"{TASK}: no data is given and there is no {folder}; give --root, or generate some: hcmoco-bench synth "
                f"shape --out {folder}"
            )
        return {"root": str(folder)}

    def open_data(self, config: ShapeSettings, split: str, *, train: bool) -> TaskData:
        """See `Task.open_data`."""
        return open_split(config, self.protocol(config), self.bodies(config), split, train=train)

    def bodies(self, config: ShapeSettings) -> TaskBodies:
        """The body models of a run's protocol."""
        return open_bodies(self.protocol(config).body, config.body_model)

    def variant(self, config: ShapeSettings, *, own: bool = True) -> str:
        """The body model: errors of two models, with other vertices and joints, are not comparable."""
        return self.protocol(config).body

    def variants(self, protocol: str) -> frozenset[str]:
        """See `Task.variants`; a protocol has one body model."""
        return frozenset({self.record.protocol_of_type(protocol, ShapeProtocol).body})

    def groups(self, ids: Sequence[str]) -> SampleGroups:
        """The people of the samples; 3DPW does not say who of one sequence is in another."""
        return SampleGroups(tuple(track_of(name) if "_p" in name else person_of(name) for name in ids), "people")

    def notes(self, config: ShapeSettings, *, own: bool = True) -> tuple[str, ...]:
        """See `Task.notes`; whether true bodies are those of the people's gender."""
        one_file = config.body_model is not None and not Path(config.body_model).is_dir()
        return (_ONE_FILE,) if one_file else ()

    def build_model(self, config: ShapeSettings, *, fresh: bool = True) -> nn.Module:
        """HMR's head over the encoder; see `Task.build_model`."""
        body = self.bodies(config).estimated
        return ShapeNet(
            task_encoder(config, "rgb", fresh=fresh),
            len(body.bone_names),
            len(body.shape_names),
            width=config.head_width,
            iterations=config.iterations,
            dropout=config.dropout,
            grid=config.grid,
        )

    def build_objective(self, config: ShapeSettings, model: nn.Module, data: TaskData) -> Objective[Any]:
        """See `ShapeObjective`."""
        return ShapeObjective(thin_bodies(self.bodies(config), config.loss_vertices), config.weights())

    def evaluate(
        self,
        model: nn.Module,
        data: TaskData,
        config: ShapeSettings,
        *,
        device: torch.device,
        progress: Progress = no_progress,
        sheet_size: int = 0,
    ) -> Evaluation:
        """See `Task.evaluate`."""
        bodies, metric, done = self.bodies(config), ShapeMetric(JOINTS), 0
        body = bodies.to(device).estimated
        people, rows = people_and_rows(data)
        place = {name: int(row) for name, row in zip(data.ids, rows, strict=True)}
        kept = KeptEstimates.of(data.ids, sheet_size)
        for batch in evaluation_batches(data, config, device):
            with autocast(config.precision, device):
                estimate: BodyEstimate = model(normalize_rgb(batch.rgb))
            found = estimated_bodies(body, estimate)
            metric.update(
                found, true_bodies(people, [place[name] for name in batch.sample_ids], bodies), batch.sample_ids
            )
            kept.keep(batch.sample_ids, found, estimate.camera.detach().cpu().numpy())
            done += len(batch)
            progress(_LABEL, done, len(data))
        return self._evaluation(metric, data, bodies, kept)

    def score_predictions(
        self,
        path: Path,
        data: TaskData,
        config: ShapeSettings,
        *,
        progress: Progress = no_progress,
        sheet_size: int = 0,
    ) -> Evaluation:
        """Score an `.npz` or `.json` of bodies; see `read_bodies` and `Task.score_predictions`."""
        bodies = self.bodies(config)
        prediction, metric = self._read(path, data, bodies), ShapeMetric(JOINTS)
        people, rows = people_and_rows(data)
        kept = KeptEstimates.of(data.ids, sheet_size)
        for part in chunks(len(data)):
            ids = data.ids[part.start : part.stop]
            found = predicted_bodies(bodies.estimated, prediction, part)
            metric.update(found, matching_truth(prediction, people, rows[part.start : part.stop].tolist(), bodies), ids)
            kept.keep(ids, found, None)
            progress(_LABEL, part.stop, len(data))
        return self._evaluation(metric, data, bodies, kept)

    def check_predictions(self, path: Path, data: TaskData, config: ShapeSettings) -> None:
        """See `Task.check_predictions` and `check_plausible`."""
        bodies = self.bodies(config)
        people, rows = people_and_rows(data)
        check_plausible(path, self._read(path, data, bodies), people, rows.tolist(), bodies)

    def pose_pairs(self, path: Path, data: TaskData, config: ShapeSettings) -> tuple[PosePair, ...]:
        """See `Task.pose_pairs`: in each joint set that the bodies have; of joints alone, in their own."""
        bodies = self.bodies(config)
        people, rows = people_and_rows(data)
        return poses(bodies.estimated, self._read(path, data, bodies), people, rows.tolist(), bodies)

    def blank_evidence(self, protocol: str, variant: str) -> Evidence:
        """See `Task.blank_evidence`."""
        return ShapeMetric(JOINTS).evidence()

    def label_evidence(self, data: TaskData, config: ShapeSettings) -> dict[str, NDArray[Any]]:
        """See `Task.label_evidence`: height, mass and waist of the true bodies."""
        people, rows = people_and_rows(data)
        figures = true_figures(people, self.bodies(config))[rows]
        return {f"true_{name}": figures[:, place] for place, name in enumerate(FIGURES)}

    def scores(self, evidence: Evidence) -> dict[str, float]:
        """See `shape_scores`."""
        return shape_scores(evidence)

    def per_class(self, evidence: Evidence) -> dict[str, dict[str, float | None]]:
        """Mean errors of each joint in mm."""
        return shape_per_joint(evidence)

    def _read(self, path: Path, data: TaskData, bodies: TaskBodies) -> PredictedBodies:
        body = bodies.estimated
        n_vertices = int(body.faces.max()) + 1
        sizes = BodySizes(len(body.bone_names), len(body.shape_names), n_vertices, len(joint_set(JOINTS)))
        return read_bodies(path, data.ids, sizes)

    def _evaluation(self, metric: ShapeMetric, data: TaskData, bodies: TaskBodies, kept: KeptEstimates) -> Evaluation:
        evidence = metric.evidence()
        figures: tuple[ResultFigure, ...] = shape_figures(evidence, data, bodies, kept) if kept.wanted else ()
        return Evaluation(
            scores=self.scores(evidence),
            per_class=self.per_class(evidence),
            evidence=evidence,
            n_expected=len(data.expected),
            n_scored=len(evidence),
            figures=figures,
        )
