"""What DensePose-COCO's annotators would say of a person: masks of 14 parts, and points on the chart."""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as run_lengths

from hcmoco_bench.body.densepose_parts import densepose_parts
from hcmoco_bench.sources.densepose.layout import MASK_SIZE, POINT_RANGE
from hcmoco_bench.synth.densepose.chart import chart_faces
from hcmoco_bench.synth.photographs.photograph import PhotographedPerson

_POINTS_A_PART: Final = 14
_SHARE_A_POINT: Final = 0.002
"""Annotators were given up to 14 points a part; here about one for so much of the box's area."""


def densepose_entry(person: PhotographedPerson, rng: np.random.Generator) -> dict[str, Any]:
    """The fields `dp_*` of a person's annotation.

    Points are drawn among the pixels where the person is seen, up to 14 a chart, no two on a pixel.
    """
    part, uv = person_chart(person)
    index_points = _draw_points(part, rng)
    rows, columns = np.unravel_index(index_points, part.shape)
    height, width = part.shape
    return {
        "dp_masks": [_run_lengths(part, coarse) for coarse in range(1, 15)],
        # A point is in its pixel's middle; 0 and 255 are the box's edges.
        "dp_x": [round(float(x), 4) for x in (columns + 0.5) / width * POINT_RANGE],
        "dp_y": [round(float(y), 4) for y in (rows + 0.5) / height * POINT_RANGE],
        "dp_I": [float(value) for value in part[rows, columns]],
        "dp_U": [round(float(value), 6) for value in uv[rows, columns, 0]],
        "dp_V": [round(float(value), 6) for value in uv[rows, columns, 1]],
    }


def person_chart(person: PhotographedPerson) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The chart of every pixel of a person's box.

    Returns:
        (h, w) uint8 fine part 1..24, 0 where the person is not seen; (h, w, 2) float32 U, V in 0..1.
    """
    figure = person.performer.figure
    part, uv = chart_faces(person.performer.vertex_ids[figure.faces], figure.face_parts)
    face = person.points.face
    seen = face >= 0
    places = np.einsum("hwc,hwcd->hwd", person.points.weights, uv[face])
    return np.where(seen, part[face], 0).astype(np.uint8), np.where(seen[..., None], places, 0).clip(0, 1)


def _draw_points(part: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.int64]:
    flat = part.reshape(-1)
    chosen = []
    for fine in np.unique(flat[flat > 0]):
        here = np.flatnonzero(flat == fine)
        count = int(np.clip(round(len(here) / (_SHARE_A_POINT * flat.size)), 1, _POINTS_A_PART))
        chosen.append(rng.permutation(here)[:count])
    return np.concatenate(chosen)


def _run_lengths(part: NDArray[np.uint8], coarse: int) -> dict[str, Any] | list[Any]:
    """One part's mask over the box as run lengths of 256 x 256; an empty list where the part is not seen."""
    mask = (densepose_parts().coarse_of_fine[part] == coarse).astype(np.uint8)
    if not mask.any():
        return []
    square = cv2.resize(mask, (MASK_SIZE, MASK_SIZE), interpolation=cv2.INTER_NEAREST_EXACT)
    encoded = run_lengths.encode(np.asfortranarray(square))
    return {"size": [int(side) for side in encoded["size"]], "counts": encoded["counts"].decode("ascii")}
