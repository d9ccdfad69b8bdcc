"""Generated people without clothes, in motion."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hcmoco_bench.body_models.anny_mesh import body_vertices
from hcmoco_bench.body_models.anny_rig import Skeleton, joint_heads
from hcmoco_bench.body_models.anny_shape import Phenotype, rest_vertices, sample_phenotype
from hcmoco_bench.body_models.rotations import from_axis_angle
from hcmoco_bench.synth.motion import ACTIONS, sample_motion
from hcmoco_bench.synth.motion.posing import solve
from hcmoco_bench.synth.person.landmarks import measure


@dataclass(frozen=True, eq=False)
class GeneratedBody:
    """A person of the generator in two poses."""

    phenotype: Phenotype
    rest: NDArray[np.float64]
    skeleton: Skeleton
    heads: NDArray[np.float64]
    turns: NDArray[np.float64]


@cache
def _one(number: int) -> GeneratedBody:
    rng = np.random.default_rng([7, number])
    phenotype, stature = sample_phenotype(rng)
    rest = rest_vertices(phenotype)
    skeleton = Skeleton(joint_heads(rest))
    motion = sample_motion(rng, str(rng.choice(ACTIONS)), 60, position=(0.2, 0.1), yaw=float(rng.uniform(-3, 3)))
    pose = solve(motion, skeleton, measure(rest, skeleton, body_vertices(), stature))
    return GeneratedBody(phenotype, rest, skeleton, pose.heads[[20, 50]], pose.turns[[20, 50]])


def generated(count: int) -> list[GeneratedBody]:
    """The first people; each is made once per run."""
    return [_one(number) for number in range(count)]


def turned(generator: torch.Generator, count: int, bones: int, spread: float = 0.4) -> Tensor:
    """(B, P, 3, 3) rotations of random axes and angles."""
    return from_axis_angle(spread * torch.randn(count, bones, 3, generator=generator))
