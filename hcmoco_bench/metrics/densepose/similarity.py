"""How alike a detected and an annotated person are: GPS, mask overlap, GPSM, box overlap.

Geodesic point similarity (Guler et al. 2018, DensePose): over the annotated points, the mean of exp(-g^2 / (2 k^2)),
where g is the distance along the body between the vertices nearest to the annotated and the detected chart coordinates,
and k a scale of the annotated part. A point off the detection has g = inf. GPSM is the geometric mean of GPS and the
overlap of the masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.metrics.densepose.detection import Detection
from hcmoco_bench.metrics.densepose.geodesics import Geodesics
from hcmoco_bench.metrics.densepose.ground_truth import AnnotatedImage
from hcmoco_bench.metrics.densepose.person_mask import annotation_mask, box_overlaps, mask_overlaps, place_mask

Doubles = NDArray[np.float64]

_SCALE: Final = (0.351, 0.107, 0.126, 0.237, 0.173, 0.142, 0.128, 0.150)
_SCALE_OF_PART: Final = (1, 1, 2, 2, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7, 8, 8)

PUBLISHED_SCALES: Final = np.array([0.0, *(_SCALE[part - 1] for part in _SCALE_OF_PART)])
"""(25,) meters: k of each chart (0 is background), that of the eight parts torso, hands, feet, thighs, shins, upper
arms, forearms, head which it lies in."""


@dataclass(frozen=True, eq=False)
class Similarities:
    """Of D detections to G annotations.

    Attributes:
        gps: (D, G) 0..1; 0 for annotations without points.
        iou: (D, G) overlap of the masks.
        bbox: (D, G) overlap of the boxes.
    """

    gps: Doubles
    iou: Doubles
    bbox: Doubles

    @property
    def gpsm(self) -> Doubles:
        """(D, G) geometric mean of `gps` and `iou`."""
        return np.sqrt(self.gps * self.iou)


class Similarity(Protocol):
    """What compares people; see `similarities`."""

    def __call__(
        self,
        truth: AnnotatedImage,
        vertex: NDArray[np.int64],
        detections: Sequence[Detection],
        body: Geodesics,
        scales: Doubles,
        /,
    ) -> Similarities:
        """Compare the detections of an image with its annotations."""
        ...


def similarities(
    truth: AnnotatedImage, vertex: NDArray[np.int64], detections: Sequence[Detection], body: Geodesics, scales: Doubles
) -> Similarities:
    """All pairs of one image.

    Args:
        truth: Its annotations.
        vertex: (P,) chart vertex nearest to each annotated point.
        detections: D of them.
        body: Charts and distances.
        scales: (25,) meters, as `PUBLISHED_SCALES`.

    Raises:
        DataError: Kind `mask_unreadable` for an annotation's mask.
    """
    boxes = np.array([one.box for one in detections], np.float64).reshape(-1, 4)
    bbox = box_overlaps(boxes, truth.boxes, truth.crowd)
    if not detections or not len(truth):
        return Similarities(np.zeros_like(bbox), np.zeros_like(bbox), bbox)
    annotated = [annotation_mask(*one, truth.size) for one in zip(truth.masks, truth.boxes, strict=True)]
    detected = [place_mask(one.iuv[0] > 0, one.box, truth.size) for one in detections]
    iou = mask_overlaps(detected, annotated, truth.crowd)
    return Similarities(point_similarity(truth, vertex, detections, body, scales), iou, bbox)


def point_similarity(
    truth: AnnotatedImage, vertex: NDArray[np.int64], detections: Sequence[Detection], body: Geodesics, scales: Doubles
) -> Doubles:
    """(D, G) GPS of the pairs of one image; arguments as in `similarities`."""
    found = np.zeros((len(detections), len(truth)))
    if len(truth.owner) == 0:
        return found
    detected = body.charts.nearest_quantized(np.stack([_at(one, truth.xy) for one in detections], 1).reshape(3, -1))
    distance = body.between(np.broadcast_to(vertex, (len(detections), len(vertex))), detected.reshape(-1, len(vertex)))
    similar = np.exp(-(distance**2) / (2 * scales[truth.part] ** 2))
    owners, first, count = np.unique(truth.owner, return_index=True, return_counts=True)
    found[:, owners] = np.add.reduceat(similar, first, axis=1) / count
    return found


def _at(detection: Detection, xy: Doubles) -> NDArray[np.uint8]:
    """(3, P) IUV of a detection at points of the image; background where they lie off it."""
    x, y = (xy - detection.box[:2]).astype(np.int64).T
    _, height, width = detection.iuv.shape
    inside = (x >= 0) & (y >= 0) & (x < min(int(detection.box[2]), width)) & (y < min(int(detection.box[3]), height))
    found = detection.iuv[:, np.where(inside, y, 0), np.where(inside, x, 0)]
    found[0, ~inside] = 0
    return found
