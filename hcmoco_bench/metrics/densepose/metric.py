"""DensePose's evaluation: AP and AR by GPS, GPSM, mask overlap and box overlap."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError
from hcmoco_bench.metrics.average_precision import MATCH_COLUMNS, average_precision, match_columns
from hcmoco_bench.metrics.coco_matching import MAX_DETECTIONS, ImageMatches, best_detections, match_image
from hcmoco_bench.metrics.coco_statistics import CocoStatistics
from hcmoco_bench.metrics.densepose.box_rule import judge_by_boxes
from hcmoco_bench.metrics.densepose.detection import Detection
from hcmoco_bench.metrics.densepose.geodesics import Geodesics
from hcmoco_bench.metrics.densepose.ground_truth import AnnotatedImage, read_annotations
from hcmoco_bench.metrics.densepose.person_mask import box_overlaps
from hcmoco_bench.metrics.densepose.similarity import PUBLISHED_SCALES, Doubles, Similarities, Similarity, similarities
from hcmoco_bench.metrics.per_sample import require_scored
from hcmoco_bench.results.evidence import Evidence, require_distinct
from hcmoco_bench.runtime.ranks import gather_objects

METRIC: Final = "densepose"
MEASURES: Final = ("gps", "gpsm", "iou", "bbox")
MOST_DENSE: Final = MAX_DETECTIONS
MOST_BOXES: Final = 100
"""Boxes of an image that count, the best by score; dense poses are `MAX_DETECTIONS` as in other COCO metrics."""


@dataclass(frozen=True, eq=False)
class _Rows:
    """D detections of one image, in the order they came."""

    scores: Doubles
    areas: Doubles
    pairs: Similarities

    def best(self, most: int) -> _Rows:
        order = best_detections(self.scores, most)
        pairs = Similarities(self.pairs.gps[order], self.pairs.iou[order], self.pairs.bbox[order])
        return _Rows(self.scores[order], self.areas[order], pairs)

    def __add__(self, other: _Rows) -> _Rows:
        pairs = Similarities(
            *(np.concatenate([getattr(one.pairs, name) for one in (self, other)]) for name in ("gps", "iou", "bbox"))
        )
        scores, areas = ([*a, *b] for a, b in ((self.scores, other.scores), (self.areas, other.areas)))
        return _Rows(np.array(scores), np.array(areas), pairs)


class DensePoseMetric:
    """AP and AR of detected dense poses, as DensePose's evaluation counts them.

    Every annotated image counts, one without detections too. Published rules that are easily overlooked: annotations
    without points are not looked for in dense poses; on images without any annotated point no detection is wrong; a
    detection off a dense match whose box fits a free annotation is judged by that annotation (see `judge_by_boxes`).
    Boxes follow COCO: only crowds are ignored.

    Detections are reduced to numbers per pair as they come, so memory does not grow with their sizes. In several
    processes each scores its own images (no padded sampler); the results are gathered once, in `compute`, `evidence` or
    `pairs`, which all processes call.

    Args:
        ground_truth: COCO's JSON file with DensePose annotations, its content, or what `read_annotations` gives.
        geodesics: Charts and distances of the body.
        scales: (25,) meters by chart; DensePose's if not given.
        similarity: Compares the detections of an image with its annotations.

    Raises:
        DataError: As `read_annotations` does; `part_without_vertices` if points lie on charts that the body lacks.
    """

    def __init__(
        self,
        ground_truth: Path | Mapping[str, Any] | Mapping[int, AnnotatedImage],
        geodesics: Geodesics,
        *,
        scales: Doubles = PUBLISHED_SCALES,
        similarity: Similarity = similarities,
    ) -> None:
        self._images = _annotations(ground_truth)
        self._geodesics = geodesics
        self._scales = scales
        self._similarity = similarity
        self._vertices = _nearest_vertices(self._images, geodesics)
        self.reset()

    @property
    def image_ids(self) -> tuple[int, ...]:
        """The annotated images, ascending."""
        return tuple(self._images)

    def reset(self) -> None:
        """Forget all detections."""
        self._rows: dict[int, _Rows] = {}
        self._gathered: dict[int, _Rows] | None = None

    def update(self, detections: Iterable[Detection]) -> None:
        """Add detections, in any order; fastest image by image.

        Args:
            detections: May be a generator; those of consecutive equal images are held at a time.

        Raises:
            DataError: Kind `unknown_images` for images that are not annotated: names how many (nothing of this call
                counts from the first of them on).
        """
        self._gathered = None
        for image, some in groupby(detections, lambda one: one.image_id):
            if image not in self._images:
                raise self._unknown([image, *(one.image_id for one in detections)])
            rows = self._score(image, list(some))
            self._rows[image] = self._rows[image] + rows if image in self._rows else rows

    def compute(self) -> dict[str, CocoStatistics]:
        """The ten statistics by `gps`, `gpsm`, `iou` (masks) and `bbox`; all 0 without detections.

        Raises:
            DataError: If there are no annotated images (`nothing_scored`), or two processes have scored one
                (`duplicate_ids`).
        """
        evidence = self.evidence()
        require_scored(evidence)
        return densepose_statistics(evidence)

    def pairs(self) -> dict[int, Similarities]:
        """Similarities of all pairs of each image with detections: the best 20 by score, in that order."""
        return {image: rows.best(MOST_DENSE).pairs for image, rows in sorted(self._gather().items())}

    def evidence(self) -> Evidence:
        """Per image: what became of its detections under each measure (columns `<measure>_<name>`), as in keypoints."""
        gathered = self._gather()
        none = Similarities(*np.zeros((3, 0, 0)))
        columns: dict[str, NDArray[Any]] = {}
        for measure in MEASURES:
            most = most_of(measure)
            found = []
            for image, truth in self._images.items():
                rows = gathered.get(image, _Rows(np.zeros(0), np.zeros(0), none)).best(most)
                found.append(_match(measure, truth, rows))
            widest = max((len(one.scores) for one in found), default=0)
            columns |= {f"{measure}_{name}": one for name, one in match_columns(found, max(widest, 1)).items()}
        return Evidence(METRIC, tuple(map(str, self._images)), columns)

    def _score(self, image: int, detections: list[Detection]) -> _Rows:
        truth = self._images[image]
        scores = np.array([one.score for one in detections])
        order = best_detections(scores, MOST_BOXES)
        # Further detections can only push these back, so the rest needs boxes alone.
        dense, rest = order[:MOST_DENSE], order[MOST_DENSE:]
        vertex = self._vertices[image]
        chosen = [detections[place] for place in dense]
        try:
            pairs = self._similarity(truth, vertex, chosen, self._geodesics, self._scales)
        except DataError as error:
            raise DataError(f"image {image}: {error}", kind=error.kind) from error
        if len(rest):
            pairs = _with_boxes(pairs, truth, [detections[place] for place in rest])
        kept = np.concatenate([dense, rest])
        return _Rows(scores[kept], np.array([detections[place].area for place in kept]), pairs)

    def _gather(self) -> dict[int, _Rows]:
        if self._gathered is None:
            parts = gather_objects(self._rows)
            require_distinct([str(image) for part in parts for image in part], "images with detections")
            self._gathered = {image: rows for part in parts for image, rows in part.items()}
        return self._gathered

    def _unknown(self, images: Sequence[int]) -> DataError:
        unknown = sorted({image for image in images if image not in self._images})
        listed = ", ".join(map(str, unknown[:5])) + (", ..." if len(unknown) > 5 else "")
        return DataError(
            f"detections in {len(unknown)} images that are not annotated ({listed}); score them against the "
            "annotations of their own split",
            kind="unknown_images",
        )


def blank_evidence() -> Evidence:
    """The evidence of no image: metric, columns and types."""
    columns = {
        f"{measure}_{name}": one for measure in MEASURES for name, one in match_columns((), most_of(measure)).items()
    }
    return Evidence(METRIC, (), columns)


def most_of(measure: str) -> int:
    """Detections of an image that count under a measure."""
    return MOST_BOXES if measure == "bbox" else MOST_DENSE


def densepose_statistics(evidence: Evidence) -> dict[str, CocoStatistics]:
    """The statistics of `DensePoseMetric.evidence`, also of a resampled one."""
    return {measure: average_precision(_measured(evidence, measure)) for measure in MEASURES}


def densepose_scores(evidence: Evidence) -> dict[str, float]:
    """All figures by name, e.g. `gpsm_AP`: `<measure>_<statistic>`, 0..1, or -1 where there is nothing to find."""
    return {
        f"{measure}_{name}": value
        for measure, statistics in densepose_statistics(evidence).items()
        for name, value in statistics.as_dict().items()
    }


def _match(measure: str, truth: AnnotatedImage, rows: _Rows) -> ImageMatches:
    ignored = truth.crowd if measure == "bbox" else ~truth.dense
    similarity = getattr(rows.pairs, measure)
    found = match_image(similarity, rows.scores, rows.areas, truth.areas, ignored, truth.crowd)
    if measure == "bbox":
        return found
    return judge_by_boxes(found, rows.pairs.bbox, rows.areas, truth.areas, ignored, truth.crowd)


def _annotations(
    source: Path | Mapping[str, Any] | Mapping[int, AnnotatedImage],
) -> dict[int, AnnotatedImage]:
    if isinstance(source, Path):
        return read_annotations(source)
    images = {key: value for key, value in source.items() if isinstance(key, int) and isinstance(value, AnnotatedImage)}
    if len(images) == len(source):
        return dict(sorted(images.items()))
    return read_annotations({str(key): value for key, value in source.items()})


def _nearest_vertices(images: Mapping[int, AnnotatedImage], body: Geodesics) -> dict[int, NDArray[np.int64]]:
    truths = list(images.values())
    part = np.concatenate([np.zeros(0, np.int64), *(one.part for one in truths)])
    uv = np.concatenate([np.zeros((0, 2)), *(one.uv for one in truths)])
    vertex = body.charts.nearest(part, uv[:, 0], uv[:, 1])
    if (vertex < 0).any():
        lacking = ", ".join(map(str, np.unique(part[vertex < 0])))
        raise DataError(
            f"annotated points on charts {lacking}, where the body has no vertices; use the geodesics of the body that "
            "the annotations are for",
            kind="part_without_vertices",
        )
    ends = np.cumsum([len(one.part) for one in truths])
    return dict(zip(images, np.split(vertex, ends[:-1]), strict=True)) if truths else {}


def _with_boxes(pairs: Similarities, truth: AnnotatedImage, rest: Sequence[Detection]) -> Similarities:
    boxes = box_overlaps(np.array([one.box for one in rest]), truth.boxes, truth.crowd)
    nothing = np.zeros_like(boxes)
    return Similarities(
        np.concatenate([pairs.gps, nothing]),
        np.concatenate([pairs.iou, nothing]),
        np.concatenate([pairs.bbox, boxes]),
    )


def _measured(evidence: Evidence, measure: str) -> Evidence:
    """The columns of one measure under the names that average precision knows."""
    columns = {name: evidence.columns[f"{measure}_{name}"] for name in MATCH_COLUMNS}
    return Evidence(evidence.metric, evidence.sample_ids, columns, evidence.meta)
