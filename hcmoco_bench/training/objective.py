"""What the loop asks of a training method and of its data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class StepMetric:
    """A figure of one step on one process.

    Attributes:
        value: Scalar, detached; may be nan where `weight` is 0.
        weight: Scalar, what the value is a mean over (anchors, samples); processes and micro-batches are averaged
            with it.
    """

    value: Tensor
    weight: Tensor


@dataclass(frozen=True)
class StepResult:
    """What a method makes of a batch.

    Attributes:
        loss: Scalar to go down; the mean over processes of its gradients is what the optimizer gets.
        metrics: Figures for the table and the trackers, by column.
    """

    loss: Tensor
    metrics: Mapping[str, StepMetric] = field(default_factory=dict)


class LoopBatch(Protocol):
    """A batch that knows its samples."""

    @property
    def sample_ids(self) -> Sequence[str]:
        """Ids of the samples, for messages."""
        ...

    def to(self, device: torch.device) -> LoopBatch:
        """The batch on a device."""
        ...


Batch = TypeVar("Batch", bound=LoopBatch, covariant=True)


class LoopData(Protocol[Batch]):
    """Batches of one process; the same ones for the same epoch, whenever and however often they are asked for."""

    @property
    def batches_per_epoch(self) -> int:
        """Number of batches of an epoch; the same in every process."""
        ...

    def batches(self, epoch: int, start: int) -> Iterator[Batch]:
        """The batches of an epoch, without the first `start`."""
        ...


BatchIn = TypeVar("BatchIn", contravariant=True)


class Objective(Protocol[BatchIn]):
    """A training method: from model and batch to a loss; may hold state (a memory bank).

    An objective that several optimizers train also has `turns`; see `AlternatingObjective`.
    """

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all measures that a stage may give, in the order of the table."""
        ...

    def __call__(self, model: nn.Module, batch: BatchIn, *, stage: int, generator: torch.Generator) -> StepResult:
        """Compute the loss of one batch in a stage (counted from 0)."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs, on any device."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put that state back."""
        ...


class AlternatingObjective(Objective[BatchIn], Protocol[BatchIn]):
    """An objective whose optimizers take turns, e.g. a generator and a discriminator.

    `turns` yields one `StepResult` per optimizer, in the order of their plans. The loop steps an optimizer before it
    asks for the next result, so each turn sees what the ones before it changed; what stands after the last `yield` runs
    at the end of the step.
    """

    def turns(
        self, model: nn.Module, batch: BatchIn, *, stage: int, generator: torch.Generator
    ) -> Iterator[StepResult]:
        """The loss of each optimizer in its turn; a parameter's gradients are those of its own turn alone."""
        ...
