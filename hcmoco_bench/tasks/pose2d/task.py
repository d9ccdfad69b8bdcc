"""2-D pose of people in photographs: heatmaps of the joints in a crop of each person."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.files.whole_numbers import whole_number
from hcmoco_bench.metrics.average_precision import precision_by_size
from hcmoco_bench.metrics.coco_statistics import UNDEFINED
from hcmoco_bench.metrics.keypoints import METRIC as KEYPOINTS
from hcmoco_bench.metrics.keypoints import KeypointMetric, keypoint_scores
from hcmoco_bench.metrics.pckh import MAIN as PCKH
from hcmoco_bench.metrics.pckh import PckhMetric, pckh_per_joint, pckh_scores
from hcmoco_bench.modality import Modality
from hcmoco_bench.results.evidence import Evidence
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.store.manifest import MANIFEST_FILE
from hcmoco_bench.tasks.core.batches import evaluation_batches
from hcmoco_bench.tasks.core.encoder import task_encoder
from hcmoco_bench.tasks.core.plausibility import Reading, refuse_reading
from hcmoco_bench.tasks.core.record import TaskRecord
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.core.task import Evaluation, ResultFigure, SampleGroups, Task
from hcmoco_bench.tasks.core.task_data import TaskData
from hcmoco_bench.tasks.pose2d.data import crop_size, image_numbers, open_pose, pose_source
from hcmoco_bench.tasks.pose2d.figures import coco_figures, mpii_figures
from hcmoco_bench.tasks.pose2d.locate import locate_joints
from hcmoco_bench.tasks.pose2d.net import PoseNet, padded_size
from hcmoco_bench.tasks.pose2d.objective import HeatmapObjective
from hcmoco_bench.tasks.pose2d.pairs import coco_pairs, mpii_pairs
from hcmoco_bench.tasks.pose2d.predictions import read_coco_results, read_mpii_predictions
from hcmoco_bench.tasks.pose2d.readings import likely_pose_reading
from hcmoco_bench.tasks.pose2d.record import RECORD, TASK, TEST, PoseProtocol
from hcmoco_bench.tasks.pose2d.scoring import CocoScoring, MpiiScoring, PoseScoring
from hcmoco_bench.tasks.pose2d.settings import Pose2dSettings
from hcmoco_bench.training.objective import Objective

TRUE_BOXES: Final = "true_boxes"
"""The variant in which people are cropped by their true boxes, so that nobody has to be found."""

_LABEL: Final = "scoring, samples"
_COORDINATES: Final = "px (x, y) of the image from {first}"
_PERSON: Final = re.compile(r"(.+)_\d\d")
_STORES: Final = {"coco17": "coco", "mpii16": "mpii"}


class Pose2d(Task[Pose2dSettings]):
    """Joints of people in photographs, top-down: COCO, and MPII under a protocol of its own."""

    record: ClassVar[TaskRecord] = RECORD
    settings: ClassVar[type[FinetuneSettings]] = Pose2dSettings
    modality: ClassVar[Modality | None] = "rgb"
    fixed_by_training: ClassVar[frozenset[str]] = frozenset({"protocol", "encoding", "aspect", "sigma"})
    label_columns: ClassVar[frozenset[str]] = frozenset({"n_truths", "valid"})

    def check(self, config: Pose2dSettings) -> None:
        """See `Task.check`; also the size of the crops, and boxes where nobody has to be found."""
        super().check(config)
        protocol = self.protocol(config)
        crop_size(config, protocol)
        if config.boxes is not None and not protocol.detects:
            raise UsageError(
                f"{TASK}: protocol {protocol.name} takes the published center and scale of people; leave boxes out"
            )

    def protocol(self, config: Pose2dSettings) -> PoseProtocol:
        """See `Task.protocol`."""
        return self.record.protocol_of_type(config.protocol, PoseProtocol)

    def default_data(self, home: Path) -> dict[str, Any]:
        """The store that `prepare coco` makes in the home folder."""
        store = home / _STORES["coco17"]
        if not (store / MANIFEST_FILE).is_file():
            raise UsageError(
                f"{TASK}: no data is given and there is no {store}; give --store with the store of `hcmoco-bench "
                f"prepare coco` (or `prepare mpii`), or generate some: hcmoco-bench synth coco --out raw-coco, then "
                f"hcmoco-bench prepare coco --root raw-coco --out {store}"
            )
        return {"stores": (str(store),)}

    def test_split(self, config: Pose2dSettings) -> str:
        """The validation images, whose annotations are published."""
        return TEST

    def open_data(self, config: Pose2dSettings, split: str, *, train: bool) -> TaskData:
        """See `Task.open_data` and `open_pose`."""
        return open_pose(config, self.protocol(config), split, train=train)

    def variant(self, config: Pose2dSettings, *, own: bool = True) -> str:
        """`true_boxes` where a model's crops are those of the true boxes though people have to be found."""
        return TRUE_BOXES if own and self.protocol(config).detects and config.boxes is None else ""

    def variants(self, protocol: str) -> frozenset[str]:
        """See `Task.variants`."""
        detects = self.record.protocol_of_type(protocol, PoseProtocol).detects
        return frozenset({"", TRUE_BOXES}) if detects else frozenset({""})

    def groups(self, ids: Sequence[str]) -> SampleGroups | None:
        """The images of MPII's people, whose ids end in their number in the image; None for images."""
        found = [_PERSON.fullmatch(name) for name in ids]
        if not ids or any(match is None for match in found):
            return None
        return SampleGroups(tuple(match[1] for match in found if match is not None), "images")

    def notes(self, config: Pose2dSettings, *, own: bool = True) -> tuple[str, ...]:
        """See `Task.notes`: whose boxes, and how heatmaps became joints."""
        if not own:
            return ()
        told = [f"heatmaps: {config.encoding} encoding, {config.decoding} decoding"]
        if config.flip_test:
            told.append(f"flip test, the heatmap of the mirror image moved by {config.shift} cells")
        if self.protocol(config).detects:
            told.append(
                "people are cropped by their true boxes, so that nobody had to be found: a leak"
                if config.boxes is None
                else f"the boxes of people are those of {Path(config.boxes).name}"
            )
        return tuple(told)

    def build_model(self, config: Pose2dSettings, *, fresh: bool = True) -> nn.Module:
        """See `PoseNet` and `Task.build_model`."""
        protocol = self.protocol(config)
        width, height = crop_size(config, protocol)
        encoder = task_encoder(config, "rgb", fresh=fresh, size=padded_size((height, width)))
        return PoseNet(encoder, len(joint_set(protocol.joints)), width=config.head_width, maps=config.head_maps)

    def build_objective(self, config: Pose2dSettings, model: nn.Module, data: TaskData) -> Objective[Any]:
        """See `HeatmapObjective`."""
        return HeatmapObjective(config.sigma, config.encoding)

    def evaluate(
        self,
        model: nn.Module,
        data: TaskData,
        config: Pose2dSettings,
        *,
        device: torch.device,
        progress: Progress = no_progress,
        sheet_size: int = 0,
    ) -> Evaluation:
        """See `Task.evaluate`."""
        scoring, done = self._scoring(data, config, sheet_size), 0
        flip = joint_set(self.protocol(config).joints).flip
        for batch in evaluation_batches(data, config, device):
            joints = locate_joints(model, batch, config, flip, device)
            scoring.add(batch.box.cpu().numpy(), joints, config)
            done += len(batch)
            progress(_LABEL, done, len(data))
        return self._evaluation(scoring, data, ())

    def check_predictions(self, path: Path, data: TaskData, config: Pose2dSettings) -> None:
        """See `Task.check_predictions` and `likely_pose_reading`."""
        joints = joint_set(self.protocol(config).joints)
        if self.protocol(config).detects:
            records, _ = self._records(path, data)
            pairs = coco_pairs(pose_source(data).split, image_numbers(pose_source(data).split), records)
            first = 0
        else:
            found = self._mpii_joints(path, data)
            if not np.isfinite(found).all():
                return  # which scoring refuses, by name
            pairs, first = mpii_pairs(pose_source(data), found), int(path.suffix != ".json")
        likely = likely_pose_reading(pairs, joints, counted_from=first)
        if likely is None:
            return
        changed = likely.apply(pairs.found, pairs)
        readings = []
        for what, points in (("as documented", None), (likely.what, changed)):
            scoring = self._scoring(data, config)
            if isinstance(scoring, CocoScoring):
                given = np.array([record["keypoints"] for record in records], np.float64)
                given = given.reshape(len(records), len(joints), 3)
                if points is not None:
                    given[..., :2] = pairs.joints_of(points, given[..., :2])
                scoring.add_records(
                    [
                        {**record, "keypoints": one.ravel().tolist()}
                        for record, one in zip(records, given, strict=True)
                        if np.isfinite(one).all()
                    ]
                )
            elif isinstance(scoring, MpiiScoring):
                whole = found if points is None else pairs.joints_of(points, found)
                scoring.add_people(pose_source(data).people(), whole)
            main = RECORD.main_score_of(config.protocol)
            readings.append(Reading(what, f"{main} {self.scores(scoring.evidence())[main]:.1f} %"))
        refuse_reading(path, _COORDINATES.format(first=first), *readings)

    def score_predictions(
        self,
        path: Path,
        data: TaskData,
        config: Pose2dSettings,
        *,
        progress: Progress = no_progress,
        sheet_size: int = 0,
    ) -> Evaluation:
        """Score COCO's results JSON, or MPII's `.mat` or `.json`; see `predictions` and `Task.score_predictions`."""
        scoring = self._scoring(data, config, sheet_size)
        problems: list[Problem] = []
        if isinstance(scoring, CocoScoring):
            records, problems = self._records(path, data)
            scoring.add_records(records)
            there = {record["image_id"] for record in records}
            without = sum(scoring.numbers[image] not in there for image in scoring.images.tolist())
            if without:
                reason = f"{without} of {len(data)} images have no detection; everybody in them counts as missed"
                problems.append(Problem("", "no_detections", str(path), reason, kept=True))
        elif isinstance(scoring, MpiiScoring):
            scoring.add_people(scoring.source.people(), self._mpii_joints(path, data))
        progress(_LABEL, len(data), len(data))
        return self._evaluation(scoring, data, tuple(problems))

    def blank_evidence(self, protocol: str, variant: str) -> Evidence:
        """See `Task.blank_evidence`."""
        rules = self.record.protocol_of_type(protocol, PoseProtocol)
        if rules.detects:
            return KeypointMetric({"images": [], "annotations": []}, rules.joints).evidence()
        return PckhMetric(rules.joints).evidence()

    def label_evidence(self, data: TaskData, config: Pose2dSettings) -> Mapping[str, NDArray[Any]]:
        """See `Task.label_evidence`: people to be found in each image, or joints of each person that count."""
        scoring = self._scoring(data, config)
        if isinstance(scoring, CocoScoring):
            evidence = scoring.evidence()
            places = {name: row for row, name in enumerate(evidence.sample_ids)}
            return {"n_truths": evidence.select([places[name] for name in data.ids]).columns["n_truths"]}
        source = scoring.source
        return {"valid": source.split.people.state[source.people()] > 0}

    def scores(self, evidence: Evidence) -> dict[str, float]:
        """COCO's ten statistics, or MPII's PCKh, in %; NaN where there is nothing to be found."""
        if evidence.metric == KEYPOINTS:
            found = keypoint_scores(evidence)
            return {name: math.nan if value == UNDEFINED else 100 * value for name, value in found.items()}
        return {name: 100 * value for name, value in pckh_scores(evidence).items()}

    def per_class(self, evidence: Evidence) -> dict[str, dict[str, float | None]]:
        """COCO: precision and recall by size of people; MPII: PCKh of each joint; in %."""
        if evidence.metric == KEYPOINTS:
            found = self.scores(evidence)
            sizes = {"all": "", "medium": "m", "large": "l"}
            return {size: {name: _known(found[name + end]) for name in ("AP", "AR")} for size, end in sizes.items()}
        return {
            joint: {name: None if value is None else 100 * value for name, value in figures.items()}
            for joint, figures in pckh_per_joint(evidence).items()
        }

    def _scoring(self, data: TaskData, config: Pose2dSettings, sheet_size: int = 0) -> PoseScoring:
        kind = CocoScoring if self.protocol(config).detects else MpiiScoring
        return kind(data, sheet_size)

    def _records(self, path: Path, data: TaskData) -> tuple[list[dict[str, Any]], list[Problem]]:
        """The people of a results file in the images that were prepared, and what is left out of it."""
        split = pose_source(data).split
        numbers = dict(zip(split.image_ids, image_numbers(split), strict=True))
        present = [numbers[name] for name in data.ids if name in numbers]
        absent = _numbers_of(set(data.expected) - set(data.ids))
        records = read_coco_results(path, [*present, *absent], len(joint_set(split.joints)))
        kept = [record for record in records if record["image_id"] not in absent]
        lost = len(records) - len(kept)
        reason = f"{lost} people are in images that could not be prepared; left out"
        return kept, [Problem("", "image_missing", str(path), reason, kept=True)] if lost else []

    def _mpii_joints(self, path: Path, data: TaskData) -> NDArray[np.float64]:
        source = pose_source(data)
        split = source.split
        places = [int(split.people.places[person]) for person in source.people()]
        entries = 1 + max([*split.people.places.tolist(), *split.ignored.places.tolist()], default=-1)
        n_joints = len(joint_set(split.joints))
        return read_mpii_predictions(path, data.ids, places, entries, n_joints)

    def _evaluation(self, scoring: PoseScoring, data: TaskData, problems: tuple[Problem, ...]) -> Evaluation:
        evidence = scoring.evidence()
        scores = self.scores(evidence)
        main = PCKH if isinstance(scoring, MpiiScoring) else RECORD.main_score
        if math.isnan(scores[main]):
            raise DataError(
                f"{data.name}, {data.split}: nobody is to be found, so there is nothing to score", kind="nothing_scored"
            )
        drawn: tuple[ResultFigure, ...] = ()
        if scoring.found and evidence.metric == KEYPOINTS:
            curves = precision_by_size(evidence)["all"]
            drawn = coco_figures(scoring.source, scoring.found, np.stack([curves.precision, curves.recall]))
        elif scoring.found:
            drawn = mpii_figures(scoring.source, scoring.found, evidence)
        return Evaluation(
            scores=scores,
            per_class=self.per_class(evidence),
            evidence=evidence,
            n_expected=len(data.expected),
            n_scored=len(data),
            problems=problems,
            figures=drawn,
        )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _numbers_of(names: set[str]) -> set[int]:
    """The numbers in names of images; names that are none are left out."""
    found = set()
    for name in names:
        try:
            found.add(whole_number(name))
        except ValueError:
            continue
    return found
