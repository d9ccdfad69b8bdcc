"""Single moments of motions, and motions put together, so that a body is posed for many of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.synth.motion.motion_types import Motion, Reach

_ARRAYS: Final = ("pelvis", "feet", "foot_turn", "foot_pitch", "angles", "airborne", "seated")


def moments(motion: Motion, frames: NDArray[np.integer]) -> Motion:
    """The motion at some of its frames alone.

    Args:
        motion: Of N frames.
        frames: (M,) indices of frames, in any order.
    """
    reaches = tuple(
        replace(reach, offset=reach.offset[frames], weight=reach.weight[frames]) for reach in motion.reaches
    )
    return replace(motion, reaches=reaches, **{name: getattr(motion, name)[frames] for name in _ARRAYS})


def joined(motions: Sequence[Motion]) -> list[Motion]:
    """Put motions one after the other; those with a seat stay alone, since a motion has one seat.

    Args:
        motions: All at the same position with the same yaw.

    Returns:
        Motions that hold all frames; each frame's pose is as before.
    """
    free = [motion for motion in motions if motion.seat is None]
    seated = [motion for motion in motions if motion.seat is not None]
    return ([_one(free)] if free else []) + seated


def _one(motions: Sequence[Motion]) -> Motion:
    arrays: dict[str, Any] = {name: np.concatenate([getattr(one, name) for one in motions]) for name in _ARRAYS}
    count, start, reaches = sum(map(len, motions)), 0, []
    for motion in motions:
        rows = slice(start, start + len(motion))
        reaches += [_spread(reach, rows, count) for reach in motion.reaches]
        start += len(motion)
    return replace(motions[0], reaches=tuple(reaches), **arrays)


def _spread(reach: Reach, rows: slice, count: int) -> Reach:
    """The reach within a longer motion, without weight in the other frames."""
    offset, weight = np.zeros((count, 3)), np.zeros(count)
    offset[rows], weight[rows] = reach.offset, reach.weight
    return replace(reach, offset=offset, weight=weight)
