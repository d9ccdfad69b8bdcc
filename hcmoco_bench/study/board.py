"""Results of a study as rows of a leaderboard: one row for each method, task and share of labels, with all seeds."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.files.atomic import write_atomic, write_error
from hcmoco_bench.leaderboard.rows.add import add_result, existing_row
from hcmoco_bench.leaderboard.rows.checklist import RowRefusedError
from hcmoco_bench.leaderboard.rows.read import row_folders
from hcmoco_bench.leaderboard.rows.row_file import Submission
from hcmoco_bench.results.evidence import load_evidence
from hcmoco_bench.results.schema import EvidenceEntry, Result, StatusEntry, read_result, write_result
from hcmoco_bench.study.cells import Cells
from hcmoco_bench.study.folder import StudyFolder
from hcmoco_bench.study.plan import Plan
from hcmoco_bench.study.plan_tables import TaskStep
from hcmoco_bench.study.record import current_record
from hcmoco_bench.tasks.core.registry import get_task
from hcmoco_bench.tasks.core.result import interval_groups, score_entry
from hcmoco_bench.tasks.core.task import Evaluation
from hcmoco_bench.training.run_files import RESULT_FILE

_NOTE: Final = "The people of this row are generated: it compares methods, and says nothing about real recordings."

_OTHER_BYTES: Final = "the seeds were scored on copies of the data that were made anew, and whose bytes differ"


@dataclass(frozen=True)
class AddedRows:
    """What became of a study's results.

    Attributes:
        rows: Ids of the rows on the leaderboard, new ones and those that were there.
        refused: Why the leaderboard took a result not in, one sentence each.
    """

    rows: tuple[str, ...]
    refused: tuple[str, ...]


def add_rows(plan: Plan, cells: Cells, folder: StudyFolder, board: Path, *, by: str) -> AddedRows:
    """Add the result of each method whose seeds are all there; rows that are there already stay as they are.

    Args:
        plan: The plan.
        cells: Cells of the claims.
        folder: Folder of the study.
        board: Folder of the leaderboard; made if it does not exist.
        by: Who submits the rows.

    Raises:
        UsageError: If generated data would stand beside real data.
        DataError: If a result or its evidence is missing or damaged.
        StoreError: If something cannot be written.
    """
    found: dict[tuple[str, TaskStep, str], dict[int, str]] = {}
    for scores in cells.scores.values():
        for one in scores:
            found.setdefault((one.task, one.step, one.method), {})[one.seed] = one.cell
    rows, refused = [], []
    for (task, step, method), by_seed in found.items():
        if any(current_record(folder, cells.by_name[cell]) is None for cell in by_seed.values()):
            continue
        place = folder.root / "work" / "rows" / f"{task}-{step.name}-{method}"
        path = write_pooled(by_seed, folder, place)
        stored = existing_row(path, board)
        if stored is None:
            result = read_result(path)
            _refuse_mixing(result, board)
            notes = (_NOTE,) if result.data.generated else ()
            try:
                stored, _ = add_result(path, board, Submission(by=by, notes=notes))
            except RowRefusedError as error:
                refused.append(str(error))
                continue
        rows.append(stored.file.id)
    return AddedRows(tuple(rows), tuple(refused))


def write_pooled(cells: Mapping[int, str], folder: StudyFolder, place: Path) -> Path:
    """Write one result of all seeds, with their evidence, from the records of fine-tunings that differ in the seed.

    Args:
        cells: Name of the cell of each seed.
        folder: Folder of the study.
        place: Folder that it is written to; emptied before.

    Raises:
        DataError: If a result or its evidence is missing, damaged, or of other samples (`seeds_differ`).
        StoreError: If it cannot be written.
    """
    paths = [folder.record(cell) / RESULT_FILE for cell in cells.values()]
    results = [read_result(path) for path in paths]
    first = results[0]
    for path, result in zip(paths, results, strict=True):
        if _way(result) != _way(first):
            raise DataError(
                f"{path}: was scored or trained in another way than {paths[0]}; delete the folders of both, and "
                "study run makes them again",
                kind="seeds_differ",
                file=str(path),
            )
    task = get_task(first.task.id)
    try:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
    except OSError as error:
        raise write_error(place, error) from error
    evaluations, entries = [], []
    for number, (path, result) in enumerate(zip(paths, results, strict=True)):
        (entry,) = result.evidence
        evidence = load_evidence(path.with_name(entry.file), sha256=entry.sha256)
        evaluations.append(
            Evaluation(
                evidence=evidence,
                scores=task.scores(evidence),
                per_class=task.per_class(evidence),
                n_expected=result.data.n_expected,
                n_scored=result.data.n_scored,
            )
        )
        entries.append(EvidenceEntry(file=f"result-evidence-{number}.npz", sha256=entry.sha256))
        write_atomic(place / entries[-1].file, path.with_name(entry.file).read_bytes())
    manifests = {result.data.manifest_sha256 for result in results}
    pooled = first.model_copy(
        update={
            "data": first.data.model_copy(update={} if len(manifests) == 1 else {"manifest_sha256": None}),
            "run": first.run.model_copy(
                update={
                    "seeds": tuple(cells),
                    "command": " && ".join(filter(None, (result.run.command for result in results))) or None,
                }
            ),
            "scores": score_entry(
                task,
                first.task.protocol,
                evaluations,
                groups=interval_groups(task, evaluations[0].evidence.sample_ids),
            ),
            "evidence": tuple(entries),
            "status": StatusEntry(
                tier="self-reported",
                notes=(
                    *dict.fromkeys(note for result in results for note in result.status.notes),
                    *([_OTHER_BYTES] if len(manifests) > 1 else []),
                ),
            ),
        }
    )
    write_result(place / RESULT_FILE, pooled)
    return place / RESULT_FILE


def _way(result: Result) -> tuple[object, ...]:
    """How it was trained and scored, and on what; other machines may write the same data in other bytes."""
    return result.task, result.data.model_copy(update={"manifest_sha256": None}), result.run.config_sha256


def _refuse_mixing(result: Result, board: Path) -> None:
    """Generated and real data are never in one leaderboard of a study, not even in different tables."""
    for row in row_folders(board):
        other = read_result(row / RESULT_FILE)
        if other.data.generated != result.data.generated:
            kinds = ("generated", "real") if result.data.generated else ("real", "generated")
            raise UsageError(
                f"{board}: holds results on {kinds[1]} data ({row.name}), and this study is of {kinds[0]} "
                "data; give another --board"
            )
        return
