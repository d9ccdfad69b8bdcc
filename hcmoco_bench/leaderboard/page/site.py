"""Writes the site: one page for the list of tables, one a table, one a row with evidence."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hcmoco_bench.files.atomic import write_atomic
from hcmoco_bench.files.templates import render_template
from hcmoco_bench.leaderboard.board import Board, Leaderboard
from hcmoco_bench.leaderboard.page.addresses import INDEX, board_file, model_file, site_files
from hcmoco_bench.leaderboard.page.board_page import board_page
from hcmoco_bench.leaderboard.page.frame import BOARD_SCRIPTS, MODEL_SCRIPTS, TEMPLATES, Frame, make_frame
from hcmoco_bench.leaderboard.page.index_page import index_page
from hcmoco_bench.leaderboard.page.model_page import model_page
from hcmoco_bench.leaderboard.page.output_folder import claim_folder, remove_stale
from hcmoco_bench.runtime.progress import Progress, no_progress

_LABEL = "writing pages"


@dataclass(frozen=True)
class Site:
    """What was written.

    Attributes:
        index: The first page.
        files: Number of pages.
        bytes: Their size together.
        seconds: How long it took.
    """

    index: Path
    files: int
    bytes: int
    seconds: float


def write_site(leaderboard: Leaderboard, out: Path, *, progress: Progress = no_progress) -> Site:
    """Write all tables and models as a static site that needs no server and loads nothing from elsewhere.

    The same leaderboard gives the same bytes. Evidence is read for one model at a time.

    Args:
        leaderboard: The tables.
        out: The folder; a new or empty one, or that of an earlier site, whose other pages are removed.
        progress: Told how many pages are written and how many there will be.

    Raises:
        UsageError: If the folder holds anything else.
        DataError: If names of rows or tables do not fit (`page_name`, `page_name_twice`), or a row's evidence is
            missing or not what its result states; see `model_page`.
        StoreError: If a file cannot be written.
    """
    start = time.monotonic()
    files = site_files(leaderboard)
    claim_folder(out, files)
    size = 0
    for number, (name, text) in enumerate(_pages(leaderboard), 1):
        content = text.encode()
        write_atomic(out / name, content)
        size += len(content)
        progress(_LABEL, number, len(files))
    remove_stale(out, files)
    return Site(out / INDEX, len(files), size, time.monotonic() - start)


def _pages(leaderboard: Leaderboard) -> Iterator[tuple[str, str]]:
    """Names and contents, one at a time; pages come before those that link to them, and the first page comes last."""
    of_models, of_boards = make_frame(MODEL_SCRIPTS), make_frame(BOARD_SCRIPTS, frames=True)
    siblings = _siblings(leaderboard)
    for board in leaderboard.boards:
        for row in board.rows:
            if row.ranked:
                yield model_file(row), _render("model.html", model_page(row, board, leaderboard.citations), of_models)
        others = [one for one in siblings[_but_split(board)] if one is not board]
        yield board_file(board.key), _render("board.html", board_page(board, others, leaderboard.citations), of_boards)
    yield INDEX, _render("index.html", index_page(leaderboard), make_frame())


def _render(template: str, page: object, frame: Frame) -> str:
    return render_template(TEMPLATES / template, {"page": page, "frame": frame})


def _siblings(leaderboard: Leaderboard) -> dict[tuple[str, ...], list[Board]]:
    found: defaultdict[tuple[str, ...], list[Board]] = defaultdict(list)
    for board in leaderboard.boards:
        found[_but_split(board)].append(board)
    return found


def _but_split(board: Board) -> tuple[str, ...]:
    key = board.key
    return key.task, key.protocol, key.variant, key.data
