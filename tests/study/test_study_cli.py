"""The commands: what they print, their exit codes, and the real thing from end to end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from click.testing import Result
from study_plans import TOOL, hashes, plan_values, small_plan
from typer.testing import CliRunner

from hcmoco_bench.cli.app import app
from hcmoco_bench.errors import HcmocoBenchError, UsageError
from hcmoco_bench.study.cells import cells_of
from hcmoco_bench.study.folder import StudyFolder
from hcmoco_bench.study.read_plan import read_plan
from hcmoco_bench.study.repeat import repeat_cells
from hcmoco_bench.study.run import run_study
from hcmoco_bench.training.run_files import RESULT_FILE

TINY = """
[data.people]
commands = [
  "synth human36m --out {out}/raw --clips 2 --frames 26 --cameras 1 --width 96 --seed 1",
  "prepare human36m --root {out}/raw --every 2 --out {out}/store",
]

[pretraining.lifted]
method = "LiftedCL"
data = "people"
options = "--config liftedcl-invariant --store {data}/store --backbone test_resnet --init scratch --size 32 \
--batch-size 8 --epochs EPOCHS --set queue=16 --set dim=16 --set trackers=[] --set checkpoint_every=1"

[task.pose3d]
task = "pose3d"
data = "people"
options = "--store {data}/store --backbone test_resnet --size 32 --head-width 8 --batch-size 4 --epochs 2 --sheet 0"

[claim.tiny]
title = "A tiny claim"
question = "Does it run?"
tasks = ["pose3d"]
methods = ["lifted"]
seeds = [0]
"""


def study(*words: object) -> Result:
    return CliRunner().invoke(app, ["study", *map(str, words)])


def write_plan(folder: Path) -> Path:
    path = folder / "plan.json"
    path.write_text(json.dumps(plan_values()))
    return path


def test_plans_are_listed() -> None:
    found = study("plans")
    assert found.exit_code == 0
    assert "liftedcl (sizes: smoke, small, gpu)" in found.stdout
    assert "ablation: " in found.stdout
    (one,) = (one for one in json.loads(study("plans", "--json").stdout) if one["plan"] == "liftedcl")
    assert set(one["claims"]) == {"ablation", "across"}


def test_run_status_and_report(tmp_path: Path) -> None:
    plan, out = write_plan(tmp_path), tmp_path / "study"
    folder = StudyFolder(out)
    run_study(cells_of(small_plan(), ["depth"]), folder, tool=TOOL)
    found = study("run", plan, "--out", out, "--claim", "depth", "--json")
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout) == {"made": [], "failed": {}, "blocked": [], "left": 0, "notes": []}
    again = study(plan, "--out", out, "--claim", "depth")
    assert again.exit_code == 0
    assert "0 cells made, 4 of 4 done" in again.stdout
    assert "study report" in again.stderr
    shown = study("status", plan, "--out", out)
    assert "pretrain-both-0" in shown.stdout
    assert "22 cells: 4 done, 18 missing" in shown.stdout
    states = {one["name"]: one["state"] for one in json.loads(study("status", plan, "--out", out, "--json").stdout)}
    assert states["pretrain-both-0"] == "done"
    assert states["pretrain-both-1"] == "missing"
    run_study(cells_of(small_plan(), ["depth"]), StudyFolder(tmp_path / "begun"), tool=TOOL, at_most=1)
    StudyFolder(tmp_path / "begun").keep_plan("plan", None, small_plan())
    reported = study("report", plan, "--out", tmp_path / "begun")
    assert reported.exit_code == 0
    assert "help: 0 of 16 results are there; 0 of 5 differences are shown." in reported.stdout
    assert (tmp_path / "begun" / "report" / "help.md").is_file()
    assert "None" not in reported.stdout


def test_a_report_from_records_alone_leaves_nothing_for_git(tmp_path: Path) -> None:
    plan, out = write_plan(tmp_path), tmp_path / "study"
    (out / "cells").mkdir(parents=True)
    StudyFolder(out).keep_plan("plan", None, small_plan())
    assert study("report", plan, "--out", out).exit_code == 0
    assert (out / "work" / ".gitignore").read_text() == "*\n"


def test_a_failing_cell_is_told_with_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, out = write_plan(tmp_path), tmp_path / "study"
    out.mkdir()
    (out / "fail-data-rooms").touch()
    monkeypatch.setattr(run_study, "__kwdefaults__", run_study.__kwdefaults__ | {"tool": TOOL})
    found = study("run", plan, "--out", out, "--claim", "depth")
    assert found.exit_code == 1
    assert "data-rooms: exit code 1: something broke; see" in found.stderr
    assert "1 failed, 1 need a failed one" in found.stdout
    assert json.loads((out / "study.json").read_text())["plan"] == "plan"


def test_wrong_use(tmp_path: Path) -> None:
    plan = write_plan(tmp_path)
    for words, told in (
        (("run", "liftdcl", "--out", tmp_path), "did you mean liftedcl"),
        (("run", "liftedcl", "--out", tmp_path), "sizes smoke, small, gpu; give one with --size"),
        (("run", plan, "--out", tmp_path, "--claim", "hlp"), "did you mean help"),
        (("run", plan, "--out", tmp_path, "--size", "small"), "no such size"),
        (("report", plan, "--out", tmp_path), "there is no study yet; make one with study run"),
    ):
        with pytest.raises(UsageError, match=told) as caught:
            CliRunner().invoke(app, ["study", *map(str, words)], catch_exceptions=False)
        assert isinstance(caught.value, HcmocoBenchError)
    assert study("liftdcl").exit_code == 2
    assert not (tmp_path / "cells").exists()


def real(plan: Path | str, out: Path, *more: str, command: str = "run") -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "hcmoco_bench.cli.app", "study", command, str(plan), "--out", str(out), *more]
    return subprocess.Popen(words, env=os.environ | {"OMP_NUM_THREADS": "1"})


def test_repeating_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, folder = write_plan(tmp_path), StudyFolder(tmp_path / "study")
    monkeypatch.setattr("hcmoco_bench.study.repeat.repeat_cells", partial(repeat_cells, tool=TOOL))
    run_study(cells_of(small_plan(), ["depth"]), folder, tool=TOOL)
    words = ("repeat", path, "data-people", "pretrain-both-0", "--out", folder.root)
    same = study(*words)
    assert same.exit_code == 0, same.output
    assert [line.split(": ")[1][:8] for line in same.stdout.splitlines()] == ["the same", "the same"]
    assert "making pretrain-both-0 again" in same.stderr
    record = folder.record("pretrain-both-0") / "cell.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"sha256": "0" * 64}))
    other = study(*words)
    assert other.exit_code == 1
    assert "pretrain-both-0: not the same" in other.stdout
    assert "the weights made here are not those of the record" in " ".join(other.stderr.split())
    told = study(*words, "--json")
    assert told.exit_code == 1
    assert [one["same"] for one in json.loads(told.stdout)] == [True, False]


@pytest.mark.slow
def test_a_real_study_that_is_killed_gives_the_same_bits(tmp_path: Path) -> None:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY.replace("EPOCHS", "20"))
    cells = cells_of(read_plan(str(path)).at(None))
    killed, whole = StudyFolder(tmp_path / "killed"), StudyFolder(tmp_path / "whole")
    process = real(path, killed.root)
    losses = killed.out("pretrain-lifted-0") / "losses.csv"
    while not (losses.is_file() and len(losses.read_text().splitlines()) > 5):
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert real(path, killed.root).wait() == 0
    log = killed.log("pretrain-lifted-0").read_text()
    assert "pretrain --resume" in log
    assert real(path, whole.root).wait() == 0
    assert hashes(whole, cells) == hashes(killed, cells)
    one, other = (
        json.loads((folder.record("finetune-pose3d-1-lifted-0") / RESULT_FILE).read_text())
        for folder in (whole, killed)
    )
    assert one == other, "also the command, since paths are those within the folder"
    report = study("report", path, "--out", whole.root, "--board", tmp_path / "board", "--by", "Somebody")
    assert report.exit_code == 0, report.output
    assert "row: liftedcl-" in report.stdout


@pytest.mark.slow
def test_all_claims_of_the_paper_at_the_size_of_a_smoke_test(tmp_path: Path) -> None:
    """Two processes share the work; `test_study_plan` reads the options of the other sizes."""
    out = tmp_path / "study"
    assert [process.wait() for process in [real("claims", out, "--size", "smoke") for _ in range(2)]] == [0, 0]
    report = study("report", "claims", "--out", out, "--draws", "20", "--board", tmp_path / "board", "--by", "Nobody")
    assert report.exit_code == 0, report.output
    # Models that have learned nothing predict the same, and a leaderboard takes what is the same once.
    refused = [line for line in report.stderr.splitlines() if "no row" in line]
    assert all("has the same" in line for line in refused), refused
    assert report.stdout.count("row: ") > 20
    plan = read_plan("claims").at("smoke")
    for name, claim in plan.claim.items():
        page = (out / "report" / f"{name}.md").read_text()
        assert "What is missing" not in page
        assert claim.question in page
        assert (out / "report" / f"{name}.png").stat().st_size > 1000
    leaks = (out / "report" / "leaks.md").read_text()
    assert "What is missing" not in leaks
    assert all(leak.title in leaks for leak in plan.leak.values())
    verified = CliRunner().invoke(app, ["leaderboard", "verify", "--all", "--board", str(tmp_path / "board")])
    assert verified.exit_code == 0, verified.output
    cells = ("pretrain-hcmoco-0", "finetune-ntu_parsing-0.2-hcmoco-0")
    assert real("claims", out, *cells, command="repeat").wait() == 0
