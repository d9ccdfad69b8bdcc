"""The CSV of losses of a run: one line a step, the same bytes however often the run was interrupted."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.atomic import write_atomic, write_error

Value = float | int | str


class LossTable:
    """Appends to the table; opened for a run that continues, it forgets the lines after the checkpoint's step.

    Args:
        path: The CSV file; made with its header if it is missing.
        columns: Its columns; the first is `step`.
        step: Steps that the run has done; later lines are dropped.

    Raises:
        DataError: If a table of other columns is there (`losses_columns`).
    """

    def __init__(self, path: Path, columns: Sequence[str], *, step: int) -> None:
        self.path, self.columns = path, tuple(columns)
        kept = []
        if step and path.is_file():
            lines = path.read_text("utf-8").splitlines()
            if not lines or tuple(next(csv.reader(lines[:1]))) != self.columns:
                raise DataError(
                    f"{path}: a table of other columns; move it away", kind="losses_columns", file=str(path)
                )
            kept = [line for line in lines[1:] if _step(line, len(self.columns)) <= step]
        write_atomic(path, "".join(f"{line}\n" for line in [_line(self.columns), *kept]))
        self._file = path.open("a", encoding="utf-8", newline="")

    def append(self, row: Mapping[str, Value]) -> None:
        """Add a line; floats are written so that they read back to the same bits, what is missing stays empty.

        Raises:
            StoreError: If it cannot be written.
        """
        try:
            self._file.write(_line([_text(row.get(column, "")) for column in self.columns]) + "\n")
            self._file.flush()
        except OSError as error:
            raise write_error(self.path, error) from error

    def __enter__(self) -> LossTable:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._file.close()
        except OSError as failure:
            if error is None:  # otherwise the line before has said so
                raise write_error(self.path, failure) from failure


def read_losses(path: Path) -> dict[str, list[str]]:
    """Columns of a table by name, as text; an empty text where a step had no such term.

    Raises:
        DataError: If it cannot be read (`losses_unreadable`).
    """
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            rows = list(csv.DictReader(handle))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as a table of losses ({error})", kind="losses_unreadable") from error
    names = list(rows[0]) if rows else []
    return {name: [row[name] or "" for row in rows] for name in names}


def _line(cells: Sequence[str]) -> str:
    handle = io.StringIO()
    csv.writer(handle, lineterminator="").writerow(cells)
    return handle.getvalue()


def _text(value: Value) -> str:
    return repr(value) if isinstance(value, float) else str(value)


def _step(line: str, n_columns: int) -> float:
    """Step of a line; infinite for a line that was cut while it was written."""
    cells = next(csv.reader([line]), [])
    return int(cells[0]) if len(cells) == n_columns and cells[0].isdigit() else float("inf")
