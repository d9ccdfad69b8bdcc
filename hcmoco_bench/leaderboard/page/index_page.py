"""The first page: all tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hcmoco_bench.files.outside_text import printable
from hcmoco_bench.leaderboard.board import Board, Leaderboard
from hcmoco_bench.leaderboard.figure_names import figure_label
from hcmoco_bench.leaderboard.page.addresses import board_file
from hcmoco_bench.leaderboard.page.figures import decimals_of, rounded
from hcmoco_bench.leaderboard.page.row_texts import LevelText, board_title, level_texts
from hcmoco_bench.leaderboard.row import Row


@dataclass(frozen=True)
class Best:
    """The row of the best score of some, and the number of others that it does not beat."""

    score: str
    name: str
    tied: int


@dataclass(frozen=True)
class BoardLine:
    """A table in the list."""

    title: str
    address: str
    task: str
    protocol: str
    variant: str
    data: str
    split: str
    main: str
    unit: str
    n_evidence: int
    n_papers: int
    best_evidence: Best | None
    best_paper: Best | None


@dataclass(frozen=True)
class IndexPage:
    """What the template of the first page is filled with."""

    n_boards: int
    n_rows: int
    n_evidence: int
    n_papers: int
    boards: tuple[BoardLine, ...]
    remarks: tuple[str, ...]
    levels: tuple[LevelText, ...]


def index_page(leaderboard: Leaderboard) -> IndexPage:
    """The list of all tables."""
    rows = [row for board in leaderboard.boards for row in board.rows]
    n_evidence = sum(row.ranked for row in rows)
    return IndexPage(
        n_boards=len(leaderboard.boards),
        n_rows=len(rows),
        n_evidence=n_evidence,
        n_papers=len(rows) - n_evidence,
        boards=tuple(map(_line, leaderboard.boards)),
        remarks=tuple(map(printable, leaderboard.remarks)),
        levels=level_texts(),
    )


def _line(board: Board) -> BoardLine:
    ranked = [row for row in board.rows if row.ranked]
    papers = [row for row in board.rows if not row.ranked]
    key = board.key
    return BoardLine(
        title=board_title(board),
        address=board_file(key),
        task=printable(key.task),
        protocol=printable(key.protocol),
        variant=printable(key.variant),
        data=printable(key.data),
        split=printable(key.split),
        main=figure_label(board.main),
        unit=printable(board.unit),
        n_evidence=len(ranked),
        n_papers=len(papers),
        best_evidence=_best(board, ranked, 2),
        best_paper=_best(board, papers, decimals_of(row.score for row in papers)),
    )


def _best(board: Board, rows: Iterable[Row], decimals: int) -> Best | None:
    scored = [(score, row) for row in rows if (score := row.score) is not None]
    if not scored:
        return None
    choose = max if board.higher_is_better else min
    score, row = choose(scored, key=lambda pair: pair[0])
    ranks = board.standing.ranks if board.standing is not None and row.ranked else {}
    tied = sum(interval.tied_with_best for interval in ranks.values())
    return Best(rounded(score, decimals), printable(row.name), max(0, tied - 1))
