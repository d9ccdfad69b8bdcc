"""Batch normalization with the statistics of all processes, on any device."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from hcmoco_bench.runtime.ranks import sum_over_ranks_with_gradient, world_size


def share_batch_statistics(module: nn.Module) -> nn.Module:
    """Let every batch normalization in a module use the statistics of all processes; parameters and names stay.

    PyTorch's `SyncBatchNorm` does this on GPUs only; this one also runs on the CPU, with `gloo`, and lets a process
    take part that has no sample.
    """
    for layer in module.modules():
        if type(layer) is nn.BatchNorm1d:
            layer.__class__ = _SharedBatchNorm1d
        elif type(layer) is nn.BatchNorm2d:
            layer.__class__ = _SharedBatchNorm2d
    return module


class _SharedStatistics(_BatchNorm):
    shares_statistics = True  # a network without a sample must still run in training, see models/point_features.py

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # the name of the class above
        if not self.training or world_size() == 1:
            return super().forward(input)
        x = input.float()
        axes = [axis for axis in range(x.dim()) if axis != 1]
        shape = [1, -1] + [1] * (x.dim() - 2)
        # A process without samples adds nothing, but takes part in every exchange.
        count = torch.tensor([float(x.numel() // x.shape[1])], device=x.device)
        sums = sum_over_ranks_with_gradient(torch.cat([x.sum(axes), count]))
        total = sums[-1].detach()
        mean = sums[:-1] / total
        centered = x - mean.view(shape)
        squares = sum_over_ranks_with_gradient(centered.square().sum(axes))
        variance = squares / total
        self._update_running(mean.detach(), (squares / (total - 1).clamp(min=1)).detach())
        result = centered * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            result = result * self.weight.view(shape) + self.bias.view(shape)
        return result.to(input.dtype)

    def _update_running(self, mean: Tensor, variance: Tensor) -> None:
        if not self.track_running_stats or self.running_mean is None or self.running_var is None:
            return
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        momentum = 1 / float(self.num_batches_tracked or 1) if self.momentum is None else self.momentum
        with torch.no_grad():
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), momentum)
            self.running_var.lerp_(variance.to(self.running_var.dtype), momentum)


class _SharedBatchNorm1d(_SharedStatistics, nn.BatchNorm1d):
    pass


class _SharedBatchNorm2d(_SharedStatistics, nn.BatchNorm2d):
    pass
