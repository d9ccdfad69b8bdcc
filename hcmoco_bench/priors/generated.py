"""The prior of generated bodies: many shapes, acted and random poses, cameras pitched as real ones.

Half of a body's moments is acted (the generator's motions), the rest is drawn at random within anatomical limits.
About a quarter of all skeletons has bent thighs, as in LiftedCL's published prior.
Importing this module without the extra `synth` raises `hcmoco_bench.errors.MissingExtraError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import UsageError
from hcmoco_bench.priors.hinges import hinges
from hcmoco_bench.priors.moments import joined, moments
from hcmoco_bench.priors.random_poses import Posture, random_motion, within_limits
from hcmoco_bench.priors.skeleton_prior import SkeletonPrior
from hcmoco_bench.priors.views import sample_pitch, sample_views
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.synth.motion import ACTIONS, sample_motion
from hcmoco_bench.synth.person.bare_body import BareBody
from hcmoco_bench.synth.person.human36m_joints import human36m_joints

Floats = NDArray[np.float64]

SHARES: Final[dict[Posture | None, float]] = {None: 0.5, "upright": 0.36, "chair": 0.08, "floor": 0.03, "crouch": 0.03}
"""Share of each kind of pose; None is acted."""

_CLIP_FRAMES: Final = 90
_FROM_A_CLIP: Final = 5
"""An acted motion lasts three seconds; this many of its frames are taken, so that a body has several actions."""

_GRID: Final = 1e-5
"""Meters to which joints are rounded: the last bits of sums differ between processors, a hundredth of a millimeter
does not."""

_MOST: Final = 1_000_000
_LABEL: Final = "skeletons"


@dataclass(frozen=True)
class GeneratedOptions:
    """How a prior is generated.

    Attributes:
        number: Number of skeletons.
        bodies: Number of different bodies; each has the same number of skeletons, but for a remainder of one.
        seed: Seed of everything.
    """

    number: int = 10_000
    bodies: int = 100
    seed: int = 0


def generate_prior(options: GeneratedOptions | None = None, *, progress: Progress = no_progress) -> SkeletonPrior:
    """Draw a prior from the generator's bodies; the same options give the same prior.

    A body's skeletons depend on the seed, the body's number and how many there are of it, not on the other bodies.

    Args:
        options: How; the defaults of `GeneratedOptions` if not given.
        progress: Told the number of skeletons done.

    Raises:
        UsageError: If the options make no sense.
    """
    options = options or GeneratedOptions()
    if not 1 <= options.bodies <= options.number <= _MOST:
        raise UsageError(
            f"{options.number} skeletons of {options.bodies} bodies: give 1 to {_MOST:,} skeletons, and 1 to as many "
            "bodies as skeletons"
        )
    if options.seed < 0:
        raise UsageError(f"seed {options.seed}: give a seed of 0 or more")
    ends = np.arange(options.bodies + 1) * options.number // options.bodies
    counts = ends[1:] - ends[:-1]
    joints, pitch = [], []
    done = 0
    progress(_LABEL, 0, options.number)
    for body, count in enumerate(counts.tolist()):
        seen, down = _body_skeletons(_generator(options.seed, body), count)
        joints.append(seen)
        pitch.append(down)
        done += count
        progress(_LABEL, done, options.number)
    return SkeletonPrior.of(
        np.concatenate(joints),
        np.repeat(np.arange(options.bodies), counts),
        metric=True,
        source=f"generated: {options.number} skeletons of {options.bodies} bodies, seed {options.seed}",
        pitch=np.concatenate(pitch),
    )


def _generator(seed: int, body: int) -> np.random.Generator:
    digest = sha256(f"{seed}/skeleton prior/{body}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))


def _body_skeletons(rng: np.random.Generator, count: int) -> tuple[Floats, Floats]:
    """(N, 17, 3) skeletons of one new body, root at 0, camera axes, meters; (N,) their cameras' pitch, degrees."""
    body = BareBody.sample(rng)
    kinds = list(SHARES)
    numbers = rng.multinomial(count, list(SHARES.values())).tolist()
    wanted = {kind: number for kind, number in zip(kinds, numbers, strict=True) if kind is not None}
    acted = count - sum(wanted.values())
    world = np.concatenate([_acted(rng, body, acted), _drawn(rng, body, wanted)])
    rng.shuffle(world)
    pitch = sample_pitch(rng, count)
    seen = (world - world[:, :1]) @ np.swapaxes(sample_views(rng, pitch), -1, -2)
    return np.round(seen / _GRID) * _GRID, pitch


def _acted(rng: np.random.Generator, body: BareBody, count: int) -> Floats:
    clips = []
    for start in range(0, count, _FROM_A_CLIP):
        action = ACTIONS[int(rng.integers(len(ACTIONS)))]
        clip = sample_motion(rng, action, _CLIP_FRAMES, position=(0.0, 0.0), yaw=0.0)
        frames = rng.choice(_CLIP_FRAMES, min(_FROM_A_CLIP, count - start), replace=False)
        clips.append(moments(clip, frames))
    poses = [body.pose(motion) for motion in joined(clips)]
    found = [human36m_joints(body.skeleton, pose.heads, pose.turns) for pose in poses]
    return np.concatenate([np.empty((0, 17, 3)), *found])


def _drawn(rng: np.random.Generator, body: BareBody, wanted: Mapping[Posture, int]) -> Floats:
    """Random poses; those out of the limits are drawn again."""
    found: list[Floats] = [np.empty((0, 17, 3))]
    missing = {posture: number for posture, number in wanted.items() if number}
    while missing:
        drawn = {posture: 2 * number + 4 for posture, number in missing.items()}
        pose = body.pose(random_motion(rng, drawn))
        joints, good = human36m_joints(body.skeleton, pose.heads, pose.turns), within_limits(pose)
        good &= ~hinges(joints).wrong_way.any(1)
        parts = np.split(np.arange(len(joints)), np.cumsum(list(drawn.values()))[:-1])
        for (posture, number), rows in zip(list(missing.items()), parts, strict=True):
            chosen = rows[good[rows]][:number]
            found.append(joints[chosen])
            missing[posture] = number - len(chosen)
        missing = {posture: number for posture, number in missing.items() if number}
    return np.concatenate(found)
