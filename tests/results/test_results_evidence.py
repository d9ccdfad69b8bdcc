"""Evidence files: the same bytes for the same rows, read back bit for bit, and each kind of bad file told apart."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hcmoco_bench.errors import DataError
from hcmoco_bench.results import Evidence, join_evidence, load_evidence, save_evidence


def make(ids: tuple[str, ...] = ("b", "c", "a"), **columns: Any) -> Evidence:
    rng = np.random.default_rng(0)
    given = {
        "hits": rng.integers(0, 9, (len(ids), 4), dtype=np.int32),
        "error": rng.random((len(ids), 2, 3)),
        "valid": rng.random(len(ids)) > 0.5,
    }
    return Evidence("example", ids, given | columns, {"names": ["ä", "b"], "threshold": 0.1})


def same(one: Evidence, other: Evidence) -> bool:
    return (
        (one.metric, one.sample_ids, dict(one.meta)) == (other.metric, other.sample_ids, dict(other.meta))
        and one.columns.keys() == other.columns.keys()
        and all(
            np.array_equal(a, other.columns[name]) and a.dtype == other.columns[name].dtype
            for name, a in one.columns.items()
        )
    )


@pytest.mark.parametrize("ids", [("b", "c", "a"), ()])
def test_what_is_saved_is_read_back(tmp_path: Path, ids: tuple[str, ...]) -> None:
    evidence = make(ids)
    sha256 = save_evidence(tmp_path / "one.npz", evidence)
    assert sha256 == hashlib.sha256((tmp_path / "one.npz").read_bytes()).hexdigest()
    assert same(load_evidence(tmp_path / "one.npz", sha256=sha256), evidence)


def test_the_same_evidence_gives_the_same_bytes(tmp_path: Path) -> None:
    evidence = make()
    turned = Evidence(
        evidence.metric, evidence.sample_ids, dict(reversed(evidence.columns.items())), dict(evidence.meta)
    )
    assert save_evidence(tmp_path / "one.npz", evidence) == save_evidence(tmp_path / "two.npz", turned)


def test_numpy_reads_the_arrays(tmp_path: Path) -> None:
    evidence = make()
    save_evidence(tmp_path / "one.npz", evidence)
    with np.load(tmp_path / "one.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["columns/error"], evidence.columns["error"])
        assert arrays["sample_ids"].tolist() == list(evidence.sample_ids)


def test_select_takes_rows_in_order_and_again() -> None:
    evidence = make()
    picked = evidence.select([2, 0, 2])
    assert picked.sample_ids == ("a", "b", "a")
    np.testing.assert_array_equal(picked.columns["hits"], evidence.columns["hits"][[2, 0, 2]])
    assert len(evidence.select([])) == 0
    assert evidence.select(np.array([False, True, False])).sample_ids == ("c",)


def test_join_sorts_by_id_whatever_the_parts() -> None:
    whole = make()
    parts = [whole.select([1]), whole.select(np.array([], dtype=int)), whole.select([0, 2])]
    assert same(join_evidence(parts), whole.select([2, 0, 1]))
    assert same(join_evidence(parts[::-1]), whole.select([2, 0, 1]))


def test_join_refuses_a_sample_that_was_scored_twice() -> None:
    whole = make()
    with pytest.raises(DataError, match=r"2 sample ids come more than once \(a, b\)") as caught:
        join_evidence([whole, whole.select([0, 2])])
    assert caught.value.kind == "duplicate_ids"


def test_join_refuses_parts_of_other_settings() -> None:
    whole = make()
    other = Evidence(whole.metric, ("z",), whole.select([0]).columns, {"threshold": 0.2})
    with pytest.raises(DataError, match="other metrics or settings"):
        join_evidence([whole, other])


def test_columns_have_a_row_for_each_sample() -> None:
    with pytest.raises(DataError, match=r"3 samples, but columns of other lengths: \{'hits': 2\}"):
        make(hits=np.zeros(2))


class TestBadFiles:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        save_evidence(tmp_path / "one.npz", make())
        return tmp_path / "one.npz"

    def kind(self, path: Path, **options: str) -> str:
        with pytest.raises(DataError, match=path.name) as caught:
            load_evidence(path, **options)
        return caught.value.kind

    def test_missing(self, tmp_path: Path) -> None:
        assert self.kind(tmp_path / "none.npz") == "evidence_missing"

    def test_another_file_than_the_result_states(self, path: Path) -> None:
        assert self.kind(path, sha256="0" * 64) == "evidence_sha256"

    @pytest.mark.parametrize("length", [0, 1, 40, 400, -1])
    def test_cut_short(self, path: Path, length: int) -> None:
        path.write_bytes(path.read_bytes()[:length])
        assert self.kind(path) == "evidence_damaged"

    def test_an_archive_of_something_else(self, path: Path) -> None:
        np.savez(path, hits=np.zeros(3))
        assert self.kind(path) == "evidence_damaged"

    def test_pickled_objects_are_not_loaded(self, path: Path) -> None:
        np.savez(path.with_name("pickled.npz"), objects=np.array([{"a": 1}], dtype=object))
        with zipfile.ZipFile(path.with_name("pickled.npz")) as archive:
            pickled = archive.read("objects.npy")
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("columns/objects.npy", pickled)
        assert self.kind(path) == "evidence_damaged"

    def test_columns_of_unequal_length(self, path: Path) -> None:
        np.save(path.with_name("column.npy"), np.zeros(9))
        with zipfile.ZipFile(path, "a") as archive:
            archive.write(path.with_name("column.npy"), "columns/extra.npy")
        assert self.kind(path) == "evidence_damaged"
