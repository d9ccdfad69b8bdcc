"""Representations of rotations that networks and optimizers work with: six numbers, and axis times angle."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_SMALL = 1e-8
"""Square of an angle below which the series replaces sine and cosine."""


def from_six(six: Tensor) -> Tensor:
    """Rotation matrices from the continuous representation with six numbers, which has no jumps.

    The numbers are two columns of three; Gram-Schmidt makes the first two columns of the matrix of them (Zhou et al.,
    "On the Continuity of Rotation Representations in Neural Networks", CVPR 2019, section B).

    Args:
        six: (..., 6) any numbers; the two triples must not be parallel.

    Returns:
        (..., 3, 3) rotation matrices.
    """
    first = functional.normalize(six[..., :3], dim=-1)
    rest = six[..., 3:]
    second = functional.normalize(rest - (first * rest).sum(-1, keepdim=True) * first, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second)], -1)


def to_six(rotations: Tensor) -> Tensor:
    """(..., 6) the first two columns of rotation matrices (..., 3, 3), one after the other."""
    return rotations[..., :2].transpose(-1, -2).flatten(-2)


def from_axis_angle(vectors: Tensor) -> Tensor:
    """Rotation matrices from vectors along the axis, as long as the angle (Rodrigues' formula).

    Args:
        vectors: (..., 3) radians.

    Returns:
        (..., 3, 3) rotation matrices; gradients are finite at angle 0 too.
    """
    square = (vectors * vectors).sum(-1, keepdim=True)[..., None]
    small = square < _SMALL
    safe = torch.where(small, torch.ones_like(square), square)
    angle = safe.sqrt()
    sine = torch.where(small, 1 - square / 6, torch.sin(angle) / angle)
    cosine = torch.where(small, 0.5 - square / 24, (1 - torch.cos(angle)) / safe)
    cross = _cross_matrix(vectors)
    identity = torch.eye(3, dtype=vectors.dtype, device=vectors.device)
    return identity + sine * cross + cosine * (cross @ cross)


def to_axis_angle(rotations: Tensor) -> Tensor:
    """Vectors along the axis, as long as the angle, of rotation matrices.

    Args:
        rotations: (..., 3, 3).

    Returns:
        (..., 3) radians, of length 0 to pi.
    """
    quaternions = _quaternions(rotations)
    real, imaginary = quaternions[..., :1], quaternions[..., 1:]
    sine = imaginary.norm(dim=-1, keepdim=True)
    angle = 2 * torch.atan2(sine, real)
    # The angle over its half's sine goes to 2 where both go to zero.
    scale = torch.where(sine * sine < _SMALL, torch.full_like(sine, 2), angle / sine.clamp(min=_SMALL))
    return imaginary * scale


def _cross_matrix(vectors: Tensor) -> Tensor:
    x, y, z = vectors.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*vectors.shape, 3)


def _quaternions(m: Tensor) -> Tensor:
    """(..., 4) unit quaternions w x y z with w not negative, by the largest of the four numbers."""
    xx, yy, zz = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    x, y, z = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    xy, xz, yz = m[..., 1, 0] + m[..., 0, 1], m[..., 2, 0] + m[..., 0, 2], m[..., 2, 1] + m[..., 1, 2]
    rows = torch.stack(
        [
            torch.stack([1 + xx + yy + zz, x, y, z], -1),
            torch.stack([x, 1 + xx - yy - zz, xy, xz], -1),
            torch.stack([y, xy, 1 - xx + yy - zz, yz], -1),
            torch.stack([z, xz, yz, 1 - xx - yy + zz], -1),
        ],
        -2,
    )  # each row is the quaternion times four of one of its numbers
    best = torch.diagonal(rows, dim1=-2, dim2=-1).argmax(-1)
    row = torch.take_along_dim(rows, best[..., None, None], -2)[..., 0, :]
    found = functional.normalize(row, dim=-1)
    return torch.where(found[..., :1] < 0, -found, found)
