"""Two processes with unequal parts of the samples give the single process's scores and evidence, to the bit."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from densepose_people import make_annotations, make_body, make_detections
from forked import run_ranks
from torch import distributed

from hcmoco_bench.errors import DataError
from hcmoco_bench.metrics import JointAccuracyMetric, PoseErrorMetric, SegmentationMetric
from hcmoco_bench.metrics.densepose import DensePoseMetric
from hcmoco_bench.metrics.keypoints import KeypointMetric
from hcmoco_bench.results import Evidence, load_evidence, save_evidence

N = 11
IDS = [f"s{i:02d}" for i in np.random.default_rng(0).permutation(N)]
NAMES = ("background", "head", "arm")
PARTS = {
    "unequal": [[0, 3, 5, 4, 9, 10, 2, 8], [7, 1, 6]],
    "one has none": [[], list(range(N))],
}


def segmentation(rows: list[int]) -> SegmentationMetric:
    generator = torch.Generator().manual_seed(0)
    prediction, target = torch.randint(len(NAMES), (2, N, 8, 9), generator=generator)
    metric = SegmentationMetric(NAMES)
    metric.update(prediction[rows], target[rows], [IDS[row] for row in rows])
    return metric


def joint_accuracy(rows: list[int]) -> JointAccuracyMetric:
    rng = np.random.default_rng(0)
    target = rng.normal(size=(N, 15, 3))
    prediction, valid = target + rng.normal(0, 0.05, target.shape), rng.random((N, 15)) > 0.2
    metric = JointAccuracyMetric()
    metric.update(prediction[rows], target[rows], [IDS[row] for row in rows], valid[rows])
    return metric


def pose(rows: list[int]) -> PoseErrorMetric:
    prediction, target = np.random.default_rng(0).normal(size=(2, N, 17, 3))
    metric = PoseErrorMetric()
    metric.update(prediction[rows], target[rows], [IDS[row] for row in rows])
    return metric


def keypoints(rows: list[int]) -> KeypointMetric:
    """One person an image, and detections near; the first image's two are spread over both processes."""
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.uniform(0, 100, (N, 17, 2)), np.full((N, 17, 1), 2)], axis=2)
    annotations = [
        {"image_id": i, "category_id": 1, "keypoints": one.flatten(), "bbox": [0, 0, 100, 100], "area": 8000.0}
        for i, one in enumerate(points)
    ]
    metric = KeypointMetric({"images": [{"id": i} for i in range(N)], "annotations": annotations})
    near = points + rng.normal(0, 5, points.shape)
    places = np.append(np.arange(N), 0)[:, None]
    detections = [
        {"image_id": int(i), "keypoints": near[i].flatten() + k, "score": rng.random()} for k, (i,) in enumerate(places)
    ]
    metric.update([detections[row] for row in rows])
    if 1 in rows:
        metric.update(detections[N:])
    return metric


def densepose(rows: list[int]) -> DensePoseMetric:
    annotations = make_annotations(N)
    metric = DensePoseMetric(annotations, make_body(4))
    metric.update(one for one in make_detections(annotations) if one.image_id - 1 in rows)
    return metric


METRICS = {
    "segmentation": segmentation,
    "joint_accuracy": joint_accuracy,
    "pose3d": pose,
    "keypoints": keypoints,
    "densepose": densepose,
}


def scores(metric: Any) -> dict[str, Any]:
    computed = metric.compute()
    figures = computed if isinstance(computed, dict) else vars(computed)
    return {name: np.asarray(getattr(value, "__dict__", value)).tolist() for name, value in figures.items()}


def work(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", f"file://{folder}/meeting", rank=rank, world_size=2)
    found: dict[str, Any] = {}
    for case, parts in PARTS.items():
        for name, make in METRICS.items():
            metric = make(parts[rank])
            found[f"{case}, {name}"] = scores(metric)
            save_evidence(folder / f"{case}-{name}-{rank}.npz", metric.evidence())
    try:
        segmentation([0, 1 + rank, 5]).compute()
    except DataError:
        found["twice"] = traceback.format_exc()
    torch.save(found, folder / f"{rank}.pth")
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ranks")
    run_ranks(work, folder, ranks=2)
    return folder


def same(one: Evidence, other: Evidence) -> bool:
    return one.sample_ids == other.sample_ids and all(
        np.array_equal(column, other.columns[name]) for name, column in one.columns.items()
    )


@pytest.mark.parametrize("case", PARTS)
@pytest.mark.parametrize("name", METRICS)
def test_two_processes_equal_one(folder: Path, name: str, case: str) -> None:
    single = METRICS[name](list(range(N)))
    for rank in range(2):
        assert torch.load(folder / f"{rank}.pth", weights_only=True)[f"{case}, {name}"] == scores(single)
        assert same(load_evidence(folder / f"{case}-{name}-{rank}.npz"), single.evidence())


def test_a_sample_scored_by_both_is_refused_on_both(folder: Path) -> None:
    for rank in range(2):
        message = torch.load(folder / f"{rank}.pth", weights_only=True)["twice"]
        assert f"2 sample ids come more than once ({', '.join(sorted([IDS[0], IDS[5]]))})" in message
