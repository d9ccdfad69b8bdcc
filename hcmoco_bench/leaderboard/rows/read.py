"""Rows of checked results from their folders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hcmoco_bench.errors import DataError, HcmocoBenchError
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.leaderboard.folder import ROWS
from hcmoco_bench.leaderboard.level import Level
from hcmoco_bench.leaderboard.row import EvidenceFile, Row, Source
from hcmoco_bench.leaderboard.rows.file_sizes import check_size
from hcmoco_bench.leaderboard.rows.outside_names import wrong_file_names
from hcmoco_bench.leaderboard.rows.place_check import Placed, board_key
from hcmoco_bench.leaderboard.rows.row_file import RESULT_FILE, RowFile, read_row_file
from hcmoco_bench.leaderboard.slug import slug_of
from hcmoco_bench.results.schema import Result, read_result
from hcmoco_bench.tasks.core.record import TaskRecord
from hcmoco_bench.tasks.core.registry import get_task
from hcmoco_bench.tasks.core.task import Task

PerClass = dict[str, dict[str, float | None]]
_Any = TypeVar("_Any")


@dataclass(frozen=True)
class StoredRow:
    """A row's folder as it was read.

    Attributes:
        folder: The folder.
        file: Content of `row.json`.
        result: Content of `result.json`.
    """

    folder: Path
    file: RowFile
    result: Result

    @property
    def task(self) -> Task[Any]:
        """The result's task; raises UsageError if no package here has it."""
        return get_task(self.result.task.id)

    @property
    def placed(self) -> Placed:
        """What its place in a table depends on."""
        file = self.file
        return Placed.of(file.id, self.result, file.labels_sha256, file.evidence_sha256, max(file.levels))


def row_folders(board: Path) -> tuple[Path, ...]:
    """Folders of the rows of a leaderboard, sorted by task and id; none if there are no rows."""
    return tuple(sorted(path for path in (board / ROWS).glob("*/*") if path.is_dir() and not path.name.startswith(".")))


def read_row(folder: Path) -> StoredRow:
    """Read a row's folder.

    Raises:
        DataError: If a file is missing or is not what it should be, `result.json` is not the one that was checked
            (`row_result_changed`), or a check's record was changed or written for another row (`row_seal`).
    """
    file = read_row_file(folder)
    path = folder / RESULT_FILE
    check_size(path)
    result = read_result(path)
    found = file_sha256(path)
    if found != file.result_sha256:
        raise DataError(
            f"{path}: its SHA-256 is {found}, and {file.result_sha256} was checked; rows are not edited, add the "
            "changed result as a row of its own",
            kind="row_result_changed",
            file=str(path),
        )
    if wrong := file.wrong_seals():
        raise DataError(
            f"{folder}: the record of the check {', '.join(wrong)} was changed by hand or belongs to another row; "
            "levels are given by leaderboard add and leaderboard verify",
            kind="row_seal",
            file=str(folder),
        )
    if file.id != row_id(result, found):
        raise DataError(
            f"{folder}: is the row {row_id(result, found)} under another id; rows are not copied",
            kind="row_place",
            file=str(folder),
        )
    if named := wrong_file_names([one.file for one in result.evidence]):
        raise DataError(f"{path}: {'; '.join(named)}", kind="row_schema", file=str(path))
    if result.task.id != folder.parent.name:
        raise DataError(
            f"{folder}: holds a result of {result.task.id}; its place is {ROWS}/{result.task.id}",
            kind="row_place",
            file=str(folder),
        )
    return StoredRow(folder, file, result)


def stored_rows(board: Path, unreadable: Callable[[str], None] | None = None) -> Iterator[StoredRow]:
    """Read all rows of a leaderboard, one at a time.

    Args:
        board: Folder of the leaderboard.
        unreadable: Told why a row cannot be read, which is then left out; None to raise that as `read_row` does.
    """
    for folder in row_folders(board):
        try:
            yield read_row(folder)
        except HcmocoBenchError as error:
            if unreadable is None:
                raise
            unreadable(str(error))


def row_id(result: Result, sha256: str) -> str:
    """A row's id: the model's name as letters, digits and dashes, and the beginning of the result's SHA-256."""
    name = slug_of(result.model.name)[:40].strip("-")
    return f"{name or 'model'}-{sha256[:12]}"


def _in_order(result: Result, task: Task[Any]) -> tuple[dict[str, float | None], PerClass]:
    """Scores, and figures by class, in the order of the metric; JSON files have them in that of the alphabet."""
    stated = result.scores
    scores = stated.all or {stated.main: stated.mean}
    blank = task.blank_evidence(result.task.protocol, result.task.variant)
    if blank is None:
        return scores, stated.per_class
    classes = task.per_class(blank)
    figures = next(iter(classes.values()), {})
    per_class = {name: _sorted(found, figures) for name, found in stated.per_class.items()}
    return _sorted(scores, task.scores(blank)), _sorted(per_class, classes)


def _sorted(found: Mapping[str, _Any], order: Iterable[str]) -> dict[str, _Any]:
    """A mapping with its keys in an order, those that the order does not have last."""
    return {name: found[name] for name in dict.fromkeys([*order, *found]) if name in found}


def as_row(stored: StoredRow) -> Row:
    """The row as tables show it.

    Raises:
        UsageError: If no package here has the row's task.
    """
    result, file, record = stored.result, stored.file, stored.task.record
    pretrain, training = result.model.pretrain, result.model.training
    scores, per_class = _in_order(result, stored.task)
    return Row(
        id=file.id,
        key=board_key(result),
        name=result.model.name,
        method="" if pretrain is None else pretrain.method,
        backbone=result.model.backbone or "",
        init="" if pretrain is None else pretrain.init or "",
        pretrain_data="" if pretrain is None else pretrain.data or "",
        ratio=None if training is None else training.ratio,
        ablation=None,
        level=Level.of(file.best.level),
        party=file.party,
        by=file.best.by,
        scores=scores,
        main=result.scores.main,
        unit=result.scores.unit,
        higher_is_better=record.higher_is_better,
        std=result.scores.std,
        ci95=result.scores.ci95,
        per_class=per_class,
        seeds=max(1, len(result.run.seeds)),
        notes=(*_protocol_notes(result, record), *result.status.notes, *file.notes),
        sources=(
            Source(
                f"result submitted by {file.submitted_by} on {file.added}", file.id if file.citation else "", file.url
            ),
        ),
        result=result,
        evidence=tuple(EvidenceFile(stored.folder / one.file, one.sha256) for one in result.evidence),
        folder=stored.folder,
    )


def _protocol_notes(result: Result, record: TaskRecord) -> Iterator[str]:
    """What leaks under the protocol or is wrong with it, where the result does not say it."""
    name = result.task.protocol
    rules = next((one for one in record.protocols if one.name == name), None)
    for what, text in (("leaks", rules and rules.leaks), ("has an error", rules and rules.error)):
        begin = f"protocol {name} {what}: "
        if text and not any(note.startswith(begin) for note in result.status.notes):
            yield f"{begin}{text}"
