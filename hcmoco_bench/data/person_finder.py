"""Find the person in a depth map of a room, without labels, a background image, or training.

1. Floor: of many planes through three random points each, tilted no more than a standing camera can be, take the one
   with the most points on it and hardly any below it.
2. Surfaces: group the other pixels; neighbors belong together if their depths differ by no more than a body's surface
   changes between two pixels.
3. Person: take the surface whose height and area are most like those of a person, preferring nearer ones. Then add the
   pieces beside it at the same depth, which the ragged edges of a depth map have cut off.

The method assumes one person who stands free of other objects in front of a camera that is level to within 25 degrees,
as in the side view of ITOP.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

_FLOOR_PLANES: Final = 80
_FLOOR_POINTS: Final = 1500
_LARGEST_TILT: Final = 0.47
"""Largest slope of the floor in camera coordinates, the tangent of 25 degrees."""

_FLOOR_THICKNESS: Final = 0.035
"""Height above the floor that still counts as floor, in meters at 0 m distance; it grows with the noise."""

_FLOOR_SHARE: Final = 0.04
"""Smallest fraction of the points on a plane that can be the floor."""

_STEP: Final = 0.04
"""Largest depth difference between neighboring px of a body's surface, in meters at 0 m distance."""

_STEP_GROWTH: Final = 0.012
"""Increase of `_STEP` per meter of distance."""

_SMALLEST_AREA: Final = 0.12
_HEIGHT, _HEIGHT_SPREAD = 1.5, 0.5
_AREA, _AREA_SPREAD = 0.55, 0.35
_LEAST_LIKENESS: Final = 0.02

_PIECE_PIXELS: Final = 15
_PIECE_DISTANCE: Final = 0.27
"""Largest depth difference between a piece and the person where they are near each other, meters."""

_LEAST_CONTACT: Final = 3
_LARGEST_PIECE: Final = 3.0
"""Largest number of px of a piece over that of the person's surface; anything larger is a wall."""

_REACH: Final = 7
"""Side of the window within which two px are near each other, px."""

_ROUNDS: Final = 4


@dataclass(frozen=True)
class FoundPerson:
    """The location of a person.

    Attributes:
        box: (4,) float64 x0, y0, x1, y1, the outermost px.
        near: Depth of the person's nearest surface, meters.
        far: Depth of the person's farthest visible surface, meters.
        mask: (H, W) bool; the feet may be missing where they are as low as the floor.
    """

    box: NDArray[np.float64]
    near: float
    far: float
    mask: NDArray[np.bool_]


def find_person(depth: NDArray[np.float32], focal: float, center: tuple[float, float]) -> FoundPerson | None:
    """Find the person; the result is deterministic.

    Args:
        depth: (H, W) meters, 0 = missing.
        focal: Focal length in px.
        center: Principal point (x, y) in px.

    Returns:
        The person; None if no surface is like one.
    """
    depth = cv2.medianBlur(depth, 5)  # closes the small holes that would split surfaces
    measured = depth > 0
    if measured.sum() < _PIECE_PIXELS:
        return None
    rows, columns = np.indices(depth.shape, dtype=np.float32)
    x = (columns - np.float32(center[0])) * depth / np.float32(focal)
    y = (np.float32(center[1]) - rows) * depth / np.float32(focal)
    kept = measured & ~_floor(x, y, depth, measured)
    labels, count = _surfaces(depth, kept)
    if count == 0:
        return None
    flat = labels.ravel()
    pixels = np.bincount(flat, minlength=count + 1)
    area = np.bincount(flat, weights=((depth / focal) ** 2).ravel(), minlength=count + 1)
    best, likeness, height_of = 0, _LEAST_LIKENESS, 0.0
    for label in np.flatnonzero(area > _SMALLEST_AREA):
        if label == 0:
            continue
        chosen = labels == label
        low, high = np.percentile(y[chosen], (2, 98))
        found = _likeness(float(high - low), float(area[label]), float(np.median(depth[chosen])))
        if found > likeness:
            best, likeness, height_of = int(label), found, float(high - low)
    if best == 0 or height_of == 0.0:
        return None
    mask = _with_pieces(labels, best, depth, pixels)
    rows_of, columns_of = np.nonzero(mask)
    near, far = np.percentile(depth[mask], (1, 99))
    box = np.array([columns_of.min(), rows_of.min(), columns_of.max(), rows_of.max()], np.float64)
    return FoundPerson(box, float(near), float(far), mask)


def _likeness(height: float, area: float, distance: float) -> float:
    """How much a surface with this height (m), area (m^2) and distance (m) is like a person; larger is more alike."""
    tall, wide = (height - _HEIGHT) / _HEIGHT_SPREAD, (area - _AREA) / _AREA_SPREAD
    return float(np.exp(-0.5 * (tall**2 + wide**2)) / max(distance, 0.5))


def _floor(
    x: NDArray[np.float32], y: NDArray[np.float32], z: NDArray[np.float32], measured: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """(H, W) whether px are on or below the floor; all False if there is no floor."""
    rng = np.random.default_rng(0)  # fixed seed: the result depends on the depth map alone
    candidates = np.flatnonzero(measured)
    chosen = candidates[rng.integers(len(candidates), size=_FLOOR_POINTS)]
    points = np.stack([x.ravel()[chosen], y.ravel()[chosen], z.ravel()[chosen]], axis=1).astype(np.float64)
    lower = points[points[:, 1] < np.median(points[:, 1])]
    nothing = np.zeros(z.shape, np.bool_)
    if len(lower) < 3:
        return nothing
    corners = lower[rng.integers(len(lower), size=(_FLOOR_PLANES, 3))]
    # y = a x + b z + c through three points
    system = np.stack([corners[..., 0], corners[..., 2], np.ones(corners.shape[:2])], axis=-1)
    proper = np.abs(np.linalg.det(system)) > 1e-4
    planes = np.linalg.solve(system[proper], corners[proper][..., 1:2])[..., 0]
    planes = planes[(np.abs(planes[:, :2]) < _LARGEST_TILT).all(axis=1)]
    if not len(planes):
        return nothing
    above = points[:, 1] - (planes[:, :1] * points[:, 0] + planes[:, 1:2] * points[:, 2] + planes[:, 2:])
    thickness = _thickness(points[:, 2])
    on = (np.abs(above) < thickness).mean(axis=1)
    under = (above < -2 * thickness).mean(axis=1)
    score = np.where(under < 0.03, on, 0.0)
    best = int(score.argmax())
    if score[best] < _FLOOR_SHARE:
        return nothing
    support = points[np.abs(above[best]) < thickness]
    system = np.stack([support[:, 0], support[:, 2], np.ones(len(support))], axis=1)
    a, b, c = np.linalg.lstsq(system, support[:, 1], rcond=None)[0].astype(np.float32)
    return np.asarray(y - (a * x + b * z + c) < _thickness(z))


def _thickness(z: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.asarray(_FLOOR_THICKNESS + 0.002 * z**2)


def _surfaces(depth: NDArray[np.float32], kept: NDArray[np.bool_]) -> tuple[NDArray[np.int32], int]:
    """(H, W) label of the surface of each px, 0 for none, and the number of surfaces.

    Px and the links between them are laid out on a grid of twice the size, whose connected components are the surfaces.
    """
    height, width = depth.shape
    grid = np.zeros((2 * height - 1, 2 * width - 1), np.uint8)
    grid[::2, ::2] = kept
    step = _STEP + _STEP_GROWTH * depth
    beside = np.abs(np.diff(depth, axis=1)) < step[:, 1:]
    below = np.abs(np.diff(depth, axis=0)) < step[1:]
    grid[::2, 1::2] = beside & kept[:, 1:] & kept[:, :-1]
    grid[1::2, ::2] = below & kept[1:] & kept[:-1]
    count, labels = cv2.connectedComponents(grid, connectivity=4, ltype=cv2.CV_32S)
    return np.asarray(labels[::2, ::2], np.int32), int(count) - 1


def _with_pieces(
    labels: NDArray[np.int32], best: int, depth: NDArray[np.float32], pixels: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """The surface and all pieces a few px beside it at the same depth: a trunk above its legs, a stretched arm."""
    mask: NDArray[np.bool_] = np.asarray(labels == best)
    done = {0, best}
    for _ in range(_ROUNDS):
        weight = cv2.boxFilter(mask.astype(np.float32), -1, (_REACH, _REACH), normalize=False)
        total = cv2.boxFilter(np.where(mask, depth, 0).astype(np.float32), -1, (_REACH, _REACH), normalize=False)
        beside = (weight > 0.5) & ~mask
        found, contact = np.unique(labels[beside], return_counts=True)
        added = False
        for label, touching in zip(found.tolist(), contact.tolist(), strict=True):
            if label in done or pixels[label] < _PIECE_PIXELS or pixels[label] > _LARGEST_PIECE * pixels[best]:
                continue
            border = beside & (labels == label)
            apart = np.abs(depth[border] - total[border] / weight[border])
            if touching >= _LEAST_CONTACT and np.median(apart) < _PIECE_DISTANCE:
                mask |= labels == label
                done.add(label)
                added = True
        if not added:
            break
    return mask
