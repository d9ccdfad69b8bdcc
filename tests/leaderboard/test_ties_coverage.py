"""Rank intervals hold what they promise on boards of known truth, and a wrong method is seen not to."""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from hcmoco_bench.leaderboard.ties import pairs
from hcmoco_bench.leaderboard.ties.draws import drawn_scores
from hcmoco_bench.metrics import segmentation_scores
from hcmoco_bench.results import Evidence
from hcmoco_bench.results.resampling import GroupDraws

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "rank_coverage.py"


@pytest.fixture(scope="module")
def benchmark() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


BOARDS = 120
LEAST = stats.binom.ppf(0.01, BOARDS, 0.95)
"""Boards that hold with a chance of 99 %, if 95 % of all boards do."""


@pytest.mark.parametrize("kind", ["numbers", "counts"])
def test_true_ranks_lie_within_their_intervals(benchmark: dict[str, Any], kind: str) -> None:
    """Ties are the hardest truth, and people of unequal size the hardest split."""
    found = benchmark["measure"](kind, "tied", 10, boards=BOARDS, draws=120, seed=0)
    assert found.all_ranks.found >= LEAST


def test_people_that_all_count_alike_would_not_hold(benchmark: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """With G - 1 degrees of freedom for people of unequal size; a small fault, and still seen."""
    monkeypatch.setattr(pairs, "_degrees", lambda shares, of: np.full(len(shares), shares.shape[1] - 1.0))
    found = benchmark["measure"]("counts", "tied", 10, boards=BOARDS, draws=120, seed=0)
    assert found.all_ranks.found < LEAST


def test_true_differences_are_found(benchmark: dict[str, Any]) -> None:
    """Intervals from 1 to R would always hold."""
    found = benchmark["measure"]("counts", "gaps", 25, boards=30, draws=150, seed=0)
    assert found.all_ranks.found >= 29
    assert found.told_apart > 0.5


def test_frames_as_if_independent_do_not_hold(benchmark: dict[str, Any]) -> None:
    found = benchmark["measure"]("numbers", "tied", 10, boards=40, draws=80, seed=0, draw_frames=True)
    assert found.all_ranks.high < 0.5


def test_the_simulation_scores_as_evidence_does(benchmark: dict[str, Any]) -> None:
    frames = benchmark["simulate"](np.random.default_rng(0), "counts", (1.0, 0.0), 7)
    draws = GroupDraws.of(len(frames.people), frames.people.tolist(), n=30, seed=0)
    scores, compared = benchmark["compare"](frames, "counts", draws)
    miou: Callable[[Evidence], float] = lambda evidence: segmentation_scores(evidence)["miou"]  # noqa: E731
    ids = tuple(map(str, range(len(frames.people))))
    meta = {"class_names": list("abcde"), "absent": "zero", "background": True}
    rows = []
    for row in range(2):
        counts = frames.values[:, row].astype(np.int32)
        columns = dict(zip(("intersection", "target", "prediction"), np.moveaxis(counts, 1, 0), strict=True))
        rows.append(drawn_scores([Evidence("segmentation", ids, columns, meta)], miou, draws))
    assert scores.tolist() == pytest.approx([one.score for one in rows], abs=1e-12)
    difference = rows[0].draws - rows[1].draws
    assert compared.standard_error[0, 1] >= difference.std(ddof=1) * (7 / 6) ** 0.5 * (1 - 1e-12)


def test_the_command_prints_shares_with_their_intervals(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--boards", "20", "--draws", "50", "--groups", "6", "--truths", "gaps", "--kinds", "numbers", "--json"]
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *words])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    assert caught.value.code == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["all_ranks"]["of"] == 20
    # Clopper and Pearson for 20 of 20: 0.025 ** (1 / 20)
    if found["all_ranks"]["found"] == 20:
        assert found["all_ranks"]["low"] == pytest.approx(0.025 ** (1 / 20))
