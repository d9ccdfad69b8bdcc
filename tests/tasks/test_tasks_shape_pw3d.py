"""The protocol pw3d: 3DPW's layout with SMPL's form of bodies, here made-up ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pw3d_files import write_bodies, write_people

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.models.shape_regression import BodyEstimate
from hcmoco_bench.results import read_result
from hcmoco_bench.sources.pw3d import open_pw3d
from hcmoco_bench.tasks.core.checkpoints import load_task_checkpoint
from hcmoco_bench.tasks.core.evaluate import evaluate_checkpoint
from hcmoco_bench.tasks.core.finetune import run_finetune
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings
from hcmoco_bench.tasks.core.registry import get_task
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.shape.bodies import posed
from hcmoco_bench.tasks.shape.data import people_and_rows
from hcmoco_bench.tasks.shape.references import mean_body
from hcmoco_bench.tasks.shape.task import Shape
from hcmoco_bench.tasks.shape.truth import true_vertices


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`3dpw` and `smpl`; read only."""
    folder = tmp_path_factory.mktemp("pw3d")
    write_bodies(folder / "smpl")
    write_people(folder / "3dpw", folder / "smpl", {"a_00": "train", "b_00": "test", "c_00": "validation"})
    return folder


@pytest.fixture
def task() -> Shape:
    found = get_task("shape")
    assert isinstance(found, Shape)
    return found


def config(folder: Path, **given: Any) -> FinetuneSettings:
    small = {"backbone": "test_resnet", "init": "scratch", "image_size": 32, "head_width": 16, "batch_size": 2}
    data = {"root": str(folder / "3dpw"), "body_model": str(folder / "smpl"), "protocol": "pw3d", "epochs": 1}
    return make_finetune_settings("shape", small | data | given)


def test_splits_and_groups(task: Shape, folder: Path) -> None:
    for split, sequence in (("train", "a_00"), ("test", "b_00"), ("validation", "c_00")):
        data = task.open_data(config(folder), split, train=False)
        assert data.ids == tuple(f"{sequence}_p{person}_{frame:05d}" for person in (0, 1) for frame in (0, 1))
        assert data.name == "3DPW"
        assert data.groups == (f"{sequence}_p0",) * 2 + (f"{sequence}_p1",) * 2
        assert task.groups(data.ids).of == data.groups
        assert not data.generated
    with pytest.raises(UsageError, match="train, validation, test"):
        task.open_data(config(folder), "val", train=False)


def test_true_bodies_are_those_of_the_gender_and_where_the_joints_are(task: Shape, folder: Path) -> None:
    data = task.open_data(config(folder), "test", train=False)
    bodies = task.bodies(config(folder))
    assert len({id(model) for model in bodies.true}) == 3
    people, rows = people_and_rows(data)
    source = open_pw3d(folder / "3dpw", "test")
    vertices = true_vertices(people, rows.tolist(), bodies)
    for row, number in enumerate([1, 1, 2, 2]):
        model = bodies.true[number]
        assert people.model[row] == number
        shape, rotations = (torch.from_numpy(one[row : row + 1]).float() for one in (people.shape, people.rotations))
        alone = posed(model, shape, rotations)
        root = torch.from_numpy(source.translation[row]).float()
        torch.testing.assert_close(vertices[row], (alone.vertices + root - alone.root)[0], atol=1e-5, rtol=0)
    # What is detected in the image is where the true body is projected.
    fx, fy, cx, cy = people.intrinsics[0]
    joints = (
        bodies.true[1](torch.from_numpy(people.shape[:1]).float(), torch.from_numpy(people.rotations[:1]).float())
        .joints[0]
        .numpy()
    )
    local = joints - joints[0] + source.translation[0]
    pixels = local[:18, :2] / local[:18, 2:] * [fx, fy] + [cx, cy]
    np.testing.assert_allclose(people.boxes[0], [*pixels.min(0), *np.ptp(pixels, axis=0)], atol=0.01)


class OfGenders(torch.nn.Module):
    """The true parameters, which are of the models for men and women."""

    def __init__(self, rotations: torch.Tensor, shape: torch.Tensor) -> None:
        super().__init__()
        self.rotations, self.shape = rotations, shape

    def forward(self, image: torch.Tensor) -> BodyEstimate:
        return BodyEstimate(self.rotations, self.shape, torch.zeros(len(image), 3))


def test_scores(task: Shape, folder: Path) -> None:
    for model, exact in (("smpl", False), ("smpl/SMPL_NEUTRAL.npz", True)):
        settings = config(folder, body_model=str(folder / model))
        data = task.open_data(settings, "test", train=False)
        samples = [data.dataset[row] for row in range(len(data))]
        oracle = OfGenders(*(torch.stack([getattr(one, name) for one in samples]) for name in ("rotations", "shape")))
        scores = task.evaluate(oracle, data, settings, device=torch.device("cpu")).scores
        # With the files of men and women, the same numbers are another body than the neutral one.
        assert (scores["mpjpe_mm"] < 1e-3) == exact
        assert (scores["neutral_pve_mm"] < 1e-3) == exact
        assert scores["mpjpe_mm"] < 60
        notes = task.notes(settings)
        assert (notes != ()) == exact
        assert not exact or "one SMPL file serves for everybody" in notes[0]


def test_training_and_scoring_again(task: Shape, folder: Path, tmp_path: Path) -> None:
    settings = config(folder)
    report = run_finetune(settings, tmp_path / "run", bootstrap=0, sheet_size=1)
    first = read_result(tmp_path / "run" / "result.json")
    assert report.runs[0].evaluation is not None
    assert first.task.variant == "smpl"
    checkpoint = load_task_checkpoint(tmp_path / "run" / "seed-0" / "model.pth", task)
    evaluate_checkpoint(task, checkpoint, checkpoint.config, out=tmp_path / "again.json", bootstrap=0)
    assert read_result(tmp_path / "again.json").scores.all == first.scores.all
    data = task.open_data(settings, "test", train=False)
    chance = task.evaluate(mean_body(data), data, settings, device=torch.device("cpu"))
    assert task.evidence_errors(chance.evidence, "pw3d", "smpl") == ()


def test_what_the_body_needs(task: Shape, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="SMPL is licensed"):
        task.bodies(config(folder, body_model=None))
    with pytest.raises(DataError, match="SMPL models are missing") as caught:
        task.bodies(config(folder, body_model=str(tmp_path)))
    assert "SMPL_FEMALE.pkl" in str(caught.value)
    with pytest.raises(DataError, match=r"none\.pkl"):
        task.bodies(config(folder, body_model=str(tmp_path / "none.pkl")))
    with pytest.raises(DataError, match="sequenceFiles/test"):
        task.open_data(config(folder, root=str(tmp_path)), "test", train=False)
