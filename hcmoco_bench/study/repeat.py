"""Making cells of a study again, apart from it, to see that they come out the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from hcmoco_bench.errors import UsageError
from hcmoco_bench.files.atomic import write_error
from hcmoco_bench.files.lock import folder_lock
from hcmoco_bench.runtime.command_server import CommandServer
from hcmoco_bench.runtime.near_names import did_you_mean
from hcmoco_bench.study.cells import Cell, Cells
from hcmoco_bench.study.folder import StudyFolder
from hcmoco_bench.study.make_cell import is_made, make_cell, other_bits, remove
from hcmoco_bench.study.record import CellRecord, current_record
from hcmoco_bench.study.run import TOOL, server_environment

AGAIN: Final = "again"
"""Folder in `work/` with the cells that were made again."""


@dataclass(frozen=True)
class RepeatedCell:
    """A cell that was made again.

    Attributes:
        name: Name of the cell.
        sha256: Of what was made now; see `CellRecord`.
        recorded: That of its record.
        said: What differs, in a sentence; empty if nothing does.
    """

    name: str
    sha256: str
    recorded: str
    said: str = ""

    @property
    def same(self) -> bool:
        """Whether both are the same to the bit."""
        return self.sha256 == self.recorded


def repeat_cells(
    names: Sequence[str],
    cells: Cells,
    folder: StudyFolder,
    *,
    say: Callable[[str], None] = lambda sentence: None,
    tool: Sequence[str] = TOOL,
) -> tuple[RepeatedCell, ...]:
    """Make cells again, from their first command on, in a folder of their own, and compare them with their records.

    What they need is taken from the study where it is on this machine, and otherwise made again and compared, too. The
    study stays as it is. Cells that came out the same are removed.

    Args:
        names: Names of the cells.
        cells: The cells of the plan.
        folder: Folder of the study.
        say: Told what is being made.
        tool: Words that start a server of commands, see `runtime.command_server`.

    Returns:
        The cells that were made again, in the order of the plan.

    Raises:
        UsageError: If there is no such cell, or one has no record by the plan's present commands.
        CellFailedError: If a command fails.
        DataError: If a record is damaged.
        StoreLockedError: If another process is repeating cells of this study.
        StoreError: If something cannot be written.
        KeyboardInterrupt: If it was interrupted with Ctrl-C.
    """
    again = StudyFolder(folder.root / "work" / AGAIN)
    wanted = _wanted(names, cells, folder)
    records = {cell.name: _record(folder, cell) for cell in wanted}
    folder.prepare()
    again.prepare()
    repeated = []
    with folder_lock(again.root), CommandServer(tool, again.root, server_environment()) as server:
        for name in sorted({need for cell in wanted for need in cell.needs} - set(records)):
            _take(folder, again, name)
        for cell in wanted:
            say(f"making {cell.name} again")
            remove(again.work(cell.name), again.record(cell.name))
            again.work(cell.name).mkdir(parents=True)
            make_cell(again, cell, cells.by_name, server)
            repeated.append(_compared(again, cell, records[cell.name]))
        for one in repeated:
            if one.same:
                remove(again.work(one.name), again.record(one.name))
    return tuple(repeated)


def _wanted(names: Sequence[str], cells: Cells, folder: StudyFolder) -> list[Cell]:
    """The cells to make, each after those that it needs."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in cells.by_name:
            raise UsageError(f"{name}: the plan has no such cell; {did_you_mean(name, cells.by_name)}")
        found.add(name)
        waiting += {need for need in cells.by_name[name].needs if not is_made(folder, cells.by_name[need])} - found
    return [cell for name, cell in cells.by_name.items() if name in found]


def _record(folder: StudyFolder, cell: Cell) -> CellRecord:
    record = current_record(folder, cell)
    if record is None:
        raise UsageError(
            f"{cell.name}: has no record by the plan's present commands, so that there is nothing to compare with; "
            "make it with study run"
        )
    return record


def _take(folder: StudyFolder, again: StudyFolder, name: str) -> None:
    """Let a needed cell be that of the study, under the same path within the folder."""
    remove(again.work(name))
    try:
        again.work(name).symlink_to(folder.work(name).absolute(), target_is_directory=True)
    except OSError as error:
        raise write_error(again.work(name), error) from error


def _compared(again: StudyFolder, cell: Cell, record: CellRecord) -> RepeatedCell:
    made = _record(again, cell)
    said = "" if made.sha256 == record.sha256 else other_bits(cell, made.sha256, record)
    return RepeatedCell(cell.name, made.sha256, record.sha256, said)
