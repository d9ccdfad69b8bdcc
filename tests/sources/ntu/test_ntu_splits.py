"""Split rules: hand-computed small cases, and properties that must hold for any lists."""

from __future__ import annotations

import hashlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcmoco_bench.files.hashing import fingerprint
from hcmoco_bench.sources.ntu.names import ClipName, SampleId
from hcmoco_bench.sources.ntu.splits import Split, subject_disjoint, uniform


def sample(performer: int, frame: int, setup: int = 1) -> SampleId:
    return SampleId(ClipName(setup, 1, performer, 1, 1), frame)


def test_fingerprint_is_the_hash_of_the_lines() -> None:
    ids = (sample(2, 60), sample(1, 30))
    text = b"S001C001P002R001A001F060\nS001C001P001R001A001F030\n"
    assert Split("train", "list x", ids).sha256 == fingerprint(ids) == hashlib.sha256(text).hexdigest()
    assert fingerprint(()) == hashlib.sha256(b"").hexdigest()


@pytest.mark.parametrize(
    ("percent", "expected"), [(20, [0, 5]), (10, [0]), (50, [0, 2, 4, 6, 8]), (100, list(range(11)))]
)
def test_uniform_takes_every_kth_item_up_to_the_floor(percent: int, expected: list[int]) -> None:
    ids = [sample(1, frame + 1) for frame in range(11)]
    assert [chosen.frame - 1 for chosen in uniform(ids, percent)] == expected


def test_uniform_of_less_than_k_items_is_empty() -> None:
    assert uniform([sample(1, 1)] * 3, 1) == ()


@pytest.mark.parametrize("percent", [0, -5, 3, 101])
def test_uniform_refuses_a_percentage_without_a_whole_step(percent: int) -> None:
    with pytest.raises(ValueError, match="divisor of 100"):
        uniform([], percent)


sides = st.lists(st.tuples(st.integers(1, 6), st.booleans()), max_size=24)


@given(sides)
def test_subject_disjoint_is_the_best_of_all_partitions(rows: list[tuple[int, bool]]) -> None:
    samples = [(sample(performer, frame), in_train) for frame, (performer, in_train) in enumerate(rows, start=1)]
    train = [s for s, in_train in samples if in_train]
    test = [s for s, in_train in samples if not in_train]
    new_train, new_test = subject_disjoint(train, test)
    assert sorted(new_train + new_test) == sorted(train + test)
    assert list(new_train) == sorted(new_train)
    performers = [{s.clip.performer for s in side} for side in (new_train, new_test)]
    assert not performers[0] & performers[1]

    def score(chosen: tuple[int, ...]) -> tuple[int, int, int]:
        size = sum(s.clip.performer in chosen for s, _ in samples)
        stays = sum((s.clip.performer in chosen) == in_train for s, in_train in samples)
        return abs(size - len(train)), size, -stays

    everyone = sorted({performer for performer, _ in rows})
    options = [c for n in range(len(everyone) + 1) for c in itertools.combinations(everyone, n)]
    assert score(tuple(performers[0])) == min(map(score, options))
