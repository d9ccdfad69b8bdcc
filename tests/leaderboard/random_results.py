"""Results whose evidence the real metrics make of small random data, so that no store is needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from densepose_people import make_annotations, make_body, make_detections

from hcmoco_bench.files.hashing import fingerprint
from hcmoco_bench.metrics import JointAccuracyMetric, SegmentationMetric
from hcmoco_bench.metrics.densepose import DensePoseMetric
from hcmoco_bench.results.evidence import Evidence
from hcmoco_bench.results.schema import ModelEntry, RunEntry
from hcmoco_bench.tasks.core.registry import get_task
from hcmoco_bench.tasks.core.result import write_evaluations
from hcmoco_bench.tasks.core.task import Evaluation
from hcmoco_bench.tasks.core.task_data import TaskData

FRAMES = tuple(f"S001C001P{performer:03d}R001A001F{frame:03d}" for performer in (1, 2, 3, 4) for frame in (1, 2, 3))
"""Ids of frames of four performers."""


def segmentation(meta: dict[str, Any], ids: Sequence[str], seed: int, *, skill: float = 0.6) -> Evidence:
    """The same labels for all seeds, of which predictions find a share."""
    rng = np.random.default_rng(seed)
    metric = SegmentationMetric(
        meta["class_names"],
        absent=meta["absent"],
        background=meta["background"],
        ignore_index=meta.get("ignored_class", 255),
    )
    target = np.random.default_rng(0).integers(0, 25, (len(ids), 20, 20))
    predicted = np.where(rng.random(target.shape) > skill, rng.integers(0, 25, target.shape), target)
    metric.update(predicted, target, ids)
    return metric.evidence()


def joints(n: int, seed: int) -> Evidence:
    """Joints that are some centimeters off."""
    target = np.random.default_rng(0).normal(size=(n, 15, 3))
    metric = JointAccuracyMetric()
    errors = np.random.default_rng(seed).normal(0, 0.06, target.shape)
    metric.update(target + errors, target, [f"0{i % 3}_{i:05d}" for i in range(n)])
    return metric.evidence()


def surfaces(seed: int, n: int = 8) -> Evidence:
    """Detections near annotated people, in images of which some are empty."""
    annotations = make_annotations(n, 0)
    metric = DensePoseMetric(annotations, make_body())
    metric.update(make_detections(annotations, seed))
    return metric.evidence()


def evidence_of(task: str, seed: int, *, protocol: str = "native", variant: str = "") -> Evidence:
    """Evidence of a task's own metric."""
    if task == "itop_pose":
        return joints(12, seed)
    if task == "densepose":
        return surfaces(seed)
    blank = get_task(task).blank_evidence(protocol, variant)
    if blank is None:
        raise ValueError(task)
    return segmentation(dict(blank.meta), FRAMES, seed)


def write_random(
    out: Path,
    task: str = "depth_parsing",
    *,
    name: str = "model",
    seeds: Sequence[int] = (1,),
    protocol: str = "native",
    variant: str = "",
    data: str = "NTURGBD-Parsing-4K",
    evidences: Sequence[Evidence] | None = None,
    bootstrap: int = 50,
    **model: Any,
) -> Path:
    """A result as `eval` writes it, on generated data.

    Args:
        out: Folder of the result.
        task: Name of the task.
        name: Name of the model.
        seeds: One evidence file is drawn from each; stated as the seeds of trainings if there are several.
        protocol: Name of the protocol.
        variant: Variant of the task.
        data: Name of the data set, without what says that it is generated.
        evidences: The evidence, if it is not to be drawn.
        bootstrap: Draws of the interval.
        model: Further fields of `ModelEntry`.
    """
    chosen = get_task(task)
    drawn = evidences or [evidence_of(task, seed, protocol=protocol, variant=variant) for seed in seeds]
    ids = drawn[0].sample_ids
    samples = TaskData(
        dataset=None,  # type: ignore[arg-type]  # nothing is read
        collate=None,  # type: ignore[arg-type]
        ids=ids,
        name=data,
        generated=True,
        split="test",
        expected=ids,
        split_sha256=fingerprint(ids),
        manifest_sha256=None,
    )
    evaluations = [Evaluation(chosen.scores(one), chosen.per_class(one), one, len(ids), len(ids)) for one in drawn]
    run = RunEntry(tool="hcmoco-bench", seeds=tuple(seeds) if len(drawn) > 1 else ())
    entry = ModelEntry(name=name, **model)
    path = out / "result.json"
    write_evaluations(
        path, chosen, samples, protocol, evaluations, model=entry, run=run, variant=variant, bootstrap=bootstrap
    )
    return path
