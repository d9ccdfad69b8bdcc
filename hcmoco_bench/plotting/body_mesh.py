"""Meshes of bodies: laid over the image that they were recovered from, and seen from the side."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

Floats = NDArray[np.floating]

SKIN: Final = (250, 170, 110)
"""Color of a recovered body, RGB."""

TRUE: Final = (110, 170, 250)
"""Color of the true body, RGB."""

_FINENESS: Final = 4
"""Bits of a pixel's fractions with which corners are drawn."""

_DARKEST: Final = 0.35
"""Brightness of a surface that is seen edge-on; one that faces the viewer has 1."""


_FAR: Final = 100.0
"""Meters from which the side is seen, so that all light comes from one direction."""


def draw_mesh(
    image: NDArray[np.uint8],
    pixels: Floats,
    vertices: Floats,
    faces: NDArray[np.int64],
    *,
    color: tuple[int, int, int] = SKIN,
    opacity: float = 0.75,
) -> NDArray[np.uint8]:
    """Lay a shaded mesh over an image, its nearest surface in front.

    Triangles are painted from far to near. Those behind the camera, seen from behind or out of the image are left out.

    Args:
        image: (H, W, 3) uint8 RGB.
        pixels: (V, 2) x, y of the vertices in the image, px; (0, 0) is the center of the pixel at the top left.
        vertices: (V, 3) meters in the axes of the camera: x right, y down, z away.
        faces: (F, 3) triangles, counter-clockwise from outside.
        color: RGB of a surface that faces the camera.
        opacity: 0 leaves the image, 1 hides it.

    Returns:
        (H, W, 3) uint8 RGB, a new image.
    """
    corners, places = pixels[faces], vertices[faces]
    usable = np.isfinite(corners).all((1, 2)) & np.isfinite(places).all((1, 2)) & (places[..., 2] > 0).all(1)
    height, width = image.shape[:2]
    inside = (corners.max(1) >= 0).all(1) & (corners.min(1) <= [width - 1, height - 1]).all(1)
    edges = corners[:, 1:] - corners[:, :1]
    # Seen from the side that is counter-clockwise, a triangle has a negative area where y points down.
    front = edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0] < 0
    shown = np.flatnonzero(usable & inside & front)
    shown = shown[np.argsort(-places[shown, :, 2].mean(1), kind="stable")]
    layer, covered = image.copy(), np.zeros((height, width), np.uint8)
    shades = (np.array(color) * _brightness(places[shown])[:, None]).round()
    limit = 4 * max(height, width)  # a triangle that reaches far beyond the image would overflow the fixed point
    fixed = np.round(np.clip(corners[shown], -limit, limit) * 2**_FINENESS).astype(np.int32)
    for triangle, shade in zip(fixed, shades.tolist(), strict=True):
        cv2.fillConvexPoly(layer, triangle, shade, cv2.LINE_8, _FINENESS)
        cv2.fillConvexPoly(covered, triangle, 1, cv2.LINE_8, _FINENESS)
    share = (opacity * covered)[..., None]
    return np.asarray((1 - share) * image + share * layer).round().astype(np.uint8)


def side_view(
    vertices: Floats, faces: NDArray[np.int64], size: tuple[int, int], *, color: tuple[int, int, int] = SKIN
) -> NDArray[np.uint8]:
    """A mesh as seen from the camera's right, without perspective, on white.

    Args:
        vertices: (V, 3) meters in the axes of the camera: x right, y down, z away.
        faces: (F, 3) triangles, counter-clockwise from outside.
        size: Height and width of the image, px; the mesh fills it but for a margin.
        color: RGB.

    Returns:
        (H, W, 3) uint8 RGB; what is farther from the camera is to the right.
    """
    canvas = np.full((*size, 3), 255, np.uint8)
    if not np.isfinite(vertices).all():
        return canvas
    # A quarter turn about the vertical: what was away is to the right, what was right is near.
    turned = np.stack([vertices[:, 2], vertices[:, 1], -vertices[:, 0]], -1)
    low, high = turned.min(0), turned.max(0)
    scale = 0.9 * min(size[1] / max(high[0] - low[0], 1e-6), size[0] / max(high[1] - low[1], 1e-6))
    middle = (low + high) / 2
    pixels = (turned[:, :2] - middle[:2]) * scale + [(size[1] - 1) / 2, (size[0] - 1) / 2]
    turned[:, 2] += _FAR - low[2]
    return draw_mesh(canvas, pixels, turned, faces, color=color, opacity=1)


def mesh_figure(
    image: NDArray[np.uint8], pixels: Floats, vertices: Floats, faces: NDArray[np.int64], *, title: str = ""
) -> Figure:
    """An image, the mesh over it, and the mesh from the side.

    Args:
        image: (H, W, 3) uint8 RGB.
        pixels: (V, 2) x, y of the vertices in the image, px.
        vertices: (V, 3) meters in the axes of the camera: x right, y down, z away.
        faces: (F, 3) triangles, counter-clockwise from outside.
        title: Above the panels.
    """
    height, width = image.shape[:2]
    panels = {
        "image": image,
        "recovered body": draw_mesh(image, pixels, vertices, faces),
        "from the side": side_view(vertices, faces, (height, width)),
    }
    figure = Figure(figsize=(3 * len(panels), 3 * height / width + 0.5), layout="constrained")
    for axes, (name, panel) in zip(np.atleast_1d(figure.subplots(1, len(panels))), panels.items(), strict=True):
        axes.imshow(panel)
        axes.set_title(name, fontsize=9)
        axes.axis("off")
    figure.suptitle(title, fontsize=10)
    return figure


def _brightness(places: Floats) -> Floats:
    """(F,) of triangles (F, 3, 3): by how much they face a light at the camera."""
    normal = np.cross(places[:, 1] - places[:, 0], places[:, 2] - places[:, 0])
    toward = places.mean(1)
    lengths = np.linalg.norm(normal, axis=1) * np.linalg.norm(toward, axis=1)
    facing = np.abs((normal * toward).sum(1)) / np.maximum(lengths, 1e-12)
    return np.asarray(_DARKEST + (1 - _DARKEST) * facing)
