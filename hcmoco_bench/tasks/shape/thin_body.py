"""A body with some of its vertices, which is all that a training loss needs: joints, and points all over the skin."""

from __future__ import annotations

from copy import deepcopy
from typing import ClassVar

import torch
from torch import Tensor

from hcmoco_bench.body_models.body_model import Body, BodyModel
from hcmoco_bench.body_models.linear_blend_body import LinearBlendBody
from hcmoco_bench.tasks.shape.bodies import TaskBodies
from hcmoco_bench.tasks.shape.record import JOINTS, PELVIS

_SETS = (JOINTS, PELVIS[0])


class ThinBody(BodyModel):
    """Some of the vertices of a body; shapes, poses and joints are those of the whole one.

    Args:
        model: The whole body.
        number: Number of vertices, evenly from all; those from which joints are regressed come in addition.
    """

    name: ClassVar[str] = "thin"

    def __init__(self, model: LinearBlendBody, number: int) -> None:
        super().__init__()
        self.shape_names, self.bone_names, self.parents = model.shape_names, model.bone_names, model.parents
        regressors = {joints: model.joint_weights(joints) for joints in _SETS}
        n_vertices = len(model.template)
        spread = torch.linspace(0, n_vertices - 1, min(number, n_vertices)).long()
        kept = torch.unique(torch.cat([spread, *(ids for ids, _ in regressors.values())]))
        self.part = deepcopy(model)
        self.part.template = model.template[kept]
        self.part.targets = model.targets.view(-1, n_vertices, 3)[:, kept].flatten(1).contiguous()
        self.part.weights = model.weights[kept]
        self.register_buffer("faces", model.faces[:0], persistent=False)
        for joints, (ids, weights) in regressors.items():
            self.register_buffer(f"{joints}_places", torch.searchsorted(kept, ids), persistent=False)
            self.register_buffer(f"{joints}_weights", weights, persistent=False)

    def forward(self, shape: Tensor, rotations: Tensor, translation: Tensor | None = None) -> Body:
        """See `BodyModel.forward`; the vertices are those that were kept."""
        body: Body = self.part(shape, rotations, translation)
        return body

    def regress_joints(self, vertices: Tensor, joints: str) -> Tensor:
        """See `BodyModel.regress_joints`."""
        places, weights = self.get_buffer(f"{joints}_places"), self.get_buffer(f"{joints}_weights")
        return weights.to(vertices) @ vertices[:, places]


def thin_bodies(bodies: TaskBodies, number: int) -> TaskBodies:
    """The bodies with a number of their vertices; 0, and a model of another kind, leaves them whole."""
    if number == 0:
        return bodies
    thin = {
        id(model): ThinBody(model, number) if isinstance(model, LinearBlendBody) else model
        for model in (bodies.estimated, *bodies.true)
    }
    return TaskBodies(thin[id(bodies.estimated)], tuple(thin[id(model)] for model in bodies.true))
