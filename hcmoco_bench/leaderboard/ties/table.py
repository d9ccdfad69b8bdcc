"""All rows of a table under the same draws: evidence is loaded one row at a time, and only its scores are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import UsageError
from hcmoco_bench.leaderboard.row import EvidenceFile, Row
from hcmoco_bench.leaderboard.ties.cache import cache_key, read_cached, write_cached
from hcmoco_bench.leaderboard.ties.draws import DrawnScores, drawn_scores
from hcmoco_bench.leaderboard.ties.samples import Samples
from hcmoco_bench.leaderboard.ties.scoring import Contender, Scoring
from hcmoco_bench.results.evidence import Evidence, load_evidence
from hcmoco_bench.results.resampling import GroupDraws

DRAWS = 1000
"""Draws of a comparison: the standard error is then known to 2 %."""


@dataclass(frozen=True, eq=False)
class DrawnTable:
    """Scores of R rows.

    Attributes:
        samples: What they were all scored on.
        scores: (R,) score of each row on all samples.
        draws: (R, n) under each draw.
        left_out: (R, K) without each of K parts of the groups.
        n_groups: Number of groups.
    """

    samples: Samples
    scores: NDArray[np.float64]
    draws: NDArray[np.float64]
    left_out: NDArray[np.float64]
    n_groups: int


def draw_table(
    rows: Sequence[Row | Contender], scoring: Scoring, *, n: int = DRAWS, seed: int = 0, cache: Path | None = None
) -> DrawnTable:
    """Score all rows under the same draws.

    Memory is that of the evidence of one row, and 8 bytes for each row and draw (or part that is left out).

    Args:
        rows: Rows with evidence, one or more.
        scoring: Their score.
        n: Number of draws, at least 2.
        seed: Seed of the draws.
        cache: Folder that keeps drawn scores; None to draw anew every time.

    Raises:
        UsageError: If rows were scored on different samples; says how many only one has.
        DataError: If evidence is missing, damaged, or not the file whose hash the row states.
    """
    if n < 2:
        raise UsageError(f"{n} draws have no spread; draw at least 2")
    without = [row.name for row in rows if not row.evidence]
    if without or not rows:
        raise UsageError(
            f"no evidence to compare {', '.join(without) or 'no rows'} by; compare rows that have evidence"
        )
    ids = _load(rows[0].evidence[0]).sample_ids
    samples = Samples.of(ids, scoring.groups(ids), scoring.grouped_by)
    draws = samples.draws(n, seed)
    found = [_drawn(row, rows[0].name, scoring, samples, draws, cache) for row in rows]
    return DrawnTable(
        samples,
        np.array([one.score for one in found]),
        np.stack([one.draws for one in found]),
        np.stack([one.left_out for one in found]),
        draws.n_groups,
    )


def _drawn(
    row: Row | Contender, first: str, scoring: Scoring, samples: Samples, draws: GroupDraws, cache: Path | None
) -> DrawnScores:
    if cache is None:
        return _draw(row, first, scoring, samples, draws)
    key = cache_key(row.evidence, scoring, samples, draws)
    found = read_cached(cache, key, draws)
    if found is None:
        found = _draw(row, first, scoring, samples, draws)
        write_cached(cache, key, found)
    return found


def _draw(row: Row | Contender, first: str, scoring: Scoring, samples: Samples, draws: GroupDraws) -> DrawnScores:
    evidences = [samples.align(_load(one), row.name, first) for one in row.evidence]
    return drawn_scores(evidences, scoring.score, draws)


def _load(file: EvidenceFile) -> Evidence:
    return load_evidence(file.path, sha256=file.sha256)
