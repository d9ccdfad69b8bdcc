"""What a parametric body is: shape and pose in, vertices and joints out, differentiable."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class Body:
    """B posed bodies.

    Attributes:
        vertices: (B, V, 3) meters.
        joints: (B, P, 3) meters, the heads of the model's own bones.
    """

    vertices: Tensor
    joints: Tensor


class BodyModel(nn.Module, ABC):
    """A parametric body; a module without learned parameters, so that it moves between devices.

    Coordinates of the rest pose are those of the model (x to the body's left, y up, z forward); the first rotation
    turns the body into the coordinates of the camera (x right, y down, z away from it).

    Attributes:
        name: Name on the command line, e.g. `anny` or `smpl`.
        shape_names: Names of the S shape parameters.
        bone_names: Names of the P bones with a rotation, the root first, parents before children.
        parents: Parent of each bone, -1 for the root.
        faces: (F, 3) int64 vertices of the triangles.
    """

    name: ClassVar[str]
    shape_names: tuple[str, ...]
    bone_names: tuple[str, ...]
    parents: tuple[int, ...]
    faces: Tensor

    @abstractmethod
    def forward(self, shape: Tensor, rotations: Tensor, translation: Tensor | None = None) -> Body:
        """Pose bodies.

        Args:
            shape: (B, S) shape parameters; 0 is the mean person.
            rotations: (B, P, 3, 3) rotation of each bone against its parent, from the rest pose; that of the root
                turns the whole body about its root joint.
            translation: (B, 3) meters, added at the end; None for none.
        """

    @abstractmethod
    def regress_joints(self, vertices: Tensor, joints: str) -> Tensor:
        """(B, J, 3) joints of a joint set (`h36m17`, `lsp14`, `smpl24`) from vertices (B, V, 3).

        Raises:
            UsageError: If the body has no such joints; lists those it has.
        """
