"""Rows of the task pose3d: labels, predictions and weights raise the level, and altered results are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from leaderboard_results import edit_evidence, edit_result
from test_rows_attacks_tasks import ANN, evaluated, level, saved_model, scored

from hcmoco_bench.files.hashing import fingerprint
from hcmoco_bench.leaderboard.level import Level
from hcmoco_bench.leaderboard.rows.add import CheckInputs, add_result
from hcmoco_bench.leaderboard.rows.checklist import RowRefusedError
from hcmoco_bench.leaderboard.rows.evidence_check import check_evidence
from hcmoco_bench.results import load_evidence, save_evidence
from hcmoco_bench.results.evidence import Evidence
from hcmoco_bench.results.schema import read_result
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings
from hcmoco_bench.tasks.core.registry import get_task


def predictions(store: Path, path: Path, off: float) -> Path:
    task = get_task("pose3d")
    data = task.open_data(make_finetune_settings(task, {"stores": (str(store),)}), "test", train=False)
    true = np.stack([data.dataset[row].joints.numpy() for row in range(len(data))])
    np.savez(path, ids=np.array(data.ids), joints=true + np.random.default_rng(1).normal(0, off, true.shape))
    return path


def test_by_labels_and_predictions(pose_store: Path, tmp_path: Path) -> None:
    given = {"stores": (str(pose_store),)}
    good, other = (predictions(pose_store, tmp_path / f"{off}.npz", off) for off in (0.03, 0.05))
    path = scored("pose3d", good, tmp_path / "good" / "result.json", **given)
    with pytest.raises(RowRefusedError, match="other statistics come out"):
        add_result(path, tmp_path / "board", ANN, CheckInputs(given, predictions=other))
    assert level(path, tmp_path / "board", given, predictions=good) == Level.PREDICTIONS
    path = scored("pose3d", other, tmp_path / "other" / "result.json", **given)
    assert level(path, tmp_path / "board", given) == Level.LABELS
    elsewhere = scored("pose3d", other, tmp_path / "train" / "result.json", **given)
    edit_result(elsewhere, lambda content: content["task"].update(split="train"))
    with pytest.raises(RowRefusedError, match="its split train has the fingerprint"):
        add_result(elsewhere, tmp_path / "board", ANN, CheckInputs(given))


def test_evidence_that_no_prediction_gives(pose_store: Path, tmp_path: Path) -> None:
    path = scored("pose3d", predictions(pose_store, tmp_path / "p.npz", 0.03), tmp_path / "r" / "result.json",
                  stores=(str(pose_store),))  # fmt: skip
    (file,) = path.parent.glob("*evidence*.npz")
    evidence = load_evidence(file)
    task = get_task("pose3d")
    assert task.evidence_errors(evidence, "native", "") == ()
    assert task.evidence_errors(evidence, "published", "") == ()
    halved = replace(evidence, columns=dict(evidence.columns) | {"error_mm": evidence.columns["error_mm"] / 2})
    assert "means that are not those of the points" in " ".join(task.evidence_errors(halved, "native", ""))
    assert task.evidence_errors(evidence, "native", "other")
    moved = replace(evidence, meta=dict(evidence.meta) | {"root": None})
    assert "other rules" in " ".join(task.evidence_errors(moved, "native", ""))
    sha256 = save_evidence(file, halved)

    def altered(content: dict) -> None:
        content["evidence"][0]["sha256"] = sha256

    edit_result(path, altered)
    with pytest.raises(RowRefusedError):
        add_result(path, tmp_path / "board", ANN, CheckInputs({"stores": (str(pose_store),)}))


def test_weights(pose_store: Path, tmp_path: Path) -> None:
    given = {"stores": (str(pose_store),)}
    model = saved_model("pose3d", tmp_path / "model.pth", head_width=8, image_size=32, stores=given["stores"])
    path = evaluated("pose3d", model, tmp_path / "good" / "result.json", **given)
    assert level(path, tmp_path / "board", given, weights=model) == Level.WEIGHTS
    other = saved_model("pose3d", tmp_path / "other.pth", head_width=8, image_size=64, stores=given["stores"])
    with pytest.raises(RowRefusedError):
        add_result(path, tmp_path / "other", ANN, CheckInputs(given, weights=other))


def test_subjects_9_and_11_are_the_published_order_and_s11_comes_first_as_text(
    pose_store: Path, tmp_path: Path
) -> None:
    path = scored("pose3d", predictions(pose_store, tmp_path / "p.npz", 0.03), tmp_path / "r" / "result.json",
                  stores=(str(pose_store),))  # fmt: skip
    ids: list[str] = []

    def of_two_subjects(evidence: Evidence) -> Evidence:
        names = [one.partition("_")[2] for one in evidence.sample_ids]
        ids.extend(f"S{9 if row < len(names) // 2 else 11}_{name}" for row, name in enumerate(names))
        as_text = sorted(range(len(ids)), key=ids.__getitem__)
        return replace(evidence, sample_ids=tuple(ids)).select(as_text)

    def with_their_split(content: dict[str, Any]) -> None:
        content["task"]["split_sha256"] = fingerprint(ids)

    edit_evidence(path, of_two_subjects)
    edit_result(path, with_their_split)
    result, task = read_result(path), get_task("pose3d")
    split = {item.check: item.outcome for item in check_evidence(result, path.parent, task).items}["split"]
    assert split == "pass"
    edit_result(path, lambda content: content["task"].update(split_sha256=fingerprint(ids[1:])))
    split = {item.check: item.outcome for item in check_evidence(read_result(path), path.parent, task).items}["split"]
    assert split == "fail"
