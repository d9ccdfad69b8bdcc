"""The task pose3d: splits, protocols, scores by hand, training and scoring again, resuming, and bad stores."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from hcmoco_bench.body import joint_set
from hcmoco_bench.data.pose3d_crops import ROOT
from hcmoco_bench.errors import StoreError, UsageError
from hcmoco_bench.models.integral_pose import IntegralPose, PosePlaces
from hcmoco_bench.sources.human36m.layout import ACTIONS
from hcmoco_bench.tasks.core.checkpoints import load_task_checkpoint
from hcmoco_bench.tasks.core.evaluate import evaluate_checkpoint
from hcmoco_bench.tasks.core.finetune import run_finetune
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings
from hcmoco_bench.tasks.core.registry import get_task
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.core.task_data import TaskData
from hcmoco_bench.tasks.pose3d.root_distance import distance_by_bones, total_length
from hcmoco_bench.tasks.pose3d.task import Pose3d, mean_pose

CPU = torch.device("cpu")
JOINTS = joint_set("h36m17")
SMALL = {"backbone": "test_resnet", "init": "scratch", "image_size": 32, "head_width": 8, "batch_size": 4}


def config(store: Path, **given: Any) -> FinetuneSettings:
    short = {"stores": (str(store),), "epochs": 1, "schedule": "cosine", "eval_batch_size": 5}
    return make_finetune_settings("pose3d", SMALL | short | given)


@pytest.fixture
def task() -> Pose3d:
    found = get_task("pose3d")
    assert isinstance(found, Pose3d)
    return found


class Oracle(nn.Module):
    """Gives the true targets of a data set in its order, moved by some px and meters; knows mirror images."""

    def __init__(self, data: TaskData, right: float = 0.0, behind: float = 0.0, flips: bool = False) -> None:
        super().__init__()
        self.targets = torch.stack([data.dataset[row].target for row in range(len(data))])
        self.targets += torch.tensor([right, 0.0, behind])
        self.flips, self.calls, self.next = flips, 0, 0

    def forward(self, image: torch.Tensor) -> PosePlaces:
        mirrored = self.flips and self.calls % 2 == 1
        start = self.next - len(image) if mirrored else self.next
        target = self.targets[start : start + len(image)]
        self.next = start + len(image)
        self.calls += 1
        if mirrored:
            target = target[:, JOINTS.flip] * torch.tensor([-1.0, 1, 1]) + torch.tensor([image.shape[-1] - 1.0, 0, 0])
        return PosePlaces(target[..., :2], target[..., 2])


def test_the_settings_and_what_is_published() -> None:
    settings = make_finetune_settings("pose3d", {"stores": ("x",)})
    assert (settings.backbone, settings.image_size, settings.optimizer, settings.lr) == ("resnet50", 256, "adam", 1e-3)
    assert (settings.epochs, settings.schedule, settings.milestones) == (140, "multistep", (90.0, 120.0))
    assert settings.to_dict()["options"] == {"head_width": 256, "augmentation": 1.0, "flip_test": True}


def test_settings_that_cannot_be(task: Pose3d, pose_store: Path, tmp_path: Path) -> None:
    for given, told in (
        ({"image_size": 48}, "multiple of 32"),
        ({"root": "x"}, "give --store"),
        ({"protocol": "fair"}, "no protocol 'fair'"),
        ({"backbone": "pointnet"}, "takes depth as points"),
    ):
        with pytest.raises(UsageError, match=told):
            config(pose_store, **given)
    with pytest.raises(UsageError, match="0 are given"):
        task.open_data(make_finetune_settings("pose3d", {}), "test", train=False)
    with pytest.raises(UsageError, match="synth human36m"):
        make_finetune_settings("pose3d", {}, home=tmp_path)
    with pytest.raises(UsageError, match="no split val"):
        task.open_data(config(pose_store), "val", train=False)


def test_a_store_without_joints_says_what_to_do(task: Pose3d, human36m_store: Path, tmp_path: Path) -> None:
    old = Path(shutil.copytree(human36m_store, tmp_path / "store"))
    manifest = json.loads((old / "manifest.json").read_text())
    assert manifest.pop("poses")
    (old / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(StoreError, match=r"has no 3-D joints; extract.*D2_Positions.*prepare human36m"):
        task.open_data(config(old), "test", train=False)


def test_splits(task: Pose3d, pose_store: Path) -> None:
    train, test = (task.open_data(config(pose_store), split, train=False) for split in ("train", "test"))
    assert (len(train), len(test)) == (13, 13)
    assert train.ids == train.expected
    assert train.generated
    assert set(test.groups or ()) == {"9"}
    assert len(task.open_data(config(pose_store), "train_20", train=True)) == 2
    groups = task.groups([*train.ids, "S9_Directions_1.54138969_000025", "S9_Directions_1.60457274_000050"])
    assert groups.noun == "performances"
    assert groups.of[-2:] == ("S9 Directions 1",) * 2
    assert task.notes(config(pose_store)) == ("frames 0, 2, 4, ... of each video were used",)


@pytest.mark.parametrize("protocol", ["native", "published"])
def test_a_perfect_model_scores_zero(task: Pose3d, pose_store: Path, protocol: str) -> None:
    settings = config(pose_store, protocol=protocol, flip_test=False)
    data = task.open_data(settings, "test", train=False)
    found = task.evaluate(Oracle(data), data, settings, device=CPU)
    if protocol == "published":
        assert found.scores["mpjpe"] < 1e-3
    else:
        # The distance is that of a typical person: the error is that of the size of the body.
        assert 1 < found.scores["mpjpe"] < 80
    assert found.scores["pa_mpjpe"] < 40
    assert (found.n_expected, found.n_scored) == (13, 13)
    mirrored = config(pose_store, protocol=protocol)
    again = task.evaluate(Oracle(data, flips=True), data, mirrored, device=CPU)
    assert again.scores == pytest.approx(found.scores, abs=1e-3)


def test_scores_by_hand(task: Pose3d, pose_store: Path) -> None:
    settings = config(pose_store, protocol="published", flip_test=False)
    data = task.open_data(settings, "test", train=False)
    samples = [data.dataset[row] for row in range(len(data))]
    # All joints too far behind by 5 cm: seen at the same places, so that each is off along its line of sight.
    found = task.evaluate(Oracle(data, behind=0.05), data, settings, device=CPU)
    off = []
    for sample in samples:
        joints = sample.joints.numpy()
        moved = joints * ((joints[:, 2:] + 0.05) / joints[:, 2:])
        off.append(np.linalg.norm((moved - moved[ROOT]) - (joints - joints[ROOT]), axis=1).mean())
    assert found.scores["mpjpe"] == pytest.approx(1000 * np.mean(off), abs=1e-2)
    assert task.scores(found.evidence) == found.scores
    assert task.per_class(found.evidence) == found.per_class
    assert list(found.per_class) == list(ACTIONS)
    assert {name for name, one in found.per_class.items() if one["mpjpe"] is not None} == {"Directions"}
    assert found.scores["mpjpe_actions"] == pytest.approx(found.scores["mpjpe"])
    assert found.scores["pck_150"] == 100


def test_actions_count_alike_in_the_mean_over_actions(task: Pose3d, pose_store: Path) -> None:
    data = task.open_data(config(pose_store), "test", train=False)
    evidence = task.evaluate(Oracle(data), data, config(pose_store, flip_test=False), device=CPU).evidence
    names = [name.replace("Directions", "TakingPhoto 1" if row < 4 else "Eating") for row, name in enumerate(data.ids)]
    other = replace(evidence, sample_ids=tuple(name.replace(" ", "_") for name in names))
    errors = other.columns["error_mm"]
    assert task.scores(other)["mpjpe_actions"] == pytest.approx((errors[:4].mean() + errors[4:].mean()) / 2)
    assert task.scores(other)["mpjpe"] == pytest.approx(errors.mean())
    assert task.per_class(other)["Photo"]["mpjpe"] == pytest.approx(errors[:4].mean())


def test_the_distance_is_the_one_of_the_bones() -> None:
    rng = np.random.default_rng(0)
    joints = torch.from_numpy(rng.normal([0, 0, 4], [0.4, 0.6, 0.3], (20, 17, 3)))
    joints[:, :, 2] += torch.from_numpy(rng.uniform(-1, 3, (20, 1)))
    rays, depths = joints[..., :2] / joints[..., 2:], joints[..., 2] - joints[:, [ROOT], 2]
    for row in range(20):
        length = total_length(joints[[row]], JOINTS.edges)[0]
        found = distance_by_bones(rays[[row]], depths[[row]], JOINTS.edges, length)
        assert float(found) == pytest.approx(float(joints[row, ROOT, 2]), rel=1e-9)


def test_the_model_learns_the_length_of_the_bones(task: Pose3d, pose_store: Path) -> None:
    settings = config(pose_store)
    data = task.open_data(settings, "train", train=True)
    model = task.build_model(settings)
    assert isinstance(model, IntegralPose)
    task.build_objective(settings, model, data)
    rows = torch.stack([data.dataset[row].joints for row in range(len(data))])
    ends = torch.tensor(JOINTS.edges)
    wanted = (rows[:, ends[:, 0]] - rows[:, ends[:, 1]]).norm(dim=-1).sum(-1).mean()
    assert float(model.bone_length) == pytest.approx(float(wanted))
    assert 3 < float(wanted) < 5


def test_images(task: Pose3d, pose_store: Path) -> None:
    settings = config(pose_store, flip_test=False)
    data = task.open_data(settings, "test", train=False)
    found = task.evaluate(Oracle(data, behind=0.3), data, settings, device=CPU, sheet_size=2)
    assert [image.name for image in found.figures] == ["poses", "actions", "joints", "curve"]
    for image in found.figures:
        assert image.draw().axes


def test_a_run_its_checkpoint_and_a_resumed_run_score_the_same(task: Pose3d, pose_store: Path, tmp_path: Path) -> None:
    settings = config(pose_store, epochs=2, lr=1e-3)
    report = run_finetune(settings, tmp_path / "run", sheet_size=0, bootstrap=20)
    (run,) = report.runs
    assert run.evaluation is not None
    assert run.model is not None
    checkpoint = load_task_checkpoint(run.model, "pose3d")
    again = evaluate_checkpoint(task, checkpoint, checkpoint.config, out=tmp_path / "again.json", bootstrap=0)
    assert again.evaluation.scores == run.evaluation.scores
    for name, column in run.evaluation.evidence.columns.items():
        np.testing.assert_array_equal(again.evaluation.evidence.columns[name], column)

    class StoppedError(Exception):
        pass

    def stop(label: str, done: int, total: int) -> None:
        if done >= 5 and "train" in label:
            raise StoppedError

    every = config(pose_store, epochs=2, lr=1e-3, checkpoint_every=2)
    with pytest.raises(StoppedError):
        run_finetune(every, tmp_path / "stopped", sheet_size=0, bootstrap=0, progress=stop)
    resumed = run_finetune(every, tmp_path / "stopped", resume=True, sheet_size=0, bootstrap=0)
    assert resumed.runs[0].evaluation is not None
    assert resumed.runs[0].evaluation.scores == run.evaluation.scores


def test_the_mean_pose_is_the_chance_level(task: Pose3d, pose_store: Path) -> None:
    settings = config(pose_store)
    train, test = (task.open_data(settings, split, train=False) for split in ("train", "test"))
    pose = mean_pose(train)
    np.testing.assert_array_equal(pose[ROOT], 0)
    joints = np.stack([train.dataset[row].joints.numpy() for row in range(len(train))])
    np.testing.assert_allclose(pose, (joints - joints[:, [0]]).mean(0))
    assert len(test) == 13
