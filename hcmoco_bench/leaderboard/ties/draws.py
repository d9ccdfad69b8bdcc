"""The score of a row on all samples, and under each draw of the bootstrap that all rows of a table share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
    """Scores of one row.

    Attributes:
        score: Score on all samples: the mean over its seeds; nan if it is not defined.
        draws: (n,) the same under each draw.
    """

    score: float
    draws: NDArray[np.float64]


def score_draws(
    evidences: Sequence[Evidence], score: Callable[[Evidence], float], draws: GroupDraws
) -> NDArray[np.float64]:
    """Scores of a row under each draw: the mean over its seeds.

    Where the score depends on sums over samples alone, the columns are added up once in every group, and a draw is a
    weighted sum of groups. Otherwise the samples of each draw are selected and scored.

    Args:
        evidences: Evidence of each seed, its samples in the order of `draws`.
        score: From the evidence of one seed to the score.
        draws: The draws.

    Returns:
        (n,) float64; nan where the score of a seed is not defined.
    """
    return np.mean([_scores(one, score, draws) for one in evidences], axis=0)


def drawn_scores(
    evidences: Sequence[Evidence], score: Callable[[Evidence], float], draws: GroupDraws
) -> DrawnScores:
    """As `score_draws`, with the score on all samples."""
    whole = math.fsum(score(one) for one in evidences) / len(evidences)
    return DrawnScores(whole, score_draws(evidences, score, draws))


def _scores(evidence: Evidence, score: Callable[[Evidence], float], draws: GroupDraws) -> NDArray[np.float64]:
    sums = _group_sums(evidence, draws) if is_additive(evidence) else None
    if sums is None:
        return np.array([score(evidence.select(rows)) for rows in draws.rows()], dtype=np.float64)
    shapes = {name: column.shape[1:] for name, column in evidence.columns.items()}
    blocks = ({name: weights @ one for name, one in sums.items()} for weights in draws.weights())
    found = []
    for block in blocks:
        columns = {name: _as(block[name], evidence.columns[name], shape) for name, shape in shapes.items()}
        for row in range(len(next(iter(columns.values())))):
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


def _as(block: NDArray[np.float64], column: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """The sums (B, values) of a column with its shape; whole numbers stay whole."""
    shaped = block.reshape(len(block), *shape)
    return shaped.astype(np.int64) if _whole(column) else shaped


def _whole(column: NDArray[Any]) -> bool:
    return column.dtype.kind in "iub"
