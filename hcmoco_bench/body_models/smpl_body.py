"""SMPL (Loper et al., "SMPL: A Skinned Multi-Person Linear Model", SIGGRAPH Asia 2015) from the user's own file."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from hcmoco_bench.body import joint_set
from hcmoco_bench.body_models.joint_regressors import JOINT_SETS
from hcmoco_bench.body_models.linear_blend_body import LinearBlendBody
from hcmoco_bench.body_models.smpl_file import read_smpl
from hcmoco_bench.body_models.smpl_joints import smpl_regressors
from hcmoco_bench.errors import UsageError
from hcmoco_bench.runtime.near_names import did_you_mean


class SmplBody(LinearBlendBody):
    """SMPL with 24 bones and the first ten shape parameters.

    Vertices of the rest pose are the template plus blend shapes of the shape parameters and of the rotations minus the
    identity; joints come from the shaped template; linear blend skinning poses them. The joints of `Body` are those of
    the posed skeleton, those of `regress_joints` come from the posed vertices.

    Args:
        path: File of a model, `.npz` or a pickle; see `smpl_file`.

    Raises:
        DataError: If it is missing, damaged, or no model of SMPL.
    """

    name: ClassVar[str] = "smpl"

    def __init__(self, path: Path) -> None:
        super().__init__()
        model = read_smpl(path)
        n_vertices, n_shapes = len(model.template), model.shapes.shape[-1]
        self.shape_names = tuple(f"beta {number}" for number in range(n_shapes))
        self.bone_names = joint_set("smpl24").joints
        self.parents = model.parents
        moves = np.concatenate([model.shapes, model.poses], -1).transpose(2, 0, 1)
        heads = np.einsum("pv,vcs->spc", model.regressor, model.shapes)
        constants = {
            "template": model.template,
            "targets": moves.reshape(len(moves), 3 * n_vertices),
            "head_template": model.regressor @ model.template,
            "head_targets": heads.reshape(n_shapes, -1),
            "weights": model.weights,
        }
        for name, values in constants.items():
            self.register_buffer(name, torch.from_numpy(values.astype(np.float32)), persistent=False)
        self.register_buffer("faces", torch.from_numpy(model.faces), persistent=False)
        for joints, rows in smpl_regressors(model, path.parent).items():
            self.register_buffer(f"regressor_{joints}", torch.from_numpy(rows.astype(np.float32)), persistent=False)

    def shape_coefficients(self, shape: Tensor) -> Tensor:
        """See `LinearBlendBody.shape_coefficients`: the shape parameters themselves."""
        return shape

    def pose_coefficients(self, rotations: Tensor) -> Tensor:
        """See `LinearBlendBody.pose_coefficients`: the rotations of all bones but the root, minus the identity."""
        return (rotations[:, 1:] - torch.eye(3).to(rotations)).flatten(1)

    def joint_weights(self, joints: str) -> tuple[Tensor, Tensor]:
        """See `LinearBlendBody.joint_weights`."""
        if joints not in JOINT_SETS:
            raise UsageError(f"bodies have no joints {joints!r}; {did_you_mean(joints, JOINT_SETS)}")
        weights = self.get_buffer(f"regressor_{joints}")
        ids = weights.any(0).nonzero()[:, 0]
        return ids, weights[:, ids]
