"""Whether a result may stand beside the rows that are there: same task, split and labels, and not there already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hcmoco_bench.leaderboard.level import Level
from hcmoco_bench.leaderboard.row import BoardKey
from hcmoco_bench.leaderboard.rows.checklist import Checker, CheckItem
from hcmoco_bench.leaderboard.rows.outside_names import wrong_texts
from hcmoco_bench.results.schema import Result
from hcmoco_bench.tasks.core.record import TaskRecord
from hcmoco_bench.tasks.core.task import Task

_CHECK = Checker(Level.EVIDENCE)


@dataclass(frozen=True)
class Placed:
    """What a row's place in a table depends on.

    Attributes:
        id: The row's id.
        result: Its result.
        labels_sha256: See `RowFile.labels_sha256`.
        evidence_sha256: See `RowFile.evidence_sha256`.
        level: What was checked of it so far.
    """

    id: str
    result: Result
    labels_sha256: str
    evidence_sha256: tuple[str, ...] = ()
    level: Level = Level.PAPER


def board_key(result: Result) -> BoardKey:
    """The table that a result belongs to."""
    task = result.task
    return BoardKey(task.id, task.protocol, task.variant, result.data.name, task.split)


Tables = Mapping[BoardKey, Sequence[Placed]]
"""The rows of each table, in the order of their ids."""


def by_table(rows: Iterable[Placed]) -> Tables:
    """Rows by the table that they belong to."""
    found: dict[BoardKey, list[Placed]] = {}
    for row in sorted(rows, key=lambda one: one.id):
        found.setdefault(board_key(row.result), []).append(row)
    return found


def check_place(one: Placed, tables: Tables, task: Task[Any]) -> tuple[CheckItem, ...]:
    """Check a result against the task as it is declared, and against the rows of its table.

    Args:
        one: The result.
        tables: The rows that are there; the result itself may be among them.
        task: The result's task.
    """
    key = board_key(one.result)
    beside = [other for other in tables.get(key, ()) if other.id != one.id]
    return (
        _CHECK.line("names and notes", [*wrong_texts(one.result), *_alike(key, tables)][:3], "legible"),
        _declared(one.result, task.record),
        _comparable(one, beside),
        _CHECK.line("not there already", list(_same(one, beside))[:3], f"{len(beside)} rows are in the table"),
    )


def _alike(key: BoardKey, tables: Tables) -> Iterator[str]:
    """Tables whose names differ in nothing that a reader would notice, or that a file name keeps apart."""
    for other in tables:
        if other != key and other.slug == key.slug:
            yield f"its table differs only in the writing of its name from the split {other.split} of {other.data}"


def _declared(result: Result, record: TaskRecord) -> CheckItem:
    told = []
    if result.task.version != str(record.version):
        told.append(
            f"it is of version {result.task.version} of {record.id}, whose version {record.version} has other scores; "
            "evaluate again"
        )
    if result.task.protocol not in {protocol.name for protocol in record.protocols}:
        told.append(f"{record.id} has no protocol {result.task.protocol}")
    return _CHECK.line("task", told, f"{record.id} version {record.version}, protocol {result.task.protocol}")


def _comparable(one: Placed, beside: list[Placed]) -> CheckItem:
    if not beside:
        return _CHECK.skip("comparable with the table", "it is the first row with evidence")
    told = []
    first = max(beside, key=lambda other: other.level)  # of rows that contradict it, the best checked one is right
    if one.result.task.split_sha256 != first.result.task.split_sha256:
        told.append(
            f"its split has the fingerprint {one.result.task.split_sha256[:12]}, that of the table is "
            f"{first.result.task.split_sha256[:12]}"
        )
    elif one.labels_sha256 != first.labels_sha256:
        told.append(f"it was scored against other labels than {first.id}")
    return _CHECK.line("comparable with the table", told, f"the same samples and labels as {first.id}")


def _same(one: Placed, beside: list[Placed]) -> Iterator[str]:
    files = {entry.sha256 for entry in one.result.evidence}
    for other in beside:
        weights = one.result.model.weights_sha256
        if weights is not None and weights == other.result.model.weights_sha256:
            yield f"{other.id} has the same weights"
        elif files & {entry.sha256 for entry in other.result.evidence} or (
            set(one.evidence_sha256) & set(other.evidence_sha256)
        ):
            yield f"{other.id} has the same evidence"
