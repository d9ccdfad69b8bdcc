"""Means over tables: of models that stand in all of them, and of no others."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from hcmoco_bench.errors import UsageError
from hcmoco_bench.leaderboard.board import Board
from hcmoco_bench.leaderboard.row import Row
from hcmoco_bench.leaderboard.tables import TableForm, frame_text

_IDENTITY = ("name", "method", "backbone", "init", "pretrain_data", "ratio")


def mean_table(boards: Sequence[Board], metric: str | None, form: TableForm) -> str:
    """The models of some tables with their scores and means, as text; see `mean_frame`."""
    return frame_text(mean_frame(boards, metric), form)


def mean_frame(boards: Sequence[Board], metric: str | None = None) -> pd.DataFrame:
    """A row for each model, a column for each table, and the mean over the tables, best first.

    A model is what has one name, method, backbone, initialization, pre-training data and ratio.

    Args:
        boards: Two or more tables, of one unit and direction.
        metric: The figure; None for the main score of each table.

    Raises:
        UsageError: If there are fewer than two tables, their scores cannot be averaged, or a model is missing in some:
            a mean over fewer tasks would compare unequal things. The message names the models and tables.
    """
    if len(boards) < 2:
        raise UsageError("a mean needs at least two tables; leave out --task or --mean")
    scales = {(board.unit, board.higher_is_better) for board in boards}
    if len(scales) > 1:
        raise UsageError(f"scores in {', '.join(sorted(unit for unit, _ in scales))} have no mean; choose the tables")
    found: dict[tuple[object, ...], dict[str, float]] = {}
    for board in boards:
        for row in board.rows:
            score = row.scores.get(row.main if metric is None else metric)
            if score is None:
                continue
            scores = found.setdefault(_identity(row), {})
            if board.key.slug in scores:
                raise UsageError(
                    f"{row.name} has two rows in the table {board.key.slug}; a mean over tables needs one (choose a "
                    "--level or --ratio)"
                )
            scores[board.key.slug] = score
    names = [board.key.slug for board in boards]
    incomplete = [
        f"{identity[0]} ({len(names) - len(scores)} missing, e.g. {next(name for name in names if name not in scores)})"
        for identity, scores in found.items()
        if len(scores) < len(names)
    ]
    if incomplete:
        listed = "; ".join(incomplete[:5]) + ("; ..." if len(incomplete) > 5 else "")
        raise UsageError(
            f"{len(incomplete)} of {len(found)} models are missing in some of the {len(names)} tables: {listed}. A "
            "mean over fewer tasks is not comparable; choose tables that all models are in"
        )
    records = [
        dict(zip(_IDENTITY, identity, strict=True)) | scores | {"mean": sum(scores.values()) / len(scores)}
        for identity, scores in found.items()
    ]
    frame = pd.DataFrame.from_records(records, columns=[*_IDENTITY, *names, "mean"])
    return frame.sort_values("mean", ascending=not boards[0].higher_is_better, kind="stable", ignore_index=True)


def _identity(row: Row) -> tuple[object, ...]:
    return tuple(getattr(row, name) for name in _IDENTITY)
