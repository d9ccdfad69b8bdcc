"""Dense poses whose U and V are swapped or run backwards, that are mirrored or turned, or whose sides are swapped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body.densepose_parts import densepose_parts
from hcmoco_bench.metrics.densepose import AnnotatedImage, DensePoseMetric, Detection, Geodesics, Similarities
from hcmoco_bench.metrics.densepose.similarity import Doubles, point_similarity

IUV = NDArray[np.uint8]
Change = Callable[[IUV], IUV]

COMPARED: Final = 50
"""Images on which readings are compared."""
_FEW: Final = 10
"""With fewer annotated people, swapped sides (people seen from behind) and mirror images fit by chance."""
_GAIN, _LEFT = 0.10, 0.5
"""A reading is likely if it raises the mean point similarity by this much, and leaves this share of what is missing to
1 at most; models that are merely bad gain little from any."""

_MIRRORED, _SIDES = "mirrored", "left and right charts swapped"
_OF_MANY: Final = frozenset({_MIRRORED, _SIDES})
"""Not tried with few people."""

_TURNS: Final[dict[str, Change]] = {
    "": lambda iuv: iuv,
    _MIRRORED: lambda iuv: iuv[:, :, ::-1],
    "upside down": lambda iuv: iuv[:, ::-1],
    "turned by 180 degrees": lambda iuv: iuv[:, ::-1, ::-1],
}
_COORDINATES: Final[dict[str, Change]] = {
    "": lambda iuv: iuv,
    "U and V swapped": lambda iuv: iuv[[0, 2, 1]],
    "U counted backwards": lambda iuv: np.stack([iuv[0], 255 - iuv[1], iuv[2]]),
    "V counted backwards": lambda iuv: np.stack([iuv[0], iuv[1], 255 - iuv[2]]),
    _SIDES: lambda iuv: np.stack([densepose_parts().flip[iuv[0]], *iuv[1:]]),
}


def apply_reading(what: str, detection: Detection) -> Detection:
    """A detection whose dense pose is read as `likely_iuv_reading` names it."""
    return replace(detection, iuv=np.ascontiguousarray(_readings()[what](detection.iuv)))


def likely_iuv_reading(
    detections: Sequence[Detection], truth: Mapping[int, AnnotatedImage], geodesics: Geodesics
) -> str | None:
    """The reading of detected dense poses that explains them much better than part, U and V in place.

    Args:
        detections: Those of some images.
        truth: The annotations of these images.
        geodesics: Charts and distances of the body.

    Returns:
        What the dense poses then are; None if they are best read as they are.
    """
    people = sum(int(image.dense.sum()) for image in truth.values())
    if not people:
        return None
    as_given = _similarity(detections, truth, geodesics)
    score, best = max(
        (_similarity([apply_reading(what, one) for one in detections], truth, geodesics), what)
        for what in _readings(few=people < _FEW)
        if what
    )
    return best if score >= as_given + _GAIN and 1 - score <= _LEFT * (1 - as_given) else None


def _readings(*, few: bool = False) -> dict[str, Change]:
    """What dense poses may be, with what undoes it."""
    readings: dict[str, Change] = {}
    for (turn, turned), (coordinates, moved) in product(_TURNS.items(), _COORDINATES.items()):
        words = " with ".join(one for one in (f"dense poses {turn}".strip(), coordinates) if one)
        if not (few and _OF_MANY & {turn, coordinates}):
            readings[words if turn or coordinates else ""] = _both(turned, moved)
    return readings


def _both(first: Change, second: Change) -> Change:
    return lambda iuv: second(first(iuv))


def _similarity(detections: Sequence[Detection], truth: Mapping[int, AnnotatedImage], geodesics: Geodesics) -> float:
    """Mean over the annotated people of the highest point similarity to a detection."""
    metric = DensePoseMetric(truth, geodesics, similarity=_points_alone)
    metric.update(detections)
    pairs = metric.pairs()
    found = [
        pairs[number].gps.max(0, initial=0)[image.dense] if number in pairs else np.zeros(int(image.dense.sum()))
        for number, image in truth.items()
    ]
    return float(np.concatenate(found).mean())


def _points_alone(
    truth: AnnotatedImage, vertex: NDArray[np.int64], detections: Sequence[Detection], body: Geodesics, scales: Doubles
) -> Similarities:
    gps = point_similarity(truth, vertex, detections, body, scales)
    return Similarities(gps, np.zeros_like(gps), np.zeros_like(gps))
