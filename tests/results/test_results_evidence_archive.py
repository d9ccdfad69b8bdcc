"""Archives that somebody sends to harm whoever checks them: each is refused as damaged, in little memory."""

from __future__ import annotations

import io
import json
import tracemalloc
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hcmoco_bench.errors import DataError
from hcmoco_bench.results import Evidence, load_evidence, save_evidence
from hcmoco_bench.results.evidence_archive import MOST_PACKED, MOST_SAMPLES, MOST_UNPACKED

MIB = 1 << 20
HEADER = {"format": "hcmoco-bench-evidence-1", "metric": "example", "meta": {"threshold": 0.1}}
IDS = np.array(["a", "b", "c"])


def npy(array: Any, **claimed: Any) -> bytes:
    """An array's file; with other claims in its header than what its bytes are."""
    content = io.BytesIO()
    if not claimed:
        np.save(content, array)
        return content.getvalue()
    header = np.lib.format.header_data_from_array_1_0(array) | claimed
    np.lib.format.write_array_header_1_0(content, header)
    return content.getvalue() + array.tobytes()


def members(**changed: Any) -> dict[str, bytes]:
    """Members of an evidence file, of which some are other bytes."""
    found = {
        "evidence.json": json.dumps(HEADER).encode(),
        "sample_ids.npy": npy(IDS),
        "columns/hits.npy": npy(np.arange(6).reshape(3, 2)),
    }
    names = {"header": "evidence.json", "ids": "sample_ids.npy", "hits": "columns/hits.npy"}
    return found | {names[name]: value for name, value in changed.items()}


def write(path: Path, *contents: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED, **sizes: int) -> Path:
    """An archive of the members of some contents; `sizes` are what its directory states of columns."""
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", method) as archive:
        warnings.simplefilter("ignore", UserWarning)  # of names that come twice
        for content in contents:
            for name, data in content.items():
                archive.writestr(name, data)
        for name, size in sizes.items():
            archive.getinfo(f"columns/{name}.npy").file_size = size
    return path


def refusal(path: Path) -> str:
    """Why a file is refused, in 8 MiB of memory."""
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=path.name) as caught:
            load_evidence(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.kind == "evidence_damaged"
    assert peak < 8 * MIB
    return str(caught.value)


def test_the_unchanged_members_are_evidence(tmp_path: Path) -> None:
    found = load_evidence(write(tmp_path / "one.npz", members()))
    assert (found.metric, found.sample_ids, found.meta) == ("example", ("a", "b", "c"), {"threshold": 0.1})
    np.testing.assert_array_equal(found.columns["hits"], [[0, 1], [2, 3], [4, 5]])
    assert found.columns["hits"].flags.writeable


def test_columns_in_the_order_of_fortran_and_without_rows_are_read(tmp_path: Path) -> None:
    column = np.asfortranarray(np.arange(12.0).reshape(3, 4))
    found = load_evidence(write(tmp_path / "one.npz", members(hits=npy(column))))
    np.testing.assert_array_equal(found.columns["hits"], column)
    save_evidence(tmp_path / "none.npz", Evidence("example", (), {"hits": np.zeros((0, 4), np.int32)}))
    assert load_evidence(tmp_path / "none.npz").columns["hits"].shape == (0, 4)


class TestBombs:
    def test_one_that_states_its_size_is_not_unpacked(self, tmp_path: Path) -> None:
        path = write(tmp_path / "one.npz", members(), hits=MOST_UNPACKED)
        assert f"at most {MOST_UNPACKED:,} are read" in refusal(path)

    def test_one_that_states_less_is_unpacked_no_further(self, tmp_path: Path) -> None:
        column = npy(np.zeros((3, 8 * MIB), np.int8))
        assert len(column) > 24 * MIB
        refusal(write(tmp_path / "one.npz", members(hits=column), hits=1000))

    def test_a_large_header_is_not_parsed(self, tmp_path: Path) -> None:
        header = json.dumps(HEADER | {"meta": {"text": "a" * (2 * MIB)}}).encode()
        assert "evidence.json has 2,097," in refusal(write(tmp_path / "one.npz", members(header=header)))

    def test_other_methods_of_compression_have_no_bound(self, tmp_path: Path) -> None:
        column = npy(np.zeros((3, 1000), np.int8))
        for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
            path = write(tmp_path / "one.npz", members(hits=column), method=method, hits=1000)
            assert "another method than deflate" in refusal(path)

    def test_many_members(self, tmp_path: Path) -> None:
        many = {f"columns/{number}.npy": b"" for number in range(1000)}
        assert "more than 64 members" in refusal(write(tmp_path / "one.npz", members(), many))

    def test_a_large_file(self, tmp_path: Path) -> None:
        with (tmp_path / "one.npz").open("wb") as handle:
            handle.truncate(MOST_PACKED + 1)  # sparse: takes no room on disk
        assert f"has {MOST_PACKED + 1:,} bytes" in refusal(tmp_path / "one.npz")


class TestMembers:
    @pytest.mark.parametrize("name", ["evidence.json", "sample_ids.npy", "columns/hits.npy"])
    def test_one_that_comes_twice_could_be_read_in_two_ways(self, tmp_path: Path, name: str) -> None:
        path = write(tmp_path / "one.npz", members(), {name: members()[name]})
        assert f"'{name}' comes twice" in refusal(path)

    @pytest.mark.parametrize("name", ["../x.npy", "columns/hits", "other.npy", "columns"])
    def test_one_that_has_no_place(self, tmp_path: Path, name: str) -> None:
        assert f"'{name}' does not belong there" in refusal(write(tmp_path / "one.npz", members(), {name: b""}))

    @pytest.mark.parametrize("name", ["evidence.json", "sample_ids.npy"])
    def test_one_that_is_missing(self, tmp_path: Path, name: str) -> None:
        found = members()
        del found[name]
        assert name in refusal(write(tmp_path / "one.npz", found))


class TestArrays:
    @pytest.mark.parametrize(
        "claimed",
        [
            {"shape": (3, 1 << 40)},
            {"shape": (1 << 62, 1 << 62)},
            {"shape": (3, -2)},
            {"shape": (-3, -2)},
            {"shape": (3, 3)},
            {"shape": (3, 1)},
            {"shape": (3, 2, *[1] * 30)},
            {"shape": ()},
            {"descr": "|O"},
            {"descr": "<U4"},
            {"descr": "<c8"},
            {"descr": "<M8[s]"},
            {"descr": "|V8"},
            {"descr": [("x", "<i4"), ("y", "<i4")]},
        ],
    )
    def test_a_header_that_claims_something_else(self, tmp_path: Path, claimed: dict[str, Any]) -> None:
        column = npy(np.arange(6).reshape(3, 2), **claimed)
        assert "columns/hits.npy" in refusal(write(tmp_path / "one.npz", members(hits=column)))

    def test_wide_rows_of_no_sample(self, tmp_path: Path) -> None:
        none = npy(np.zeros((0, 1 << 40), np.int8))
        path = write(tmp_path / "one.npz", members(ids=npy(np.array([], np.str_)), hits=none))
        assert "claims the shape (0, 1099511627776)" in refusal(path)

    @pytest.mark.parametrize(
        "ids",
        [
            npy(np.array([["a"], ["b"], ["c"]])),
            npy(np.array([1, 2, 3])),
            npy(np.array([b"a", b"b", b"c"])),
            npy(np.array(["a", "b"])),
            npy(np.zeros(0, "<U1"), shape=(MOST_SAMPLES + 1,), descr="<U0"),
        ],
    )
    def test_ids_that_are_no_texts_one_for_each_row(self, tmp_path: Path, ids: bytes) -> None:
        refusal(write(tmp_path / "one.npz", members(ids=ids)))

    def test_objects_are_not_unpickled(self, tmp_path: Path) -> None:
        content = io.BytesIO()
        np.save(content, np.array([{"a": 1}, 2, 3], dtype=object), allow_pickle=True)
        assert "holds object" in refusal(write(tmp_path / "one.npz", members(hits=content.getvalue())))


@pytest.mark.parametrize(
    "text",
    [
        '{"format": "hcmoco-bench-evidence-1", "metric": "m", "meta": {"threshold": NaN}}',
        '{"format": "hcmoco-bench-evidence-1", "metric": "m", "meta": {"threshold": -Infinity}}',
        '{"format": "hcmoco-bench-evidence-1", "metric": "m", "meta": {"threshold": 1e999}}',
        '{"format": "hcmoco-bench-evidence-1", "metric": "m", "meta": []}',
        '{"format": "hcmoco-bench-evidence-1", "metric": ["m"], "meta": {}}',
        '{"format": "hcmoco-bench-evidence-2", "metric": "m", "meta": {}}',
        '{"format": "hcmoco-bench-evidence-1", "meta": {}}',
        '"format metric meta"',
        "[" * 100_000,
        "1" * 10_000,
    ],
    ids=["nan", "infinity", "overflow", "meta", "metric", "format", "missing", "text", "deep", "digits"],
)
def test_headers_that_are_not_what_they_should_be(tmp_path: Path, text: str) -> None:
    refusal(write(tmp_path / "one.npz", members(header=text.encode())))
