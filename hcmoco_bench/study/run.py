"""Running a study: whatever is missing, one cell after the other, beside other processes that do the same."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hcmoco_bench.errors import StoreLockedError, UsageError
from hcmoco_bench.files.atomic import write_error
from hcmoco_bench.files.lock import folder_lock
from hcmoco_bench.runtime.command_server import CommandServer
from hcmoco_bench.runtime.home import HOME
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.study.cells import Cell, Cells
from hcmoco_bench.study.folder import StudyFolder
from hcmoco_bench.study.make_cell import CellFailedError, is_made, make_cell
from hcmoco_bench.study.progress_file import read_progress
from hcmoco_bench.study.record import current_record, read_record

TOOL: Final = (sys.executable, "-P", "-m", "hcmoco_bench.cli.served")
"""Words that start the command line as a server of commands."""

_PACKAGE: Final = Path(__file__).resolve().parents[2]
_POLL_SECONDS: Final = 1.0


@dataclass(frozen=True)
class StudyRun:
    """What one call made.

    Attributes:
        made: Names of the cells that it made, in order.
        failed: What failed, by the name of the cell, in this process or in another one meanwhile.
        blocked: Names of the cells that need a failed one.
        left: Number of cells without a record, failed and blocked ones among them.
        notes: What a user should know.
    """

    made: tuple[str, ...]
    failed: dict[str, str]
    blocked: tuple[str, ...]
    left: int
    notes: tuple[str, ...]


@dataclass
class _State:
    made: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def run_study(
    cells: Cells,
    folder: StudyFolder,
    *,
    at_most: int | None = None,
    minutes: float | None = None,
    rerun: bool = False,
    progress: Progress = no_progress,
    say: Callable[[str], None] = lambda sentence: None,
    tool: Sequence[str] = TOOL,
) -> StudyRun:
    """Make the cells that have no record, and what they need of others.

    A data set or a checkpoint whose record is there is made again if it is not on this machine and a missing cell needs
    it. Cells that other processes are making are left to them, and waited for at the end.

    Args:
        cells: The cells.
        folder: Folder of the study.
        at_most: Number of cells after which to stop; None for all.
        minutes: Time after which no cell is begun; None for no limit.
        rerun: Make stale cells again.
        progress: Told how many cells have a record.
        say: Told what is being made or waited for, and what a user should know.
        tool: Words that start a server of commands, see `runtime.command_server`.

    Raises:
        UsageError: If cells are stale and `rerun` is not given.
        DataError: If a record is damaged.
        StoreError: If something cannot be written.
        KeyboardInterrupt: If it was interrupted with Ctrl-C.
    """
    folder.prepare()
    stale = stale_cells(cells, folder)
    if stale and not rerun:
        raise UsageError(
            f"{folder.root}: {len(stale)} cells were made with other options or settings than the plan has now: "
            f"{', '.join(stale[:6])}{', ...' if len(stale) > 6 else ''}; add --rerun to make them again, or give "
            "another --out"
        )
    old_failures = {name: _failure(folder, name) for name in cells.by_name}
    end = None if minutes is None else time.monotonic() + 60 * minutes
    state, waited_for = _State(), ""
    with CommandServer(tool, folder.root, server_environment()) as server:
        while True:
            wanted = _wanted(cells, folder)
            done = sum(current_record(folder, cell) is not None for cell in cells.by_name.values())
            progress("cells", done, len(cells.by_name))
            for cell in wanted:
                failure = _failure(folder, cell.name)
                if failure and failure != old_failures[cell.name]:
                    state.failed.setdefault(cell.name, _said(folder, cell.name))
            missing = {cell.name for cell in wanted}
            ready = [cell for cell in wanted if cell.name not in state.failed and not missing & set(cell.needs)]
            late = end is not None and time.monotonic() >= end
            if not ready or late or (at_most is not None and len(state.made) + len(state.failed) >= at_most):
                break
            if any(_try(cell, cells, folder, state, say, server) for cell in ready):
                waited_for = ""
                continue
            told = ", ".join(cell.name for cell in ready[:3]) + (", ..." if len(ready) > 3 else "")
            if told != waited_for:
                say(f"waiting for {told}, which another process is making")
                waited_for = told
            time.sleep(_POLL_SECONDS)
    left = [cell for cell in cells.by_name.values() if current_record(folder, cell) is None]
    blocked = tuple(
        cell.name
        for cell in left
        if cell.name not in state.failed and {one.name for one in cells.with_needs([cell.name])} & state.failed.keys()
    )
    return StudyRun(tuple(state.made), state.failed, blocked, len(left), tuple(state.notes))


def stale_cells(cells: Cells, folder: StudyFolder) -> list[str]:
    """Names of the cells whose record is of other commands.

    Raises:
        DataError: If a record is damaged.
    """
    return [
        name
        for name, cell in cells.by_name.items()
        if (record := read_record(folder.record(name))) is not None and record.fingerprint != cell.fingerprint
    ]


def _try(
    cell: Cell,
    cells: Cells,
    folder: StudyFolder,
    state: _State,
    say: Callable[[str], None],
    server: CommandServer,
) -> bool:
    """Make a cell unless another process is at it; whether the study has changed."""
    work = folder.work(cell.name)
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(work, error) from error
    with ExitStack() as stack:
        try:
            stack.enter_context(folder_lock(work))
        except StoreLockedError:
            return False
        if cell.name not in {one.name for one in _wanted(cells, folder)}:
            return True  # another process has made it a moment ago
        say(f"making {cell.name}")
        try:
            notes = make_cell(folder, cell, cells.by_name, server)
        except CellFailedError as error:
            state.failed[cell.name] = str(error)
            say(f"failed: {error}")
            return True
        for note in notes:
            say(note)
        state.notes += notes
        state.made.append(cell.name)
    return True


def _wanted(cells: Cells, folder: StudyFolder) -> list[Cell]:
    """The cells to make, in order: those without a record, and those whose output is missing that these need."""
    wanted: set[str] = set()
    for cell in reversed(tuple(cells.by_name.values())):
        if current_record(folder, cell) is None or (cell.name in wanted and not is_made(folder, cell)):
            wanted.add(cell.name)
            wanted.update(cells.by_name[one].name for one in cell.needs if not is_made(folder, cells.by_name[one]))
        else:
            wanted.discard(cell.name)
    return [cell for name, cell in cells.by_name.items() if name in wanted]


def _failure(folder: StudyFolder, name: str) -> str:
    progress = read_progress(folder.work(name))
    return "" if progress is None else progress.failure


def _said(folder: StudyFolder, name: str) -> str:
    progress = read_progress(folder.work(name))
    said = "" if progress is None else progress.said
    return f"{name}: {said}; see {folder.log(name)}"


def server_environment() -> dict[str, str]:
    """The present environment for a server of commands; all paths are absolute, since they run in another folder."""
    places = [str(_PACKAGE), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    paths = os.pathsep.join(dict.fromkeys(str(Path(one).absolute()) for one in places))
    return os.environ | {"PYTHONPATH": paths, "HCMOCO_HOME": str(HOME.absolute())}
