"""`hcmoco-bench synth ntu` as a user types it."""

from __future__ import annotations

import json

import typer
from typer.testing import CliRunner

from hcmoco_bench.cli import synth
from hcmoco_bench.errors import HcmocoBenchError, UsageError

app = typer.Typer()
synth.register(app)
runner = CliRunner()


def _run(*arguments):
    return runner.invoke(app, ["synth", "ntu", *map(str, arguments)])


def test_help_teaches():
    text = runner.invoke(app, ["synth", "ntu", "--help"], env={"COLUMNS": "160", "TERM": "dumb"}).output
    for word in ("--out", "--clips", "--seed", "--truth", "--no-noise", "--names", "--workers", "--zip", "prepare ntu"):
        assert word in text


def test_named_samples_and_json(tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("images/S002C003P008R001A013F002.jpg\n")
    done = _run("--out", tmp_path / "tree", "--names", names, "--truth", "--no-noise", "--json")
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert result["clips"] == result["masks"] == 1
    assert (tmp_path / "tree" / "png_annotation_v2" / "S002C003P008R001A013F002.png").is_file()
    assert (tmp_path / "tree-truth" / "S002C003P008R001A013.npz").is_file()
    # A second time there is nothing to do, and other options are refused.
    assert _run("--out", tmp_path / "tree", "--names", names, "--truth", "--no-noise", "--quiet").exit_code == 0
    refused = _run("--out", tmp_path / "tree", "--names", names)
    assert isinstance(refused.exception, UsageError)
    assert "other options" in str(refused.exception)


def test_bad_lists_are_named(tmp_path):
    missing = _run("--out", tmp_path / "tree", "--names", tmp_path / "nowhere.txt")
    assert isinstance(missing.exception, HcmocoBenchError)
    assert "nowhere.txt" in str(missing.exception)
    (tmp_path / "bad.txt").write_text("images/cat.jpg\n")
    bad = _run("--out", tmp_path / "tree", "--names", tmp_path / "bad.txt")
    assert isinstance(bad.exception, HcmocoBenchError)
    assert "line 1" in str(bad.exception)
    assert not (tmp_path / "tree").exists()


def test_senseless_numbers_are_refused(tmp_path):
    for option in ("--clips", "--frames", "--workers", "--mask-every"):
        assert _run("--out", tmp_path / "tree", option, 0).exit_code == 2


def test_other_layouts_teach_and_refuse(tmp_path):
    for layout, words in (
        ("mpii", ("--images", "prepare mpii")),
        ("coco", ("--long-side", "prepare coco")),
        ("densepose", ("densepose_body.npz", "--workers")),
        ("human36m", ("--clips", "--cameras", "prepare human36m")),
    ):
        text = runner.invoke(app, ["synth", layout, "--help"], env={"COLUMNS": "160", "TERM": "dumb"}).output
        for word in (*words, "--out", "--seed"):
            assert word in text
    few = runner.invoke(app, ["synth", "densepose", "--out", str(tmp_path / "few"), "--images", "2"])
    assert isinstance(few.exception, UsageError)
    assert "--images 3 or more" in str(few.exception)
    assert not (tmp_path / "few").exists()


def test_a_small_data_set_from_the_command_line(tmp_path):
    out = tmp_path / "mpii"
    done = runner.invoke(app, ["synth", "mpii", "--out", str(out), "--images", "2", "--long-side", "64", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"root": str(out), "images": 2}
    assert sorted(path.name for path in out.rglob("*.jpg")) == ["000000001.jpg", "000000002.jpg"]
    assert {path.name for path in (out / "annot").iterdir()} == {"train.json", "valid.json", "gt_valid.mat"}
