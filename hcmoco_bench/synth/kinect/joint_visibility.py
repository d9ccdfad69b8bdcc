"""Which joints a camera sees, and which are hidden by another part of a body or by the room."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.synth.kinect.people import DepthView

INSIDE: Final = 0.22
"""How far inside the body a joint may lie, meters."""

_AROUND: Final = ((0, 0), (-3, 0), (3, 0), (0, -3), (0, 3))


def joints_seen(
    points: NDArray[np.floating], pixels: NDArray[np.floating], view: DepthView | None, *, inside: float = INSIDE
) -> NDArray[np.bool_]:
    """Whether no other part of a body, and nothing in the room, is in front of a joint.

    A joint whose pixel shows nobody is hidden too, unless a neighbor within three pixels shows its own surroundings.

    Args:
        points: (..., 3) joints in the camera's space, meters.
        pixels: (..., 2) px (x, y) of the same joints; nan for those behind the camera.
        view: What the camera sees of the people; None if nobody is in the image.
        inside: A point may lie so far behind the surface that the camera sees before it counts as hidden, meters.
    """
    if view is None:
        return np.zeros(points.shape[:-1], np.bool_)
    local = np.nan_to_num(pixels, nan=-1e6).round().astype(int) - [view.box.x, view.box.y]
    height, width = view.z.shape
    seen = np.zeros(points.shape[:-1], np.bool_)
    for dy, dx in _AROUND:
        x, y = local[..., 0] + dx, local[..., 1] + dy
        within = (x >= 0) & (y >= 0) & (x < width) & (y < height)
        z = np.where(within, view.z[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)], 0.0)
        seen |= (z > 0) & (z > points[..., 2] - inside) & (z < points[..., 2] + inside)
    return seen
