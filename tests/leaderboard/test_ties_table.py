"""Standings and comparisons of rows on disk: ties, other samples, damaged files, and the cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.leaderboard.row import EvidenceFile
from hcmoco_bench.leaderboard.ties import Contender, Scoring, compare_rows, standing, task_scoring
from hcmoco_bench.leaderboard.ties.compare import PairComparison
from hcmoco_bench.metrics import segmentation_scores
from hcmoco_bench.results import Evidence, save_evidence
from hcmoco_bench.tasks.core.registry import get_task

PEOPLE, FRAMES = 12, 4
IDS = tuple(f"P{person:03d}F{frame}" for person in range(PEOPLE) for frame in range(FRAMES))
HARD = np.random.default_rng(0).uniform(0.4, 0.8, PEOPLE)


def people(ids: Sequence[str]) -> list[str]:
    return [name[:4] for name in ids]


SCORING = Scoring(
    lambda evidence: 100 * segmentation_scores(evidence)["miou"], "made 1 miou", people, "people", "mIoU", "points"
)


def evidence(hits: NDArray[np.float64]) -> Evidence:
    """Three classes of 1000 pixels in each frame, of which a share is found, by person."""
    shares = np.repeat(np.clip(hits, 0, 1), FRAMES)[:, None]
    target = np.full((len(IDS), 3), 1000, np.int32)
    found = np.round(shares * target).astype(np.int32)
    meta = {"class_names": list("abc"), "absent": "zero", "background": True}
    return Evidence("segmentation", IDS, {"intersection": found, "target": target, "prediction": target}, meta)


Write = Callable[..., Contender]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_row(name: str, *seeds: Evidence) -> Contender:
        files = []
        for number, one in enumerate(seeds):
            path = tmp_path / f"{name}-{number}.npz"
            files.append(EvidenceFile(path, save_evidence(path, one)))
        return Contender(name.lower(), name, tuple(files))

    return write_row


@pytest.fixture
def rows(write: Write) -> list[Contender]:
    """Two that are nearly alike, one that is clearly worse, and a copy of it under another name."""
    rng = np.random.default_rng(1)
    worse = evidence(HARD - 0.2 + rng.normal(0, 0.02, PEOPLE))
    return [
        write("A", evidence(HARD + 0.001 + rng.normal(0, 0.02, PEOPLE))),
        write("B", evidence(HARD)),
        write("C", worse),
        write("D", worse),
    ]


def test_ties_and_ranks(rows: list[Contender]) -> None:
    found = standing(rows, SCORING, n=300)
    assert {name: (one.best, one.worst, one.tied_with_best) for name, one in found.ranks.items()} == {
        "a": (1, 2, True),
        "b": (1, 2, True),
        "c": (3, 4, False),
        "d": (3, 4, False),
    }
    assert (found.groups, found.grouped_by, found.draws, found.level) == (PEOPLE, "people", 300, 0.95)
    by_hand = [one.high - one.difference for one in compare_rows(rows, SCORING, n=300) if one.high > one.low]
    assert found.smallest_difference == pytest.approx(np.median(by_hand), rel=1e-9)


def test_a_lower_score_can_be_the_better_one(rows: list[Contender]) -> None:
    scoring = replace(SCORING, score=lambda one: -SCORING.score(one), higher_is_better=False)
    assert standing(rows, scoring, n=100).ranks == standing(rows, SCORING, n=100).ranks
    assert compare_rows(rows[1:3], scoring, n=100)[0].better == "B"


def test_one_row_stands_alone(rows: list[Contender]) -> None:
    found = standing(rows[:1], SCORING, n=10)
    assert [(one.best, one.worst, one.tied_with_best) for one in found.ranks.values()] == [(1, 1, True)]
    assert found.smallest_difference is None


def test_more_rows_ask_for_more(rows: list[Contender]) -> None:
    """The same comparison by itself is the same whatever it stands beside; only the adjusted p-value grows."""
    alone = compare_rows([rows[0], rows[2]], SCORING, n=100)[0]
    beside = next(one for one in compare_rows(rows, SCORING, n=100) if (one.first, one.second) == ("A", "C"))
    assert (alone.difference, alone.low, alone.p_value) == (beside.difference, beside.low, beside.p_value)
    assert alone.adjusted_p_value == alone.p_value < beside.adjusted_p_value
    assert (alone.comparisons, beside.comparisons) == (1, 6)


def test_verdict_and_grounds(rows: list[Contender]) -> None:
    worse, same = compare_rows(rows[2:0:-1], SCORING, n=100)[0], compare_rows(rows[2:], SCORING, n=100)[0]
    # Each class has as many true as predicted pixels: its IoU at a hit rate h is h / (2 - h).
    iou = [100 * h / (2 - h) for h in (np.round(1000 * np.clip(HARD, 0, 1)).mean() / 1000,)]
    assert worse.second_score == pytest.approx(iou[0], abs=1e-9)
    assert worse.verdict == f"B is better than C by {-worse.difference:.1f} points of mIoU."
    assert worse.low < worse.difference < worse.high < 0
    assert same.verdict == "No difference can be claimed between C and D."
    assert (same.difference, same.low, same.high, same.p_value) == (0, 0, 0, 1)
    assert (same.n_samples, same.n_groups) == (PEOPLE * FRAMES, PEOPLE)


def test_grounds_state_what_was_drawn_and_how_many_were_compared() -> None:
    one = PairComparison(
        first="A",
        second="B",
        first_score=52.345,
        second_score=50.0,
        difference=2.345,
        low=-0.14,
        high=4.96,
        p_value=0.0612,
        adjusted_p_value=0.1224,
        better=None,
        level=0.95,
        comparisons=3,
        n_samples=90,
        n_groups=7,
        grouped_by="people",
        score="mIoU",
        unit="points",
    )
    assert one.grounds == (
        "A minus B: +2.3 points (95 % interval -0.1 to +5.0, p = 0.061, p = 0.122 by Holm over 3 comparisons; paired "
        "bootstrap over the 7 people of the split)."
    )
    alone = replace(one, comparisons=1, p_value=0.0001, low=float("nan"), high=float("nan"), unit="")
    assert alone.grounds == (
        "A minus B: +2.3 (no interval, p < 0.001; paired bootstrap over the 7 people of the split)."
    )


def test_the_order_of_samples_and_seeds_in_files_does_not_matter(rows: list[Contender], write: Write) -> None:
    shuffled = write("E", evidence(HARD).select(np.random.default_rng(0).permutation(len(IDS))))
    found = compare_rows([rows[1], shuffled, rows[2]], SCORING, n=50)
    assert (found[0].difference, found[0].p_value) == (0, 1)
    assert found[1].low == found[2].low


def test_seeds_are_averaged(write: Write) -> None:
    one = write("E", evidence(HARD), evidence(HARD - 0.1))
    parts = compare_rows([write("F", evidence(HARD)), write("G", evidence(HARD - 0.1))], SCORING, n=50)[0]
    found = compare_rows([one, one], SCORING, n=50)[0]
    assert found.first_score == pytest.approx((parts.first_score + parts.second_score) / 2, abs=1e-12)


def test_frames_of_one_person_are_drawn_one_by_one(write: Write) -> None:
    pair = [write(name, evidence(HARD - less).select(range(FRAMES))) for name, less in (("E", 0), ("F", 0.1))]
    found = compare_rows(pair, SCORING, n=50)[0]
    assert (found.n_groups, found.grouped_by) == (FRAMES, "samples")
    single = [write(name, evidence(HARD - less).select([0])) for name, less in (("G", 0), ("H", 0.1))]
    assert compare_rows(single, SCORING, n=50)[0].better is None


class TestRefused:
    def test_other_samples(self, rows: list[Contender], write: Write) -> None:
        subset = write("E", evidence(HARD).select(range(5, len(IDS))))
        for run in (compare_rows, standing):
            with pytest.raises(UsageError, match="0 only in E, 5 only in A"):
                run([rows[0], subset], SCORING, n=50)

    def test_too_little_to_compare(self, rows: list[Contender]) -> None:
        with pytest.raises(UsageError, match="1 row is nothing to compare"):
            compare_rows(rows[:1], SCORING)
        with pytest.raises(UsageError, match="no evidence to compare P by"):
            standing([rows[0], Contender("p", "P", ())], SCORING)
        with pytest.raises(UsageError, match="no evidence to compare no rows by"):
            standing([], SCORING)
        with pytest.raises(UsageError, match="1 draws have no spread"):
            standing(rows, SCORING, n=1)

    @pytest.mark.parametrize("cached", [False, True])
    def test_evidence_that_is_not_the_rows(self, rows: list[Contender], tmp_path: Path, cached: bool) -> None:
        rows[1].evidence[0].path.write_bytes(rows[2].evidence[0].path.read_bytes())
        with pytest.raises(DataError, match=r"B-0\.npz: its SHA-256 is"):
            standing(rows, SCORING, n=50, cache=tmp_path / "cache" if cached else None)


class TestCache:
    def test_a_table_is_drawn_once(self, rows: list[Contender], tmp_path: Path) -> None:
        calls = []
        counted = replace(SCORING, score=lambda one: calls.append(1) or SCORING.score(one))  # type: ignore[func-returns-value]
        first = standing(rows, counted, n=50, cache=tmp_path / "cache")
        drawn = len(calls)
        assert drawn == 3 * (1 + 50 + PEOPLE)  # C and D are one evidence
        assert standing(rows, counted, n=50, cache=tmp_path / "cache") == first
        assert len(calls) == drawn
        assert first == standing(rows, SCORING, n=50)

    @pytest.mark.parametrize("changed", ["n", "seed", "identity", "groups"])
    def test_what_draws_depend_on_is_part_of_their_name(
        self, rows: list[Contender], tmp_path: Path, changed: str
    ) -> None:
        cache = tmp_path / "cache"
        standing(rows, SCORING, n=50, cache=cache)
        before = len(list(cache.iterdir()))
        scoring = {
            "identity": replace(SCORING, identity="made 2 miou"),
            "groups": replace(SCORING, groups=lambda ids: [name[-1] for name in ids]),
        }.get(changed, SCORING)
        options = {"n": 60} if changed == "n" else {"n": 50, "seed": 1} if changed == "seed" else {"n": 50}
        assert standing(rows, scoring, cache=cache, **options) == standing(rows, scoring, **options)
        assert len(list(cache.iterdir())) == 2 * before

    @pytest.mark.parametrize("damage", ["cut", "changed", "empty", "folder"])
    def test_damaged_draws_are_made_again(self, rows: list[Contender], tmp_path: Path, damage: str) -> None:
        cache = tmp_path / "cache"
        expected = standing(rows, SCORING, n=50, cache=cache)
        for path in cache.iterdir():
            data = path.read_bytes()
            changed = {"cut": data[:-8], "changed": data[:-1] + bytes([data[-1] ^ 1]), "empty": b"", "folder": data}
            path.write_bytes(changed[damage])
        if damage == "folder":
            cache.rename(tmp_path / "moved")
        assert standing(rows, SCORING, n=50, cache=cache) == expected
        assert standing(rows, SCORING, n=50, cache=cache) == expected


def test_the_scoring_of_a_task() -> None:
    task = get_task("depth_parsing")
    scoring = task_scoring(task, people, "performers", name="mIoU")
    assert scoring.score(evidence(HARD)) == task.scores(evidence(HARD))["miou"]
    assert scoring.identity == f"depth_parsing {task.record.version} miou"
    assert (scoring.unit, scoring.name, scoring.higher_is_better) == ("points", "mIoU", True)
    assert task_scoring(task, people, "performers").name == "miou"
