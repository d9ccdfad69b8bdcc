"""Poses of other programs: every layout, what does not fit, and what is in another unit, order or along other axes."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from hcmoco_bench.body import joint_set
from hcmoco_bench.cli.app import app
from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.human36m.names import FrameId
from hcmoco_bench.tasks.core.evaluate import evaluate_predictions
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings
from hcmoco_bench.tasks.core.plausibility import AS_GIVEN_NOTE
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.core.task_data import TaskData
from hcmoco_bench.tasks.pose3d.predictions import read_pose_predictions
from hcmoco_bench.tasks.pose3d.task import Pose3d, mean_pose

JOINTS = joint_set("h36m17")
CAMERAS = ("54138969", "55011271", "58860488", "60457274")
TASK = Pose3d()


@pytest.fixture(scope="module")
def config(pose_store: Path) -> FinetuneSettings:
    return make_finetune_settings("pose3d", {"stores": (str(pose_store),), "init": "scratch"})


@pytest.fixture(scope="module")
def data(config: FinetuneSettings) -> TaskData:
    return TASK.open_data(config, "test", train=False)


@pytest.fixture(scope="module")
def true(data: TaskData) -> np.ndarray:
    return np.stack([data.dataset[row].joints.numpy() for row in range(len(data))])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.npz"


def save(path: Path, data: TaskData, joints: np.ndarray) -> Path:
    np.savez(path, ids=np.array(data.ids), joints=joints)
    return path


def test_true_joints_score_zero_in_every_layout(
    config: FinetuneSettings, data: TaskData, true: np.ndarray, path: Path, tmp_path: Path
) -> None:
    relative = true - true[:, [0]]
    order = np.random.default_rng(0).permutation(len(data))
    ids = [data.ids[row] for row in order]
    video = np.zeros((26, 17, 3))
    for row, name in enumerate(data.ids):
        video[FrameId.parse(name).frame] = true[row]
    recording = str(FrameId.parse(data.ids[0]).sequence)
    subject, rest = recording.split("_", 1)
    action, camera = rest.split(".")
    others = {other: np.zeros((26, 17, 3)) for other in CAMERAS} | {camera: video}
    nested: dict[str, Any] = {subject: {action: list(others.values())}, "S11": {"Eating": list(others.values())}}
    assert list(others) == list(CAMERAS)
    named = {subject: {action: {camera: video.astype(np.float32)}}}
    files: dict[str, Any] = {
        "a.npz": {"ids": np.array(ids), "joints": relative[order]},
        "b.json": {"ids": ids, "joints": true[order].tolist()},
        "c.json": dict(zip(ids, relative[order].tolist(), strict=True)),
        "d.npz": {recording: video, "S11_Eating.54138969": video},
        "e.npz": {f"{subject}/{action}.{camera}": true},
        "f.npz": {"positions_3d": nested},
        "g.pkl": nested,
        "h.npz": {"positions_3d": named},
    }
    for name, content in files.items():
        file = tmp_path / name
        if name.endswith("json"):
            file.write_text(json.dumps(content))
        elif name.endswith("pkl"):
            file.write_bytes(pickle.dumps(content))
        else:
            np.savez(file, **content)
        TASK.check_predictions(file, data, config)
        found = TASK.score_predictions(file, data, config)
        assert found.scores["mpjpe"] == pytest.approx(0, abs=2e-4 if name == "h.npz" else 1e-9), name
        assert found.scores["pck_150"] == found.scores["auc"] == 100


def test_files_that_cannot_be_read(data: TaskData, tmp_path: Path) -> None:
    for name, content in {
        "a.npz": b"no archive",
        "b.json": b'{"ids": [',
        "c.json": b"[1, 2]",
        "d.json": b'{"S9_Directions.54138969_000000": "left"}',
        "e.pkl": pickle.dumps([1, 2]),
        "f.pkl": b"\x80\x04c",
        "g.npz": b"",
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=name) as caught:
            read_pose_predictions(tmp_path / name, data.ids, 17)
        assert caught.value.kind == "predictions_unreadable", name
    cases: tuple[dict[str, Any], ...] = (
        {"joints": np.zeros((2, 17, 3))},
        {"positions_3d": {"S9": {"Eating": [1, 2, 3]}}},
        {"positions_3d": {"S9": {"Eating": 4}}},
    )
    for number, arrays in enumerate(cases):
        np.savez(tmp_path / f"{number}.npz", **arrays)
        with pytest.raises(DataError) as caught:
            read_pose_predictions(tmp_path / f"{number}.npz", data.ids, 17)
        assert caught.value.kind == "predictions_unreadable"


def test_what_does_not_fit_the_split(data: TaskData, true: np.ndarray, path: Path) -> None:
    def kind(**arrays: Any) -> tuple[str, str]:
        np.savez(path, **arrays)
        with pytest.raises(DataError) as caught:
            read_pose_predictions(path, data.ids, 17)
        return caught.value.kind, str(caught.value)

    ids, recording = np.array(data.ids), str(FrameId.parse(data.ids[0]).sequence)
    assert kind(ids=ids[1:], joints=true[1:])[0] == "predictions_ids"
    assert "1 given more than once" in kind(ids=np.append(ids, ids[0]), joints=np.concatenate([true, true[:1]]))[1]
    assert kind(ids=ids, joints=true[:, :16])[0] == "prediction_wrong_size"
    assert kind(ids=ids, joints=true[1:])[0] == "prediction_wrong_size"
    assert kind(**{"S9_Walking.54138969": true})[0] == "predictions_ids"
    told = kind(**{recording: np.zeros((20, 17, 3))})
    assert told[0] == "prediction_wrong_size"
    assert "has 20 poses" in told[1]
    assert kind(**{recording: np.zeros((26, 32, 3))})[0] == "prediction_wrong_size"


def test_nan_is_named(config: FinetuneSettings, data: TaskData, true: np.ndarray, path: Path) -> None:
    wrong = true.copy()
    wrong[4, 3, 1] = np.nan
    save(path, data, wrong)
    TASK.check_predictions(path, data, config)
    with pytest.raises(DataError, match=data.ids[4]) as caught:
        TASK.score_predictions(path, data, config)
    assert caught.value.kind == "prediction_not_finite"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda joints: 1000 * joints, "millimeters"),
        (lambda joints: joints * [1, -1, 1], "y mirrored"),
        (lambda joints: (joints - joints[:, [0]])[:, JOINTS.flip], "left and right swapped"),
        (lambda joints: joints[:, ::-1], "the joints in the order"),
        (lambda joints: joints[..., [0, 2, 1]], "the axes in the order"),
    ],
)
def test_other_units_axes_sides_and_orders_are_refused(
    config: FinetuneSettings, data: TaskData, true: np.ndarray, path: Path, change: Any, told: str
) -> None:
    noise = np.random.default_rng(0).normal(0, 0.01, true.shape)
    save(path, data, change(true + noise))
    with pytest.raises(DataError, match=told) as caught:
        evaluate_predictions(TASK, path, config)
    assert caught.value.kind == "predictions_implausible"
    assert "mm; as they are, an MPJPE of" in str(caught.value)


def test_absolute_relative_and_merely_bad_poses_are_scored(
    config: FinetuneSettings, data: TaskData, true: np.ndarray, path: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    good = true + rng.normal(0, 0.03, true.shape)
    scores = []
    for joints in (good, good - good[:, [0]], good - good[:, [8]] + [3, 2, 1]):
        scores.append(evaluate_predictions(TASK, save(path, data, joints), config).evaluation.scores["mpjpe"])
    assert scores == pytest.approx([scores[0]] * 3)
    evaluate_predictions(TASK, save(path, data, true + rng.normal(0, 0.3, true.shape)), config)
    train = TASK.open_data(config, "train", train=False)
    # The mean of a single performance is a pose that faces some way, and looks like a turned one.
    mean = save(path, data, np.broadcast_to(mean_pose(train), true.shape))
    chance = evaluate_predictions(TASK, mean, config, as_given=True)
    about = true - true[:, [0]]
    wanted = 1000 * np.linalg.norm(mean_pose(train) - about, axis=-1).mean()
    assert chance.evaluation.scores["mpjpe"] == pytest.approx(wanted)
    as_given = evaluate_predictions(
        TASK, save(path, data, 1000 * true), config, as_given=True, out=tmp_path / "r.json", bootstrap=0
    )
    assert as_given.written is not None
    assert AS_GIVEN_NOTE in as_given.written.result.status.notes


def test_pairs_for_every_convention(config: FinetuneSettings, data: TaskData, true: np.ndarray, path: Path) -> None:
    (pair,) = TASK.pose_pairs(save(path, data, true), data, config)
    np.testing.assert_array_equal(pair.prediction, true)
    np.testing.assert_array_equal(pair.target, true)
    assert (pair.joints, pair.absolute, pair.sample_ids) == ("h36m17", True, data.ids)
    (pair,) = TASK.pose_pairs(save(path, data, true - true[:, [0]]), data, config)
    assert not pair.absolute


def test_from_the_command_line(data: TaskData, true: np.ndarray, path: Path, pose_store: Path) -> None:
    save(path, data, 1000 * true)
    command = ["eval", "--task", "pose3d", "--store", str(pose_store), "--predictions", str(path), "--json"]
    refused = CliRunner().invoke(app, command)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert CliRunner().invoke(app, [*command, "--as-given"]).exit_code == 0
    save(path, data, true)
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0
    assert json.loads(done.stdout)["scores"]["mpjpe"] == 0
