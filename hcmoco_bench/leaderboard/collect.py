"""All rows of one or several leaderboards as tables, with the standing of the rows that have evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hcmoco_bench.errors import HcmocoBenchError, UsageError
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.leaderboard.board import Board, Leaderboard
from hcmoco_bench.leaderboard.citations import read_citations
from hcmoco_bench.leaderboard.figure_names import figure_label
from hcmoco_bench.leaderboard.folder import CITATIONS, leaderboards_folder
from hcmoco_bench.leaderboard.published.read import board_tables
from hcmoco_bench.leaderboard.published.rows import published_rows
from hcmoco_bench.leaderboard.published.schema import PublishedTable
from hcmoco_bench.leaderboard.row import BoardKey, EvidenceFile, Row
from hcmoco_bench.leaderboard.rows.read import as_row, stored_rows
from hcmoco_bench.leaderboard.standing import Standing
from hcmoco_bench.leaderboard.ties import Scoring, standing, task_scoring
from hcmoco_bench.leaderboard.ties.table import DRAWS
from hcmoco_bench.results.evidence import load_evidence
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.tasks.core.registry import get_task

Problem = Callable[[str], None]
"""Told of a row that is left out, and why."""


def open_leaderboard(
    folders: Sequence[Path] | None = None,
    *,
    ranked: bool = True,
    draws: int = DRAWS,
    cache: Path | None = None,
    progress: Progress = no_progress,
    problem: Problem | None = None,
) -> Leaderboard:
    """Read the rows of some leaderboards and make tables of them.

    Args:
        folders: Folders of leaderboards, whose rows are put together; None for the packaged one.
        ranked: Whether to compare the rows that have evidence, which reads that evidence.
        draws: Number of draws of the comparison.
        cache: Folder that keeps drawn scores; None to draw anew.
        progress: Told how many tables are done.
        problem: Told of each row that cannot be read, whose task is in no package here, or whose evidence is not
            what its result states. Such rows are left out, so that one of them does not hide the others. None to raise
            that instead.

    Raises:
        UsageError: If a folder is not there, or two folders have different rows of the same id.
        DataError: If a file is not what it should be.
    """
    places = [leaderboards_folder()] if folders is None else list(folders)
    missing = [str(folder) for folder in places if not folder.is_dir()]
    if missing:
        raise UsageError(f"{', '.join(missing)}: there is no leaderboard; leaderboard add makes one")
    tables = [(folder, board_tables(folder)) for folder in places]
    rows: dict[str, Row] = {}
    citations: dict[str, str] = {}
    for row, citation in _all_rows(tables, problem):
        rows[row.id] = _of_two(rows[row.id], row, places) if row.id in rows else row
        if citation:
            citations[row.id] = citation
    by_key: dict[BoardKey, list[Row]] = {}
    for row in rows.values():
        by_key.setdefault(row.key, []).append(row)
    boards = []
    for done, key in enumerate(sorted(by_key)):
        progress("comparing, tables", done, len(by_key))
        boards.append(_board(key, by_key[key], draws if ranked else None, cache, problem))
    progress("comparing, tables", len(by_key), len(by_key))
    return Leaderboard(tuple(boards), {**_citations(places), **citations}, _remarks([printed for _, printed in tables]))


def scoring_of(row: Row) -> Scoring:
    """How the rows of a row's table are compared: by the task's main score, over the groups that sample ids tell.

    Raises:
        DataError: If the row's evidence cannot be read.
    """
    task: Any = get_task(row.key.task)
    first = row.evidence[0]
    groups = task.groups(load_evidence(first.path, sha256=first.sha256).sample_ids)
    noun = "samples" if groups is None else groups.noun

    def groups_of(ids: Sequence[str]) -> Sequence[str] | None:
        found = task.groups(ids)
        return None if found is None or len(set(found.of)) < 2 else found.of

    main = task.record.main_score_of(row.key.protocol)
    return task_scoring(task, groups_of, noun, name=figure_label(main), main=main)


def _all_rows(
    tables: Sequence[tuple[Path, Sequence[PublishedTable]]], problem: Problem | None
) -> Iterable[tuple[Row, str]]:
    """All rows, with the citations that come with them."""
    for folder, printed in tables:
        yield from ((row, "") for row in published_rows(printed))
        for stored in stored_rows(folder, problem):
            try:
                yield as_row(stored), stored.file.citation
            except UsageError as error:
                if problem is None:
                    raise
                problem(f"{stored.folder}: {error}")


def _of_two(one: Row, other: Row, places: Sequence[Path]) -> Row:
    """The better checked of two copies of a row, e.g. of one's own leaderboard and of the one it was submitted to."""
    if one.result is None or one.result != other.result:
        raise UsageError(
            f"{one.id}: leaderboards have different rows of this id ({', '.join(map(str, places))}); give one of them"
        )
    return max(one, other, key=lambda row: row.level)


def _board(key: BoardKey, rows: Sequence[Row], draws: int | None, cache: Path | None, problem: Problem | None) -> Board:
    record = get_task(key.task).record
    sign = -1 if record.higher_is_better else 1
    ranked = sorted((row for row in rows if row.ranked), key=lambda row: (sign * (row.score or 0.0), row.id))
    found: Standing | None = None
    if draws is not None and problem is not None:
        ranked = _intact(ranked, problem)  # drawn scores may be kept of files that were changed since
    if ranked and draws is not None:
        try:
            found = standing(ranked, scoring_of(ranked[0]), n=draws, cache=cache)
        except HcmocoBenchError:
            if problem is None:
                raise
            ranked = _comparable(ranked, problem)
            found = standing(ranked, scoring_of(ranked[0]), n=draws, cache=cache) if ranked else None
    return Board(
        key=key,
        title=record.title + (f" ({key.variant.replace('_', ' ')})" if key.variant else ""),
        rows=(*ranked, *(row for row in rows if not row.ranked)),
        main=record.main_score_of(key.protocol),
        unit=record.unit,
        higher_is_better=record.higher_is_better,
        standing=found,
    )


def _intact(rows: Sequence[Row], problem: Problem) -> list[Row]:
    """The rows whose evidence files are those that their results state."""
    kept = []
    for row in rows:
        wrong = [file.path for file in row.evidence if not _is_file(file)]
        if wrong:
            problem(f"{wrong[0]}: is not the evidence that the result states; {row.id} is left out")
        else:
            kept.append(row)
    return kept


def _is_file(file: EvidenceFile) -> bool:
    try:
        return file_sha256(file.path) == file.sha256
    except OSError:
        return False


def _comparable(rows: Sequence[Row], problem: Problem) -> list[Row]:
    """The rows whose evidence is there and of the samples of the best checked one."""
    kept, wanted = [], None
    for row in sorted(rows, key=lambda one: -one.level):
        try:
            for file in row.evidence:
                ids = set(load_evidence(file.path, sha256=file.sha256).sample_ids)
                wanted = ids if wanted is None else wanted
                if ids != wanted:
                    raise UsageError("was scored on other samples than the rest of its table")
            kept.append(row.id)
        except HcmocoBenchError as error:
            problem(f"{row.id}: {error}; it is left out, and leaderboard verify tells more")
    return [row for row in rows if row.id in kept]


def _citations(places: Sequence[Path]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for folder in places:
        if (folder / CITATIONS).is_file():
            found |= read_citations(folder / CITATIONS)
    return found


def _remarks(tables: Iterable[Sequence[PublishedTable]]) -> tuple[str, ...]:
    """What publications state without scores."""
    return tuple(
        f"{table.paper}, {table.table}: {gain.figure} better by {gain.value} {gain.unit} on {gain.subject}, against "
        f"{gain.against}. {' '.join((*gain.notes, *table.notes))}".strip()
        for printed in tables
        for table in printed
        for gain in table.gain
    )
