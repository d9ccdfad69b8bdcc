"""Problem lines name files relative to the folders that the user gave."""

from __future__ import annotations

from pathlib import Path

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
