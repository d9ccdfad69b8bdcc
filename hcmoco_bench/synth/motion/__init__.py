"""Draw a named action in somebody's style: handedness, tempo, size, stance."""

from __future__ import annotations

import numpy as np

from hcmoco_bench.errors import UsageError
from hcmoco_bench.sources.ntu.layout import FRAME_RATE
from hcmoco_bench.synth.motion.actions import REGISTRY
from hcmoco_bench.synth.motion.draft import Draft
from hcmoco_bench.synth.motion.motion_types import Motion, Reach

__all__ = ["ACTIONS", "Motion", "Reach", "sample_motion"]

ACTIONS: tuple[str, ...] = tuple(REGISTRY)
"""Names of all actions that `sample_motion` knows."""

_SHORTEST, _LONGEST = 2.4, 5.0
"""Seconds that an action takes at least and at most; a shorter clip shows a part of it, a longer one ends standing."""


def sample_motion(
    rng: np.random.Generator, action: str, n_frames: int, *, position: tuple[float, float], yaw: float
) -> Motion:
    """Draw one performance of an action.

    Args:
        rng: Decides handedness (nine of ten right-handed), tempo, size of movements, stance and sway.
        action: One of `ACTIONS`.
        n_frames: Frames at 30 a second, at least 1.
        position: (x, z) floor point where the performer stands, meters; walking passes it halfway.
        yaw: Radians; 0 faces world +z, positive turns towards world +x.

    Raises:
        UsageError: For an unknown action or no frames.
    """
    if action not in REGISTRY:
        raise UsageError(f"no action {action!r}; there are {', '.join(ACTIONS)}")
    if n_frames < 1:
        raise UsageError(f"a motion needs at least one frame, not {n_frames}")
    seconds = n_frames / FRAME_RATE
    duration = float(np.clip(seconds * rng.uniform(0.85, 1.0), _SHORTEST, _LONGEST))
    start = rng.uniform(0, max(duration - seconds, 0.0))
    draft = Draft(
        rng,
        start + np.arange(n_frames) / FRAME_RATE,
        duration,
        hand=int(rng.uniform() < 0.9),
        vigour=float(rng.uniform(0.8, 1.2)),
    )
    REGISTRY[action](draft)
    return draft.finish(action, (float(position[0]), float(position[1])), float(yaw))
