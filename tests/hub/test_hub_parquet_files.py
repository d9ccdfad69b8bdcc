"""Splits in files and row groups, in order, whatever the pieces they come in."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Features, Image, Value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hcmoco_bench.errors import StoreError
from hcmoco_bench.hub.parquet_files import ROWS_PER_GROUP, write_split

FEATURES = Features({"sample_id": Value("string"), "rgb": Image()})


def _tables(sizes: list[int]) -> list[pa.Table]:
    start, tables = 0, []
    for size in sizes:
        ids = [f"{i:05d}" for i in range(start, start + size)]
        images = [{"bytes": name.encode() * 5, "path": f"{name}.png"} for name in ids]
        schema = pa.schema([("sample_id", pa.string()), ("rgb", FEATURES.arrow_schema.field("rgb").type)])
        tables.append(pa.table({"sample_id": ids, "rgb": images}, schema=schema))
        start += size
    return tables


def _nothing(done: int) -> None:
    pass


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 250), min_size=1, max_size=6).filter(lambda s: sum(s) > 0), st.integers(1, 300))
def test_every_row_once_in_order(tmp_path: Path, sizes: list[int], rows_per_file: int) -> None:
    for old in tmp_path.glob("*.parquet"):
        old.unlink()
    total = sum(sizes)
    seen: list[int] = []
    files = write_split(
        _tables(sizes), total, FEATURES, tmp_path, "train", rows_per_file=rows_per_file, report=seen.append
    )
    count = -(-total // rows_per_file)
    assert [file.path for file in files] == [f"train-{i:05d}-of-{count:05d}.parquet" for i in range(count)]
    ids = [name for file in files for name in pq.read_table(tmp_path / file.path)["sample_id"].to_pylist()]
    assert ids == [f"{i:05d}" for i in range(total)]
    assert seen[-1] == total
    for file in files:
        opened = pq.ParquetFile(tmp_path / file.path)
        groups = [opened.metadata.row_group(i).num_rows for i in range(opened.num_row_groups)]
        assert sum(groups) == file.rows == opened.metadata.num_rows <= rows_per_file
        assert max(groups) <= ROWS_PER_GROUP
        assert all(group == ROWS_PER_GROUP for group in groups[:-1])
        data = (tmp_path / file.path).read_bytes()
        assert (file.size, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_features_are_in_the_file_and_images_are_stored_as_they_are(tmp_path: Path) -> None:
    (file,) = write_split(_tables([3]), 3, FEATURES, tmp_path, "train", report=_nothing)
    assert Features.from_arrow_schema(pq.read_schema(tmp_path / file.path)) == FEATURES
    assert b"00001" * 5 in (tmp_path / file.path).read_bytes()


@pytest.mark.parametrize("total", [2, 4])
def test_another_number_of_rows_is_an_error(tmp_path: Path, total: int) -> None:
    with pytest.raises(StoreError, match="rows were found, not"):
        write_split(_tables([3]), total, FEATURES, tmp_path, "train", rows_per_file=1, report=_nothing)


def test_other_columns_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="columns of a prepared store"):
        write_split([pa.table({"sample_id": ["a"]})], 1, FEATURES, tmp_path, "train", report=_nothing)
    wrong = pa.table({"sample_id": ["a"], "rgb": [1]})
    with pytest.raises(StoreError, match="columns of a prepared store"):
        write_split([wrong], 1, FEATURES, tmp_path, "train", report=_nothing)
