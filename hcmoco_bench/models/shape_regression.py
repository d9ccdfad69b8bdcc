"""Regression of a parametric body from an image: pooled features, and steps that correct an estimate (HMR, SPIN)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from hcmoco_bench.models.encoder import Encoder

HEAD_WIDTH: Final = 1024
ITERATIONS: Final = 3
DROPOUT: Final = 0.5
_FIRST_SCALE: Final = 0.9
"""Scale of the first camera: in half crops per meter, a standing person of 1.7 m then fills three quarters of it."""
_GAIN: Final = 0.01
"""Gain of the first weights of the decoders, as published: the first estimate is near the rest pose."""


@dataclass(frozen=True)
class BodyEstimate:
    """B estimated bodies.

    Attributes:
        rotations: (B, P, 3, 3) rotation of each bone against its parent, from the rest pose; the first turns the body
            against the camera (x right, y down, z away from it).
        shape: (B, S) shape parameters.
        camera: (B, 3) scale and shift of a weak perspective: x, y in meters from the pelvis become
            `scale * (x, y) + shift` in half crops from the middle of the crop.
    """

    rotations: Tensor
    shape: Tensor
    camera: Tensor

    def project(self, points: Tensor) -> Tensor:
        """(B, J, 2) places in the crop, -1..1 from edge to edge, of points (B, J, 3) in meters from the pelvis."""
        return self.camera[:, None, :1] * points[..., :2] + self.camera[:, None, 1:]


class ShapeNet(nn.Module):
    """An encoder and the head of Human Mesh Recovery (Kanazawa et al., CVPR 2018).

    The maps of the encoder are averaged, over the whole image as published or over the cells of a grid, and
    concatenated. Beginning with the rest pose that faces the
    camera and the mean shape, each step adds a correction that two linear layers make from features and estimate.
    Rotations are regressed as two columns of six numbers (Zhou et al., CVPR 2019), as in SPIN.

    Args:
        encoder: The encoder.
        n_bones: P.
        n_shape: S.
        width: Channels of the two layers.
        iterations: Number of steps; 1 is direct regression.
        dropout: Share of channels that training drops behind each layer.
        grid: Cells to a side over which maps are averaged; 1 is the whole image.
    """

    first: Tensor

    def __init__(
        self,
        encoder: Encoder,
        n_bones: int,
        n_shape: int,
        *,
        width: int = HEAD_WIDTH,
        iterations: int = ITERATIONS,
        dropout: float = DROPOUT,
        grid: int = 1,
    ) -> None:
        super().__init__()
        self.grid = grid
        self.encoder, self.n_bones, self.n_shape, self.iterations = encoder, n_bones, n_shape, iterations
        numbers = 6 * n_bones + n_shape + 3
        self.refine = nn.Sequential(
            nn.Linear(grid**2 * sum(encoder.channels) + numbers, width),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(width, width),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
        )
        self.decode = nn.Linear(width, numbers)
        nn.init.xavier_uniform_(self.decode.weight, gain=_GAIN)
        nn.init.zeros_(self.decode.bias)
        self.register_buffer("first", _first_estimate(n_bones, n_shape))

    def forward(self, image: Tensor) -> BodyEstimate:
        """Bodies in images (B, 3, H, W), normalized."""
        maps = self.encoder(image)
        features = torch.cat([functional.adaptive_avg_pool2d(one, self.grid).flatten(1) for one in maps], dim=1)
        estimate = self.first.expand(len(features), -1)
        for _ in range(self.iterations):
            estimate = estimate + self.decode(self.refine(torch.cat([features, estimate], dim=1)))
        # Rotations and what follows are geometry, which half precision would blur by centimeters.
        numbers, n_turns = estimate.float(), 6 * self.n_bones
        turns = numbers[:, :n_turns].reshape(-1, self.n_bones, 3, 2)
        return BodyEstimate(rotations_from_columns(turns), numbers[:, n_turns:-3], numbers[:, -3:])


def rotations_from_columns(columns: Tensor) -> Tensor:
    """Rotations (..., 3, 3) whose first columns are those of (..., 3, 2), made orthonormal one after the other."""
    one = functional.normalize(columns[..., 0], dim=-1)
    two = columns[..., 1] - (one * columns[..., 1]).sum(-1, keepdim=True) * one
    two = functional.normalize(two, dim=-1)
    return torch.stack([one, two, torch.linalg.cross(one, two)], dim=-1)


def _first_estimate(n_bones: int, n_shape: int) -> Tensor:
    """Every bone as in the rest pose, and the root turned by half a turn about x, so that the body faces the camera."""
    columns = torch.eye(3)[:, :2].repeat(n_bones, 1, 1)
    columns[0] = torch.diag(torch.tensor([1.0, -1.0, -1.0]))[:, :2]
    camera = torch.tensor([_FIRST_SCALE, 0.0, 0.0])
    return torch.cat([columns.reshape(-1), torch.zeros(n_shape), camera])
