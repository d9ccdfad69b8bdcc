"""Batched rotation matrices: right-handed, angles in radians, column vectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def about(axis: int, angle: ArrayLike) -> Floats:
    """(..., 3, 3) rotation by `angle` about coordinate axis 0 (x), 1 (y) or 2 (z)."""
    angle = np.asarray(angle, np.float64)
    out = np.zeros((*angle.shape, 3, 3))
    one, two = (axis + 1) % 3, (axis + 2) % 3
    out[..., axis, axis] = 1
    out[..., one, one] = out[..., two, two] = np.cos(angle)
    out[..., two, one] = np.sin(angle)
    out[..., one, two] = -out[..., two, one]
    return out


def unit(vector: ArrayLike) -> Floats:
    """Vectors (..., 3) divided by their length; a zero vector stays zero."""
    given: Floats = np.asarray(vector, np.float64)
    length: Floats = np.linalg.norm(given, axis=-1, keepdims=True)
    return given / np.maximum(length, 1e-12)


def frame(first: ArrayLike, second: ArrayLike) -> Floats:
    """(..., 3, 3) orthonormal frame, as columns: along `first`, along the rest of `second`, and their cross product."""
    one = unit(first)
    second = np.asarray(second, np.float64)
    two = unit(second - (second * one).sum(-1, keepdims=True) * one)
    return np.stack([one, two, np.cross(one, two)], -1)


def frame_to_frame(first: ArrayLike, second: ArrayLike, new_first: ArrayLike, new_second: ArrayLike) -> Floats:
    """Rotation that takes `first` to `new_first` and `second` as near as possible to `new_second`."""
    result: Floats = frame(new_first, new_second) @ np.swapaxes(frame(first, second), -1, -2)
    return result


def swing(source: ArrayLike, target: ArrayLike) -> Floats:
    """Smallest rotation that takes direction `source` to direction `target` (not opposite ones)."""
    one, two = np.broadcast_arrays(unit(source), unit(target))
    cross, dot = np.cross(one, two), (one * two).sum(-1)
    skew = np.zeros((*dot.shape, 3, 3))
    skew[..., 0, 1], skew[..., 0, 2], skew[..., 1, 2] = -cross[..., 2], cross[..., 1], -cross[..., 0]
    skew -= np.swapaxes(skew, -1, -2)
    scale = 1 / np.maximum(1 + dot, 1e-9)
    result: Floats = np.eye(3) + skew + skew @ skew * scale[..., None, None]
    return result


def twist_angle(rotation: ArrayLike, axis: int) -> Floats:
    """Angle of the part of rotations (..., 3, 3) that turns about a coordinate axis (swing-twist)."""
    given: Floats = np.asarray(rotation, np.float64)
    one, two = (axis + 1) % 3, (axis + 2) % 3
    sine = given[..., two, one] - given[..., one, two]
    cosine = given[..., one, one] + given[..., two, two]
    angle: Floats = np.arctan2(sine, cosine)
    return angle


def quaternions(rotation: ArrayLike) -> Floats:
    """(..., 4) unit quaternions w x y z of rotations (..., 3, 3)."""
    m = np.asarray(rotation, np.float64)
    xx, yy, zz = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    squares = np.stack([1 + xx + yy + zz, 1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz], -1)
    size = np.sqrt(np.maximum(squares, 0)) / 2
    signs = np.stack(
        [
            m[..., 2, 1] - m[..., 1, 2],
            m[..., 0, 2] - m[..., 2, 0],
            m[..., 1, 0] - m[..., 0, 1],
            m[..., 1, 0] + m[..., 0, 1],
            m[..., 2, 0] + m[..., 0, 2],
            m[..., 2, 1] + m[..., 1, 2],
        ],
        -1,
    )
    wx, wy, wz, xy, xz, yz = np.moveaxis(signs, -1, 0) / 4
    products = np.stack(
        [
            np.stack([size[..., 0] ** 2, wx, wy, wz], -1),
            np.stack([wx, size[..., 1] ** 2, xy, xz], -1),
            np.stack([wy, xy, size[..., 2] ** 2, yz], -1),
            np.stack([wz, xz, yz, size[..., 3] ** 2], -1),
        ],
        -2,
    )
    best = squares.argmax(-1)
    row = np.take_along_axis(products, best[..., None, None], -2)[..., 0, :]
    return unit(row)
