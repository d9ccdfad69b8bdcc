"""Predictions of other programs: parameters, vertices and joints, what looks like another form, and damaged files."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from typer.testing import CliRunner

from hcmoco_bench.cli.app import app
from hcmoco_bench.errors import DataError
from hcmoco_bench.metrics.shape import LABEL_COLUMNS
from hcmoco_bench.tasks.core.evaluate import evaluate_predictions
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings
from hcmoco_bench.tasks.core.registry import get_task
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.core.task_data import TaskData
from hcmoco_bench.tasks.shape.data import people_and_rows
from hcmoco_bench.tasks.shape.plausible import check_plausible
from hcmoco_bench.tasks.shape.predictions import BodySizes, PredictedBodies, read_bodies
from hcmoco_bench.tasks.shape.references import write_bodies, write_fitted
from hcmoco_bench.tasks.shape.task import Shape
from hcmoco_bench.tasks.shape.truth import true_bodies, true_vertices

Arrays = dict[str, Any]


@pytest.fixture
def task() -> Shape:
    found = get_task("shape")
    assert isinstance(found, Shape)
    return found


@pytest.fixture
def settings(generated_shape: Path) -> FinetuneSettings:
    return make_finetune_settings("shape", {"root": str(generated_shape), "backbone": "test_resnet", "init": "scratch"})


@pytest.fixture
def data(task: Shape, settings: FinetuneSettings) -> TaskData:
    return task.open_data(settings, "test", train=False)


@pytest.fixture
def perfect(task: Shape, settings: FinetuneSettings, data: TaskData) -> Arrays:
    """All that a file can hold, without an error."""
    people, rows = people_and_rows(data)
    bodies = task.bodies(settings)
    vertices = true_vertices(people, rows.tolist(), bodies)
    return {
        "ids": np.array(data.ids),
        "rotations": people.rotations[rows],
        "shape": people.shape[rows],
        "vertices": vertices.numpy(),
        "joints": bodies.estimated.regress_joints(vertices, "lsp14").numpy(),
    }


def only(perfect: Arrays, *names: str) -> Arrays:
    return {name: perfect[name] for name in ("ids", *names)}


FORMS: dict[str, tuple[Callable[[Arrays], Arrays], int]] = {
    "rotation matrices": (lambda p: only(p, "rotations", "shape"), 10),
    "names of SPIN": (lambda p: {"ids": p["ids"], "pred_rotmat": p["rotations"], "pred_betas": p["shape"]}, 10),
    "rotation vectors": (lambda p: only(p, "shape") | {"rotations": vectors(p)}, 10),
    "pose of 3 P numbers": (lambda p: {"ids": p["ids"], "pose": vectors(p).reshape(3, -1), "betas": p["shape"]}, 10),
    "vertices and shape": (lambda p: only(p, "vertices", "shape"), 10),
    "vertices": (lambda p: only(p, "vertices"), 3),
    "vertices about the pelvis": (
        lambda p: {"ids": p["ids"], "verts": p["vertices"] - p["joints"][:, 2:4].mean(1, keepdims=True)},
        3,
    ),
    "joints": (lambda p: only(p, "joints"), 2),
    "everything": (lambda p: p, 10),
}


def vectors(arrays: Arrays) -> np.ndarray:
    turns = arrays["rotations"]
    return np.asarray(Rotation.from_matrix(turns.reshape(-1, 3, 3)).as_rotvec().reshape(*turns.shape[:2], 3))


@pytest.mark.parametrize("form", FORMS)
def test_perfect_predictions_have_no_error(
    task: Shape, settings: FinetuneSettings, data: TaskData, perfect: Arrays, form: str, tmp_path: Path
) -> None:
    make, number = FORMS[form]
    order = [2, 0, 1]
    arrays = {name: one[order] for name, one in make(perfect).items()}
    np.savez(tmp_path / "a.npz", **arrays)
    task.check_predictions(tmp_path / "a.npz", data, settings)
    found = task.score_predictions(tmp_path / "a.npz", data, settings)
    assert len(found.scores) == number
    assert all(abs(value) < 2e-3 for value in found.scores.values())
    assert task.evidence_errors(found.evidence, "native", "anny") == ()
    for name in LABEL_COLUMNS:
        assert np.isfinite(found.evidence.columns[name]).all()


def test_json(task: Shape, settings: FinetuneSettings, data: TaskData, perfect: Arrays, tmp_path: Path) -> None:
    lists = {name: one.tolist() for name, one in only(perfect, "joints").items()}
    (tmp_path / "a.json").write_text(json.dumps(lists))
    (tmp_path / "b.json").write_text(json.dumps(dict(zip(lists["ids"], lists["joints"], strict=True))))
    parameters = {name: one.tolist() for name, one in only(perfect, "rotations", "shape").items()}
    (tmp_path / "c.json").write_text(json.dumps(parameters))
    for name in "abc":
        found = task.score_predictions(tmp_path / f"{name}.json", data, settings)
        assert found.scores["mpjpe_mm"] < 1e-3


SLIPS: dict[str, tuple[Callable[[Arrays], Arrays], str]] = {
    "millimeters": (lambda p: {"ids": p["ids"], "joints": 1000 * p["joints"]}, "millimeters"),
    "y up": (lambda p: {"ids": p["ids"], "joints": p["joints"] * [1, -1, 1]}, "y mirrored"),
    "half a turn about x": (
        lambda p: (
            only(p, "shape") | {"rotations": np.concatenate([HALF @ p["rotations"][:, :1], p["rotations"][:, 1:]], 1)}
        ),
        "half a turn about x",
    ),
    "vertices in SMPL's axes": (
        lambda p: {"ids": p["ids"], "vertices": p["vertices"] * [1, -1, -1]},
        "y and z mirrored",
    ),
    "transposed": (lambda p: only(p, "shape") | {"rotations": p["rotations"].swapaxes(-1, -2)}, "transposed"),
    "degrees": (lambda p: only(p, "shape") | {"rotations": np.degrees(vectors(p))}, "degrees"),
    "another unit of shape": (lambda p: only(p, "rotations") | {"shape": 300 * np.abs(p["shape"])}, "cm tall"),
}
HALF = np.diag([1.0, -1.0, -1.0])


@pytest.mark.parametrize("slip", SLIPS)
def test_slips_are_refused_unless_the_user_insists(
    task: Shape, settings: FinetuneSettings, data: TaskData, perfect: Arrays, slip: str, tmp_path: Path
) -> None:
    make, told = SLIPS[slip]
    path = tmp_path / "a.npz"
    np.savez(path, **make(perfect))
    with pytest.raises(DataError, match=told) as caught:
        evaluate_predictions(task, path, settings)
    assert caught.value.kind == "predictions_implausible"
    assert "--as-given" in str(caught.value)
    report = evaluate_predictions(task, path, settings, as_given=True)
    assert report.evaluation.scores["mpjpe_mm"] > 20


def test_swapped_sides_are_told_with_enough_people(
    task: Shape, settings: FinetuneSettings, perfect: Arrays, tmp_path: Path
) -> None:
    from hcmoco_bench.body.joints import joint_set

    train = task.open_data(settings, "train", train=False)
    people, rows = people_and_rows(train)
    bodies, many = task.bodies(settings), rows.tolist() * 3
    true = true_bodies(people, many, bodies)
    noise = np.random.default_rng(0).normal(0, 0.03, true.joints.shape)
    check_plausible(tmp_path, PredictedBodies(joints=true.joints + noise), people, many, bodies)
    swapped = PredictedBodies(joints=(true.joints + noise)[:, joint_set("lsp14").flip])
    with pytest.raises(DataError, match="left and right swapped"):
        check_plausible(tmp_path, swapped, people, many, bodies)


def test_bad_models_are_scored(
    task: Shape, settings: FinetuneSettings, data: TaskData, perfect: Arrays, tmp_path: Path
) -> None:
    """A model that is merely bad, or biased, is not taken for a slip."""
    rng = np.random.default_rng(1)
    turns = Rotation.from_rotvec(rng.normal(0, 0.3, (3 * perfect["rotations"].shape[1], 3))).as_matrix()
    bad = only(perfect, "shape") | {"rotations": turns.reshape(perfect["rotations"].shape) @ perfect["rotations"]}
    np.savez(tmp_path / "a.npz", **bad)
    task.check_predictions(tmp_path / "a.npz", data, settings)
    assert task.score_predictions(tmp_path / "a.npz", data, settings).scores["mpjpe_mm"] > 50


def test_pairs_of_poses(
    task: Shape, settings: FinetuneSettings, data: TaskData, perfect: Arrays, tmp_path: Path
) -> None:
    for names, absolute, sets in (
        (("vertices",), True, ["h36m17", "lsp14", "smpl24"]),
        (("rotations", "shape"), False, ["h36m17", "lsp14", "smpl24"]),
        (("joints",), True, ["lsp14"]),
    ):
        np.savez(tmp_path / "a.npz", **only(perfect, *names))
        pairs = task.pose_pairs(tmp_path / "a.npz", data, settings)
        assert [pair.joints for pair in pairs] == sets
        for pair in pairs:
            assert pair.absolute == absolute
            assert pair.sample_ids == data.ids
            found, true = (one if absolute else one - one[:, :1] for one in (pair.prediction, pair.target))
            np.testing.assert_allclose(found, true, atol=1e-4)


def test_a_fitted_body_is_near_the_true_one(
    task: Shape, settings: FinetuneSettings, data: TaskData, tmp_path: Path
) -> None:
    write_fitted(tmp_path / "fitted.npz", data, task.bodies(settings))
    task.check_predictions(tmp_path / "fitted.npz", data, settings)
    scores = task.score_predictions(tmp_path / "fitted.npz", data, settings).scores
    assert scores["mpjpe_mm"] < 10
    assert scores["pve_mm"] < 60
    assert scores["height_error_cm"] < 5


class Hostile:
    def __reduce__(self) -> Any:
        return os.system, ("touch /tmp/hcmoco-shape-was-run",)


@pytest.mark.parametrize(
    ("change", "kind", "told"),
    [
        ({"ids": np.array(["00002_00", "00002_01", "00009_00"])}, "predictions_ids", "00009_00"),
        ({"ids": np.array(["00002_00", "00002_00", "00002_01"])}, "predictions_ids", "given more than once"),
        ({"ids": None}, "predictions_unreadable", "no ids"),
        ({"rotations": None}, "prediction_incomplete", "neither rotations"),
        ({"shape": None}, "prediction_incomplete", "no shape"),
        ({"betas": np.zeros((3, 8))}, "predictions_unreadable", "both stand for shape"),
        ({"shape": np.zeros((3, 10))}, "prediction_wrong_size", r"\(3, 10\)"),
        ({"shape": np.zeros((2, 8))}, "prediction_wrong_size", "for 3 ids"),
        ({"shape": np.array([["a"] * 8] * 3)}, "predictions_unreadable", "no array of numbers"),
        ({"shape": np.full((3, 8), np.nan)}, "prediction_not_finite", "00002_00"),
        ({"rotations": np.zeros((3, 24, 3))}, "prediction_wrong_size", r"\(3, 24, 3\)"),
        ({"rotations": np.full((3, 36, 3, 3), 0.3)}, "prediction_no_rotation", "no rotation matrices"),
        ({"rotations": np.tile(np.diag([1.0, 1, -1]), (3, 36, 1, 1))}, "prediction_no_rotation", "no rotation"),
        ({"vertices": np.zeros((3, 6890, 3))}, "prediction_wrong_size", "6890"),
        ({"joints": np.zeros((3, 17, 3))}, "prediction_wrong_size", "17"),
        ({"ids": np.array([Hostile()] * 3, dtype=object)}, "predictions_unreadable", "allow_pickle"),
    ],
)  # fmt: skip
def test_bad_files(
    task: Shape,
    settings: FinetuneSettings,
    data: TaskData,
    perfect: Arrays,
    change: Arrays,
    kind: str,
    told: str,
    tmp_path: Path,
) -> None:
    arrays = {name: one for name, one in (only(perfect, "rotations", "shape") | change).items() if one is not None}
    np.savez(tmp_path / "a.npz", **arrays)
    for use in (task.score_predictions, task.check_predictions, task.pose_pairs):
        with pytest.raises(DataError, match=told) as caught:
            use(tmp_path / "a.npz", data, settings)
        assert caught.value.kind == kind
        assert "a.npz" in str(caught.value)
    assert not Path("/tmp/hcmoco-shape-was-run").exists()


def test_damaged_files(tmp_path: Path) -> None:
    sizes = BodySizes(36, 8, 13_380, 14)
    for name, content in {
        "a.npz": b"no archive",
        "b.json": b'{"ids": [',
        "c.json": b"[1, 2]",
        "d.json": b'{"x": "left"}',
        "e.json": b'{"ids": ["x"], "ids": ["x"], "joints": []}',
        "f.npz": pickle.dumps({"ids": Hostile()}),
        "g.npz": b"",
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=name) as caught:
            read_bodies(tmp_path / name, ("x",), sizes)
        assert caught.value.kind in ("predictions_unreadable", "prediction_wrong_size")
    with pytest.raises(DataError, match=r"none\.npz"):
        read_bodies(tmp_path / "none.npz", ("x",), sizes)
    assert not Path("/tmp/hcmoco-shape-was-run").exists()


def test_on_the_command_line(generated_shape: Path, data: TaskData, tmp_path: Path) -> None:
    people, rows = people_and_rows(data)
    write_bodies(tmp_path / "a.npz", data.ids, people.rotations[rows], people.shape[rows] + 0.5)
    given = ["eval", "--task", "shape", "--root", str(generated_shape), "--predictions", str(tmp_path / "a.npz")]
    run = CliRunner().invoke(app, [*given, "--out", str(tmp_path / "result.json")])
    assert run.exit_code == 0, run.output
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["task"]["variant"] == "anny"
    assert (result["scores"]["main"], result["scores"]["unit"]) == ("mpjpe_mm", "mm")
    assert result["scores"]["all"]["height_bias_cm"] > 0
    assert list((tmp_path / "result-figures").glob("bodies*"))
