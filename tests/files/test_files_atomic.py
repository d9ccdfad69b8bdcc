"""Files are whole under their name or not there; what cannot be written says why."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from hcmoco_bench.errors import StoreError
from hcmoco_bench.files.atomic import atomic_file, remove_temporary, write_atomic, write_error


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_nothing_is_visible_before_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with atomic_file(path) as handle:
        handle.write(b"{}")
        assert not path.exists()
        assert all(name.startswith(".") for name in names(tmp_path))
    assert path.read_bytes() == b"{}"
    write_atomic(path, "[ü]")
    assert path.read_text("utf-8") == "[ü]"
    assert names(tmp_path) == ["a.json"]


def test_an_error_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_atomic(path, "old")
    with pytest.raises(TypeError), atomic_file(path) as handle:
        handle.write(None)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.json"]


def test_only_temporary_files_are_removed(tmp_path: Path) -> None:
    for name in (".a.1-x.tmp", "a.tmp", ".plan.json", "b"):
        (tmp_path / name).touch()
    remove_temporary(tmp_path)
    assert names(tmp_path) == [".plan.json", "a.tmp", "b"]


def test_errors_name_the_file_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"nowhere/a\.json: cannot be written"):
        write_atomic(tmp_path / "nowhere" / "a.json", "x")
    full = write_error(Path("/store/a"), OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert "the disk is full" in str(full)
    assert "run the same command again" in str(full)
