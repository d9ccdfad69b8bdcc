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
