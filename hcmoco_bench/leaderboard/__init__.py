"""Leaderboards: published figures and checked results, their levels, their ties, tables, a page and exports.

table = hcmoco_bench.leaderboard.table(task="depth_parsing", protocol="published")   # a pandas DataFrame
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def table(
    task: str | None = None,
    *,
    protocol: str | None = None,
    variant: str | None = None,
    split: str | None = None,
    ratio: float | None = None,
    metric: str | None = None,
    level: str = "paper",
    boards: Sequence[Path | str] | None = None,
    ranked: bool = True,
) -> pd.DataFrame:
    """The rows of leaderboards as a pandas `DataFrame`; see `tables.data_frame` for its columns.

    Args:
        task: Name of a task; None for all, and so for the others.
        protocol: Name of a protocol.
        variant: Variant of a task.
        split: Name of a split.
        ratio: Share of the training labels, 0..1.
        metric: The figure in the column `score`; None for the main score of each table.
        level: Lowest level, e.g. `evidence`.
        boards: Folders of leaderboards, whose rows are put together; None for the packaged one.
        ranked: Whether to compare the rows that have evidence, which reads that evidence.

    Raises:
        UsageError: If there is no such task, protocol, variant, split, figure or level; lists what there is.
        DataError: If a file of a leaderboard is not what it should be.
    """
    from hcmoco_bench.leaderboard.collect import open_leaderboard
    from hcmoco_bench.leaderboard.level import Level
    from hcmoco_bench.leaderboard.tables import Selection, data_frame

    chosen = Selection(task, protocol, variant, split, ratio, Level.of(level), metric)
    leaderboard: Any = open_leaderboard(None if boards is None else [Path(one) for one in boards], ranked=ranked)
    return data_frame(chosen.boards(leaderboard), metric)
