"""A body whose rest shape is linear in some coefficients and which linear blend skinning poses: anny's and SMPL."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

from hcmoco_bench.body_models.body_model import Body, BodyModel
from hcmoco_bench.body_models.linear_blend import blend_vertices, pose_bones


class LinearBlendBody(BodyModel):
    """What such bodies share.

    Attributes:
        template: (V, 3) meters.
        targets: (K, V * 3) meters by which each coefficient moves the vertices; those of the shape come first.
        head_template: (P, 3) meters, heads of the bones.
        head_targets: (K_shape, P * 3) meters by which each coefficient of the shape moves them.
        weights: (V, P) skinning weights; rows sum to 1.
    """

    template: Tensor
    targets: Tensor
    head_template: Tensor
    head_targets: Tensor
    weights: Tensor

    @abstractmethod
    def shape_coefficients(self, shape: Tensor) -> Tensor:
        """(B, K_shape) coefficients of shape parameters (B, S)."""

    def pose_coefficients(self, rotations: Tensor) -> Tensor:
        """(B, K_pose) coefficients of rotations (B, P, 3, 3) that move the vertices of the rest shape; none here."""
        return rotations.new_zeros(len(rotations), 0)

    @abstractmethod
    def joint_weights(self, joints: str) -> tuple[Tensor, Tensor]:
        """Vertices (N,) and their weights (J, N) in each joint of a set.

        Raises:
            UsageError: If the body has no such joints; lists those it has.
        """

    def forward(self, shape: Tensor, rotations: Tensor, translation: Tensor | None = None) -> Body:
        """See `BodyModel.forward`."""
        of_shape = self.shape_coefficients(shape)
        coefficients = torch.cat([of_shape, self.pose_coefficients(rotations)], -1)
        rest = self.template + (coefficients @ self.targets).view(len(shape), *self.template.shape)
        rest_heads = self.rest_heads(of_shape)
        posed = pose_bones(rotations, rest_heads, self.parents)
        vertices = blend_vertices(rest, self.weights, posed, rest_heads)
        if translation is None:
            return Body(vertices, posed.heads)
        return Body(vertices + translation[:, None], posed.heads + translation[:, None])

    def rest_heads(self, of_shape: Tensor) -> Tensor:
        """(B, P, 3) heads of the bones in the rest pose, meters, from coefficients of the shape (B, K_shape)."""
        return self.head_template + (of_shape @ self.head_targets).view(len(of_shape), *self.head_template.shape)

    def regress_joints(self, vertices: Tensor, joints: str) -> Tensor:
        """See `BodyModel.regress_joints`."""
        ids, weights = self.joint_weights(joints)
        return weights.to(vertices) @ vertices[:, ids.to(vertices.device)]


class PosedJoints(nn.Module):
    """The joints of a body without its vertices: equal to `regress_joints` of them, and far cheaper.

    A joint is a weighted sum of vertices, and a vertex a weighted sum of what each bone makes of its rest place. In
    other order: sum the rest places first, for each pair of joint and bone, and let the bone move the sum.

    Args:
        model: The body.
        joints: Its joint set.

    Raises:
        UsageError: If the body has no such joints; lists those it has.
    """

    template: Tensor
    targets: Tensor
    shares: Tensor

    def __init__(self, model: LinearBlendBody, joints: str) -> None:
        super().__init__()
        self._model = [model]  # in a list, so that its vertices do not move along with this module
        ids, weights = model.joint_weights(joints)
        pairs = torch.einsum("jn,np->jpn", weights, model.weights[ids])
        targets = model.targets.view(len(model.targets), -1, 3)[:, ids]
        self.register_buffer("shares", pairs.sum(-1), persistent=False)
        self.register_buffer("template", pairs @ model.template[ids], persistent=False)
        self.register_buffer("targets", torch.einsum("jpn,knc->kjpc", pairs, targets).flatten(1), persistent=False)

    def forward(self, shape: Tensor, rotations: Tensor, translation: Tensor | None = None) -> Tensor:
        """Joints (B, J, 3), meters; arguments as those of `BodyModel.forward`."""
        (model,) = self._model
        of_shape = model.shape_coefficients(shape)
        coefficients = torch.cat([of_shape, model.pose_coefficients(rotations)], -1)
        places = self.template + (coefficients @ self.targets).view(len(shape), *self.template.shape)
        rest_heads = model.rest_heads(of_shape)
        posed = pose_bones(rotations, rest_heads, model.parents)
        shift = posed.heads - (posed.turns @ rest_heads[..., None])[..., 0]
        moved = torch.einsum("bpxy,bjpy->bjx", posed.turns, places) + self.shares @ shift
        return moved if translation is None else moved + translation[:, None]
