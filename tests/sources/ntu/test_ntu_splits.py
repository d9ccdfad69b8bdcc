"""Split rules: hand-computed small cases, and properties that must hold for any lists."""

from __future__ import annotations

import hashlib
import itertools

from hypothesis import given
from hypothesis import strategies as st

from hcmoco_bench.files.hashing import fingerprint
from hcmoco_bench.sources.ntu.names import ClipName, SampleId
from hcmoco_bench.sources.ntu.splits import Split, subject_disjoint


def sample(performer: int, frame: int, setup: int = 1) -> SampleId:
    return SampleId(ClipName(setup, 1, performer, 1, 1), frame)


def test_fingerprint_is_the_hash_of_the_lines() -> None:
    ids = (sample(2, 60), sample(1, 30))
    text = b"S001C001P002R001A001F060\nS001C001P001R001A001F030\n"
    assert Split("train", "list x", ids).sha256 == fingerprint(ids) == hashlib.sha256(text).hexdigest()
    assert fingerprint(()) == hashlib.sha256(b"").hexdigest()


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
