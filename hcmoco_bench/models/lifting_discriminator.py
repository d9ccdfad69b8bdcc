"""The discriminator of LiftedCL: does a 3-D pose, and does the play of its bones, look human?

https://github.com/RichardChen20/LiftedCL, commit 7c7902a; parameter names are the release's. Products of bones: Wandt
and Rosenhahn, "RepNet", CVPR 2019 (https://arxiv.org/abs/1902.09868), section 3.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

import torch
from torch import Tensor, nn

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.models.lifting import LEAKY_SLOPE, POSE_JOINTS, ResidualBlock

JOINTS: Final = "h36m17"
"""Joint set of poses."""

DISCRIMINATOR_WIDTH: Final = 256
"""Published width of each branch."""

Bones: TypeAlias = Literal["mended", "released"]

_RELEASED_BONES: Final = (
    ("root", "right hip"),
    ("root", "left hip"),
    ("root", "belly"),
    ("right hip", "right knee"),
    ("right knee", "right ankle"),
    ("left hip", "left knee"),
    ("left knee", "left ankle"),
    ("left ankle", "belly"),  # where belly and neck are meant
    ("neck", "nose"),
    ("neck", "left shoulder"),
    ("neck", "right shoulder"),
    ("left shoulder", "left elbow"),
    ("left elbow", "left wrist"),
    ("right shoulder", "right elbow"),
    ("right elbow", "right wrist"),
)


def kinematic_bones(bones: Bones) -> tuple[tuple[int, int], ...]:
    """Bones as pairs of joints of `JOINTS`.

    Args:
        bones: `mended` for the edges of the joint set, one for each of the 16 limbs; `released` for the 15 pairs of the
            release, one of which is an ankle with the belly, and none of which is the nose with the head.
    """
    joints = joint_set(JOINTS)
    if bones == "mended":
        return joints.edges
    return tuple((joints.index(first), joints.index(second)) for first, second in _RELEASED_BONES)


class KinematicDiscriminator(nn.Module):
    """Scores poses: near 1 for real ones, near 0 for others.

    One branch sees the joints. The other sees the products of all pairs of bones, `B B^T` for the bones' vectors `B`,
    which hold lengths and angles and do not change if the pose is turned. There is no batch norm.

    Args:
        bones: Pairs of joints; see `kinematic_bones`.
        width: Width of each branch.
    """

    def __init__(self, bones: Sequence[tuple[int, int]], width: int = DISCRIMINATOR_WIDTH) -> None:
        super().__init__()
        matrix = torch.zeros(len(bones), POSE_JOINTS)
        for row, (first, second) in enumerate(bones):
            matrix[row, first], matrix[row, second] = 1.0, -1.0
        self.bone_matrix: Tensor
        self.register_buffer("bone_matrix", matrix, persistent=False)
        self.kcs = _KinematicChain(len(bones) ** 2, width)
        self.pose = nn.Sequential(nn.Linear(3 * POSE_JOINTS, width), nn.LeakyReLU(LEAKY_SLOPE), ResidualBlock(width))
        self.final = nn.Sequential(
            nn.Linear(2 * width, width // 2), nn.LeakyReLU(LEAKY_SLOPE), nn.Linear(width // 2, 1)
        )

    def forward(self, poses: Tensor) -> Tensor:
        """(B, 51) poses, joint by joint (x, y, z), to (B,) scores."""
        bones = self.bone_matrix @ poses.view(-1, POSE_JOINTS, 3)
        chain = self.kcs((bones @ bones.transpose(1, 2)).flatten(1))
        score: Tensor = self.final(torch.cat([self.pose(poses), chain], dim=1))
        return score[:, 0]


class _KinematicChain(nn.Module):
    def __init__(self, products: int, width: int) -> None:
        super().__init__()
        self.linear = nn.Sequential(nn.Linear(products, width), nn.LeakyReLU(LEAKY_SLOPE), ResidualBlock(width))

    def forward(self, products: Tensor) -> Tensor:
        result: Tensor = self.linear(products)
        return result
