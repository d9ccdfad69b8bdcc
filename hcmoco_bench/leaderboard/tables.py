"""Rows as tables: a pandas `DataFrame`, Markdown, LaTeX, CSV, JSON, and BibTeX of what is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import pandas as pd

from hcmoco_bench.errors import UsageError
from hcmoco_bench.files.json import dump_json, finite
from hcmoco_bench.leaderboard.board import Board, Leaderboard
from hcmoco_bench.leaderboard.level import Level
from hcmoco_bench.leaderboard.row import Row
from hcmoco_bench.runtime.near_names import did_you_mean

TableForm = Literal["csv", "markdown", "latex", "json"]

_COLUMNS: Final = (
    "task",
    "protocol",
    "variant",
    "data",
    "split",
    "rank",
    "tied_with_best",
    "name",
    "method",
    "backbone",
    "init",
    "pretrain_data",
    "ratio",
    "metric",
    "score",
    "std",
    "ci95_low",
    "ci95_high",
    "unit",
    "seeds",
    "level",
    "party",
    "by",
    "source",
    "notes",
    "id",
)
_SHOWN: Final = ("rank", "name", "method", "backbone", "init", "pretrain_data", "ratio", "score", "level")
"""Columns of tables for people."""

_MAY_BE_SHARED: Final = ("rank", "method", "backbone", "init", "pretrain_data", "ratio", "level")
"""Columns that a table leaves out where all of its rows agree; it says above itself what they share."""


@dataclass(frozen=True)
class Selection:
    """Which rows are shown.

    Attributes:
        task: Name of the task; None for all, and so for the others.
        protocol: Name of the protocol.
        variant: Variant of the task.
        split: Name of the split.
        ratio: Share of the training labels, 0..1.
        level: Lowest level; `Level.PAPER` shows the rows of papers too.
        metric: Figure that is shown as the score; None for the main score of each table.
    """

    task: str | None = None
    protocol: str | None = None
    variant: str | None = None
    split: str | None = None
    ratio: float | None = None
    level: Level = Level.PAPER
    metric: str | None = None

    def boards(self, leaderboard: Leaderboard) -> tuple[Board, ...]:
        """The tables with the rows that are chosen, without those that have none.

        Raises:
            UsageError: If the leaderboard has no table of that task, protocol, variant or split, or no row has the
                figure; lists what there is.
        """
        found = leaderboard.boards
        for name in ("task", "protocol", "variant", "split"):
            wanted = getattr(self, name)
            if wanted is None:
                continue
            there = sorted({getattr(board.key, name) for board in found})
            found = tuple(board for board in found if getattr(board.key, name) == wanted)
            if not found:
                raise UsageError(f"there is no table of {name} {wanted!r}; {did_you_mean(wanted, there)}")
        if self.metric is not None:
            there = sorted({figure for board in found for row in board.rows for figure in row.scores})
            if self.metric not in there:
                raise UsageError(f"no row has the figure {self.metric!r}; {did_you_mean(self.metric, there)}")
        chosen = []
        for board in found:
            rows = tuple(row for row in board.rows if self._takes(row))
            if rows:
                chosen.append(Board(board.key, board.title, rows, **_rest(board)))
        return tuple(chosen)

    def _takes(self, row: Row) -> bool:
        return (
            row.level >= self.level
            and (self.ratio is None or (row.ratio is not None and abs(row.ratio - self.ratio) < 1e-9))
            and (self.metric is None or row.scores.get(self.metric) is not None)
        )


def _rest(board: Board) -> dict[str, Any]:
    return {
        "main": board.main,
        "unit": board.unit,
        "higher_is_better": board.higher_is_better,
        "standing": board.standing,
    }


def data_frame(boards: Sequence[Board], metric: str | None = None) -> pd.DataFrame:
    """All rows of some tables, one after another, with a column for each fact.

    Args:
        boards: The tables.
        metric: The figure in the column `score`; None for the main score of each table.

    Returns:
        Columns such as `task`, `rank` (`1`, `1-3`, or empty without evidence), `score`, `ci95_low`, `level`. Interval
        and deviation are those of the main score, and empty for other figures.
    """
    records = [_record(board, row, metric) for board in boards for row in board.rows]
    frame = pd.DataFrame.from_records(records, columns=list(_COLUMNS))
    return frame.astype({"score": "float64", "std": "float64", "ci95_low": "float64", "ci95_high": "float64"})


def _record(board: Board, row: Row, metric: str | None) -> dict[str, Any]:
    main = metric is None or metric == row.main
    low, high = row.ci95 if row.ci95 is not None and main else (None, None)
    rank = board.standing.ranks.get(row.id) if board.standing is not None and main else None
    return {
        "task": row.key.task,
        "protocol": row.key.protocol,
        "variant": row.key.variant,
        "data": row.key.data,
        "split": row.key.split,
        "rank": "" if rank is None else rank_text(rank.best, rank.worst),
        "tied_with_best": None if rank is None else rank.tied_with_best,
        "name": row.name,
        "method": row.method,
        "backbone": row.backbone,
        "init": row.init,
        "pretrain_data": row.pretrain_data,
        "ratio": row.ratio,
        "metric": row.main if metric is None else metric,
        "score": row.scores.get(row.main if metric is None else metric),
        "std": row.std if main else None,
        "ci95_low": low,
        "ci95_high": high,
        "unit": row.unit if main else "",
        "seeds": row.seeds or None,
        "level": row.level.word,
        "party": row.party or "",
        "by": row.by,
        "source": "; ".join(source.label for source in row.sources),
        "notes": " ".join(row.notes),
        "id": row.id,
    }


def rank_text(best: int, worst: int) -> str:
    """A rank interval as it is shown: `1`, or `1-3`."""
    return f"{best}" if best == worst else f"{best}-{worst}"


def table_text(boards: Sequence[Board], form: TableForm, metric: str | None = None) -> str:
    """Tables as text: CSV and JSON hold every column, Markdown and LaTeX those that people compare.

    Texts from outside are escaped for the form; in CSV, one that a spreadsheet would take for a formula gets an
    apostrophe before it.
    """
    writers: dict[TableForm, Callable[[], str]] = {
        "csv": lambda: frame_text(data_frame(boards, metric), "csv"),
        "json": lambda: frame_text(data_frame(boards, metric), "json"),
        "markdown": lambda: "\n".join(_markdown(board, metric) for board in boards),
        "latex": lambda: "\n".join(_latex(board, metric) for board in boards),
    }
    return writers[form]()


def _csv(frame: pd.DataFrame) -> str:
    safe = frame.map(lambda value: f"'{value}" if isinstance(value, str) and value[:1] in {*"=+-@\t\r"} else value)
    return str(safe.to_csv(index=False))


def heading(board: Board, metric: str | None = None) -> str:
    """What all rows of a table share, in one line."""
    key = board.key
    parts = [board.title, f"protocol {key.protocol}", f"split {key.split} of {key.data}"]
    unit = f" ({board.unit})" if metric in (None, board.main) and board.unit else ""
    return ", ".join(parts) + f": {metric or board.main}{unit}"


@dataclass(frozen=True)
class ShownTable:
    """A table as people read it.

    Attributes:
        heading: What it is, in one line.
        shared: What all rows have in common, e.g. `backbone hrnet_w18`, in one line; empty if nothing.
        frame: The rest, figures as texts, with marks of notes.
        notes: Notes by mark; those of all rows have no mark and come first.
        closing: What ranks mean here, and the smallest difference that the split can resolve.
    """

    heading: str
    shared: str
    frame: pd.DataFrame
    notes: tuple[tuple[str, str], ...]
    closing: str


def shown_table(board: Board, metric: str | None = None) -> ShownTable:
    """A table without columns in which all rows agree, and with its notes below."""
    frame = data_frame([board], metric)[list(_SHOWN)]
    frame["score"] = frame["score"].map(lambda value: "" if pd.isna(value) else f"{value:.2f}")
    frame["ratio"] = frame["ratio"].map(lambda value: "" if pd.isna(value) else f"{value:.1%}".replace(".0%", "%"))
    shared = [name for name in _MAY_BE_SHARED if len(frame) > 1 and frame[name].nunique() == 1]
    told = ", ".join(f"{name.replace('_', ' ')} {frame[name].iloc[0]}" for name in shared if frame[name].iloc[0])
    marks, notes = _marked_notes(board)
    frame = frame.drop(columns=shared)
    if any(marks):
        frame["notes"] = marks
    return ShownTable(heading(board, metric), told, frame, notes, resolution_sentence(board))


def _marked_notes(board: Board) -> tuple[list[str], tuple[tuple[str, str], ...]]:
    """The marks of each row, and all notes: those of every row without a mark, then the others by number."""
    every = [note for note in board.rows[0].notes if all(note in row.notes for row in board.rows)]
    others = dict.fromkeys(note for row in board.rows for note in row.notes if note not in every)
    numbers = {note: f"{number}" for number, note in enumerate(others, start=1)}
    marks = [" ".join(numbers[note] for note in row.notes if note in numbers) for row in board.rows]
    return marks, (*(("", note) for note in every), *((number, note) for note, number in numbers.items()))


def _markdown(board: Board, metric: str | None) -> str:
    shown = shown_table(board, metric)
    parts = [f"### {_cell(shown.heading)}", _cell(shown.shared), frame_text(shown.frame, "markdown").rstrip()]
    parts += [f"{mark}. {_cell(note)}" if mark else _cell(note) for mark, note in shown.notes]
    return "\n\n".join(filter(None, [*parts, shown.closing])) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "\\`")


def _latex(board: Board, metric: str | None) -> str:
    shown = shown_table(board, metric)
    told = [shown.heading, shown.shared, *(f"{mark} {note}".strip() for mark, note in shown.notes), shown.closing]
    comments = "".join(f"% {' '.join(text.split())}\n" for text in told if text)
    return f"{comments}{frame_text(shown.frame, 'latex')}"


def frame_text(frame: pd.DataFrame, form: TableForm) -> str:
    """A data frame as text, with texts from outside escaped; see `table_text`."""
    if form == "csv":
        return _csv(frame)
    if form == "json":
        return dump_json(finite(frame.astype(object).to_dict("records")))
    if form == "latex":
        styled = frame.style.hide(axis="index").format(escape="latex").format_index(escape="latex", axis=1)
        return str(styled.to_latex(hrules=True))
    lines = [list(frame.columns), ["---"] * len(frame.columns), *frame.astype(str).to_numpy().tolist()]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def resolution_sentence(board: Board) -> str:
    """What ranks mean in a table, and the smallest difference that its split can resolve."""
    standing = board.standing
    without = sum(not row.ranked for row in board.rows)
    unranked = f"{without} rows without evidence are not ranked. " if without else ""
    if standing is None:
        return unranked.strip() or "The rows were not compared."
    tied = sum(rank.tied_with_best for rank in standing.ranks.values())
    told = f"{tied} of {len(standing.ranks)} rows with evidence are tied with the best. "
    if standing.smallest_difference is not None:
        told += (
            f"Differences below about {standing.smallest_difference:.2g} {board.unit} cannot be told apart on its "
            f"{standing.groups} {standing.grouped_by}. "
        )
    return (told + unranked).strip()


def bibtex(leaderboard: Leaderboard, boards: Sequence[Board]) -> str:
    """BibTeX of everything that some tables show, each entry once, in the order of the rows.

    The citations of submitted rows come as their submitters gave them.
    """
    keys = dict.fromkeys(
        source.paper for board in boards for row in board.rows for source in row.sources if source.paper
    )
    entries = [leaderboard.citations[key].strip() for key in keys if key in leaderboard.citations]
    return "\n\n".join(dict.fromkeys(entries)) + ("\n" if entries else "")
