"""Making cells again: the same bits are the same, others are found, and the study stays as it is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from study_plans import TOOL, small_cells, started

from hcmoco_bench.errors import StoreLockedError, UsageError
from hcmoco_bench.files.hashing import folder_sha256
from hcmoco_bench.files.lock import folder_lock
from hcmoco_bench.study.cells import Cells
from hcmoco_bench.study.folder import StudyFolder
from hcmoco_bench.study.make_cell import CellFailedError
from hcmoco_bench.study.record import RECORD_FILE
from hcmoco_bench.study.repeat import RepeatedCell, repeat_cells
from hcmoco_bench.study.run import run_study

CELL = "finetune-parsing-0.1-both-1"
ALL = ["data-people", "pretrain-both-1", CELL]


@pytest.fixture(scope="module")
def cells() -> Cells:
    return small_cells()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, cells: Cells) -> StudyFolder:
    """A whole study, with everything on this machine."""
    folder = StudyFolder(tmp_path_factory.mktemp("repeat") / "study")
    run_study(cells, folder, tool=TOOL)
    return folder


@pytest.fixture
def study(made: StudyFolder, tmp_path: Path) -> StudyFolder:
    """A copy of it, for a test of its own."""
    return StudyFolder(Path(shutil.copytree(made.root, tmp_path / "study")))


def again(study: StudyFolder) -> StudyFolder:
    return StudyFolder(study.root / "work" / "again")


def repeat(names: list[str], cells: Cells, study: StudyFolder, **given: Any) -> tuple[RepeatedCell, ...]:
    return repeat_cells(names, cells, study, tool=TOOL, **given)


def change_record(study: StudyFolder, cell: str) -> None:
    path = study.record(cell) / RECORD_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | {"sha256": "0" * 64}))


def test_the_same_bits(study: StudyFolder, cells: Cells) -> None:
    before = folder_sha256(study.root)
    said: list[str] = []
    found = repeat([CELL, "data-rooms"], cells, study, say=said.append)
    assert [(one.name, one.same, one.said) for one in found] == [("data-rooms", True, ""), (CELL, True, "")]
    assert said == ["making data-rooms again", f"making {CELL} again"]
    assert started(again(study)) == ["data-rooms", CELL], "really made, and nothing else"
    assert not again(study).work(CELL).exists()
    shutil.rmtree(again(study).root)
    assert folder_sha256(study.root) == before


def test_other_bits_are_found_and_kept(study: StudyFolder, cells: Cells) -> None:
    change_record(study, CELL)
    for _ in range(2):  # a second time, over what the first has left
        (one,) = repeat([CELL], cells, study)
        assert not one.same
        assert f"{CELL}: the scores made here are not those of the record" in one.said
        assert "000000000000... there" in one.said
        assert (again(study).out(CELL) / "result.json").is_file()
    assert started(again(study)) == [CELL, CELL]


def test_what_is_not_on_this_machine_is_made_and_compared_too(study: StudyFolder, cells: Cells) -> None:
    shutil.rmtree(study.root / "work")
    change_record(study, "pretrain-both-1")
    found = repeat([CELL], cells, study)
    assert [(one.name, one.same) for one in found] == list(zip(ALL, (True, False, True), strict=True))
    assert [path.name for path in (study.root / "work").iterdir() if path.is_dir()] == ["again"]


def test_needs_that_are_repeated_are_those_that_count(study: StudyFolder, cells: Cells) -> None:
    """Of two cells of which one needs the other, the second takes what the first has made now."""
    repeat([CELL], cells, study)
    kept = study.out("pretrain-both-1")
    shutil.rmtree(kept)
    kept.mkdir()  # a study whose checkpoint was lost
    found = repeat([CELL, "pretrain-both-1"], cells, study)
    assert [(one.name, one.same) for one in found] == [("pretrain-both-1", True), (CELL, True)]


def test_what_cannot_be_repeated(study: StudyFolder, cells: Cells) -> None:
    with pytest.raises(UsageError, match="no such cell; did you mean"):
        repeat([CELL.replace("both", "bth")], cells, study)
    shutil.rmtree(study.record(CELL))
    with pytest.raises(UsageError, match="has no record by the plan's present commands"):
        repeat([CELL], cells, study)
    (again(study).root).mkdir(parents=True, exist_ok=True)
    (again(study).root / "fail-data-rooms").touch()
    with pytest.raises(CellFailedError, match="something broke"):
        repeat(["data-rooms"], cells, study)
    with folder_lock(again(study).root), pytest.raises(StoreLockedError):
        repeat(["data-rooms"], cells, study)
