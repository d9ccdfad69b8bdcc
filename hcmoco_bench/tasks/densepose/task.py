"""DensePose on COCO: people found in an image, and each of their pixels placed on the body's surface."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from hcmoco_bench.data.densepose import read_image
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.metrics.coco_statistics import UNDEFINED
from hcmoco_bench.metrics.densepose import (
    MEASURES,
    DensePoseMetric,
    Detection,
    blank_evidence,
    densepose_scores,
    densepose_statistics,
    read_results,
)
from hcmoco_bench.modality import Modality
from hcmoco_bench.models.densepose.pixels import set_pixels
from hcmoco_bench.models.densepose.rcnn import DensePoseRCNN, Detections
from hcmoco_bench.models.foreign.format import Network
from hcmoco_bench.models.hrnet import set_fusion
from hcmoco_bench.plotting.iuv_overlay import IUVImage, IUVPerson, iuv_overlays
from hcmoco_bench.results.evidence import Evidence
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources.densepose import DensePoseImage
from hcmoco_bench.tasks.core.batches import evaluation_batches
from hcmoco_bench.tasks.core.encoder import task_encoder
from hcmoco_bench.tasks.core.plausibility import Reading, refuse_reading
from hcmoco_bench.tasks.core.record import TaskRecord
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.core.task import Evaluation, ResultFigure, Task
from hcmoco_bench.tasks.core.task_data import TaskData
from hcmoco_bench.tasks.densepose.data import (
    TASK,
    TEST,
    find_geodesics,
    geodesics_of,
    image_numbers,
    open_densepose,
    truth_of,
)
from hcmoco_bench.tasks.densepose.detections import check_entries, image_detections, images_of, listed
from hcmoco_bench.tasks.densepose.iuv_readings import COMPARED, apply_reading, likely_iuv_reading
from hcmoco_bench.tasks.densepose.objective import DensePoseObjective, network_input
from hcmoco_bench.tasks.densepose.record import RECORD, DensePoseProtocol
from hcmoco_bench.tasks.densepose.settings import DensePoseSettings
from hcmoco_bench.training.objective import Objective
from hcmoco_bench.training.precision import autocast
from hcmoco_bench.uniform import spread

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LABEL: Final = "scoring, images"
_CHARTED: Final = 20
_SHOWN_SCORE: Final = 0.5
_LEFT_OUT: Final = frozenset({"other_category", "not_in_split", "not_predicted"})
"""Problems of a results file that are not mistakes: detections of other categories and in other images are not scored,
and people in images that were not searched count as missed."""


class DensePose(Task[DensePoseSettings]):
    """Boxes of people, and the part, U and V of each of their pixels."""

    record: ClassVar[TaskRecord] = RECORD
    settings: ClassVar[type[FinetuneSettings]] = DensePoseSettings
    modality: ClassVar[Modality | None] = "rgb"
    network: ClassVar[Network | None] = "densepose"
    label_columns: ClassVar[frozenset[str]] = frozenset(f"{measure}_n_truths" for measure in MEASURES)

    def protocol(self, config: DensePoseSettings) -> DensePoseProtocol:
        """See `Task.protocol`."""
        return self.record.protocol_of_type(config.protocol, DensePoseProtocol)

    def default_data(self, home: Path) -> dict[str, Any]:
        """The folder `densepose` in the home folder."""
        folder = home / TASK
        if not folder.is_dir():
            raise UsageError(
                f"{TASK}: no data is given and there is no {folder}; give --root with DensePose-COCO, or generate "
                f"some: hcmoco-bench synth densepose --out {folder}"
            )
        return {"root": str(folder)}

    def test_split(self, config: DensePoseSettings) -> str:
        """The published test split."""
        return TEST

    def open_data(self, config: DensePoseSettings, split: str, *, train: bool) -> TaskData:
        """See `Task.open_data`; data that is opened for scoring needs the tables of the body."""
        root = _root(config)
        if not train:
            find_geodesics(root, config.geodesics)
        side = config.image_size if train else self.protocol(config).side or config.image_size
        return open_densepose(root, split, side, flip=config.flip, train=train, seed=config.seed)

    def build_model(self, config: DensePoseSettings, *, fresh: bool = True) -> nn.Module:
        """The R-CNN over the encoder; see `Task.build_model`."""
        encoder = task_encoder(config, "rgb", fresh=fresh)
        set_fusion(encoder, config.fusion)
        set_pixels(encoder, config.pixels)
        return DensePoseRCNN(encoder, config.network())

    def build_objective(self, config: DensePoseSettings, model: nn.Module, data: TaskData) -> Objective[Any]:
        """See `DensePoseObjective`."""
        return DensePoseObjective(config.weights(), padded=config.padding)

    def evaluate(
        self,
        model: nn.Module,
        data: TaskData,
        config: DensePoseSettings,
        *,
        device: torch.device,
        progress: Progress = no_progress,
        sheet_size: int = 0,
    ) -> Evaluation:
        """See `Task.evaluate`."""
        root = _root(config)
        metric = DensePoseMetric(truth_of(root, data.split, data.ids), geodesics_of(root, config.geodesics, progress))
        shown, done = set(spread(data.ids, sheet_size)), 0
        kept: dict[str, list[Detection]] = {}
        padded = self.protocol(config).padded
        for batch in evaluation_batches(data, config, device):
            with autocast(config.precision, device):
                found: list[Detections] = model(network_input(batch), batch.sizes, charted=_CHARTED, padded=padded)
            for row, one in enumerate(found):
                detections = image_detections(batch, row, one)
                metric.update(detections)
                if batch.sample_ids[row] in shown:
                    kept[batch.sample_ids[row]] = detections[:_CHARTED]
            done += len(found)
            progress(_LABEL, done, len(data))
        return self._evaluation(metric, data, len(data), kept, ())

    def score_predictions(
        self,
        path: Path,
        data: TaskData,
        config: DensePoseSettings,
        *,
        progress: Progress = no_progress,
        sheet_size: int = 0,
    ) -> Evaluation:
        """Score COCO results JSON with quantized IUV, or what detectron2 saves.

        See `metrics.densepose.result_file` and `metrics.densepose.detectron2_results` for the forms.

        The image files are not needed: every image that the split should have is scored.
        """
        root = _root(config)
        results = read_results(path, image_ids=partial(image_numbers, root, data.split, data.expected))
        check_entries(results.entries, set(data.expected), path)
        metric = DensePoseMetric(
            truth_of(root, data.split, data.expected), geodesics_of(root, config.geodesics, progress)
        )
        shown = set(spread(data.ids, sheet_size))
        kept: dict[str, list[Detection]] = {}
        problems: list[Problem] = list(results.problems)
        for done, (image, some) in enumerate(groupby(results.detections(problems), lambda one: one.image_id), start=1):
            detections = list(some)
            metric.update(detections)
            if str(image) in shown:
                kept[str(image)] = detections
            progress(_LABEL, done, len(results.image_ids))
        wrong = [problem for problem in problems if problem.kind not in _LEFT_OUT]
        if wrong:
            counts = ", ".join(f"{number} {kind}" for kind, number in Counter(each.kind for each in wrong).items())
            raise DataError(
                f"{path}: {len(wrong)} detections cannot be scored ({counts}); the first: {wrong[0].reason}",
                kind="predictions_wrong",
                file=str(path),
            )
        found = set(map(str, results.image_ids))
        without = [name for name in data.expected if name not in found]
        if without:
            reason = (
                f"{len(without)} of {len(data.expected)} images have no detection ({listed(without)}); everybody in "
                "them counts as missed"
            )
            problems.append(Problem("", "no_detections", str(path), reason, kept=True))
        return self._evaluation(metric, data, len(data.expected), kept, tuple(problems))

    def check_predictions(self, path: Path, data: TaskData, config: DensePoseSettings) -> None:
        """See `Task.check_predictions` and `likely_iuv_reading`."""
        root = _root(config)
        results = read_results(path, image_ids=partial(image_numbers, root, data.split, data.expected))
        check_entries(results.entries, set(data.expected), path)
        geodesics = geodesics_of(root, config.geodesics)
        chosen = set(spread(results.image_ids, COMPARED))
        some = replace(results, entries=tuple(entry for entry in results.entries if entry["image_id"] in chosen))
        truth = truth_of(root, data.split, map(str, chosen))
        what = likely_iuv_reading(list(some.detections([])), truth, geodesics)
        if what is None:
            return
        told = []
        for reading in ("", what):
            metric = DensePoseMetric(truth_of(root, data.split, data.expected), geodesics)
            metric.update(apply_reading(reading, one) for one in results.detections([]))
            told.append(f"a {RECORD.main_score} of {self.scores(metric.evidence())[RECORD.main_score]:.1f} %")
        refuse_reading(path, "part, U and V in place", Reading("as given", told[0]), Reading(what, told[1]))

    def blank_evidence(self, protocol: str, variant: str) -> Evidence:
        """See `Task.blank_evidence`."""
        return blank_evidence()

    def label_evidence(self, data: TaskData, config: DensePoseSettings) -> dict[str, NDArray[Any]]:
        """See `Task.label_evidence`: the number of people to be found in each image, by measure and size."""
        root = _root(config)
        metric = DensePoseMetric(truth_of(root, data.split, data.ids), geodesics_of(root, config.geodesics))
        evidence = metric.evidence()
        places = {name: row for row, name in enumerate(evidence.sample_ids)}
        ordered = evidence.select([places[name] for name in data.ids])
        return {name: ordered.columns[name] for name in sorted(self.label_columns)}

    def scores(self, evidence: Evidence) -> dict[str, float]:
        """The ten statistics by GPS, GPSM, mask and box overlap in % (`gps_AP`, ...); NaN if nothing is to be found."""
        return {
            name: math.nan if value == UNDEFINED else 100 * value for name, value in densepose_scores(evidence).items()
        }

    def per_class(self, evidence: Evidence) -> dict[str, dict[str, float | None]]:
        """The ten statistics of each measure in percent."""
        return {
            measure: {name: None if value == UNDEFINED else 100 * value for name, value in statistics.as_dict().items()}
            for measure, statistics in densepose_statistics(evidence).items()
        }

    def _evaluation(
        self,
        metric: DensePoseMetric,
        data: TaskData,
        n_scored: int,
        kept: Mapping[str, list[Detection]],
        problems: tuple[Problem, ...],
    ) -> Evaluation:
        evidence = metric.evidence()
        scores = self.scores(evidence)
        if math.isnan(scores[RECORD.main_score]):
            raise DataError(
                f"{data.name}, {data.split}: nobody is annotated with points, so there is nothing to score",
                kind="nothing_scored",
            )
        drawn: tuple[ResultFigure, ...] = ()
        if kept:
            caption = (
                "Annotated points, and part, U and V of each pixel of the people that were found with a score over 0.5."
            )
            drawn = (ResultFigure("iuv", caption, partial(_draw, data, kept)),)
        return Evaluation(
            scores=scores,
            per_class=self.per_class(evidence),
            evidence=evidence,
            n_expected=len(data.expected),
            n_scored=n_scored,
            problems=problems,
            figures=drawn,
        )


def _root(config: DensePoseSettings) -> Path:
    if config.root is None:
        raise UsageError(f"{TASK} reads {RECORD.data}; give --root")
    return Path(config.root)


def _draw(data: TaskData, kept: Mapping[str, list[Detection]]) -> Figure:
    images = images_of(data)
    return iuv_overlays([_overlay(images[name], detections) for name, detections in kept.items()])


def _overlay(image: DensePoseImage, detections: list[Detection]) -> IUVImage:
    annotated = [(person.box, person.surface) for person in image.people if person.surface is not None]
    points = [box[:2] + surface.xy * (box[2:] - box[:2]) for box, surface in annotated]
    return IUVImage(
        name=str(image.id),
        rgb=read_image(image),
        xy=np.concatenate([np.zeros((0, 2)), *points]),
        part=np.concatenate([np.zeros(0, np.int64), *(surface.part for _, surface in annotated)]),
        uv=np.concatenate([np.zeros((0, 2)), *(surface.uv for _, surface in annotated)]),
        people=tuple(IUVPerson(one.box, one.score, one.iuv) for one in detections if one.score > _SHOWN_SCORE),
    )
