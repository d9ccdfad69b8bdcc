"""A run that ends without one row fails, and names no next step."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from hcmoco_bench.cli.app import app
from hcmoco_bench.store.registry import open_store


def test_no_row_is_an_error(photograph_root: Path, tmp_path: Path) -> None:
    for image in (photograph_root / "images").iterdir():
        image.unlink()
    prepare = ["prepare", "mpii", "--root", str(photograph_root), "--out", str(tmp_path / "store"), "--workers", "1"]
    for more in ([], ["-q"], ["--json"], ["--strict"]):  # the first run writes the store, the others find it
        done = CliRunner().invoke(app, [*prepare, *more])
        assert done.exit_code == 1, done.output
        assert "not one image could be prepared (5 image_missing, 1 images_absent)" in done.stderr
        assert "next:" not in done.output
    assert json.loads(CliRunner().invoke(app, [*prepare, "--json"]).stdout)["problems"] == {
        "image_missing": 5,
        "images_absent": 1,
    }


def test_one_row_is_enough(photograph_root: Path, tmp_path: Path) -> None:
    for image in sorted((photograph_root / "images").iterdir())[1:]:
        image.unlink()
    prepare = ["prepare", "mpii", "--root", str(photograph_root), "--out", str(tmp_path / "store"), "--workers", "1"]
    done = CliRunner().invoke(app, prepare)
    assert done.exit_code == 0, done.output
    assert "next:" in done.stderr
    assert CliRunner().invoke(app, [*prepare, "--strict"]).exit_code == 3


def test_a_whole_folder_of_images_that_is_absent_is_one_line(photograph_root: Path, tmp_path: Path) -> None:
    (photograph_root / "images").rename(tmp_path / "elsewhere")
    (photograph_root / "images.tar.gz").touch()
    prepare = ["prepare", "mpii", "--root", str(photograph_root), "--out", str(tmp_path / "store"), "--workers", "1"]
    assert CliRunner().invoke(app, prepare).exit_code == 1
    (line,) = (one for one in open_store(tmp_path / "store").problems() if one.kind == "images_absent")
    assert "none of the 5 images of train.json" in line.reason
    assert "images.tar.gz: the first of 1 archives" in line.reason
