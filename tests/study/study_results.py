"""Records of fine-tunings on ITOP whose scores are known: so many of the 15 joints of each frame are right."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.files.hashing import fingerprint
from hcmoco_bench.metrics import JointAccuracyMetric
from hcmoco_bench.results.evidence import Evidence
from hcmoco_bench.results.schema import ModelEntry, RunEntry, read_result
from hcmoco_bench.study.cells import Cells, Score
from hcmoco_bench.study.folder import StudyFolder
from hcmoco_bench.study.make_cell import result_sha256
from hcmoco_bench.study.record import CellRecord, write_record
from hcmoco_bench.tasks.core.registry import get_task
from hcmoco_bench.tasks.core.result import write_evaluations
from hcmoco_bench.tasks.core.task import Evaluation
from hcmoco_bench.tasks.core.task_data import TaskData

JOINTS = 15
Counts = NDArray[np.int64]


def ids_of(counts: Counts) -> tuple[str, ...]:
    """Ids of P people with F frames each."""
    return tuple(f"{person:02d}_{frame:05d}" for person in range(len(counts)) for frame in range(counts.shape[1]))


def evidence_of(counts: Counts) -> Evidence:
    """Evidence of P people with F frames each, of whose joints (P, F) are right."""
    target = np.random.default_rng(0).normal(size=(counts.size, JOINTS, 3))
    wrong = np.arange(JOINTS)[None, :] >= counts.reshape(-1, 1)
    predicted = target + np.where(wrong, 0.5, 0.01)[:, :, None] * np.array([1.0, 0.0, 0.0])
    metric = JointAccuracyMetric()
    metric.update(predicted, target, ids_of(counts))
    return metric.evidence()


def write_cell(folder: StudyFolder, cells: Cells, score: Score, counts: Counts, name: str) -> None:
    """The record of a fine-tuning."""
    task, evidence, cell = get_task("itop_pose"), evidence_of(counts), cells.by_name[score.cell]
    ids = ids_of(counts)
    data = TaskData(
        dataset=None,  # type: ignore[arg-type]  # nothing is read
        collate=None,  # type: ignore[arg-type]
        ids=ids,
        name="ITOP",
        generated=True,
        split="test",
        expected=ids,
        split_sha256=fingerprint(ids),
        manifest_sha256=None,
    )
    out = folder.root / "made" / score.cell
    evaluation = Evaluation(task.scores(evidence), task.per_class(evidence), evidence, len(ids), len(ids))
    run = RunEntry(tool="a test", seeds=(score.seed,), config_sha256="c" * 64, command=f"finetune {score.cell}")
    write_evaluations(
        out / "result.json", task, data, "native", [evaluation], model=ModelEntry(name=name), run=run, bootstrap=20
    )
    result = read_result(out / "result.json")
    record = CellRecord(
        name=cell.name,
        fingerprint=cell.fingerprint,
        commands=cell.commands,
        needs={one: cells.by_name[one].fingerprint for one in cell.needs},
        seconds=1.0,
        processor_seconds=1.0,
        tool="a test",
        sha256=result_sha256(result),
    )
    names = ("result.json", *(entry.file for entry in result.evidence))
    write_record(folder.record(cell.name), record, {one: out / one for one in names})


def write_cells(folder: StudyFolder, cells: Cells, claim: str, counts: Mapping[tuple[str, int], Counts]) -> None:
    """The records of a claim, by method and seed; those that are not given stay missing."""
    folder.prepare()
    for score in cells.scores[claim]:
        if (score.method, score.seed) in counts:
            write_cell(folder, cells, score, counts[score.method, score.seed], score.method)
