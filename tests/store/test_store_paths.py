"""Problem lines name files relative to the folders that the user gave."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.outside_text import storable
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.store.paths import PortablePaths


def test_folders_are_taken_out_of_files_and_reasons(tmp_path: Path) -> None:
    inner = tmp_path / "data" / "ntu"
    paths = PortablePaths.under([tmp_path / "data", inner])
    problem = Problem("x", "k", f"{inner}/a.zip!b/c.avi", f"{inner}/a.zip and {tmp_path}/data/d and {inner} itself")
    assert paths.problem(problem) == Problem("x", "k", "a.zip!b/c.avi", "a.zip and d and ntu itself")


def test_links_are_known_under_both_names(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    paths = PortablePaths.under([tmp_path / "link"])
    assert paths.text(f"{tmp_path}/link/a {tmp_path}/real/b") == "a b"


def test_the_file_systems_root_and_no_folder_change_nothing() -> None:
    assert PortablePaths.under([Path("/")]).text("/a/b") == "/a/b"
    assert PortablePaths(()).text("/a/b") == "/a/b"


@pytest.mark.parametrize("name", ["raw", "[v2]", os.fsdecode("数据".encode("gbk"))])
def test_a_line_does_not_depend_on_where_the_folder_lies(name: str, tmp_path: Path) -> None:
    root = tmp_path / name
    file = root / f"{name}.avi"
    error = DataError(f"{file}: damaged, as is all of {root}", kind="damaged", file=str(file))
    problem = PortablePaths.under([root]).problem(Problem.from_error("S1", error))
    assert problem.file == f"{storable(name)}.avi"
    assert problem.reason == f"{storable(name)}.avi: damaged, as is all of {storable(name)}"
