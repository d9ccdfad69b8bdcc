"""LiftedCL's objective: two contrasts of views, and a game between lifted poses and a discriminator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from hcmoco_bench.data.view_pairs import ViewPairBatch
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.losses.liftedcl.adversarial import discriminator_losses, lifting_loss
from hcmoco_bench.losses.liftedcl.alignment import AlignedCells, align_cells
from hcmoco_bench.losses.liftedcl.key_queue import KeyQueue
from hcmoco_bench.losses.liftedcl.queue_contrast import queue_losses
from hcmoco_bench.models.foreign.prefixes import under_prefix
from hcmoco_bench.models.weights import check_finite
from hcmoco_bench.pretrain.liftedcl.model import EmbeddedPairs
from hcmoco_bench.pretrain.liftedcl.real_poses import RealPoses
from hcmoco_bench.pretrain.liftedcl.settings import LiftedWeights
from hcmoco_bench.pretrain.liftedcl.spread import spread
from hcmoco_bench.pretrain.liftedcl.terms import (
    ADVERSARIAL,
    EQUIVARIANT,
    INVARIANT,
    LIFTED,
    LIFTED_SCORE,
    OVERLAP,
    REAL_SCORE,
    accuracy_column,
    spread_column,
    term_columns,
)
from hcmoco_bench.runtime.ranks import world_size
from hcmoco_bench.training.objective import StepMetric, StepResult


class LiftedCLObjective:
    """The contrasts and the lifting in the first optimizer's turn, the discriminator in the second's.

    A step: queries through all branches; the key branch follows; keys; contrasts with the queues as they are; the
    queues take the keys in; the first optimizer steps. Then the discriminator scores the poses of before that step and
    as many real ones, and steps.

    Args:
        queues: The queues of the contrasts that are on, by `invariant` and `equivariant`.
        weights: Weights of the terms.
        real: Real poses; needed for the adversarial term alone.
        temperature: Temperature of both contrasts.
        grid: Side of the grid on which cells are compared.
        accumulate: Batches of a step; the key branch follows once a step, and the queues take its keys in at the end.
    """

    def __init__(
        self,
        queues: Mapping[str, KeyQueue],
        weights: LiftedWeights,
        real: RealPoses | None,
        *,
        temperature: float = 0.2,
        grid: int = 16,
        accumulate: int = 1,
    ) -> None:
        self.queues, self.weights, self.real = dict(queues), weights, real
        self.temperature, self.grid, self.accumulate = temperature, grid, accumulate
        self._waiting: dict[str, list[Tensor]] = {name: [] for name in queues}
        self._batch = 0

    @property
    def columns(self) -> tuple[str, ...]:
        """The terms that are on, their accuracies, the discriminator's scores, and what shows a collapse."""
        return term_columns(self.weights.terms)

    def __call__(self, model: nn.Module, batch: ViewPairBatch, *, stage: int, generator: torch.Generator) -> StepResult:
        """The first optimizer's turn alone."""
        result, _ = self._generate(model, batch, generator)
        return result

    def turns(
        self, model: nn.Module, batch: ViewPairBatch, *, stage: int, generator: torch.Generator
    ) -> Iterator[StepResult]:
        """The turn of encoder, heads and lifting network; then the discriminator's."""
        result, embedded = self._generate(model, batch, generator)
        yield result
        yield self._discriminate(model, embedded, generator)

    def _generate(
        self, model: nn.Module, batch: ViewPairBatch, generator: torch.Generator
    ) -> tuple[StepResult, EmbeddedPairs]:
        n_all = len(batch) * world_size()
        permutation = torch.randperm(n_all, generator=generator, device=generator.device)
        embedded: EmbeddedPairs = model(batch, permutation=permutation, follow=self._batch == 0)
        parts: list[Tensor] = []
        metrics: dict[str, StepMetric] = {}
        self._invariant(embedded, parts, metrics)
        self._equivariant(embedded, batch, parts, metrics)
        self._lifting(embedded, parts, metrics)
        self._enqueue(embedded)
        return StepResult(torch.stack(parts).sum(), metrics), embedded

    def _invariant(self, embedded: EmbeddedPairs, parts: list[Tensor], metrics: dict[str, StepMetric]) -> None:
        query, key = embedded.query.invariant, embedded.key.invariant
        if query is None or key is None:
            return
        losses, first = self._contrast(query, key, INVARIANT)
        parts.append(self.weights.invariant * losses.mean())
        metrics |= {
            INVARIANT: _mean(losses),
            accuracy_column(INVARIANT): _mean(first.float()),
            spread_column(INVARIANT): _spread(query),
        }

    def _equivariant(
        self, embedded: EmbeddedPairs, batch: ViewPairBatch, parts: list[Tensor], metrics: dict[str, StepMetric]
    ) -> None:
        query, key = embedded.query.map, embedded.key.map
        if query is None or key is None:
            return
        cells = align_cells(
            query,
            key,
            query_boxes=batch.query.boxes,
            key_boxes=batch.key.boxes,
            query_flipped=batch.query.flipped,
            key_flipped=batch.key.flipped,
            side=self.grid,
        )
        losses, first = self._contrast(cells.query, cells.key, EQUIVARIANT)
        parts.append(self.weights.equivariant * losses.mean())
        metrics |= {
            EQUIVARIANT: _mean(losses),
            accuracy_column(EQUIVARIANT): _accuracy(first, cells),
            spread_column(EQUIVARIANT): _spread(query.mean((2, 3))),
            OVERLAP: _mean(cells.valid.float()),
        }

    def _lifting(self, embedded: EmbeddedPairs, parts: list[Tensor], metrics: dict[str, StepMetric]) -> None:
        if embedded.lifted is None or embedded.scores is None:
            return
        loss = lifting_loss(embedded.scores)
        parts.append(self.weights.adversarial * loss)
        metrics |= {
            ADVERSARIAL: _metric(loss, len(embedded.scores)),
            LIFTED_SCORE: _mean(embedded.scores),
            spread_column(LIFTED): _spread(embedded.lifted),
        }

    def _discriminate(self, model: nn.Module, embedded: EmbeddedPairs, generator: torch.Generator) -> StepResult:
        if embedded.lifted is None or self.real is None:
            raise ValueError("the discriminator's turn needs lifted and real poses")
        lifted = embedded.lifted.detach()
        real = self.real.draw(len(lifted), generator).to(lifted.device)
        scores = model(poses=torch.cat([lifted, real]))
        of_lifted, of_real = scores[: len(lifted)], scores[len(lifted) :]
        fake_loss, real_loss = discriminator_losses(of_lifted, of_real)
        return StepResult(fake_loss + real_loss, {REAL_SCORE: _mean(of_real)})

    def _contrast(self, queries: Tensor, keys: Tensor, name: str) -> tuple[Tensor, Tensor]:
        return queue_losses(queries, keys, self.queues[name].rows, temperature=self.temperature)

    def _enqueue(self, embedded: EmbeddedPairs) -> None:
        """Keep a batch's keys, and let the queues take in those of the whole step at its end."""
        new = {INVARIANT: embedded.new_invariant, EQUIVARIANT: embedded.new_equivariant}
        for name, waiting in self._waiting.items():
            keys = new[name]
            if keys is not None:
                waiting.append(keys)
        self._batch = (self._batch + 1) % self.accumulate
        if self._batch == 0:
            for name, waiting in self._waiting.items():
                self.queues[name].enqueue(torch.cat(waiting))
                waiting.clear()

    def state_dict(self) -> dict[str, Any]:
        """The queues on the CPU, and the fingerprint of the real poses."""
        state: dict[str, Any] = self.queue_state()
        return state if self.real is None else state | {"prior": self.real.sha256}

    def queue_state(self) -> dict[str, Tensor]:
        """Keys and place of each queue on the CPU, as `invariant.rows`."""
        return {
            f"{name}.{part}": value.detach().cpu()
            for name, queue in self.queues.items()
            for part, value in queue.state_dict().items()
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put the queues back.

        Raises:
            DataError: If the queues are of another size (`queue_size`) or not finite (`weights_not_finite`).
            UsageError: If the real poses are others than those of the run.
        """
        tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
        there = {name: tuple(value.shape) for name, value in tensors.items()}
        here = {name: tuple(value.shape) for name, value in self.queue_state().items()}
        if there != here:
            raise DataError(
                f"the queues of the checkpoint are {there or 'missing'}, this run's are {here}: the settings are not "
                "those of the checkpoint; start a new run with another --out",
                kind="queue_size",
            )
        if self.real is not None and state.get("prior") not in (None, self.real.sha256):
            raise UsageError(
                f"the real poses ({self.real.source}) are not those that the run began with; put the prior back as it "
                "was, or start a new run with another --out"
            )
        check_finite(tensors, file="the checkpoint's queues")
        for name, queue in self.queues.items():
            queue.load_state_dict(under_prefix(tensors, f"{name}."))


def _metric(value: Tensor, weight: int) -> StepMetric:
    return StepMetric(value.detach(), torch.tensor(float(weight), device=value.device))


def _mean(values: Tensor) -> StepMetric:
    return _metric(values.mean(), len(values))


def _accuracy(first: Tensor, cells: AlignedCells) -> StepMetric:
    """Share of right cells among those of pairs that have any in common."""
    counted = cells.valid.repeat_interleave(len(first) // len(cells.valid))
    n = counted.sum()
    return StepMetric((first & counted).sum() / n, n)


def _spread(rows: Tensor) -> StepMetric:
    """The spread of a batch, which a single row does not have."""
    return _metric(spread(rows.detach()), len(rows) if len(rows) > 1 else 0)
