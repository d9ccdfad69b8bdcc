"""How far each bone of a body usually turns: what decides where joints alone do not, such as twists.

A ball joint turns about any axis, less about its own bone; a hinge bends one way and hardly otherwise; the joints of
the trunk bend a little each. The spreads are ours, wide enough for sports, in the spirit of the priors with which
SMPLify fits bodies to joints (Bogo et al., ECCV 2016).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from hcmoco_bench.body_models.body_model import BodyModel

BALL, HINGE, STIFF, TWIST = "ball", "hinge", "stiff", "twist"

_KINDS: Final = {
    BALL: ("upperleg01", "upperarm01", "hip", "shoulder"),
    HINGE: ("lowerleg01", "lowerarm01", "knee", "elbow"),
    TWIST: ("upperleg02", "lowerleg02", "upperarm02", "lowerarm02"),
}
"""Kinds of bones by stems of their names in anny's rig and in SMPL; all others are stiff."""

_SWING: Final = {BALL: 0.8, HINGE: 0.08, STIFF: 0.15, TWIST: 0.03}
_ABOUT_ITSELF: Final = {BALL: 0.35, HINGE: 0.2, STIFF: 0.1, TWIST: 0.2}
"""Spread of a bone's turn across and about itself, radians."""

_BEND, _BEND_SPREAD = 0.6, 0.8
"""Of a hinge about its axis, radians."""


@dataclass(frozen=True, eq=False)
class PosePrior:
    """A normal distribution of each bone's rotation as axis times angle; that of the root has no precision.

    Attributes:
        mean: (P, 3) radians.
        root_precision: (P, 3, 3) the matrix by which a deviation from the mean is multiplied to have unit variance.
    """

    mean: Tensor
    root_precision: Tensor


def pose_prior(model: BodyModel, heads: Tensor) -> PosePrior:
    """The prior of a body's bones.

    Args:
        model: The body; bones with the names of anny's rig or of SMPL.
        heads: (P, 3) heads of its bones in the rest pose, meters.
    """
    mean, precision = torch.zeros_like(heads), heads.new_zeros(len(heads), 3, 3)
    for bone in range(1, len(heads)):
        kind, along = kind_of_bone(model.bone_names[bone]), _direction(model, heads, bone)
        variance = _SWING[kind] ** 2 * torch.eye(3).to(heads)
        variance += (_ABOUT_ITSELF[kind] ** 2 - _SWING[kind] ** 2) * torch.outer(along, along)
        if kind == HINGE:
            axis = _hinge(model, heads, bone)
            mean[bone] = _BEND * axis
            variance += (_BEND_SPREAD**2 - axis @ variance @ axis) * torch.outer(axis, axis)
        precision[bone] = torch.linalg.inv(torch.linalg.cholesky(variance))
    return PosePrior(mean, precision)


def kind_of_bone(name: str) -> str:
    """`ball`, `hinge`, `twist` or `stiff`."""
    stem = name.split(".")[0].removeprefix("left ").removeprefix("right ")
    return next((kind for kind, stems in _KINDS.items() if stem in stems), STIFF)


def _direction(model: BodyModel, heads: Tensor, bone: int) -> Tensor:
    """Unit vector along a bone: to its first child, or on from its parent."""
    children = [child for child, parent in enumerate(model.parents) if parent == bone]
    offset = heads[children[0]] - heads[bone] if children else heads[bone] - heads[model.parents[bone]]
    return functional.normalize(offset, dim=0)


def _hinge(model: BodyModel, heads: Tensor, bone: int) -> Tensor:
    """Axis about which a knee or an elbow bends with a positive angle, in the axes of the rest pose."""
    if "leg" in model.bone_names[bone] or "knee" in model.bone_names[bone]:
        return heads.new_tensor([1.0, 0.0, 0.0])  # the shin goes back
    along = _direction(model, heads, bone)
    axis = torch.linalg.cross(along, heads.new_tensor([0.0, 0.0, 1.0]))  # the forearm goes to the front
    return functional.normalize(axis, dim=0)
