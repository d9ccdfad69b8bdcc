"""Weighted sums of loss terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from hcmoco_bench.losses.term import LossTerm
from hcmoco_bench.training.objective import StepMetric, StepResult


def accuracy_column(name: str) -> str:
    """Column of a term's accuracy."""
    return f"accuracy/{name}"


def columns_of(names: Sequence[str]) -> tuple[str, ...]:
    """Columns of terms: their values, then their accuracies."""
    return (*names, *map(accuracy_column, names))


def combine(terms: Mapping[str, LossTerm], weights: Mapping[str, float]) -> StepResult:
    """The weighted sum of terms as a loss, with a measure for each term's value and accuracy.

    Args:
        terms: By name; at least one. Their values are means over the batch of all processes already.
        weights: By the same names.
    """
    if not terms:
        raise ValueError("there is no term to combine")
    parts = [weights[name] * term.value for name, term in terms.items()]
    measures = {}
    for name, term in terms.items():
        measures[name] = StepMetric(term.value.detach(), term.count)
        measures[accuracy_column(name)] = StepMetric(term.accuracy.detach(), term.count)
    return StepResult(torch.stack(parts).sum(), measures)
