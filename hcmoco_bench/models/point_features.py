"""What an encoder of points makes of a batch: a vector for each point, and the way back to the image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hcmoco_bench.models.point_ops import interpolate, three_nearest
from hcmoco_bench.runtime.ranks import world_size


@dataclass(frozen=True)
class PointFeatures:
    """Features of the points of each sample, and for each cell of a map the points that it takes its values from.

    Only samples that have points are here: P of the B samples of the batch.

    Attributes:
        features: (P, C, N) a vector for each of N points.
        nearest: (P, h * w, 3) int64, the three points nearest to each cell, row by row.
        weights: (P, h * w, 3) float32, their weights, which sum to 1.
        cells: Rows and columns of the map, h and w.
        present: (P,) int64, the places in the batch of the samples that have points, ascending.
        size: Number of samples of the batch, B.
    """

    features: Tensor
    nearest: Tensor
    weights: Tensor
    cells: tuple[int, int]
    present: Tensor
    size: int

    @classmethod
    def at(
        cls,
        features: Tensor,
        points: Tensor,
        targets: Tensor,
        cells: tuple[int, int],
        *,
        present: Tensor | None = None,
        size: int | None = None,
    ) -> PointFeatures:
        """Features of points, to be interpolated at the places of a map's cells.

        Args:
            features: (P, C, N).
            points: (P, N, 3) coordinates of the points.
            targets: (P, h * w, 3) coordinates of the cells, row by row.
            cells: Rows and columns of the map, h and w.
            present: (P,) int64 places of these samples in the batch; None where all samples have points.
            size: Number of samples of the batch; None where all have points.
        """
        nearest, weights = three_nearest(targets, points)
        if present is None or size is None:
            present, size = torch.arange(len(features), device=features.device), len(features)
        return cls(features, nearest, weights, cells, present, size)

    def pooled(self) -> Tensor:
        """(B, C) mean over the points, as HCMoCo pools them; zeros for samples without points."""
        return self._among_all(self.features.mean(dim=2))

    def to_map(self, features: Tensor | None = None) -> Tensor:
        """Interpolate from the three nearest points by inverse distance.

        Args:
            features: (P, D, N) other features of the same points; None takes `features`.

        Returns:
            (B, D, h, w); zeros for samples without points.
        """
        values = interpolate(self.features if features is None else features, self.nearest, self.weights)
        return self._among_all(values.reshape(*values.shape[:2], *self.cells))

    def _among_all(self, values: Tensor) -> Tensor:
        if len(values) == self.size:
            return values
        return values.new_zeros(self.size, *values.shape[1:]).index_copy(0, self.present, values)


def runs_without_points(module: nn.Module) -> bool:
    """Whether a network must run even if no sample of the batch has points: other processes wait for its statistics."""
    return module.training and world_size() > 1 and any(_shares_statistics(layer) for layer in module.modules())


def zeros_of(module: nn.Module, *shape: int) -> Tensor:
    """Zeros that have a gradient, of zero, for each parameter of a network: under DDP each must get one in every step.

    Args:
        module: The network that did not run; it has parameters.
        shape: Shape of the zeros.
    """
    parameters = list(module.parameters())
    total = torch.stack([(parameter * 0).sum() for parameter in parameters]).sum()
    return total.expand(shape)


def _shares_statistics(layer: nn.Module) -> bool:
    return isinstance(layer, nn.SyncBatchNorm) or bool(getattr(layer, "shares_statistics", False))
