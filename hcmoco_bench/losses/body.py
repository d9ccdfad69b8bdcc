"""Losses between estimated and true bodies: rotations, shape, joints in space and in the image, vertices."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class BodyTensors:
    """B bodies as the loss compares them.

    Attributes:
        rotations: (B, P, 3, 3) rotations of the bones against their parents.
        shape: (B, S) shape parameters.
        joints: (B, J, 3) meters from the pelvis, in the axes of the camera.
        places: (B, J, 2) places of the joints in the crop, -1..1 from edge to edge.
        vertices: (B, V, 3) meters from the pelvis, in the axes of the camera.
    """

    rotations: Tensor
    shape: Tensor
    joints: Tensor
    places: Tensor
    vertices: Tensor


@dataclass(frozen=True)
class BodyLoss:
    """Terms of the loss, each a mean over the batch, without weights.

    Attributes:
        pose: Squared difference of the entries of rotations.
        shape: Squared difference of shape parameters.
        joints3d: Squared difference of coordinates, square meters.
        joints2d: Squared difference of coordinates, square half crops.
        vertices: Absolute difference of coordinates, meters.
    """

    pose: Tensor
    shape: Tensor
    joints3d: Tensor
    joints2d: Tensor
    vertices: Tensor


def body_loss(prediction: BodyTensors, target: BodyTensors, same_shape: Tensor) -> BodyLoss:
    """The terms of SPIN's loss (Kolotouros et al., ICCV 2019) for bodies of which everything is known.

    Args:
        prediction: The estimates.
        target: The true bodies; nothing is learned from them.
        same_shape: (B,) bool, whether the true shape parameters are of the model that is estimated; those of another
            model (SMPL's of men and women) are compared by joints and vertices only.
    """
    counted = same_shape.to(prediction.shape.dtype)[:, None]
    number = (counted.sum() * prediction.shape.shape[1]).clamp(min=1)
    return BodyLoss(
        pose=functional.mse_loss(prediction.rotations, target.rotations),
        shape=(counted * (prediction.shape - torch.where(counted > 0, target.shape, 0.0)).square()).sum() / number,
        joints3d=functional.mse_loss(prediction.joints, target.joints),
        joints2d=functional.mse_loss(prediction.places, target.places),
        vertices=functional.l1_loss(prediction.vertices, target.vertices),
    )
