"""Draws of rows: sums of groups against selected samples, and against the paired bootstrap of results."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.leaderboard.ties.draws import drawn_scores
from hcmoco_bench.leaderboard.ties.samples import Samples
from hcmoco_bench.metrics import joint_accuracy_scores, segmentation_scores
from hcmoco_bench.metrics.additive import is_additive
from hcmoco_bench.results import Evidence, paired_bootstrap
from hcmoco_bench.results.resampling import GroupDraws

IDS = tuple(f"P{person:02d}F{frame:02d}" for person in range(6) for frame in range(2 + person))
PEOPLE = tuple(name[:3] for name in IDS)


def segmentation(seed: int, *, absent: str = "zero", largest: int = 1000) -> Evidence:
    """Counts of four classes, of which the last is there in three frames of two people only."""
    rng = np.random.default_rng(seed)
    target = rng.integers(1, largest, (len(IDS), 4))
    target[:, 3] *= np.isin(np.arange(len(IDS)), (0, 5, 6))
    intersection = rng.binomial(target, 0.7)
    prediction = intersection + rng.integers(0, 200, target.shape) * (target > 0)
    columns = {"intersection": intersection, "target": target, "prediction": prediction}
    meta = {"class_names": list("abcd"), "absent": absent, "background": True}
    return Evidence("segmentation", IDS, {name: one.astype(np.int32) for name, one in columns.items()}, meta)


def joints(seed: int) -> Evidence:
    rng = np.random.default_rng(seed)
    columns = {"error_cm": rng.gamma(2, 5, (len(IDS), 3)), "valid": rng.random((len(IDS), 3)) > 0.2}
    return Evidence("joint_accuracy", IDS, columns, {"joints": list("abc"), "groups": {}, "threshold_cm": 10.0})


def miou(evidence: Evidence) -> float:
    return segmentation_scores(evidence)["miou"]


def accuracy(evidence: Evidence) -> float:
    return joint_accuracy_scores(evidence)["accuracy"]


def by_selection(evidence: Evidence, score: Callable[[Evidence], float], draws: GroupDraws) -> list[list[float]]:
    """The plain way, for any metric."""
    return [[score(evidence.select(one)) for one in rows] for rows in (draws.rows(), draws.kept_rows())]


@pytest.mark.parametrize("groups", [PEOPLE, None])
@pytest.mark.parametrize("absent", ["zero", "skip"])
def test_sums_of_groups_score_exactly_as_selected_samples(groups: tuple[str, ...] | None, absent: str) -> None:
    evidence = segmentation(0, absent=absent)
    draws = GroupDraws.of(len(IDS), groups, n=40, seed=3)
    found = drawn_scores([evidence], miou, draws)
    assert is_additive(evidence)
    assert [found.draws.tolist(), found.left_out.tolist()] == by_selection(evidence, miou, draws)
    assert found.score == miou(evidence)
    assert len(set(found.draws)) > 20


def test_counts_beyond_exact_floats_are_selected() -> None:
    evidence = segmentation(0, largest=2**31 - 10**4)
    columns = {name: one.astype(np.int64) * 2**18 for name, one in evidence.columns.items()}
    large = Evidence(evidence.metric, evidence.sample_ids, columns, evidence.meta)
    draws = GroupDraws.of(len(IDS), PEOPLE, n=20, seed=0)
    assert drawn_scores([large], miou, draws).draws.tolist() == by_selection(large, miou, draws)[0]


def test_other_metrics_are_selected() -> None:
    evidence = joints(1)
    draws = GroupDraws.of(len(IDS), PEOPLE, n=20, seed=0)
    assert not is_additive(evidence)
    assert drawn_scores([evidence], accuracy, draws).draws.tolist() == by_selection(evidence, accuracy, draws)[0]


@pytest.mark.parametrize(("make", "score"), [(segmentation, miou), (joints, accuracy)])
@pytest.mark.parametrize("groups", [PEOPLE, None])
def test_two_rows_are_drawn_as_the_paired_bootstrap_draws_them(
    make: Callable[[int], Evidence], score: Callable[[Evidence], float], groups: tuple[str, ...] | None
) -> None:
    first, second = make(0), make(1)
    expected = paired_bootstrap(first, second, score, n=60, seed=5, groups=groups)
    draws = GroupDraws.of(len(IDS), groups, n=60, seed=5)
    one, other = (drawn_scores([evidence], score, draws) for evidence in (first, second))
    low, high = np.quantile(one.draws - other.draws, [0.025, 0.975])
    found = (one.score - other.score, low, high)
    assert found == pytest.approx((expected.difference, expected.low, expected.high), abs=1e-12)


def test_the_score_of_a_row_is_the_mean_over_its_seeds() -> None:
    seeds = [segmentation(seed) for seed in range(3)]
    draws = GroupDraws.of(len(IDS), PEOPLE, n=10, seed=0)
    each = [drawn_scores([one], miou, draws) for one in seeds]
    found = drawn_scores(seeds, miou, draws)
    assert found.score == pytest.approx(np.mean([one.score for one in each]), abs=1e-15)
    np.testing.assert_allclose(found.draws, np.mean([one.draws for one in each], axis=0), rtol=1e-15)


class TestGroupDraws:
    def test_weights_count_the_groups_of_the_draws(self, monkeypatch: pytest.MonkeyPatch) -> None:
        draws = GroupDraws.of(len(IDS), PEOPLE, n=10, seed=0)
        expected = [[(picked == group).sum() for group in range(6)] for picked in draws.picks()]
        assert np.concatenate(list(draws.weights())).tolist() == expected
        monkeypatch.setattr("hcmoco_bench.results.resampling._CELLS", 18)  # three draws a block
        blocks = list(draws.weights())
        assert [len(one) for one in blocks] == [3, 3, 3, 1]
        assert np.concatenate(blocks).tolist() == expected

    def test_a_single_block_is_drawn_once_and_stays_as_it_is(self) -> None:
        draws = GroupDraws.of(len(IDS), PEOPLE, n=10, seed=0)
        (first,), (second,) = draws.weights(), draws.weights()
        assert first is second
        with pytest.raises(ValueError, match="read-only"):
            first[0, 0] = 1

    def test_each_group_is_left_out_once(self) -> None:
        draws = GroupDraws.of(len(IDS), PEOPLE, n=10, seed=0)
        missing = [set(PEOPLE) - {PEOPLE[row] for row in rows} for rows in draws.kept_rows()]
        assert sorted(name for one in missing for name in one) == sorted(set(PEOPLE))
        assert all(len(one) == 1 for one in missing)

    def test_many_groups_are_left_out_in_parts(self) -> None:
        draws = GroupDraws.of(450, None, n=10, seed=0)
        missing = [np.setdiff1d(np.arange(450), rows) for rows in draws.kept_rows()]
        assert sorted(len(one) for one in missing) == [2] * 150 + [3] * 50
        assert sorted(np.concatenate(missing).tolist()) == list(range(450))

    def test_nothing_to_draw(self) -> None:
        with pytest.raises(DataError, match="no sample was scored"):
            GroupDraws.of(0, None, n=10, seed=0)
        with pytest.raises(UsageError, match="3 groups for 2 samples"):
            GroupDraws.of(2, "abc", n=10, seed=0)
        assert GroupDraws.of(3, "aaa", n=10, seed=0).kept == ()


class TestSamples:
    def test_one_order_whatever_the_file_has(self) -> None:
        shuffled = np.random.default_rng(0).permutation(len(IDS))
        ids = tuple(IDS[place] for place in shuffled)
        samples = Samples.of(ids, [PEOPLE[place] for place in shuffled], "people")
        assert samples == Samples.of(IDS, PEOPLE, "people")
        aligned = samples.align(segmentation(0).select(shuffled), "one", "other")
        assert aligned.sample_ids == IDS
        np.testing.assert_array_equal(aligned.columns["target"], segmentation(0).columns["target"])

    def test_a_single_group_cannot_be_drawn(self) -> None:
        samples = Samples.of(IDS, ["one"] * len(IDS), "people")
        assert (samples.groups, samples.grouped_by) == (None, "samples")

    def test_other_samples_are_refused(self) -> None:
        samples = Samples.of(IDS, PEOPLE, "people")
        other = segmentation(0).select(range(3, len(IDS)))
        with pytest.raises(UsageError, match="0 only in B, 3 only in A"):
            samples.align(other, "B", "A")
        with pytest.raises(DataError, match="evidence of B: 1 sample ids come more than once"):
            samples.align(segmentation(0).select([0, *range(len(IDS))]), "B", "A")
        with pytest.raises(UsageError, match="2 groups for 27 samples"):
            Samples.of(IDS, ["a", "b"], "people")

    def test_the_fingerprint_is_of_ids_and_of_what_belongs_together(self) -> None:
        samples = Samples.of(IDS, PEOPLE, "people")
        assert samples.sha256 == Samples.of(IDS, [name.lower() for name in PEOPLE], "performers").sha256
        others = [Samples.of(IDS, None, "people"), Samples.of(IDS[1:], PEOPLE[1:], "people")]
        moved = Samples.of(IDS, [PEOPLE[-1], *PEOPLE[1:]], "people")
        assert len({one.sha256 for one in (samples, moved, *others)}) == 4
