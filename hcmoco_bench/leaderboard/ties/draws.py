"""The scores of a row that its comparisons need: on all samples, under each draw, and without each group."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.metrics.additive import is_additive
from hcmoco_bench.results.evidence import Evidence
from hcmoco_bench.results.resampling import GroupDraws

_EXACT: Final = 2.0**53
"""Whole numbers below it are exact as floats, in whatever order they are added."""


@dataclass(frozen=True, eq=False)
class DrawnScores:
    """Scores of one row, each the mean over its seeds; nan where the score of a seed is not defined.

    Attributes:
        score: Score on all samples.
        draws: (n,) score under each draw.
        left_out: (K,) score without each of K parts of the groups (`GroupDraws.kept`).
    """

    score: float
    draws: NDArray[np.float64]
    left_out: NDArray[np.float64]


def drawn_scores(evidences: Sequence[Evidence], score: Callable[[Evidence], float], draws: GroupDraws) -> DrawnScores:
    """Score a row on all samples, under each draw, and without each part of the groups.

    Where the score depends on sums over samples alone, the columns are added up once in every group, and a draw is a
    weighted sum of groups. Otherwise the samples of each draw are selected and scored.

    Args:
        evidences: Evidence of each seed, its samples in the order of `draws`.
        score: From the evidence of one seed to the score.
        draws: The draws.
    """
    whole = math.fsum(score(one) for one in evidences) / len(evidences)
    found = np.mean([_scores(one, score, draws) for one in evidences], axis=0)
    return DrawnScores(whole, found[: draws.n], found[draws.n :])


def _scores(evidence: Evidence, score: Callable[[Evidence], float], draws: GroupDraws) -> NDArray[np.float64]:
    """(n + K,) scores of one seed."""
    sums = _group_sums(evidence, draws) if is_additive(evidence) else None
    if sums is None:
        rows = chain(draws.rows(), draws.kept_rows())
        return np.array([score(evidence.select(one)) for one in rows], dtype=np.float64)
    found = []
    for weights in chain(draws.weights(), draws.kept_weights()):
        columns = {name: _as(weights @ one, evidence.columns[name]) for name, one in sums.items()}
        for row in range(len(weights)):
            summed = {name: column[row : row + 1] for name, column in columns.items()}
            found.append(score(Evidence(evidence.metric, ("drawn",), summed, evidence.meta)))
    return np.array(found, dtype=np.float64)


def _group_sums(evidence: Evidence, draws: GroupDraws) -> dict[str, NDArray[np.float64]] | None:
    """(G, values) sums over each group by column; None where whole numbers are too large to stay exact."""
    order = np.concatenate(draws.members)
    starts = np.cumsum([0, *(len(one) for one in draws.members[:-1])])
    sums = {}
    for name, column in evidence.columns.items():
        flat = column[order].reshape(len(order), -1).astype(np.float64)
        if _whole(column) and np.abs(flat).max(initial=0) * len(flat) * draws.n_groups >= _EXACT:
            return None
        sums[name] = np.add.reduceat(flat, starts, axis=0)
    return sums


def _as(sums: NDArray[np.float64], column: NDArray[Any]) -> NDArray[Any]:
    """Sums (B, values) of a column in its shape; whole numbers stay whole."""
    shaped = sums.reshape(len(sums), *column.shape[1:])
    return shaped.astype(np.int64) if _whole(column) else shaped


def _whole(column: NDArray[Any]) -> bool:
    return column.dtype.kind in "iub"
