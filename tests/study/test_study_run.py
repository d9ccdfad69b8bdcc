"""Running a study: every cell once, whatever is killed, fails, changes or runs beside it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from stand_in_tool import numbers
from study_plans import TOOL, hashes, plan_values, small_cells, small_plan, started

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.files.lock import folder_lock
from hcmoco_bench.study.cells import Cells, cells_of
from hcmoco_bench.study.folder import StudyFolder
from hcmoco_bench.study.record import read_record
from hcmoco_bench.study.run import StudyRun, run_study
from hcmoco_bench.study.status import study_status

RUNNER = """
import json, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that starts the tests in the background ignores it
from pathlib import Path
from hcmoco_bench.study.cells import cells_of
from hcmoco_bench.study.folder import StudyFolder
from hcmoco_bench.study.plan import Plan
from hcmoco_bench.study.run import run_study
plan = Plan.model_validate(json.loads(Path(sys.argv[1]).read_text()))
done = run_study(cells_of(plan, sys.argv[3].split()), StudyFolder(Path(sys.argv[2])), tool=sys.argv[4:])
print(json.dumps([done.made, done.left]))
"""


def elsewhere(tmp_path: Path, values: dict[str, Any], folder: Path, claims: str = "") -> subprocess.Popen[str]:
    """A process that runs the study."""
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(values))
    words = [sys.executable, "-c", RUNNER, str(path), str(folder), claims, *TOOL]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def run(cells: Cells, folder: StudyFolder, **options: Any) -> StudyRun:
    return run_study(cells, folder, tool=TOOL, **options)


def depth_cells() -> Cells:
    """Four cells: two data sets, a pre-training and a fine-tuning."""
    return cells_of(small_plan(), ["depth"])


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    return StudyFolder(tmp_path / "study")


def states(cells: Cells, folder: StudyFolder) -> dict[str, str]:
    return {one.name: one.state for one in study_status(cells, folder)}


def test_a_study_from_start_to_end(folder: StudyFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.root.parent)
    here, told = StudyFolder(Path("study")), []
    cells = depth_cells()
    done = run(cells, here, progress=lambda label, n, of: told.append((label, n, of)))
    assert (list(done.made), done.failed, done.left) == (list(cells.by_name), {}, 0)
    assert told[0] == ("cells", 0, 4)
    assert told[-1] == ("cells", 4, 4)
    assert set(states(cells, folder).values()) == {"done"}
    assert started(folder) == ["data-rooms", "data-people", "data-people", "pretrain-both-0", "finetune-pose-1-both-0"]
    assert sorted(path.name for path in folder.record("pretrain-both-0").iterdir()) == [
        *("cell.json", "config.json", "losses.csv")
    ]
    assert sorted(path.name for path in folder.record("finetune-pose-1-both-0").iterdir()) == [
        *("cell.json", "result-evidence-0.npz", "result.json")
    ]
    record = read_record(folder.record("pretrain-both-0"))
    assert record is not None
    assert record.commands == ("pretrain --method hcmoco --store {data}/store --seed 0 --out {out}",)
    assert record.needs == {"data-people": cells.by_name["data-people"].fingerprint}
    assert record.seconds > 0
    assert record.processor_seconds > 0
    assert record.attempts == 1
    assert (folder.root / "work" / ".gitignore").read_text() == "*\n"
    assert run(cells, folder).made == ()
    text = "".join(path.read_text() for path in folder.root.glob("cells/*/cell.json"))
    assert str(folder.root.parent) not in text, "records hold no path of this machine"


def test_cells_are_counted_and_claims_add_to_each_other(folder: StudyFolder) -> None:
    cells = small_cells()
    assert run(cells, folder, at_most=3).made == tuple(list(cells.by_name)[:3])
    assert run(depth_cells(), folder).left == 0
    assert run(cells, folder, minutes=0).made == ()
    assert states(cells, folder)["finetune-pose-1-both-1"] == "missing"


def wait_for(path: Path) -> None:
    end = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_killed_and_continued_gives_the_same_records(folder: StudyFolder, tmp_path: Path) -> None:
    values = plan_values()
    values["pretraining"]["both"]["options"] += " --pause 0.2"
    cells = cells_of(small_plan(**values), ["depth"])
    process = elsewhere(tmp_path, values, folder.root, "depth")
    wait_for(folder.out("pretrain-both-0") / "checkpoint.pth")
    assert states(cells, folder)["pretrain-both-0"] == "running"
    process.kill()
    process.wait()
    child = json.loads((folder.root / "journal.jsonl").read_text().splitlines()[-1])["process"]
    end = time.monotonic() + 30
    while Path(f"/proc/{child}").exists() and time.monotonic() < end:
        time.sleep(0.02)
    assert not Path(f"/proc/{child}").exists(), "what a killed study was running has ended, too"
    kept = numbers(folder.out("pretrain-both-0") / "checkpoint.pth")["step"]
    assert 0 < kept < 20
    assert read_record(folder.record("pretrain-both-0")) is None
    assert run(cells, folder).left == 0
    resumed = [line for line in (folder.root / "journal.jsonl").read_text().splitlines() if "--resume" in line]
    assert len(resumed) == 1
    record = read_record(folder.record("pretrain-both-0"))
    assert record is not None
    assert record.attempts == 2
    whole = StudyFolder(tmp_path / "whole")
    run(cells, whole)
    assert hashes(whole, cells) == hashes(folder, cells)


def test_killed_between_the_output_and_the_record(folder: StudyFolder) -> None:
    cells = depth_cells()
    run(cells, folder)
    before = hashes(folder, cells)
    for name in cells.by_name:
        shutil.rmtree(folder.record(name))
    staging = folder.root / "cells" / ".finetune-pose-1-both-0.tmp"
    staging.mkdir()
    (staging / "cell.json").write_text("{")
    count = len(started(folder))
    assert len(run(cells, folder).made) == 4
    assert len(started(folder)) == count, "nothing is run again"
    assert hashes(folder, cells) == before
    assert not staging.exists()


def test_ctrl_c_is_passed_on_once_and_ends_the_study(folder: StudyFolder, tmp_path: Path) -> None:
    values = plan_values()
    values["pretraining"]["both"]["options"] += " --pause 0.5"
    process = elsewhere(tmp_path, values, folder.root, "depth")
    wait_for(folder.out("pretrain-both-0") / "checkpoint.pth")
    process.send_signal(signal.SIGINT)
    process.wait(60)
    assert process.returncode != 0
    found = states(cells_of(small_plan(**values), ["depth"]), folder)
    assert found["pretrain-both-0"] == "missing", "interrupted is not failed"


def test_processes_share_the_work_and_no_cell_runs_twice(folder: StudyFolder, tmp_path: Path) -> None:
    values = plan_values()
    values["pretraining"]["both"]["options"] += " --pause 0.02"
    processes = [elsewhere(tmp_path, values, folder.root) for _ in range(2)]
    found = [json.loads(process.communicate(timeout=300)[0]) for process in processes]
    cells = cells_of(small_plan(**values))
    assert [left for _, left in found] == [0, 0]
    assert all(made for made, _ in found), "both had something to do"
    assert sorted(name for made, _ in found for name in made) == sorted(cells.by_name)
    commands = {name: len(cell.commands) for name, cell in cells.by_name.items()}
    assert Counter(started(folder)) == commands


def test_it_waits_for_what_others_make(folder: StudyFolder) -> None:
    cells = depth_cells()
    run(cells, folder, at_most=1)
    said: list[str] = []
    work = folder.work("data-people")
    work.mkdir(parents=True)
    with folder_lock(work):
        assert states(cells, folder)["data-people"] == "running"
        done = run(cells, folder, minutes=0.02, say=said.append)
    assert said == ["waiting for data-people, which another process is making"]
    assert (done.made, done.left) == ((), 3)


def test_a_failing_cell_stops_only_what_needs_it(folder: StudyFolder) -> None:
    cells = small_cells()
    folder.prepare()
    (folder.root / "fail-pretrain-both-0").touch()
    done = run(cells, folder)
    assert list(done.failed) == ["pretrain-both-0"]
    assert "exit code 1: something broke" in done.failed["pretrain-both-0"]
    assert str(folder.log("pretrain-both-0")) in done.failed["pretrain-both-0"]
    assert "something broke" in folder.log("pretrain-both-0").read_text()
    assert set(done.blocked) == {name for name in cells.by_name if name.endswith("both-0") and "finetune" in name}
    assert done.left == 1 + len(done.blocked)
    found = {one.name: one for one in study_status(cells, folder)}
    assert found["pretrain-both-0"].state == "failed"
    assert found["pretrain-both-0"].said == "something broke"
    assert run(cells, folder).failed, "a new call tries again"
    (folder.root / "fail-pretrain-both-0").unlink()
    assert run(cells, folder).left == 0


def test_stale_cells_are_named_and_made_again_only_if_asked(folder: StudyFolder) -> None:
    before = depth_cells()
    run(before, folder)
    values = plan_values()
    values["task"]["pose"]["options"] += " --epochs 7"
    values["pretraining"]["both"]["options"] += " --epochs 9"
    cells = cells_of(small_plan(**values), ["depth"])
    count = len(started(folder))
    with pytest.raises(UsageError, match=r"2 cells .*: pretrain-both-0, finetune-pose-1-both-0; add --rerun"):
        run(cells, folder)
    assert states(cells, folder)["pretrain-both-0"] == "stale"
    assert len(started(folder)) == count
    assert run(cells, folder, rerun=True).made == ("pretrain-both-0", "finetune-pose-1-both-0")
    assert set(states(cells, folder).values()) == {"done"}
    record = read_record(folder.record("pretrain-both-0"))
    assert record is not None
    assert "--epochs 9" in record.commands[0]
    assert "--resume" not in (folder.root / "journal.jsonl").read_text(), "the old run is no beginning of the new one"


def test_a_missing_checkpoint_is_made_again_when_it_is_needed(folder: StudyFolder) -> None:
    cells = small_cells()
    run(cells, folder)
    record = (folder.record("pretrain-both-1") / "cell.json").read_bytes()
    shutil.rmtree(folder.root / "work")
    assert run(cells, folder).made == (), "with all results nothing else is needed"
    shutil.rmtree(folder.record("finetune-pose-1-both-1"))
    done = run(cells, folder)
    assert done.made == ("data-people", "data-rooms", "pretrain-both-1", "finetune-pose-1-both-1")
    assert done.notes == ()
    assert (folder.record("pretrain-both-1") / "cell.json").read_bytes() == record


def test_other_bits_than_those_of_the_record_are_said(folder: StudyFolder) -> None:
    cells = depth_cells()
    run(cells, folder)
    paths = [folder.record(name) / "cell.json" for name in ("data-people", "pretrain-both-0")]
    for path in paths:
        path.write_text(json.dumps(json.loads(path.read_text()) | {"sha256": "ab" * 32, "processor": "An Other"}))
    shutil.rmtree(folder.root / "work")
    shutil.rmtree(folder.record("finetune-pose-1-both-0"))
    said: list[str] = []
    notes = run(cells, folder, say=said.append).notes
    assert [note.partition(" made")[0] for note in notes] == ["data-people: the data", "pretrain-both-0: the weights"]
    for note, path in zip(notes, paths, strict=True):
        assert "abababababab" in note
        assert "An Other" in note
        assert note in said
        assert json.loads(path.read_text())["sha256"] == "ab" * 32


def test_a_damaged_record_is_named(folder: StudyFolder) -> None:
    cells = depth_cells()
    run(cells, folder, at_most=1)
    path = folder.record("data-rooms") / "cell.json"
    path.write_text("{}")
    with pytest.raises(DataError, match=r"cell\.json: is no record of a cell.*delete"):
        run(cells, folder)


def test_the_folder_of_another_plan_or_size(folder: StudyFolder) -> None:
    folder.prepare()
    folder.keep_plan("one", "small", small_plan())
    folder.keep_plan("one", "small", small_plan())
    assert folder.kept() == ("one", "small")
    with pytest.raises(UsageError, match="holds the study one at the size small, not one at the size gpu"):
        folder.keep_plan("one", "gpu", small_plan())
    with pytest.raises(UsageError, match="not two"):
        folder.keep_plan("two", None, small_plan())
    (folder.root / "study.json").write_text("{")
    with pytest.raises(DataError, match=r"study\.json"):
        folder.kept()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Exception, match="cannot be written"):
        run(depth_cells(), StudyFolder(tmp_path / "file" / "study"))
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208
