"""Poses in the world's coordinates instead of the camera's: one turn for each camera explains them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.metrics.points import distances
from hcmoco_bench.metrics.procrustes import procrustes
from hcmoco_bench.tasks.core.joint_candidates import UNITS, Points, of_size
from hcmoco_bench.tasks.core.joint_readings import FEW

_LIKELY: Final = 0.6
"""A likely reading's mean distance is below this share of that without turns."""
_LEAST_TILT: Final = 45.0
"""Degrees between the y axis of the camera (down) and of a world whose y or z axis is up. A model that mistakes the
direction in which people face is mended by turns about the vertical, which leave that axis where it is."""


def world_reading(
    found: Points, true: Points, views: Sequence[Hashable], whole: NDArray[np.intp], documented: str
) -> tuple[str, Points] | None:
    """The reading of poses as those of the world, where that explains them much better than the camera's coordinates.

    Args:
        found: (N, J, 3) predicted poses about the middle of their joints, meters if in the documented unit.
        true: (N, J, 3) true poses about the middle of their joints, m.
        views: Camera of each pose.
        whole: Rows of the poses whose joints are all there; each camera needs ten of them.
        documented: The documented unit, a key of `UNITS`.

    Returns:
        What the poses then are, and all poses (N, J, 3), m, turned to their cameras; None if that is unlikely.
    """
    rows = {view: [row for row in whole.tolist() if views[row] == view] for view in dict.fromkeys(views)}
    if not rows or min(map(len, rows.values())) < FEW:
        return None
    for unit, factor in UNITS.items():
        scale = factor / UNITS[documented]
        if not of_size(found[whole], true[whole], scale):
            continue
        scaled, turned = scale * found, np.empty_like(found)
        tilts = []
        for view, members in rows.items():
            own = [row for row, other in enumerate(views) if other == view]
            fit = procrustes(scaled[members].reshape(1, -1, 3), true[members].reshape(1, -1, 3), scale=False)
            turned[own] = scaled[own] @ fit.rotation[0].T
            tilts.append(float(np.degrees(np.arccos(np.clip(fit.rotation[0, 1, 1], -1, 1)))))
        before, after = (float(distances(points[whole], true[whole]).mean()) for points in (scaled, turned))
        if min(tilts) > _LEAST_TILT and after < _LIKELY * before:
            return f"{unit} in the world's coordinates, which a turn for each camera brings to the camera's", turned
    return None
