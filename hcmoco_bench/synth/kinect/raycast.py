# Kernels are a language of their own: their signatures are Warp types, which mypy cannot read as annotations;
# float(0.0) declares a variable that changes; every condition is evaluated, so that an expensive one is nested.
# ruff: noqa: ANN201, ANN202
# mypy: disable-error-code="valid-type,misc,no-untyped-def,no-any-return,unused-ignore"
"""Rays against triangle meshes, with Warp: what every pixel's ray hits first, and what lies between two points.

All rays of one pinhole camera that hit a small triangle go through neighboring pixels, so the first hits of a whole
image are found triangle by triangle instead of ray by ray (a z-buffer): the same hits as a traversal of the mesh's
bounding volumes gives, about eight times as fast on one core. Other rays (shadows, hidden points) traverse. The same
kernels run on CPU and CUDA.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import warp as wp
from numpy.typing import NDArray

from hcmoco_bench.synth.kinect.cameras import Floats, Pinhole
from hcmoco_bench.synth.kinect.warp_runtime import start_warp

NEAR = 0.05
"""Triangles with a corner nearer than this (meters in front of the camera) are not seen."""

NOTHING = np.uint64(0xFFFFFFFFFFFFFFFF)
"""Key of a pixel whose ray hits nothing."""


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels: left, top, width, height."""

    x: int
    y: int
    width: int
    height: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Row and column slices that cut the box out of an image."""
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)


@dataclass(frozen=True, eq=False)
class View:
    """A pinhole camera somewhere in the world; `pose` is its (3, 4) transform from the world."""

    camera: Pinhole
    pose: Floats

    @property
    def whole(self) -> Box:
        """The whole image."""
        return Box(0, 0, self.camera.width, self.camera.height)

    @property
    def position(self) -> Floats:
        """(3,) where the camera is, world meters."""
        return np.asarray(-self.pose[:, :3].T @ self.pose[:, 3])


@wp.kernel
def _project(
    points: wp.array(dtype=wp.vec3),
    rotation: wp.mat33,
    translation: wp.vec3,
    fx: float,
    fy: float,
    cx: float,
    cy: float,
    near: float,
    screen: wp.array(dtype=wp.vec3),
):
    i = wp.tid()
    p = rotation * points[i] + translation
    if p[2] > near:
        screen[i] = wp.vec3(cx + fx * p[0] / p[2], cy - fy * p[1] / p[2], p[2])
    else:
        screen[i] = wp.vec3(0.0, 0.0, -1.0)


@wp.func
def twice_area(a: wp.vec2, b: wp.vec2, p: wp.vec2):
    """Twice the signed area of a triangle on the image."""
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])


@wp.func
def weights_at(a: wp.vec3, b: wp.vec3, c: wp.vec3, x: float, y: float):
    """Barycentric weights on the image (not perspective-corrected) of pixel (x, y) in a screen triangle."""
    # Coordinates relative to the pixel keep float32 exact enough far from the image's origin.
    pa = wp.vec2(a[0] - x, a[1] - y)
    pb = wp.vec2(b[0] - x, b[1] - y)
    pc = wp.vec2(c[0] - x, c[1] - y)
    scale = 1.0 / twice_area(pa, pb, pc)
    origin = wp.vec2(0.0, 0.0)
    wa = twice_area(pb, pc, origin) * scale
    wb = twice_area(pc, pa, origin) * scale
    return wp.vec3(wa, wb, 1.0 - wa - wb)


@wp.func
def true_weights(a: wp.vec3, b: wp.vec3, c: wp.vec3, x: float, y: float):
    """Barycentric weights in space of the point that pixel (x, y) sees in a triangle given on screen."""
    w = weights_at(a, b, c, x, y)
    v = wp.vec3(w[0] / a[2], w[1] / b[2], w[2] / c[2])
    return v / (v[0] + v[1] + v[2])


@wp.kernel
def _rasterize(
    screen: wp.array(dtype=wp.vec3),
    faces: wp.array2d(dtype=wp.int32),
    x0: int,
    y0: int,
    keys: wp.array2d(dtype=wp.uint64),
):
    t = wp.tid()
    a = screen[faces[t, 0]]
    b = screen[faces[t, 1]]
    c = screen[faces[t, 2]]
    if a[2] < 0.0 or b[2] < 0.0 or c[2] < 0.0:
        return
    width = keys.shape[1]
    height = keys.shape[0]
    # Clamped as floats: a corner near the camera's plane may be very far off the image.
    left = wp.max(wp.ceil(wp.min(wp.min(a[0], b[0]), c[0])), float(x0))
    right = wp.min(wp.floor(wp.max(wp.max(a[0], b[0]), c[0])), float(x0 + width - 1))
    top = wp.max(wp.ceil(wp.min(wp.min(a[1], b[1]), c[1])), float(y0))
    bottom = wp.min(wp.floor(wp.max(wp.max(a[1], b[1]), c[1])), float(y0 + height - 1))
    if left > right or top > bottom:
        return
    if twice_area(wp.vec2(a[0], a[1]), wp.vec2(b[0], b[1]), wp.vec2(c[0], c[1])) == 0.0:
        return
    for j in range(int(top), int(bottom) + 1):
        for i in range(int(left), int(right) + 1):
            w = weights_at(a, b, c, float(i), float(j))
            # The small slack closes the seams that rounding would leave between neighbors.
            if w[0] >= -1.0e-5 and w[1] >= -1.0e-5 and w[2] >= -1.0e-5:
                z = 1.0 / (w[0] / a[2] + w[1] / b[2] + w[2] / c[2])
                # Bits of positive floats sort as the floats do; the face number breaks ties the same way everywhere.
                key = (wp.uint64(wp.cast(z, wp.uint32)) << wp.uint64(32)) | wp.uint64(t)
                wp.atomic_min(keys, j - y0, i - x0, key)


@wp.kernel
def _unpack(keys: wp.array2d(dtype=wp.uint64), face: wp.array2d(dtype=wp.int32), z: wp.array2d(dtype=float)):
    i, j = wp.tid()
    key = keys[i, j]
    if key == wp.uint64(0xFFFFFFFFFFFFFFFF):
        face[i, j] = -1
        z[i, j] = 0.0
    else:
        face[i, j] = wp.int32(key & wp.uint64(0xFFFFFFFF))
        z[i, j] = wp.cast(wp.uint32(key >> wp.uint64(32)), float)


@wp.kernel
def _traverse(
    mesh: wp.uint64,
    origins: wp.array(dtype=wp.vec3),
    ends: wp.array(dtype=wp.vec3),
    slack: float,
    blocked: wp.array(dtype=wp.uint8),
):
    i = wp.tid()
    step = ends[i] - origins[i]
    length = wp.length(step)
    if length > slack and wp.mesh_query_ray_anyhit(mesh, origins[i], step / length, length - slack):
        blocked[i] = wp.uint8(1)


@wp.kernel
def _first(
    mesh: wp.uint64,
    origin: wp.vec3,
    directions: wp.array(dtype=wp.vec3),
    face: wp.array(dtype=wp.int32),
    distance: wp.array(dtype=float),
):
    i = wp.tid()
    hit = wp.mesh_query_ray(mesh, origin, directions[i], 1.0e6)
    face[i] = -1
    if hit.result:
        face[i] = hit.face
        distance[i] = hit.t


class Surface:
    """Triangles in world space, on a device; they can be moved, seen by a camera and hit by rays.

    Args:
        vertices: (V, 3) world meters.
        faces: (F, 3) vertex indices; both sides of a face are seen.
        device: Warp's name of the device, from `pick_device`.
    """

    def __init__(self, vertices: NDArray[np.float32], faces: NDArray[np.int32], device: str) -> None:
        start_warp()
        self.device = device
        self.faces = wp.array(np.ascontiguousarray(faces, np.int32), dtype=wp.int32, ndim=2, device=device)
        self.points = wp.array(np.ascontiguousarray(vertices, np.float32), dtype=wp.vec3, device=device)
        self._mesh: wp.Mesh | None = None

    def move(self, vertices: NDArray[np.float32]) -> None:
        """Put the vertices (V, 3) somewhere else."""
        self.points.assign(np.ascontiguousarray(vertices, np.float32))
        if self._mesh is not None:
            self._mesh.refit()

    @property
    def mesh(self) -> wp.Mesh:
        """The bounding volumes, built when first asked for and refitted by `move`."""
        if self._mesh is None:
            self._mesh = wp.Mesh(self.points, self.faces.flatten())
        return self._mesh

    def project(self, view: View) -> wp.array:
        """(V,) vec3: pixel x, pixel y and depth z (meters; -1 if not in front of the camera) of every vertex."""
        screen = wp.empty(len(self.points), dtype=wp.vec3, device=self.device)
        camera = view.camera
        inputs = [self.points, wp.mat33(view.pose[:, :3]), wp.vec3(view.pose[:, 3])]
        inputs += [camera.fx, camera.fy, camera.cx, camera.cy, NEAR, screen]
        wp.launch(_project, dim=len(self.points), inputs=inputs, device=self.device)
        return screen

    def first_hits(self, screen: wp.array, box: Box) -> wp.array:
        """What the rays through the pixels of a box hit first.

        Args:
            screen: From `project`.
            box: The pixels.

        Returns:
            (box.height, box.width) uint64 keys: the bits of float32 z above the face's index; `NOTHING` for a miss.
        """
        keys = wp.full((box.height, box.width), int(NOTHING), dtype=wp.uint64, device=self.device)
        wp.launch(
            _rasterize, dim=self.faces.shape[0], inputs=[screen, self.faces, box.x, box.y, keys], device=self.device
        )
        return keys

    def see(self, view: View, box: Box | None = None) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Face index (-1 for none) and depth z (meters, 0 for none) of every pixel of a box (default: all)."""
        box = box or view.whole
        keys = self.first_hits(self.project(view), box)
        face = wp.empty(keys.shape, dtype=wp.int32, device=self.device)
        z = wp.empty(keys.shape, dtype=float, device=self.device)
        wp.launch(_unpack, dim=keys.shape, inputs=[keys, face, z], device=self.device)
        return face.numpy(), z.numpy()

    def blocks(self, origins: Floats, ends: Floats, slack: float = 1e-3) -> NDArray[np.bool_]:
        """Whether the surface lies between pairs of points (N, 3), ignoring the last `slack` meters."""
        count = len(origins)
        blocked = wp.zeros(count, dtype=wp.uint8, device=self.device)
        start = wp.array(np.ascontiguousarray(origins, np.float32), dtype=wp.vec3, device=self.device)
        stop = wp.array(np.ascontiguousarray(ends, np.float32), dtype=wp.vec3, device=self.device)
        wp.launch(_traverse, dim=count, inputs=[self.mesh.id, start, stop, slack, blocked], device=self.device)
        return blocked.numpy().astype(bool)

    def trace(self, origin: Floats, directions: Floats) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """First face (-1 for none) and distance along each of the directions (N, 3) from one point (3,)."""
        rays = wp.array(np.ascontiguousarray(directions, np.float32), dtype=wp.vec3, device=self.device)
        face = wp.empty(len(directions), dtype=wp.int32, device=self.device)
        distance = wp.zeros(len(directions), dtype=float, device=self.device)
        inputs = [self.mesh.id, wp.vec3(origin), rays, face, distance]
        wp.launch(_first, dim=len(directions), inputs=inputs, device=self.device)
        return face.numpy(), distance.numpy()


def box_around(screen: NDArray[np.float32], view: View, margin: int) -> Box | None:
    """The smallest box of pixels, widened by a margin, with all projected vertices (V, 3) that are before the camera.

    Returns None if it does not touch the image.
    """
    seen = screen[screen[:, 2] > 0]
    if not len(seen):
        return None
    low = np.floor(seen[:, :2].min(axis=0)).astype(int) - margin
    high = np.ceil(seen[:, :2].max(axis=0)).astype(int) + margin + 1
    low, high = np.maximum(low, 0), np.minimum(high, [view.camera.width, view.camera.height])
    if (high <= low).any():
        return None
    return Box(int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]))
