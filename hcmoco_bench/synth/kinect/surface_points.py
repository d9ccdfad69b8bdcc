# Kernels are a language of their own: their signatures are Warp types, which mypy cannot read as annotations.
# ruff: noqa: ANN202
# mypy: disable-error-code="valid-type,misc,no-untyped-def,no-any-return,unused-ignore"
"""Which point of the people's surface every pixel sees: triangle and place in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import warp as wp
from numpy.typing import NDArray

from hcmoco_bench.synth.kinect.raycast import Box, Surface, View, true_weights


@wp.kernel
def _place_in_face(
    keys: wp.array2d(dtype=wp.uint64),
    screen: wp.array(dtype=wp.vec3),
    faces: wp.array2d(dtype=wp.int32),
    room_z: wp.array2d(dtype=float),
    x0: int,
    y0: int,
    face: wp.array2d(dtype=wp.int32),
    weights: wp.array2d(dtype=wp.vec3),
):
    i, j = wp.tid()
    key = keys[i, j]
    face[i, j] = -1
    if key == wp.uint64(0xFFFFFFFFFFFFFFFF):
        return
    if wp.cast(wp.uint32(key >> wp.uint64(32)), float) > room_z[i + y0, j + x0]:
        return
    f = wp.int32(key & wp.uint64(0xFFFFFFFF))
    face[i, j] = f
    weights[i, j] = true_weights(
        screen[faces[f, 0]], screen[faces[f, 1]], screen[faces[f, 2]], float(j + x0), float(i + y0)
    )


@dataclass(frozen=True, eq=False)
class SurfacePoints:
    """What the pixels of a box see.

    Attributes:
        face: (h, w) int32 index of the triangle; -1 where nothing or the room is seen.
        weights: (h, w, 3) float32 weights of its corners; they sum to 1 where there is a triangle.
    """

    face: NDArray[np.int32]
    weights: NDArray[np.float32]


def surface_points(surface: Surface, view: View, room_z: NDArray[np.float32], box: Box) -> SurfacePoints:
    """Find the points that the pixels of a box see.

    Args:
        surface: The people.
        view: The camera.
        room_z: (H, W) float32 meters: depth of the room in this view, which hides what lies behind it.
        box: The pixels.
    """
    screen = surface.project(view)
    keys = surface.first_hits(screen, box)
    face = wp.empty(keys.shape, dtype=wp.int32, device=surface.device)
    weights = wp.zeros(keys.shape, dtype=wp.vec3, device=surface.device)
    room = wp.array(room_z, dtype=float, device=surface.device)
    inputs = [keys, screen, surface.faces, room, box.x, box.y, face, weights]
    wp.launch(_place_in_face, dim=keys.shape, inputs=inputs, device=surface.device)
    return SurfacePoints(face.numpy(), weights.numpy())
