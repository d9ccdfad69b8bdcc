"""Loss and metrics of one step, averaged over micro-batches and processes in one transfer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from accelerate import Accelerator
from torch import Tensor

from hcmoco_bench.training.objective import StepResult


class StepFigures:
    """Collects what the micro-batches of a step gave.

    Args:
        columns: names of the metrics; the same in every process.
        accelerator: Accelerator of the process.
    """

    def __init__(self, columns: Sequence[str], accelerator: Accelerator) -> None:
        self.columns = tuple(columns)
        self.accelerator = accelerator
        self._results: list[StepResult] = []

    def add(self, result: StepResult) -> None:
        """Add a micro-batch."""
        unknown = set(result.metrics) - set(self.columns)
        if unknown:
            raise ValueError(f"metrics {sorted(unknown)} are not among the objective's columns")
        self._results.append(result)

    def collect(self, grad_norm: Tensor, *, flags: Sequence[bool]) -> tuple[dict[str, float], tuple[bool, ...]]:
        """The step's figures, equal in all processes, and for each flag whether any process raised it.

        A metric without weight anywhere is left out. Forgets the micro-batches.
        """
        results, self._results = self._results, []
        device = grad_norm.device
        weights, sums = self._sums(results, device)
        loss = torch.stack([result.loss.detach().double() for result in results]).mean()
        n = self.accelerator.num_processes
        raised = torch.tensor([float(flag) for flag in flags], dtype=torch.float64, device=device)
        packed = torch.cat([torch.stack([loss / n, grad_norm.detach().double() / n]), weights, sums, raised])
        if n > 1:
            packed = self.accelerator.reduce(packed, reduction="sum")
        values = packed.tolist()
        k = len(self.columns)
        row = {"loss": values[0], "grad_norm": values[1]}
        for name, weight, total in zip(self.columns, values[2 : 2 + k], values[2 + k : 2 + 2 * k], strict=True):
            if weight > 0:
                row[name] = total / weight
        return row, tuple(value > 0 for value in values[2 + 2 * k :])

    def _sums(self, results: Sequence[StepResult], device: torch.device) -> tuple[Tensor, Tensor]:
        """(C,) weights and (C,) weighted sums over the micro-batches."""
        zero = torch.zeros((), dtype=torch.float64, device=device)
        weights, sums = [], []
        for name in self.columns:
            found = [result.metrics[name] for result in results if name in result.metrics]
            pairs = [(metric.weight.double(), metric.value.detach().double()) for metric in found]
            weights.append(sum((weight for weight, _ in pairs), zero))
            sums.append(sum((torch.where(weight > 0, weight * value, 0.0) for weight, value in pairs), zero))
        if not self.columns:
            return torch.zeros(0, dtype=torch.float64, device=device), torch.zeros(
                0, dtype=torch.float64, device=device
            )
        return torch.stack(weights), torch.stack(sums)
