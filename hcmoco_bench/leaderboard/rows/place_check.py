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

    It holds no scores, so that all rows of a large leaderboard take little memory.

    Attributes:
        id: The row's id.
        key: Its table.
        version: Version of the task, as the result states it.
        split_sha256: Fingerprint of its samples, as the result states it.
        labels_sha256: See `RowFile.labels_sha256`.
        weights_sha256: See `ModelEntry`.
        evidence: SHA-256 of its evidence files, and fingerprints of what they hold (`RowFile.evidence_sha256`).
        level: What was checked of it so far.
    """

    id: str
    key: BoardKey
    version: str
    split_sha256: str
    labels_sha256: str
    weights_sha256: str | None
    evidence: frozenset[str]
    level: Level = Level.PAPER

    @classmethod
    def of(
        cls,
        row: str,
        result: Result,
        labels_sha256: str,
        evidence_sha256: Sequence[str],
        level: Level = Level.PAPER,
    ) -> Placed:
        """What a result says of its place.

        Args:
            row: The row's id.
            result: Its result.
            labels_sha256: See `RowFile.labels_sha256`.
            evidence_sha256: See `RowFile.evidence_sha256`.
            level: What was checked of it so far.
        """
        return cls(
            row,
            board_key(result),
            result.task.version,
            result.task.split_sha256,
            labels_sha256,
            result.model.weights_sha256,
            frozenset({*evidence_sha256, *(entry.sha256 for entry in result.evidence)}),
            level,
        )


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
        found.setdefault(row.key, []).append(row)
    return found


def check_place(one: Placed, tables: Tables, task: Task[Any], result: Result) -> tuple[CheckItem, ...]:
    """Check a result against the task as it is declared, and against the rows of its table.

    Args:
        one: What the place of the result depends on.
        tables: The rows that are there; the result itself may be among them.
        task: The result's task.
        result: The result itself.
    """
    beside = [other for other in tables.get(one.key, ()) if other.id != one.id]
    return (
        _CHECK.line("names and notes", [*wrong_texts(result), *_alike(one.key, tables)][:3], "legible"),
        _declared(one, task.record),
        _comparable(one, beside),
        _CHECK.line("not there already", list(_same(one, beside))[:3], f"{len(beside)} rows are in the table"),
    )


def _alike(key: BoardKey, tables: Tables) -> Iterator[str]:
    """Tables whose names differ in nothing that a reader would notice, or that a file name keeps apart."""
    for other in tables:
        if other != key and other.slug == key.slug:
            yield f"its table differs only in the writing of its name from the split {other.split} of {other.data}"


def _declared(one: Placed, record: TaskRecord) -> CheckItem:
    told = []
    if one.version != str(record.version):
        told.append(
            f"it is of version {one.version} of {record.id}, whose version {record.version} has other scores; "
            "evaluate again"
        )
    if one.key.protocol not in {protocol.name for protocol in record.protocols}:
        told.append(f"{record.id} has no protocol {one.key.protocol}")
    return _CHECK.line("task", told, f"{record.id} version {record.version}, protocol {one.key.protocol}")


def _comparable(one: Placed, beside: list[Placed]) -> CheckItem:
    if not beside:
        return _CHECK.skip("comparable with the table", "it is the first row with evidence")
    told = []
    first = max(beside, key=lambda other: other.level)  # of rows that contradict it, the best checked one is right
    if one.split_sha256 != first.split_sha256:
        told.append(
            f"its split has the fingerprint {one.split_sha256[:12]}, that of the table is {first.split_sha256[:12]}"
        )
    elif one.labels_sha256 != first.labels_sha256:
        told.append(f"it was scored against other labels than {first.id}")
    return _CHECK.line("comparable with the table", told, f"the same samples and labels as {first.id}")


def _same(one: Placed, beside: list[Placed]) -> Iterator[str]:
    for other in beside:
        if one.weights_sha256 is not None and one.weights_sha256 == other.weights_sha256:
            yield f"{other.id} has the same weights"
        elif one.evidence & other.evidence:
            yield f"{other.id} has the same evidence"
