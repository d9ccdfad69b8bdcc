"""Rows whose evidence the real metrics made of small random data, and rows of papers, for tests of the page."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from densepose_people import make_annotations, make_body, make_detections

from hcmoco_bench.body import part_table
from hcmoco_bench.leaderboard.board import Board
from hcmoco_bench.leaderboard.level import Level
from hcmoco_bench.leaderboard.row import BoardKey, EvidenceFile, Row, Source
from hcmoco_bench.leaderboard.standing import RankInterval, Standing
from hcmoco_bench.metrics import (
    JointAccuracyMetric,
    KeypointMetric,
    PoseErrorMetric,
    SegmentationMetric,
    joint_accuracy_per_joint,
    keypoint_scores,
    pose_error_scores,
    segmentation_per_class,
)
from hcmoco_bench.metrics.densepose import DensePoseMetric, densepose_statistics
from hcmoco_bench.results import (
    DataEntry,
    Evidence,
    EvidenceEntry,
    ModelEntry,
    Result,
    RunEntry,
    ScoreEntry,
    StatusEntry,
    TaskEntry,
    save_evidence,
    seed_summary,
)
from hcmoco_bench.tasks.core.registry import get_task

Figures = Mapping[str, float]
PerClass = dict[str, dict[str, float | None]]


def segmentation(seed: int, *, skill: float = 0.6, n: int = 12, **rules: Any) -> Evidence:
    """Label images of which a share is right; some classes are nowhere."""
    rng = np.random.default_rng(seed)
    names = part_table().names
    metric = SegmentationMetric(names, **rules)
    target = rng.integers(0, len(names) - 4, (n, 24, 24))
    wrong = rng.random(target.shape) > skill
    predicted = np.where(wrong, rng.integers(0, len(names) - 2, target.shape), target)
    target[rng.random(target.shape) < 0.05] = rules.get("ignore_index", 255)
    metric.update(predicted, target, [f"s{i:03d}" for i in range(n)])
    return metric.evidence()


def joints(seed: int, n: int = 40) -> Evidence:
    rng = np.random.default_rng(seed)
    target = rng.normal(size=(n, 15, 3))
    metric = JointAccuracyMetric()
    valid = rng.random((n, 15)) < 0.8
    valid[:, 3] = False
    metric.update(target + rng.normal(0, 0.06, target.shape), target, [f"f{i:03d}" for i in range(n)], valid)
    return metric.evidence()


def densepose(seed: int) -> Evidence:
    annotations = make_annotations(8, seed)
    metric = DensePoseMetric(annotations, make_body())
    for detections in (make_detections(annotations, seed), make_detections(annotations, seed + 1)):
        metric.update(detections)
    return metric.evidence()


def keypoints(seed: int) -> Evidence:
    rng = np.random.default_rng(seed)
    people = []
    for i in range(12):
        points = np.concatenate([rng.uniform(0, 60, (17, 2)), rng.integers(0, 3, (17, 1))], 1)
        entry = {"id": i, "image_id": i // 2, "category_id": 1, "iscrowd": 0, "bbox": [0, 0, 60, 60], "area": 2500.0}
        people.append(entry | {"keypoints": points.ravel().tolist(), "num_keypoints": int((points[:, 2] > 0).sum())})
    metric = KeypointMetric({"images": [{"id": i} for i in range(7)], "annotations": people})
    found = []
    for person in people:
        points = np.array(person["keypoints"]).reshape(17, 3) + rng.normal(0, (2, 2, 0))
        for score in (0.5, 0.5, round(rng.random(), 1)):
            found.append({"image_id": person["image_id"], "keypoints": points.ravel().tolist(), "score": score})
            points = points + rng.normal(0, 4, points.shape)
    metric.update(found)
    return metric.evidence()


def pose(seed: int) -> Evidence:
    rng = np.random.default_rng(seed)
    target = rng.normal(size=(30, 17, 3))
    metric = PoseErrorMetric()
    valid = rng.random((30, 17)) < 0.9
    metric.update(target + rng.normal(0, 0.05, target.shape), target, [f"p{i:03d}" for i in range(30)], valid)
    return metric.evidence()


def _percent(figures: Mapping[str, Mapping[str, float | None]]) -> PerClass:
    return {
        name: {figure: value if value is None or figure == "error_cm" else 100 * value for figure, value in one.items()}
        for name, one in figures.items()
    }


def _densepose_classes(evidence: Evidence) -> PerClass:
    return {
        measure: {name: None if value == -1 else 100 * value for name, value in found.as_dict().items()}
        for measure, found in densepose_statistics(evidence).items()
    }


SCORES: dict[str, tuple[Callable[[Evidence], Figures], Callable[[Evidence], PerClass], str, str]] = {
    "segmentation": (
        lambda one: get_task("depth_parsing").scores(one),
        lambda one: _percent(segmentation_per_class(one)),
        "miou",
        "%",
    ),
    "joint_accuracy": (
        lambda one: get_task("itop_pose").scores(one),
        lambda one: _percent(joint_accuracy_per_joint(one)),
        "accuracy",
        "%",
    ),
    "densepose": (lambda one: get_task("densepose").scores(one), _densepose_classes, "gps_AP", "%"),
    "keypoints": (lambda one: keypoint_scores(one), lambda one: {}, "AP", ""),
    "pose3d": (lambda one: pose_error_scores(one), lambda one: {}, "mpjpe", "mm"),
    "foreign": (lambda one: {"value": float(one.columns["value"].mean())}, lambda one: {}, "value", ""),
}
"""By metric: scores and figures by class from evidence alone, the main score and its unit; as the tasks make them."""


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None and math.isfinite(value)]
    return math.fsum(known) / len(known) if known else None


def checked_row(folder: Path, id_: str, key: BoardKey, evidences: Sequence[Evidence], **changes: Any) -> Row:
    """A row whose evidence files lie in the folder; scores are the package's own, means over the evidence files."""
    figures, per_class, main, unit = SCORES[evidences[0].metric]
    entries, files = [], []
    folder.mkdir(parents=True, exist_ok=True)
    for number, evidence in enumerate(evidences):
        path = folder / f"{id_}-evidence-{number}.npz"
        sha256 = save_evidence(path, evidence)
        entries.append(EvidenceEntry(file=path.name, sha256=sha256))
        files.append(EvidenceFile(path, sha256))
    found, classes = [figures(one) for one in evidences], [per_class(one) for one in evidences]
    per_seed = tuple(one[main] for one in found)
    summary = seed_summary(per_seed)
    scores = ScoreEntry(
        main=main,
        unit=unit,
        mean=summary.mean,
        std=summary.std,
        ci95=(summary.mean - 1.2, summary.mean + 1.1),
        per_seed=per_seed,
        per_class={
            name: {one: _mean([each[name][one] for each in classes]) for one in values}
            for name, values in classes[0].items()
        },
        all={name: _mean([one[name] for one in found]) for name in found[0]},
    )
    result = Result(
        task=TaskEntry(id=key.task, version="1", protocol=key.protocol, split=key.split, split_sha256="0" * 64),
        model=ModelEntry(name=id_, backbone="hrnet_w18", weights_sha256="1" * 64),
        data=DataEntry(name=key.data, n_expected=len(evidences[0]), n_scored=len(evidences[0])),
        run=RunEntry(tool="hcmoco-bench 0.4.0", seeds=tuple(range(len(evidences))), device="cpu", precision="fp32"),
        scores=scores,
        evidence=tuple(entries),
        status=StatusEntry(tier="self-reported"),
    )
    row = Row(
        id=id_,
        key=key,
        name=id_,
        method="hcmoco",
        backbone="hrnet_w18",
        init="imagenet",
        pretrain_data="NTU RGB+D + MPII",
        ratio=1.0,
        ablation=None,
        level=Level.LABELS,
        party="first",
        by="A. Author",
        scores=scores.all,
        main=main,
        unit=unit,
        higher_is_better=unit != "mm",
        std=scores.std,
        ci95=scores.ci95,
        per_class=scores.per_class,
        seeds=len(evidences),
        sources=(Source("result of 2026-11-02"),),
        result=result,
        evidence=tuple(files),
        folder=folder,
    )
    return replace(row, **changes)


def paper_row(id_: str, key: BoardKey, scores: Figures, main: str = "miou", **changes: Any) -> Row:
    """A row of a paper."""
    row = Row(
        id=id_,
        key=key,
        name=id_,
        method="hcmoco",
        backbone="hrnet_w18",
        init="imagenet",
        pretrain_data="",
        ratio=1.0,
        ablation=None,
        level=Level.PAPER,
        party=None,
        by="",
        scores=dict(scores),
        main=main,
        unit="%",
        higher_is_better=True,
        sources=(Source("Table 4", "hong2022versatile", "https://arxiv.org/abs/2203.13815"),),
    )
    return replace(row, **changes)


def board(key: BoardKey, title: str, rows: Sequence[Row]) -> Board:
    """A table of rows, sorted as tables are, all of whose ranked rows but the last are tied."""
    first = rows[0]
    sign = -1 if first.higher_is_better else 1
    ranked = sorted((row for row in rows if row.ranked), key=lambda row: sign * (row.score or 0))
    n = len(ranked)
    ranks = {
        row.id: RankInterval(n, n, False) if at and at == n - 1 else RankInterval(1, max(1, n - 1), True)
        for at, row in enumerate(ranked)
    }
    standing = Standing(ranks, 1.34 if n > 1 else None, 10, "performers", 10_000, 0.95) if ranked else None
    ordered = (*ranked, *(row for row in rows if not row.ranked))
    return Board(key, title, ordered, first.main, first.unit, first.higher_is_better, standing)
