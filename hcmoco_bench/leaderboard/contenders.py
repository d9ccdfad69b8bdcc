"""Comparing rows of leaderboards, or results that are in none, by their names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hcmoco_bench.errors import UsageError
from hcmoco_bench.leaderboard.collect import scoring_of
from hcmoco_bench.leaderboard.level import Level
from hcmoco_bench.leaderboard.row import EvidenceFile, Row
from hcmoco_bench.leaderboard.rows.place_check import board_key
from hcmoco_bench.leaderboard.rows.read import as_row, read_row, row_folders
from hcmoco_bench.leaderboard.ties import PairComparison, compare_rows
from hcmoco_bench.leaderboard.ties.table import DRAWS
from hcmoco_bench.results.schema import read_result
from hcmoco_bench.runtime.near_names import did_you_mean
from hcmoco_bench.tasks.core.registry import get_task


def compare_named(
    names: Sequence[str], boards: Sequence[Path] = (), *, draws: int = DRAWS, cache: Path | None = None
) -> tuple[PairComparison, ...]:
    """Compare rows in pairs; see `ties.compare_rows`.

    Args:
        names: Ids of rows, or the beginnings of ids; paths of result files stand for rows, too.
        boards: Folders of leaderboards with the rows.
        draws: Number of draws of the bootstrap.
        cache: Folder that keeps drawn scores; None to draw anew.

    Raises:
        UsageError: If a name stands for no row or several, the rows are of different tables, or they were scored on
            different samples.
        DataError: If evidence is missing or not the file that a result states.
    """
    there = {folder.name: folder for board in reversed(boards) for folder in row_folders(board)}
    rows = [result_row(Path(name)) if name.endswith(".json") else _named(name, there) for name in names]
    if len({row.id for row in rows}) < len(rows):
        raise UsageError(f"{', '.join(names)}: a row is given twice; compare different rows")
    others = [row for row in rows if row.key != rows[0].key]
    if others:
        raise UsageError(
            f"{rows[0].name} is of {_table(rows[0])}, and {others[0].name} of {_table(others[0])}; their figures are "
            "not comparable"
        )
    return compare_rows(rows, scoring_of(rows[0]), n=draws, cache=cache)


def _table(row: Row) -> str:
    key = row.key
    words = (key.task, key.variant, f"protocol {key.protocol}", f"split {key.split} of {key.data}")
    return ", ".join(filter(None, words))


def _named(name: str, there: dict[str, Path]) -> Row:
    found = [name] if name in there else [one for one in there if one.startswith(name)]
    if len(found) == 1:
        return as_row(read_row(there[found[0]]))
    if found:
        raise UsageError(f"{name!r} may be any of {', '.join(found[:10])}; give more of the id")
    raise UsageError(f"there is no row with evidence {name!r}; {did_you_mean(name, there)}")


def result_row(path: Path) -> Row:
    """A result file as a row that is on no leaderboard.

    Raises:
        UsageError: If the result has no evidence.
        DataError: If it cannot be read.
    """
    result = read_result(path)
    record = get_task(result.task.id).record
    if not result.evidence:
        raise UsageError(f"{path}: has no evidence to compare by; evaluate again, which keeps it")
    return Row(
        id=str(path),
        key=board_key(result),
        name=result.model.name,
        method="",
        backbone=result.model.backbone or "",
        init="",
        pretrain_data="",
        ratio=None,
        ablation=None,
        level=Level.EVIDENCE,
        party=None,
        by="",
        scores=result.scores.all,
        main=result.scores.main,
        unit=result.scores.unit,
        higher_is_better=record.higher_is_better,
        result=result,
        evidence=tuple(EvidenceFile(path.with_name(one.file), one.sha256) for one in result.evidence),
    )
