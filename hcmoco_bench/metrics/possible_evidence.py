"""What evidence cannot be, whatever a model predicts: numbers that no run of its metric gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.metrics import densepose, joint_accuracy, keypoints, pckh, pose3d, segmentation, shape
from hcmoco_bench.metrics.average_precision import MATCH_COLUMNS
from hcmoco_bench.metrics.coco_matching import MAX_DETECTIONS, Outcome
from hcmoco_bench.metrics.coco_statistics import SIZES, THRESHOLDS
from hcmoco_bench.metrics.densepose.metric import most_of
from hcmoco_bench.results.evidence import Evidence

_NAMED: Final = 3
_ROUNDING: Final = 1e-6
"""Millimeters, and share, by which sums of distances differ by rounding."""


def impossible(evidence: Evidence) -> tuple[str, ...]:
    """What in evidence cannot come from its metric, a phrase each with some of the samples.

    Args:
        evidence: Evidence with the columns and types of its metric, of any shape.

    Returns:
        Phrases; none where nothing is wrong, and for metrics of other packages.
    """
    rules = _RULES.get(evidence.metric)
    if rules is None:
        return ()
    found: list[str] = []
    for what, wrong in rules(evidence):
        if wrong.ndim == 0:
            if wrong:
                return (*found, what)  # the other rules need what this one asks for
            continue
        places = np.flatnonzero(wrong)
        if len(places):
            names = ", ".join(evidence.sample_ids[place] for place in places[:_NAMED])
            found.append(f"{what} ({len(places)} samples, e.g. {names})")
    return tuple(found)


_Found = Iterator[tuple[str, NDArray[np.bool_] | np.bool_]]
"""What would be wrong, and for which samples (N,) it is, or whether it is at all ()."""


def _shapes(evidence: Evidence, shapes: dict[str, tuple[int, ...]]) -> _Found:
    wrong = [name for name, shape in shapes.items() if evidence.columns[name].shape[1:] != shape]
    yield f"columns of other shapes than the metric's: {', '.join(wrong)}", np.array(bool(wrong))


def _segmentation(evidence: Evidence) -> _Found:
    columns = evidence.columns
    n = (len(evidence.meta["class_names"]),)
    yield from _shapes(evidence, dict.fromkeys(("intersection", "target", "prediction"), n))
    right, target, predicted = (columns[name].astype(np.int64) for name in ("intersection", "target", "prediction"))
    missed, added = target - right, predicted - right
    yield "counts below 0", (right < 0).any(1)
    yield "more pixels in both than in labels or predictions", ((missed < 0) | (added < 0)).any(1)
    yield "other numbers of pixels in labels than in predictions", target.sum(1) != predicted.sum(1)
    # Pixels of a class that is missed are predicted as others, and those that are added belong to others.
    yield "counts that no assignment of pixels gives", (missed + added > missed.sum(1, keepdims=True)).any(1)


def _joint_accuracy(evidence: Evidence) -> _Found:
    n = (len(evidence.meta["joints"]),)
    yield from _shapes(evidence, dict.fromkeys(("error_cm", "valid"), n))
    errors, valid = evidence.columns["error_cm"], evidence.columns["valid"]
    yield "distances that are nan or infinite", (valid & ~np.isfinite(errors)).any(1)
    yield "distances below 0", (valid & (errors < 0)).any(1)


def _shape(evidence: Evidence) -> _Found:
    columns, n = evidence.columns, (len(evidence.meta["joints"]),)
    yield from _shapes(evidence, {name: n if name in shape.JOINT_COLUMNS else () for name in columns})
    plain, aligned = (columns[name] for name in shape.JOINT_COLUMNS)
    finite = np.isfinite(plain).all(1) & np.isfinite(aligned).all(1)
    yield "distances that are nan or infinite", ~finite
    yield "distances below 0", finite & ((plain < 0) | (aligned < 0)).any(1)
    # The alignment is the similarity with the least sum of squares, and leaving the points where they are is one.
    more = (aligned**2).sum(1) > (plain**2).sum(1) * (1 + _ROUNDING) + _ROUNDING
    yield "larger distances after the alignment than before", finite & more
    yield from _figures(evidence)


def _figures(evidence: Evidence) -> _Found:
    """A program predicts vertices, or a shape, for all people or for none."""
    columns = evidence.columns
    for group in (shape.SURFACE_COLUMNS, shape.SHAPE_COLUMNS):
        values = np.column_stack([columns[name] for name in group])
        there = np.isfinite(values)
        missing = np.isnan(values).all()
        yield f"{', '.join(group)}: given for some of the samples only", ~there.all(1) & ~missing
        yield f"{', '.join(group)}: numbers below 0", (there & (values < 0)).any(1)
    true = np.column_stack([columns[name] for name in sorted(shape.LABEL_COLUMNS)])
    yield "true figures that are nan, infinite or not above 0", ~(np.isfinite(true) & (true > 0)).all(1)


def _pose3d(evidence: Evidence) -> _Found:
    columns = evidence.columns
    names, root = evidence.meta.get("names"), evidence.meta["root"]
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(("error_mm", "aligned_error_mm", "n_points"), ())
    yield from _shapes(
        evidence, shapes | dict.fromkeys(("point_error_mm", "valid") if names else (), (len(names or ()),))
    )
    error, aligned, count = (columns[name] for name in ("error_mm", "aligned_error_mm", "n_points"))
    both = np.stack([error, aligned])
    yield "distances that are nan or infinite", (~np.isfinite(both)).any(0)
    yield "distances below 0", (both < 0).any(0)
    yield "numbers of points below 0", count < 0
    yield "distances without a point", (count == 0) & (both != 0).any(0)
    # The root mean square is at least the mean and at most so many times it, and the best alignment lowers it.
    square = error * np.sqrt(np.maximum(count, 1))
    if names:
        point, valid = columns["point_error_mm"], columns["valid"]
        yield "distances of points that are nan or infinite", (~np.isfinite(point)).any(1)
        yield "distances of points below 0", (point < 0).any(1)
        yield "distances of points that do not count", (~valid & (point != 0)).any(1)
        yield "other numbers of points than count", valid.sum(1) != count
        many = np.maximum(count, 1)
        mean, square = point.sum(1) / many, np.sqrt((point**2).sum(1) / many)
        yield "means that are not those of the points", np.abs(mean - error) > _ROUNDING * (1 + error)
        if root is not None:
            yield "roots that are off", point[:, root] != 0
            yield "points that count where the root does not", valid.any(1) & ~valid[:, root]
    yield "larger distances after the best alignment than before", aligned > square + _ROUNDING * (1 + square)


def _pckh(evidence: Evidence) -> _Found:
    n = (len(evidence.meta["joints"]),)
    yield from _shapes(evidence, dict.fromkeys(("distance", "valid"), n))
    distance, valid = evidence.columns["distance"], evidence.columns["valid"]
    yield "distances that are nan or infinite", (valid & ~np.isfinite(distance)).any(1)
    yield "distances below 0", (valid & (distance < 0)).any(1)


def _keypoints(evidence: Evidence) -> _Found:
    yield from _matches(evidence, "", MAX_DETECTIONS, strict=True)


def _densepose(evidence: Evidence) -> _Found:
    for measure in densepose.MEASURES:
        # A box counts once; a dense pose may also take annotations that need not be found.
        yield from _matches(evidence, f"{measure}_", most_of(measure), strict=measure == "bbox")


def _matches(evidence: Evidence, prefix: str, most: int, *, strict: bool) -> _Found:
    score, outcome, n_truths = (evidence.columns[f"{prefix}{name}"] for name in MATCH_COLUMNS)
    width = score.shape[1] if score.ndim == 2 else 0
    shapes: dict[str, tuple[int, ...]] = {
        f"{prefix}score": (min(width, most),),
        f"{prefix}outcome": (len(SIZES), len(THRESHOLDS), width),
        f"{prefix}n_truths": (len(SIZES),),
    }
    yield from _shapes(evidence, shapes)
    what = prefix.rstrip("_") or "detections"
    there = outcome[:, 0, 0] != Outcome.NONE
    known = np.isin(outcome, [int(one) for one in Outcome]).all((1, 2, 3))
    alike = ((outcome != Outcome.NONE) == there[:, None, None]).all((1, 2, 3))
    yield f"{what}: outcomes that the metric does not know", ~(known & alike)
    yield f"{what}: scores that are nan or infinite", (there & ~np.isfinite(score)).any(1)
    listed = np.where(there, score, -np.inf)
    yield f"{what}: detections that are not in the order of their scores", (listed[:, 1:] > listed[:, :-1]).any(1)
    yield f"{what}: numbers of people below 0", (n_truths < 0).any(1)
    right = (outcome == Outcome.RIGHT).sum(3)  # (samples, sizes, thresholds)
    most_right = n_truths if strict else np.where(n_truths > 0, width, 0)
    yield f"{what}: more people found than there are", (right > most_right[:, :, None]).any((1, 2))


_RULES: Final[dict[str, Callable[[Evidence], _Found]]] = {
    segmentation.METRIC: _segmentation,
    joint_accuracy.METRIC: _joint_accuracy,
    shape.METRIC: _shape,
    pose3d.METRIC: _pose3d,
    densepose.metric.METRIC: _densepose,
    keypoints.METRIC: _keypoints,
    pckh.METRIC: _pckh,
}
