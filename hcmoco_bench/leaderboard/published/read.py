"""Reading the files of printed tables."""

from __future__ import annotations

import re
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.files.outside_text import printable
from hcmoco_bench.leaderboard.folder import PUBLISHED, leaderboards_folder
from hcmoco_bench.leaderboard.published.figures import unknown_columns
from hcmoco_bench.leaderboard.published.schema import STEM, BoardEntry, PublishedTable
from hcmoco_bench.leaderboard.published.strips import strips
from hcmoco_bench.tasks.core.registry import get_task

_KIND: Final = "published_table"
_MOST_ERRORS: Final = 4
CLAIMS: Final = "claims"
"""End of the stems of files that hold claims, not tables."""


def published_folder() -> Path:
    """The packaged folder of printed tables."""
    return leaderboards_folder() / PUBLISHED


def published_tables(folder: Path | None = None) -> tuple[PublishedTable, ...]:
    """Every printed table of a folder, sorted by file name.

    Args:
        folder: The folder; None for the packaged one.

    Raises:
        DataError: If it is no folder, or a file is not in the form of `PublishedTable`, or does not fit its task.
    """
    folder = published_folder() if folder is None else folder
    if not folder.is_dir():
        raise DataError(f"{folder}: not a folder of published tables", kind=_KIND, file=str(folder))
    paths = [path for path in sorted(folder.glob("*.toml")) if not path.stem.endswith(CLAIMS)]
    return tuple(read_published_table(path) for path in paths)


def board_tables(board: Path) -> tuple[PublishedTable, ...]:
    """The printed tables of a leaderboard; none if it has no folder of them. Raises DataError as `published_tables`."""
    folder = board / PUBLISHED
    return published_tables(folder) if folder.is_dir() else ()


def read_published_table(path: Path) -> PublishedTable:
    """One printed table, checked against its schema, its tasks and their figures.

    Raises:
        DataError: If it cannot be read, is not in the form of `PublishedTable`, or does not fit its task.
    """
    if not re.fullmatch(STEM, path.stem):
        raise _error(path, "name the file in lower-case letters, digits and single dashes, e.g. doe2026-table-2.toml")
    content = read_toml(path)
    if "stem" in content:
        raise _error(path, "stem is the file's name and must not be given")
    try:
        table = PublishedTable.model_validate({**content, "stem": path.stem})
    except ValidationError as error:
        raise _error(path, validation_sentence(error)) from error
    for name, board in table.board.items():
        _check_board(path, table, name, board)
    for strip in strips([table]):
        unknown = unknown_columns(strip.run.key.task, strip.block.columns)
        if unknown:
            raise _error(
                path,
                f"{strip.run.key.task} has no figure {', '.join(unknown)} (block {strip.block.name}); name columns as "
                "the task's results name scores, and classes as in iou/head",
            )
    return table


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file whose numbers keep their printed digits.

    Raises:
        DataError: If it cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        raise _error(path, f"cannot be read ({error.strerror})") from error
    except (ValueError, ArithmeticError, RecursionError) as error:  # also of numbers beyond Python's limits
        raise _error(path, f"not whole TOML ({error})") from error


def validation_sentence(error: ValidationError) -> str:
    """The first errors of a schema as one sentence: where, what, and the value."""
    found = error.errors(include_url=False)
    parts = []
    for one in found[:_MOST_ERRORS]:
        where = ".".join(str(step + 1 if isinstance(step, int) else step) for step in one["loc"])
        given = one["input"]
        value = (
            f", not {given!r}"
            if isinstance(given, str | int | float | Decimal) and one["type"] != "extra_forbidden"
            else ""
        )
        parts.append(f"{where + ': ' if where else ''}{one['msg']}{value}")
    more = f"; and {len(found) - _MOST_ERRORS} more" if len(found) > _MOST_ERRORS else ""
    return printable("; ".join(parts) + more)


def _check_board(path: Path, table: PublishedTable, name: str, board: BoardEntry) -> None:
    try:
        record = get_task(board.task).record
    except UsageError as error:
        raise _error(path, f"board {name}: {error}") from error
    protocols = [*(protocol.name for protocol in record.protocols), *record.without_protocols]
    if board.protocol not in protocols:
        raise _error(path, f"board {name}: {board.task} knows no protocol {board.protocol!r}; {', '.join(protocols)}")
    splits = [split.name for split in record.splits]
    if board.split not in splits:
        raise _error(path, f"board {name}: {board.task} has no split {board.split!r}; {', '.join(splits)}")
    if (table.unit, table.higher_is_better) != (record.unit, record.higher_is_better):
        better = "higher" if record.higher_is_better else "lower"
        raise _error(
            path, f"board {name}: {board.task} is scored in {record.unit!r} and {better} is better; the table says else"
        )


def _error(path: Path, what: str) -> DataError:
    return DataError(f"{printable(str(path))}: {what}", kind=_KIND, file=str(path))
