"""Parquet files are read below folders of any name."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hcmoco_bench.files.parquet import open_parquet


@pytest.mark.parametrize("name", [os.fsdecode("数据".encode("gbk")), "数据", "a [b]"])
def test_folders_of_any_name(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    with (folder / "a.parquet").open("wb") as handle:
        pq.write_table(pa.table({"a": [1, 2]}), handle)
    with open_parquet(folder / "a.parquet") as file:
        assert file.metadata.num_rows == 2
        assert file.read()["a"].to_pylist() == [1, 2]
    (folder / "b.parquet").write_bytes(b"PAR1")
    with pytest.raises(pa.ArrowException), open_parquet(folder / "b.parquet"):
        pass
    with pytest.raises(OSError, match=r"c\.parquet"), open_parquet(folder / "c.parquet"):
        pass
