"""Rows of 2-D pose: labels, predictions and weights that are checked, and results that are not true."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from leaderboard_results import edit_evidence, edit_result, with_columns
from pose2d_stores import FILE

from hcmoco_bench.leaderboard.level import Level
from hcmoco_bench.leaderboard.rows.add import CheckInputs, add_result
from hcmoco_bench.leaderboard.rows.checklist import RowRefusedError
from hcmoco_bench.leaderboard.rows.read import as_row
from hcmoco_bench.leaderboard.rows.row_file import Submission
from hcmoco_bench.results.evidence import Evidence
from hcmoco_bench.results.schema import PretrainEntry
from hcmoco_bench.tasks.core.checkpoints import KIND, checkpoint_config, load_task_checkpoint
from hcmoco_bench.tasks.core.evaluate import evaluate_checkpoint, evaluate_predictions
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings, scoring_settings
from hcmoco_bench.tasks.core.registry import get_task
from hcmoco_bench.tasks.pose2d.data import pose_source
from hcmoco_bench.training.checkpoint import save_checkpoint

ANN = Submission(by="Ann")
SMALL = {"backbone": "test_resnet", "init": "scratch", "image_size": 64, "eval_batch_size": 4, "head_width": 8}


def predictions(store: Path, protocol: str, path: Path, off: float) -> Path:
    """The truth, some px off, as COCO's results or MPII's joints by person."""
    task = get_task("pose2d")
    settings = make_finetune_settings("pose2d", {"stores": (str(store),), "protocol": protocol, "image_size": 64})
    source = pose_source(task.open_data(settings, "validation", train=False))
    people = source.split.people
    joints = people.joints + np.random.default_rng(1).normal(0, off, people.joints.shape)
    if protocol == "native":
        flat = np.concatenate([joints, np.ones((*joints.shape[:2], 1))], axis=2).reshape(len(people), -1)
        numbers = source.split.numbers
        content: Any = [
            {"image_id": numbers[image], "category_id": 1, "keypoints": one.tolist(), "score": 1 - row / 100}
            for row, (image, one) in enumerate(zip(people.image.tolist(), flat, strict=True))
        ]
    else:
        content = dict(zip(people.ids, joints.tolist(), strict=True))
    path.write_text(json.dumps(content))
    return path


def scored(path: Path, out: Path, given: dict[str, Any]) -> Path:
    out.parent.mkdir(parents=True, exist_ok=True)
    settings = make_finetune_settings("pose2d", given)
    evaluate_predictions("pose2d", path, settings, out=out, name=out.parent.name, bootstrap=50, as_given=True)
    return out


def level(path: Path, board: Path, data: dict[str, Any], **more: Any) -> Level:
    return as_row(add_result(path, board, ANN, CheckInputs(data, **more))[0]).level


@pytest.mark.parametrize("protocol", ["native", "mpii"])
def test_labels_and_predictions_are_checked(coco_store: Path, mpii_store: Path, tmp_path: Path, protocol: str) -> None:
    store = coco_store if protocol == "native" else mpii_store
    given = {"stores": (str(store),), "protocol": protocol}
    good, other = (predictions(store, protocol, tmp_path / f"{off}.json", off) for off in (1.0, 3.0))
    path = scored(good, tmp_path / "good" / "result.json", given)
    with pytest.raises(RowRefusedError, match="other statistics come out"):
        add_result(path, tmp_path / "board", ANN, CheckInputs(given, predictions=other))
    assert level(path, tmp_path / "board", given, predictions=good) == Level.PREDICTIONS
    path = scored(other, tmp_path / "other" / "result.json", given)
    assert level(path, tmp_path / "board", given) == Level.LABELS


def columns(change: Callable[[Evidence], dict[str, Any]]) -> Callable[[Evidence], Evidence]:
    return lambda evidence: with_columns(evidence, change(evidence))


@pytest.mark.parametrize(
    ("protocol", "change", "why"),
    [
        (
            "native",
            columns(lambda e: {"outcome": np.minimum(e.columns["outcome"] * 0 + 1, 1)}),
            "more people found than",
        ),
        ("native", columns(lambda e: {"n_truths": e.columns["n_truths"] - 5}), "numbers of people below 0"),
        ("native", columns(lambda e: {"score": -e.columns["score"]}), "not in the order of their scores"),
        ("native", columns(lambda e: {"score": e.columns["score"][:, :3]}), "other shapes"),
        ("mpii", columns(lambda e: {"distance": e.columns["distance"] - 1}), "distances below 0"),
        ("mpii", columns(lambda e: {"distance": e.columns["distance"] * np.nan}), "nan or infinite"),
        ("mpii", lambda e: replace(e, meta={**e.meta, "head_share": 6.0}), "made by other rules"),
        ("mpii", lambda e: replace(e, meta={**e.meta, "excluded": []}), "made by other rules"),
    ],
)
def test_evidence_that_cannot_be(
    coco_store: Path,
    mpii_store: Path,
    tmp_path: Path,
    protocol: str,
    change: Callable[[Evidence], Evidence],
    why: str,
) -> None:
    store = coco_store if protocol == "native" else mpii_store
    given = {"stores": (str(store),), "protocol": protocol}
    path = scored(predictions(store, protocol, tmp_path / "a.json", 1.0), tmp_path / "a" / "result.json", given)
    edit_evidence(path, change)
    with pytest.raises(RowRefusedError, match=why):
        add_result(path, tmp_path / "board", ANN)


def test_joints_that_count_cannot_be_left_out(mpii_store: Path, tmp_path: Path) -> None:
    """Joints of a wrong prediction are called not annotated: possible evidence, and other labels than the data's."""
    given = {"stores": (str(mpii_store),), "protocol": "mpii"}
    path = scored(predictions(mpii_store, "mpii", tmp_path / "a.json", 3.0), tmp_path / "a" / "result.json", given)
    edit_evidence(path, columns(lambda e: {"valid": e.columns["valid"] & (e.columns["distance"] < 0.3)}))
    with pytest.raises(RowRefusedError):
        add_result(path, tmp_path / "board", ANN, CheckInputs(given))


def test_a_result_under_the_other_protocol(coco_store: Path, mpii_store: Path, tmp_path: Path) -> None:
    given = {"stores": (str(mpii_store),), "protocol": "mpii"}
    path = scored(predictions(mpii_store, "mpii", tmp_path / "a.json", 1.0), tmp_path / "a" / "result.json", given)
    edit_result(path, lambda content: content["task"].update(protocol="native"))
    with pytest.raises(RowRefusedError, match=r"metric pckh, and the task uses keypoints|main score is AP"):
        add_result(path, tmp_path / "board", ANN)


def test_true_boxes_given_out_as_detections(coco_store: Path, tmp_path: Path) -> None:
    given = {"stores": (str(coco_store),)}
    task = get_task("pose2d")
    settings = make_finetune_settings("pose2d", SMALL | given)
    torch.manual_seed(0)
    model = tmp_path / "model.pth"
    about = checkpoint_config(task.record, settings, PretrainEntry(method="scratch"), "last epoch")
    state = task.build_model(settings).state_dict()
    state["head.final.bias"] += 0.5
    save_checkpoint(model, {"kind": KIND, "config": about, "model": state})
    found = load_task_checkpoint(model, task, given=given)
    path = tmp_path / "good" / "result.json"
    path.parent.mkdir()
    evaluate_checkpoint(task, found, scoring_settings(task, found.config, given), out=path, name="m", bootstrap=0)
    edit_result(path, lambda content: content["task"].update(variant=""))
    with pytest.raises(RowRefusedError, match="it scores the variant true_boxes, and the result is of none"):
        add_result(path, tmp_path / "board", ANN, CheckInputs(given, weights=model))
    edit_result(path, lambda content: content["task"].update(variant="true_boxes"))
    assert level(path, tmp_path / "board", given, weights=model) == Level.WEIGHTS
    boxes = tmp_path / "boxes.json"
    entries = json.loads((coco_store.parent / "pose2d-coco" / FILE).read_text())["annotations"]
    boxes.write_text(json.dumps([{"image_id": e["image_id"], "bbox": e["bbox"], "score": 0.9} for e in entries]))
    detected = given | {"boxes": str(boxes)}
    path = tmp_path / "found" / "result.json"
    path.parent.mkdir()
    evaluate_checkpoint(task, found, scoring_settings(task, found.config, detected), out=path, name="d", bootstrap=0)
    assert level(path, tmp_path / "board", detected, weights=model) == Level.WEIGHTS
