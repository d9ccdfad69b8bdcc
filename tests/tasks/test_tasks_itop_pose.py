"""The ITOP task: splits, protocols, scores by hand, other programs' predictions, training and scoring again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from hcmoco_bench.cli.app import app
from hcmoco_bench.data.itop_crops import ItopCrops
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.models.a2j import A2J
from hcmoco_bench.models.anchor_votes import JointVotes
from hcmoco_bench.results import read_result
from hcmoco_bench.sources.itop import open_itop, read_boxes
from hcmoco_bench.tasks.core.checkpoints import load_task_checkpoint
from hcmoco_bench.tasks.core.evaluate import evaluate_checkpoint, evaluate_model, evaluate_predictions
from hcmoco_bench.tasks.core.finetune import run_finetune
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings
from hcmoco_bench.tasks.core.plausibility import AS_GIVEN_NOTE
from hcmoco_bench.tasks.core.registry import get_task
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.core.task_data import TaskData
from hcmoco_bench.tasks.itop_pose.task import ItopPose, mean_pose

CPU = torch.device("cpu")
STEPS = 90


def config(root: Path, **given: Any) -> FinetuneSettings:
    small = {"backbone": "hrnet_w18_small", "init": "scratch", "image_size": 64, "head_width": 16, "batch_size": 4}
    return make_finetune_settings("itop_pose", small | {"root": str(root), "epochs": 1} | given)


@pytest.fixture
def task() -> ItopPose:
    found = get_task("itop_pose")
    assert isinstance(found, ItopPose)
    return found


class Oracle(nn.Module):
    """Gives the true targets of a data set in its order, moved by some px."""

    def __init__(self, data: TaskData, right: float = 0.0) -> None:
        super().__init__()
        self.targets = torch.stack([data.dataset[row].target for row in range(len(data))])
        self.right, self.next = right, 0

    def forward(self, image: torch.Tensor) -> JointVotes:
        target = self.targets[self.next : self.next + len(image)]
        self.next += len(image)
        places = target[..., :2] + torch.tensor([self.right, 0.0])
        return JointVotes(places, places, target[..., 2])


def test_the_papers_settings() -> None:
    settings = make_finetune_settings("itop_pose", {"root": "x"})
    assert (settings.optimizer, settings.lr, settings.weight_decay) == ("adam", 3.5e-4, 1e-4)
    assert (settings.schedule, settings.step_epochs, settings.step_factor) == ("step", 10, 0.2)
    assert (settings.epochs, settings.batch_size, settings.image_size) == (50, 12, 288)
    assert settings.protocol == "native"
    assert settings.to_dict()["options"] == {
        "boxes": None,
        "training_warp": "nearest",
        "head_width": 256,
        "augmentation": 1.0,
    }


def test_augmentation_can_be_less(task: ItopPose, generated_itop: Path) -> None:
    none = task.open_data(config(generated_itop, augmentation=0.0), "train", train=True)
    still = task.open_data(config(generated_itop), "train", train=False)
    torch.testing.assert_close(none.dataset[3].target, still.dataset[3].target)
    with pytest.raises(UsageError, match="augmentation"):
        config(generated_itop, augmentation=2.0)


def test_what_the_protocols_leak(task: ItopPose, generated_itop: Path) -> None:
    cut = config(generated_itop, protocol="true_depth")
    assert task.protocol(cut).possible_leaks() == [task.record.protocol("published").leaks]
    assert (task.variant(cut), task.notes(cut), task.variants("true_depth")) == ("", (), {""})
    with pytest.raises(UsageError, match="true_depth finds people in the depth map itself"):
        task.check(config(generated_itop, protocol="true_depth", boxes=str(generated_itop)))
    assert task.record.protocol("native").leaks is None
    published = task.record.protocol("published")
    assert published.leaks == "the depth of a test frame is cut 5 cm behind its deepest true joint"
    assert [leak for leak in published.possible_leaks() if "box" in leak] == [
        "without the setting boxes, the box of a test frame is that of its true joints"
    ]
    assert task.record.protocol("native").possible_leaks() == []


def boxes_leak(notes: Sequence[str]) -> bool:
    return any("boxes of the test frames are those of their true joints" in note for note in notes)


def test_boxes_are_those_of_the_files(task: ItopPose, generated_itop: Path, tmp_path: Path) -> None:
    with_boxes = config(generated_itop, protocol="published", boxes=str(generated_itop))
    without = config(generated_itop, protocol="published")
    for split in ("train", "test"):
        data, other = (task.open_data(one, split, train=False) for one in (with_boxes, without))
        source = open_itop(generated_itop, split)
        crops, of_labels = data.dataset, other.dataset
        assert isinstance(crops, ItopCrops)
        assert isinstance(of_labels, ItopCrops)
        np.testing.assert_array_equal(
            [crops.bounds(row).box for row in range(len(source))], read_boxes(generated_itop, source)
        )
        for row in range(len(source)):
            assert (
                crops.bounds(row).far
                == of_labels.bounds(row).far
                == pytest.approx(source.joints[row, :, 2].max() + 0.05)
            )
            assert not np.array_equal(crops.bounds(row).box, of_labels.bounds(row).box)
    assert boxes_leak(task.notes(without))
    assert task.notes(with_boxes) == ("the boxes of the test frames are those of itop_side_bndbox_test.mat",)
    assert task.notes(config(generated_itop)) == task.notes(without, own=False) == ()
    with pytest.raises(UsageError, match="boxes go with --protocol published"):
        config(generated_itop, boxes=str(generated_itop))
    with pytest.raises(DataError, match="no boxes of test"):
        task.open_data(config(generated_itop, protocol="published", boxes=str(tmp_path)), "test", train=False)


def test_frames_without_a_box_are_not_trained_on_and_scored_in_whole(
    task: ItopPose, generated_itop: Path, tmp_path: Path
) -> None:
    lines = {}
    for split in ("train", "test"):
        source = open_itop(generated_itop, split)
        lines[split] = [
            f"{name},,,," if row % 3 == 0 else f"{name},90,20,230,230" for row, name in enumerate(source.ids)
        ]
        (tmp_path / f"boxes_{split}.csv").write_text("\n".join(["id,x0,y0,x1,y1", *lines[split]]))
    settings = config(generated_itop, protocol="published", boxes=str(tmp_path), ratio=0.5)
    ids = open_itop(generated_itop, "train").ids
    data = task.open_data(settings, "train", train=True)
    assert data.ids == tuple(name for row, name in enumerate(ids) if row % 3)
    assert data.expected == ids
    assert [(one.id, one.kind, one.kept) for one in data.problems] == [
        (name, "box_missing", False) for name in ids[::3]
    ]
    # a share counts all frames, as published, and then leaves those without a box out
    half = task.open_data(settings, "train_50", train=True)
    assert half.ids == tuple(name for row, name in enumerate(ids) if row % 2 == 0 and row % 3)
    whole = task.open_data(settings, "train", train=False)
    kept = whole.dataset[0]
    assert kept.sample_id == ids[1]
    assert bool(kept.known)
    test = task.open_data(settings, "test", train=False)
    found = task.evaluate(mean_pose(test), test, settings, device=CPU)
    assert [(one.id, one.kind, one.kept) for one in found.problems] == [
        (name, "box_missing", True) for name in test.ids[::3]
    ]
    assert found.n_scored == found.n_expected == len(test)


def test_splits_and_ratios(task: ItopPose, generated_itop: Path) -> None:
    train = task.open_data(config(generated_itop), "train", train=True)
    source = open_itop(generated_itop, "train")
    assert train.ids == train.expected == source.ids
    assert train.generated
    assert set(train.groups or ()) == {"01", "02"}
    tenth = config(generated_itop, ratio=0.2)
    assert task.training_split(tenth) == "train_20"
    part = task.open_data(tenth, "train_20", train=True)
    assert part.ids == source.ids[::5][: len(source) // 5] == part.expected
    assert torch.equal(part.dataset[1].target, train.dataset[5].target)
    for wrong in ("train_30", "train_0", "train_many", "test_20", "val"):
        with pytest.raises(UsageError, match="itop_pose"):
            task.open_data(config(generated_itop), wrong, train=True)
    with pytest.raises(UsageError, match="larger --ratio"):
        task.open_data(config(generated_itop), "train_1", train=True)


@pytest.mark.parametrize("protocol", ["native", "published"])
def test_scores_by_hand(task: ItopPose, generated_itop: Path, protocol: str) -> None:
    settings = config(generated_itop, protocol=protocol, eval_batch_size=3)
    data = task.open_data(settings, "test", train=False)
    perfect = task.evaluate(Oracle(data), data, settings, device=CPU)
    assert perfect.scores["accuracy"] == perfect.scores["accuracy_upper"] == 100
    assert perfect.scores["mean_error_cm"] < 0.2
    assert (perfect.n_expected, perfect.n_scored, perfect.problems) == (len(data), len(data), ())
    # so many px to the right that a joint is off by what that is at its distance
    moved = task.evaluate(Oracle(data, right=2.0), data, settings, device=CPU)
    samples = [data.dataset[row] for row in range(len(data))]
    wanted = [100 * 2 * sample.to_image[0, 0] * 0.0035 * sample.world[:, 2] for sample in samples]
    assert moved.scores["mean_error_cm"] == pytest.approx(float(torch.stack(wanted).mean()), rel=1e-3)
    assert task.scores(moved.evidence) == moved.scores
    assert set(moved.per_class) == set(map(str, moved.evidence.meta["joints"]))
    assert moved.per_class["head"]["accuracy"] == pytest.approx(100.0 * (torch.stack(wanted)[:, 0] < 10).float().mean())


def test_native_takes_nothing_from_the_labels(task: ItopPose, generated_itop: Path, tmp_path: Path) -> None:
    """With other labels in the file, the model sees the very same crops."""
    for path in generated_itop.glob("*test*.h5"):
        shutil.copy(path, tmp_path)
    with h5py.File(tmp_path / "ITOP_side_test_labels.h5", "r+") as file:
        for name in ("real_world_coordinates", "image_coordinates", "visible_joints", "segmentation"):
            file[name][...] = 1
    for protocol, same in (("native", True), ("published", False)):
        depths = [
            task.open_data(config(root, protocol=protocol), "test", train=False).dataset[2].depth
            for root in (generated_itop, tmp_path)
        ]
        assert torch.equal(*depths) == same


def test_where_nobody_is_found_the_whole_frame_is_scored(task: ItopPose, generated_itop: Path, tmp_path: Path) -> None:
    for path in generated_itop.glob("*.h5"):
        shutil.copy(path, tmp_path)
    with h5py.File(tmp_path / "ITOP_side_test_depth_map.h5", "r+") as file:
        file["data"][:2] = [np.zeros((240, 320)), np.full((240, 320), 4.0)]
    settings = config(tmp_path)
    data = task.open_data(settings, "test", train=False)
    found = task.evaluate(mean_pose(data), data, settings, device=CPU)
    assert [(one.kind, one.kept) for one in found.problems] == [("person_not_found", True)] * 2
    assert found.n_scored == found.n_expected == len(data)


def test_frames_with_unusable_joints_are_expected_and_missing(
    task: ItopPose, generated_itop: Path, tmp_path: Path
) -> None:
    for path in generated_itop.glob("*test*.h5"):
        shutil.copy(path, tmp_path)
    with h5py.File(tmp_path / "ITOP_side_test_labels.h5", "r+") as file:
        joints = file["real_world_coordinates"][:]
        joints[1, 4] = np.nan
        file["real_world_coordinates"][...] = joints
    settings = config(tmp_path)
    data = task.open_data(settings, "test", train=False)
    assert len(data.expected) == len(data) + 1
    assert data.problems[0].kind == "joints_unusable"
    scored = task.evaluate(mean_pose(data), data, settings, device=CPU)
    assert (scored.n_expected, scored.n_scored) == (len(data) + 1, len(data))


def test_images(task: ItopPose, generated_itop: Path) -> None:
    settings = config(generated_itop)
    data = task.open_data(settings, "test", train=False)
    found = task.evaluate(mean_pose(data), data, settings, device=CPU, sheet_size=3)
    assert [image.name for image in found.figures] == ["skeletons", "joints", "curve"]
    sheet = found.figures[0].draw()
    assert [axis.get_title()[:8] for axis in sheet.axes[::2]] == [
        data.ids[(2 * i + 1) * len(data) // 6]
        for i in range(3)  # the middles of thirds
    ]
    for image in found.figures[1:]:
        assert image.draw().axes


class TestPredictions:
    @pytest.fixture
    def data(self, task: ItopPose, generated_itop: Path) -> TaskData:
        return task.open_data(config(generated_itop), "test", train=False)

    @pytest.fixture
    def joints(self, generated_itop: Path) -> np.ndarray:
        return open_itop(generated_itop, "test").joints + np.float32([0.05, 0, 0])

    def score(self, task: ItopPose, path: Path, data: TaskData, root: Path) -> float:
        return task.score_predictions(path, data, config(root)).scores["mean_error_cm"]

    def test_npz_and_both_forms_of_json(
        self, task: ItopPose, data: TaskData, joints: np.ndarray, generated_itop: Path, tmp_path: Path
    ) -> None:
        order = np.random.default_rng(0).permutation(len(data))
        ids = [data.ids[row] for row in order]
        np.savez(tmp_path / "a.npz", ids=np.array(ids), joints=joints[order])
        (tmp_path / "b.json").write_text(json.dumps({"ids": ids, "joints": joints[order].tolist()}))
        (tmp_path / "c.json").write_text(json.dumps(dict(zip(ids, joints[order].tolist(), strict=True))))
        for name in ("a.npz", "b.json", "c.json"):
            assert self.score(task, tmp_path / name, data, generated_itop) == pytest.approx(5.0, abs=1e-3)

    def test_ids_that_do_not_agree(
        self, task: ItopPose, data: TaskData, joints: np.ndarray, generated_itop: Path, tmp_path: Path
    ) -> None:
        path = tmp_path / "a.npz"
        np.savez(path, ids=np.array(data.ids[1:]), joints=joints[1:])
        with pytest.raises(DataError, match=rf"1 missing.*{data.ids[0]}"):
            self.score(task, path, data, generated_itop)
        np.savez(path, ids=np.array([data.ids[1], "99_00000", *data.ids[2:]]), joints=joints)
        with pytest.raises(DataError, match=r"1 missing.*99_00000"):
            self.score(task, path, data, generated_itop)
        path = tmp_path / "a.json"
        pairs = [f'"{name}": {json.dumps(one.tolist())}' for name, one in zip(data.ids, joints, strict=True)]
        path.write_text("{" + ", ".join([*pairs, pairs[0]]) + "}")
        with pytest.raises(DataError, match="1 given more than once"):
            self.score(task, path, data, generated_itop)

    def test_nan_is_named(
        self, task: ItopPose, data: TaskData, joints: np.ndarray, generated_itop: Path, tmp_path: Path
    ) -> None:
        joints[2, 3, 1] = np.nan
        np.savez(tmp_path / "a.npz", ids=np.array(data.ids), joints=joints)
        with pytest.raises(DataError, match=data.ids[2]) as caught:
            self.score(task, tmp_path / "a.npz", data, generated_itop)
        assert caught.value.kind == "prediction_not_finite"

    def test_damaged_files(
        self, task: ItopPose, data: TaskData, joints: np.ndarray, generated_itop: Path, tmp_path: Path
    ) -> None:
        for name, content in {
            "a.npz": b"no archive",
            "b.json": b'{"ids": [',
            "c.json": b"[1, 2]",
            "d.json": b'{"00_00001": "left"}',
        }.items():
            (tmp_path / name).write_bytes(content)
            with pytest.raises(DataError, match=name) as caught:
                self.score(task, tmp_path / name, data, generated_itop)
            assert caught.value.kind == "predictions_unreadable"
        np.savez(tmp_path / "e.npz", joints=joints)
        with pytest.raises(DataError, match="no ids"):
            self.score(task, tmp_path / "e.npz", data, generated_itop)
        np.savez(tmp_path / "f.npz", ids=np.array(data.ids), joints=joints[:, :14])
        with pytest.raises(DataError, match="14, 3") as caught:
            self.score(task, tmp_path / "f.npz", data, generated_itop)
        assert caught.value.kind == "prediction_wrong_size"
        with pytest.raises(DataError, match=r"none\.npz"):
            self.score(task, tmp_path / "none.npz", data, generated_itop)

    def test_other_units_are_refused_unless_the_user_insists(
        self, data: TaskData, joints: np.ndarray, generated_itop: Path, tmp_path: Path
    ) -> None:
        path, out = tmp_path / "a.npz", tmp_path / "result.json"
        np.savez(path, ids=np.array(data.ids), joints=1000 * joints)
        with pytest.raises(DataError, match="look like millimeters, not like meters") as caught:
            evaluate_predictions("itop_pose", path, config(generated_itop), out=out)
        assert caught.value.kind == "predictions_implausible"
        assert "an accuracy of 100.0 % (mean error 5.0 cm); as they are, an accuracy of 0.0 %" in str(caught.value)
        assert not out.exists()
        report = evaluate_predictions("itop_pose", path, config(generated_itop), out=out, bootstrap=0, as_given=True)
        assert report.evaluation.scores["accuracy"] == 0
        assert AS_GIVEN_NOTE in read_result(out).status.notes
        np.savez(path, ids=np.array(data.ids), joints=joints * 77)
        with pytest.raises(DataError, match="most of the predicted joints lie more than 10 m away"):
            evaluate_predictions("itop_pose", path, config(generated_itop))
        np.savez(path, ids=np.array(data.ids), joints=joints * [1, 1, -1])
        with pytest.raises(DataError, match="meters with z mirrored"):
            evaluate_predictions("itop_pose", path, config(generated_itop))
        command = ["eval", "--task", "itop_pose", "--root", str(generated_itop), "--predictions", str(path), "--json"]
        refused = CliRunner().invoke(app, command)
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert CliRunner().invoke(app, [*command, "--as-given"]).exit_code == 0


def test_settings_that_cannot_be(task: ItopPose, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="multiple of 4"):
        config(tmp_path, image_size=66)
    with pytest.raises(UsageError, match="there is no protocol 'fair'"):
        config(tmp_path, protocol="fair")
    with pytest.raises(UsageError, match="give --root"):
        task.open_data(make_finetune_settings("itop_pose", {}), "test", train=False)
    with pytest.raises(UsageError, match="synth itop"):
        make_finetune_settings("itop_pose", {}, home=tmp_path)
    with pytest.raises(DataError, match="no such file"):
        task.open_data(config(tmp_path), "test", train=False)
    with pytest.raises(UsageError, match="itop_pose: pointnet takes depth as points; choose another --backbone"):
        config(tmp_path, backbone="pointnet")


def test_a_run_and_its_checkpoint_score_the_same(task: ItopPose, generated_itop: Path, tmp_path: Path) -> None:
    settings = config(generated_itop, ratio=0.5, lr=1e-3)
    report = run_finetune(settings, tmp_path / "run", sheet_size=2, bootstrap=20)
    (run,) = report.runs
    assert run.evaluation is not None
    assert run.model is not None
    assert report.written is not None
    assert report.written.result.status.notes[0] == "trained on train_50"
    assert {path.name for path in report.written.figures} == {"skeletons.png", "joints.png", "curve.png"}
    checkpoint = load_task_checkpoint(run.model, "itop_pose")
    again = evaluate_checkpoint(task, checkpoint, checkpoint.config, out=tmp_path / "again.json", bootstrap=0)
    assert again.evaluation.scores == run.evaluation.scores
    np.testing.assert_array_equal(
        again.evaluation.evidence.columns["error_cm"], run.evaluation.evidence.columns["error_cm"]
    )


def test_with_boxes_from_the_command_line(generated_itop: Path, tmp_path: Path) -> None:
    base = ["--task", "itop_pose", "--root", str(generated_itop), "--protocol", "published"]
    boxes = ["--set", f"boxes={generated_itop}"]
    small = ["--backbone", "hrnet_w18_small", "--init", "scratch", "--size", "32", "--set", "head_width=8"]
    run, model = tmp_path / "run", tmp_path / "run" / "seed-0" / "model.pth"
    started = ["finetune", *base, *boxes, *small, "--ratio", "0.5", "--epochs", "1", "--sheet", "0"]
    done = CliRunner().invoke(app, [*started, "--out", str(run)])
    assert done.exit_code == 0, done.output
    result = read_result(run / "result.json")
    assert not boxes_leak(result.status.notes)
    assert "the boxes of the test frames are those of itop_side_bndbox_test.mat" in result.status.notes
    leak = "protocol published leaks: the depth of a test frame is cut 5 cm behind its deepest true joint"
    assert leak in result.status.notes
    # the checkpoint knows its boxes; the flag names others
    again = ["eval", *base, "--ckpt", str(model), "--sheet", "0", "--bootstrap", "0"]
    for given, same in (([], True), (["--boxes", str(generated_itop)], True), (["--boxes", "none"], False)):
        out = tmp_path / f"{len(list(tmp_path.iterdir()))}.json"
        scored = CliRunner().invoke(app, [*again, *given, "--out", str(out)])
        assert scored.exit_code == 0, scored.output
        found = read_result(out)
        assert boxes_leak(found.status.notes) != same
        assert (found.scores.all["mean_error_cm"] == result.scores.all["mean_error_cm"]) == same


@pytest.mark.slow
def test_it_learns(task: ItopPose, generated_itop: Path) -> None:
    """What it was trained on, it knows clearly better than the mean pose does."""
    settings = config(generated_itop, head_width=32)
    still = task.open_data(settings, "train_50", train=False)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = task.build_model(settings)
    assert isinstance(model, A2J)
    objective = task.build_objective(settings, model, still)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    batch = still.collate((still.dataset[row] for row in range(len(still))), len(still))
    generator = torch.Generator()
    model.train()
    for _ in range(STEPS):
        optimizer.zero_grad()
        objective(model, batch, stage=0, generator=generator).loss.backward()
        optimizer.step()
        schedule.step()
    by_chance = evaluate_model(task, mean_pose(still), still, settings, CPU).scores
    learned = evaluate_model(task, model, still, settings, CPU).scores
    assert learned["accuracy"] > 50 + by_chance["accuracy"] / 2
    assert learned["mean_error_cm"] < 0.6 * by_chance["mean_error_cm"]
