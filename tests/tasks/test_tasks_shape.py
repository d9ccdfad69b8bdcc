"""The shape task: perfect and mean bodies, training and scoring again, resuming, splits, evidence, pictures."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from hcmoco_bench.errors import UsageError
from hcmoco_bench.metrics.shape import LABEL_COLUMNS
from hcmoco_bench.models.shape_regression import BodyEstimate
from hcmoco_bench.results import read_result
from hcmoco_bench.results.evidence import Evidence, load_evidence
from hcmoco_bench.tasks.core.checkpoints import load_task_checkpoint
from hcmoco_bench.tasks.core.evaluate import evaluate_checkpoint, evaluate_model
from hcmoco_bench.tasks.core.finetune import run_finetune
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings
from hcmoco_bench.tasks.core.registry import get_task
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.core.task_data import TaskData
from hcmoco_bench.tasks.shape.bodies import mirrored_bones, posed
from hcmoco_bench.tasks.shape.references import mean_body, write_mean
from hcmoco_bench.tasks.shape.task import Shape
from hcmoco_bench.tasks.shape.thin_body import thin_bodies

CPU = torch.device("cpu")
SMALL = {"backbone": "test_resnet", "init": "scratch", "image_size": 32, "head_width": 16, "batch_size": 3}


def config(root: Path, **given: Any) -> FinetuneSettings:
    return make_finetune_settings("shape", SMALL | {"root": str(root), "epochs": 1, "eval_batch_size": 2} | given)


@pytest.fixture
def task() -> Shape:
    found = get_task("shape")
    assert isinstance(found, Shape)
    return found


@pytest.fixture
def test_data(task: Shape, generated_shape: Path) -> TaskData:
    return task.open_data(config(generated_shape), "test", train=False)


class Oracle(nn.Module):
    """Gives the true parameters of a data set in its order."""

    def __init__(self, data: TaskData) -> None:
        super().__init__()
        samples = [data.dataset[row] for row in range(len(data))]
        self.rotations = torch.stack([one.rotations for one in samples])
        self.shape = torch.stack([one.shape for one in samples])
        self.next = 0

    def forward(self, image: torch.Tensor) -> BodyEstimate:
        rows = slice(self.next, self.next + len(image))
        self.next += len(image)
        return BodyEstimate(self.rotations[rows], self.shape[rows], torch.zeros(len(image), 3))


def test_the_usual_settings(task: Shape) -> None:
    settings = make_finetune_settings("shape", {"root": "x"})
    assert (settings.backbone, settings.image_size, settings.protocol) == ("resnet50", 224, "native")
    assert (settings.optimizer, settings.lr, settings.batch_size, settings.epochs) == ("adam", 5e-5, 64, 50)
    with pytest.raises(UsageError, match="goes with --protocol pw3d"):
        make_finetune_settings("shape", {"root": "x", "body_model": "smpl.pkl"})
    with pytest.raises(UsageError, match="no protocol '3dpw'"):
        make_finetune_settings("shape", {"root": "x", "protocol": "3dpw"})


def test_perfect_parameters_have_no_error(task: Shape, test_data: TaskData, generated_shape: Path) -> None:
    found = evaluate_model(task, Oracle(test_data), test_data, config(generated_shape), CPU)
    assert all(abs(value) < 1e-3 for value in found.scores.values())
    assert len(found.scores) == 10
    assert (found.n_expected, found.n_scored) == (3, 3)
    assert max(one["mpjpe_mm"] for one in found.per_class.values()) < 1e-3


def test_the_mean_body_is_the_chance_row(
    task: Shape, test_data: TaskData, generated_shape: Path, tmp_path: Path
) -> None:
    settings = config(generated_shape)
    train = task.open_data(settings, "train", train=False)
    model = mean_body(train)
    turns = model.rotations
    torch.testing.assert_close(turns @ turns.mT, torch.eye(3).expand_as(turns), atol=1e-5, rtol=0)
    assert (torch.linalg.det(turns) > 0.99).all()
    by_model = evaluate_model(task, model, test_data, settings, CPU)
    write_mean(tmp_path / "mean.npz", train, test_data)
    task.check_predictions(tmp_path / "mean.npz", test_data, settings)
    by_file = task.score_predictions(tmp_path / "mean.npz", test_data, settings)
    assert by_file.scores == pytest.approx(by_model.scores, abs=1e-3)
    assert by_model.scores["mpjpe_mm"] > 60
    # everybody is given the same height
    assert len(np.unique(by_file.evidence.columns["height_cm"])) == 1


def test_training_resuming_and_scoring_again_agree_to_the_last_bit(
    task: Shape, generated_shape: Path, tmp_path: Path
) -> None:
    settings = config(generated_shape, epochs=3, batch_size=2, validation_share=0.4, choose="best")

    def stop(label: str, done: int, total: int | None) -> None:
        if label.startswith("training") and done == 2:  # stops after the next step
            os.kill(os.getpid(), signal.SIGTERM)

    whole = run_finetune(settings, tmp_path / "whole", bootstrap=20, sheet_size=0)
    cut = run_finetune(settings, tmp_path / "cut", bootstrap=20, sheet_size=0, progress=stop)
    assert cut.interrupted
    run_finetune(settings, tmp_path / "cut", bootstrap=20, sheet_size=0, resume=True)
    model = tmp_path / "whole" / "seed-0" / "model.pth"
    checkpoint = load_task_checkpoint(model, task)
    evaluate_checkpoint(task, checkpoint, checkpoint.config, out=tmp_path / "again.json", bootstrap=20)
    results = [tmp_path / "whole" / "result.json", tmp_path / "cut" / "result.json", tmp_path / "again.json"]
    first, *others = map(read_result, results)
    assert first.task.variant == "anny"
    assert whole.runs[0].evaluation is not None
    assert first.scores.all["mpjpe_mm"] == whole.runs[0].evaluation.scores["mpjpe_mm"]
    evidence = [load_evidence(path.parent / read_result(path).evidence[0].file) for path in results]
    for result, other in zip(others, evidence[1:], strict=True):
        assert result.scores.all == first.scores.all
        for name, column in evidence[0].columns.items():
            np.testing.assert_array_equal(other.columns[name], column)


def test_splits(task: Shape, generated_shape: Path, test_data: TaskData) -> None:
    settings = config(generated_shape)
    train = task.open_data(settings, "train", train=True)
    assert set(train.groups or ()) == {"00000", "00001"}
    assert set(test_data.groups or ()) == {"00002"}
    assert task.groups(test_data.ids).of == test_data.groups
    assert task.groups(["walk_00_p1_00003", "00002_01"]).of == ("walk_00_p1", "00002")
    assert train.generated
    half = task.open_data(config(generated_shape, ratio=0.5), "train_50", train=True)
    assert half.ids == train.ids[::2]
    for wrong in ("validation", "val", "train_30", "test_50"):
        with pytest.raises(UsageError, match="shape"):
            task.open_data(settings, wrong, train=True)
    with pytest.raises(UsageError, match="give --root"):
        task.open_data(make_finetune_settings("shape", SMALL), "train", train=True)


def test_a_thin_body_is_the_whole_one_with_fewer_vertices(
    task: Shape, test_data: TaskData, generated_shape: Path
) -> None:
    bodies = task.bodies(config(generated_shape))
    thin = thin_bodies(bodies, 200)
    samples = [test_data.dataset[row] for row in range(2)]
    shape, rotations = (torch.stack([getattr(one, name) for one in samples]) for name in ("shape", "rotations"))
    whole, part = (posed(one.estimated, shape, rotations) for one in (bodies, thin))
    torch.testing.assert_close(part.joints, whole.joints, atol=1e-5, rtol=0)
    torch.testing.assert_close(part.root, whole.root, atol=1e-5, rtol=0)
    assert 200 <= part.vertices.shape[1] < whole.vertices.shape[1] / 4
    assert (
        torch.cdist(part.vertices, whole.vertices, compute_mode="donot_use_mm_for_euclid_dist").min(2).values.max()
        < 1e-4
    )
    assert thin_bodies(bodies, 0) is bodies
    assert thin.estimated is thin.true[0]


def test_a_mirrored_body_is_the_mirror_image(task: Shape, test_data: TaskData, generated_shape: Path) -> None:
    """Mirrored parameters give the mirrored joints, as far as the body itself is symmetric."""
    from hcmoco_bench.body.joints import joint_set
    from hcmoco_bench.data.shape_crops import mirrored_rotations

    body = task.bodies(config(generated_shape)).estimated
    flip = mirrored_bones(body)
    assert (flip[flip] == np.arange(len(flip))).all()
    assert (flip != np.arange(len(flip))).sum() == sum(name[-2:] in (".L", ".R") for name in body.bone_names)
    sample = test_data.dataset[0]
    mirrored = torch.from_numpy(mirrored_rotations(sample.rotations.double().numpy(), flip)).float()
    joints, others = (posed(body, sample.shape[None], one[None]).joints[0] for one in (sample.rotations, mirrored))
    wanted = joints[joint_set("lsp14").flip.tolist()] * torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(others, wanted, atol=2e-3, rtol=0)


def test_what_the_evidence_says(task: Shape, test_data: TaskData, generated_shape: Path) -> None:
    settings = config(generated_shape)
    found = evaluate_model(task, Oracle(test_data), test_data, settings, CPU).evidence
    assert task.evidence_errors(found, "native", "anny") == ()
    assert "there is no variant" in task.evidence_errors(found, "native", "smpl")[0]
    assert "there is no variant" in task.evidence_errors(found, "pw3d", "")[0]
    labels = task.label_evidence(test_data, settings)
    assert set(labels) == LABEL_COLUMNS == task.label_columns
    order = [found.sample_ids.index(name) for name in test_data.ids]
    for name, column in labels.items():
        np.testing.assert_array_equal(found.columns[name][order], column)
    assert 140 < labels["true_height_cm"][0] < 205
    assert 35 < labels["true_mass_kg"][0] < 160
    assert 50 < labels["true_waist_cm"][0] < 160
    other = Evidence(found.metric, found.sample_ids, found.columns, {"joints": ["nose"]})
    assert "other rules" in task.evidence_errors(other, "native", "anny")[0]
    assert task.scores(found) == evaluate_model(task, Oracle(test_data), test_data, settings, CPU).scores


def test_pictures(task: Shape, test_data: TaskData, generated_shape: Path) -> None:
    found = task.evaluate(Oracle(test_data), test_data, config(generated_shape), device=CPU, sheet_size=2)
    assert [one.name for one in found.figures] == ["bodies", "joints", "people"]
    sheet = found.figures[0].draw()
    assert [axis.get_title() for axis in sheet.axes[1::3]] == ["PVE 0 mm"] * 2
    for one in found.figures[1:]:
        assert one.draw().axes
    assert task.evaluate(Oracle(test_data), test_data, config(generated_shape), device=CPU).figures == ()
