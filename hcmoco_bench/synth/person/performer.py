"""A generated person: body shape, clothes and texture drawn once, animated by any motion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from hcmoco_bench.body_models.anny_rig import Skeleton, joint_heads, skin, skinning
from hcmoco_bench.body_models.anny_shape import Phenotype, rest_vertices, sample_phenotype
from hcmoco_bench.synth.clothing import Outfit, sample_outfit
from hcmoco_bench.synth.motion.motion_types import Motion
from hcmoco_bench.synth.motion.posing import Pose, solve
from hcmoco_bench.synth.person.figure_mesh import TEXTURE_SIZE, triangles
from hcmoco_bench.synth.person.kinect_joints import kinect_joints
from hcmoco_bench.synth.person.landmarks import Landmarks, measure


@dataclass(frozen=True)
class Figure:
    """What does not change within a clip.

    Attributes:
        faces: (F, 3) int32 vertex indices, counter-clockwise from outside.
        face_uv: (F, 3, 2) float32 texture coordinates in [0, 1], u right, v down (texture row = v * T).
        face_parts: (F,) uint8 class index 1..24, in image sides.
        texture: (T, T, 3) uint8 sRGB albedo.
    """

    faces: NDArray[np.int32]
    face_uv: NDArray[np.float32]
    face_parts: NDArray[np.uint8]
    texture: NDArray[np.uint8]


@dataclass(frozen=True)
class FigureTrack:
    """A figure over N frames.

    Attributes:
        vertices: (N, V, 3) float32 world meters.
        joints: (N, 25, 3) float32 world meters, Kinect order, the person's true sides.
        angles: (N,) degrees of every angle of `anatomy.LIMITS`.
    """

    vertices: NDArray[np.float32]
    joints: NDArray[np.float32]
    angles: dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Performer:
    """One generated person.

    Attributes:
        phenotype: Body shape.
        stature: Bare height, meters.
        outfit: Clothes, hair, shoes and their colors.
        figure: Mesh and texture.
        vertex_ids: (V,) vertex of the base mesh that each vertex of the figure is.
    """

    phenotype: Phenotype
    stature: float
    outfit: Outfit
    figure: Figure
    rest: NDArray[np.float64]
    weights: sparse.csr_array
    skeleton: Skeleton
    landmarks: Landmarks
    vertex_ids: NDArray[np.int64]

    @classmethod
    def sample(cls, rng: np.random.Generator, clothes: np.random.Generator | None = None) -> Performer:
        """Draw an adult of 1.5 to 1.95 m: shape, skin, hair, clothes, shoes.

        Args:
            rng: Source of randomness.
            clothes: Source of what a person can change, the outfit and the hair; None for `rng`.
        """
        phenotype, stature = sample_phenotype(rng)
        african, _, caucasian = phenotype.origin
        darkness = float(np.clip(0.28 + 0.6 * african - 0.22 * caucasian, 0, 1))
        old = (phenotype.age - 2 / 3) / (1 - 2 / 3)
        outfit = sample_outfit(clothes or rng, female=phenotype.gender > 0.5, age=old, darkness=darkness)
        bare = rest_vertices(phenotype)
        skeleton = Skeleton(joint_heads(bare))
        dressed = outfit.dress(bare)
        meshes = [triangles(name) for name in ("body", "helper-l-eye", "helper-r-eye")]
        meshes += [outfit.visible(name) for name in ("helper-skirt", "helper-hair")]
        faces = np.concatenate([mesh[0] for mesh in meshes])
        used, compact = np.unique(faces, return_inverse=True)
        body = np.unique(meshes[0][0])
        figure = Figure(
            faces=compact.reshape(-1, 3).astype(np.int32),
            face_uv=np.concatenate([mesh[1] for mesh in meshes]).astype(np.float32),
            face_parts=np.concatenate([mesh[2] for mesh in meshes]),
            texture=outfit.paint(TEXTURE_SIZE),
        )
        landmarks = measure(dressed, skeleton, body, stature)
        weights = outfit.hang(skinning())
        return cls(phenotype, stature, outfit, figure, dressed[used], weights[used], skeleton, landmarks, used)

    def pose(self, motion: Motion) -> Pose:
        """Bones of every frame of a motion."""
        return solve(motion, self.skeleton, self.landmarks)

    def animate(self, motion: Motion) -> FigureTrack:
        """Mesh and joints of every frame of a motion; the same bytes whatever the number of threads."""
        pose = self.pose(motion)
        vertices = skin(self.rest, self.weights, self.skeleton, pose.heads, pose.turns)
        joints = kinect_joints(self.skeleton, pose.heads, pose.turns).astype(np.float32)
        return FigureTrack(vertices, joints, pose.angles)
