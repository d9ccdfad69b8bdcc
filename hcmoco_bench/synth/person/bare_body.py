"""A generated body without clothes, hair and texture: what poses need, drawn in a small part of a performer's time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hcmoco_bench.body_models.anny_mesh import body_vertices
from hcmoco_bench.body_models.anny_rig import Skeleton, joint_heads
from hcmoco_bench.body_models.anny_shape import Phenotype, rest_vertices, sample_phenotype
from hcmoco_bench.synth.motion.motion_types import Motion
from hcmoco_bench.synth.motion.posing import Pose, solve
from hcmoco_bench.synth.person.landmarks import Landmarks, measure


@dataclass(frozen=True, eq=False)
class BareBody:
    """The skeleton and the measures of one body.

    Attributes:
        phenotype: Body shape.
        stature: Meters.
        skeleton: Joints of the rest pose.
        landmarks: Measures that poses refer to.
    """

    phenotype: Phenotype
    stature: float
    skeleton: Skeleton
    landmarks: Landmarks

    @classmethod
    def sample(cls, rng: np.random.Generator) -> BareBody:
        """Draw an adult of 1.5 to 1.95 m, from the same shapes as the dressed performers."""
        phenotype, stature = sample_phenotype(rng)
        rest = rest_vertices(phenotype)
        skeleton = Skeleton(joint_heads(rest))
        return cls(phenotype, stature, skeleton, measure(rest, skeleton, body_vertices(), stature))

    def pose(self, motion: Motion) -> Pose:
        """Bones of every frame of a motion."""
        return solve(motion, self.skeleton, self.landmarks)
