"""A body with some of its vertices, which is all that a training loss needs: joints, and points all over the skin."""

from __future__ import annotations

from copy import deepcopy
from typing import ClassVar

import torch
from torch import Tensor

from hcmoco_bench.body_models.anny_body import AnnyBody
from hcmoco_bench.body_models.body_model import Body, BodyModel
from hcmoco_bench.tasks.shape.bodies import TaskBodies
from hcmoco_bench.tasks.shape.record import JOINTS, PELVIS

_SETS = (JOINTS, PELVIS[0])


class ThinBody(BodyModel):
    """Anny with some of its vertices; shapes, poses and joints are those of the whole body.

    Args:
        model: The whole body.
        number: Number of vertices, evenly from all; those from which joints are regressed come in addition.
    """

    name: ClassVar[str] = "thin anny"

    def __init__(self, model: AnnyBody, number: int) -> None:
        super().__init__()
        self.shape_names, self.bone_names, self.parents = model.shape_names, model.bone_names, model.parents
        self.faces = model.faces[:0]
        regressors = {joints: joint_weights(model, joints) for joints in _SETS}
        n_vertices = len(model.template)
        spread = torch.linspace(0, n_vertices - 1, min(number, n_vertices)).long()
        used = [torch.nonzero(weights.any(0)).flatten() for weights in regressors.values()]
        kept = torch.unique(torch.cat([spread, *used]))
        self.part = deepcopy(model)
        self.part.template = model.template[kept]
        self.part.targets = model.targets.unflatten(1, (n_vertices, 3))[:, kept].flatten(1).contiguous()
        self.part.weights = model.weights[kept]
        for joints, weights in regressors.items():
            self.register_buffer(joints, weights[:, kept], persistent=False)

    def forward(self, shape: Tensor, rotations: Tensor, translation: Tensor | None = None) -> Body:
        """See `BodyModel.forward`; the vertices are those that were kept."""
        body: Body = self.part(shape, rotations, translation)
        return body

    def regress_joints(self, vertices: Tensor, joints: str) -> Tensor:
        """See `BodyModel.regress_joints`."""
        return self.get_buffer(joints) @ vertices


def thin_bodies(bodies: TaskBodies, number: int) -> TaskBodies:
    """The bodies with a number of their vertices; those of a model that cannot be thinned remain whole."""
    if number == 0:
        return bodies
    thin = {
        id(model): ThinBody(model, number) if isinstance(model, AnnyBody) else model
        for model in (bodies.estimated, *bodies.true)
    }
    return TaskBodies(thin[id(bodies.estimated)], tuple(thin[id(model)] for model in bodies.true))


def joint_weights(model: BodyModel, joints: str) -> Tensor:
    """(J, V) weights with which a body's joints are sums of its vertices.

    Joints are linear in the vertices, so the weights of a joint are its derivatives.
    """
    with torch.inference_mode(False), torch.enable_grad():
        n_vertices = int(model.faces.max()) + 1
        vertices = torch.zeros(1, n_vertices, 3, device=model.faces.device, requires_grad=True)
        found = model.regress_joints(vertices, joints)
        rows = [
            torch.autograd.grad(found[0, joint, 0], vertices, retain_graph=True)[0][0, :, 0]
            for joint in range(found.shape[1])
        ]
    return torch.stack(rows)
