"""Which depth pixels the color camera does not see, because something nearer is in its way."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

CELL_PX: Final = 1.5
"""Size of a z-buffer cell in color px: half of what one depth pixel covers, which fills 2 x 2 cells."""

MARGIN_M: Final = 0.06
"""How much nearer, meters, something must be to hide a pixel. Depth noise and slanted surfaces stay below; a step of
this size moves by less than 0.2 px of the depth frame between the cameras, so nothing visible is missed."""

SAME_SURFACE_M: Final = 0.05
"""Two pixels no farther apart in depth than this, meters, count as one surface."""

REACH_PX: Final = (12, 4)
"""How far a hidden pixel looks for a visible one, px along x and y. The cameras are side by side: what something at
1.2 m hides of a wall at 3.6 m is 11 px wide."""

_CHUNK: Final = 32


def hidden_pixels(color_xy: NDArray[np.float32], z: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Find the points that a nearer point covers in the color image.

    Args:
        color_xy: (N, 2) float32, where the points are seen, color px; may lie outside the image.
        z: (N,) float32, their depth in the color camera, meters.

    Returns:
        (N,) bool, True where another point lies within a depth pixel's footprint and is nearer by 6 cm or more.
    """
    if len(z) == 0:
        return np.zeros(0, np.bool_)
    least = np.array([color_xy[:, 0].min(), color_xy[:, 1].min()])
    position = (color_xy - least) * np.float32(1.0 / CELL_PX)
    # A footprint of two cells, centered on the point, covers the two nearest cells along each axis.
    first = np.rint(position).astype(np.int64)
    own = np.floor(position).astype(np.int64) + 1
    width = int(own[:, 0].max()) + 2
    nearest = np.full(width * (int(own[:, 1].max()) + 2), np.inf, np.float32)
    corner = first[:, 1] * width + first[:, 0]
    for offset in (0, 1, width, width + 1):
        np.minimum.at(nearest, corner + offset, z)
    return np.asarray(nearest[own[:, 1] * width + own[:, 0]] < z - np.float32(MARGIN_M))


def nearest_visible(
    hidden_yx: tuple[NDArray[np.intp], NDArray[np.intp]],
    visible: NDArray[np.bool_],
    z: NDArray[np.float32],
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """Find, for each hidden pixel, the nearest pixel of the depth frame that is seen and on the same surface.

    Args:
        hidden_yx: Rows and columns of the K hidden pixels.
        visible: (H, W) bool, pixels that have depth and are not hidden.
        z: (H, W) float32, depth in meters; where there is none, anything.

    Returns:
        Rows and columns (K,) of the pixels found, and (K,) bool whether one was found within `REACH_PX`; where none
        was, rows and columns are the pixel's own.
    """
    height, width = visible.shape
    rows, columns = (index.copy() for index in hidden_yx)
    found = np.zeros(len(rows), np.bool_)
    for start in range(0, len(_OFFSETS), _CHUNK):
        left = np.nonzero(~found)[0]
        if len(left) == 0:
            break
        y, x = hidden_yx[0][left, None], hidden_yx[1][left, None]
        there_y = y + _OFFSETS[start : start + _CHUNK, 0]
        there_x = x + _OFFSETS[start : start + _CHUNK, 1]
        inside = (there_y >= 0) & (there_y < height) & (there_x >= 0) & (there_x < width)
        there_y, there_x = np.where(inside, there_y, y), np.where(inside, there_x, x)
        fits = visible[there_y, there_x] & (np.abs(z[there_y, there_x] - z[y, x]) <= SAME_SURFACE_M)
        nearest = fits.argmax(axis=1)
        hit = np.nonzero(fits[np.arange(len(left)), nearest])[0]
        rows[left[hit]], columns[left[hit]] = there_y[hit, nearest[hit]], there_x[hit, nearest[hit]]
        found[left[hit]] = True
    return rows, columns, found


def _offsets(reach: tuple[int, int]) -> NDArray[np.intp]:
    """(M, 2) offsets (dy, dx) inside an ellipse, nearest first, without the center."""
    dy, dx = np.mgrid[-reach[1] : reach[1] + 1, -reach[0] : reach[0] + 1].reshape(2, -1)
    inside = (dx / reach[0]) ** 2 + (dy / reach[1]) ** 2 <= 1
    order = np.lexsort((dx, dy, dx**2 + dy**2))
    return np.stack([dy, dx], axis=1)[order[inside[order]]][1:]


_OFFSETS: Final = _offsets(REACH_PX)
