"""Predictions of other programs: the layouts, what is wrong with files, and what is read as something else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pose2d_stores import FILE
from scipy.io import savemat

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.errors import DataError
from hcmoco_bench.tasks.core.evaluate import evaluate_predictions
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings
from hcmoco_bench.tasks.core.plausibility import AS_GIVEN_NOTE
from hcmoco_bench.tasks.core.registry import get_task
from hcmoco_bench.tasks.core.task_data import TaskData
from hcmoco_bench.tasks.pose2d.data import pose_source
from hcmoco_bench.tasks.pose2d.readings import PosePairs, likely_pose_reading
from hcmoco_bench.tasks.pose2d.settings import Pose2dSettings
from hcmoco_bench.tasks.pose2d.task import Pose2d

Array = NDArray[np.float64]
Records = list[dict[str, Any]]


@pytest.fixture
def task() -> Pose2d:
    found = get_task("pose2d")
    assert isinstance(found, Pose2d)
    return found


def settings_of(store: Path, protocol: str) -> Pose2dSettings:
    found = make_finetune_settings("pose2d", {"stores": (str(store),), "protocol": protocol, "image_size": 64})
    assert isinstance(found, Pose2dSettings)
    return found


class TestCoco:
    @pytest.fixture
    def settings(self, coco_store: Path) -> Pose2dSettings:
        return settings_of(coco_store, "native")

    @pytest.fixture
    def data(self, task: Pose2d, settings: Pose2dSettings) -> TaskData:
        return task.open_data(settings, "validation", train=False)

    @pytest.fixture
    def records(self, coco_root: Path) -> Records:
        content = json.loads((coco_root / FILE).read_text())
        return [
            {"image_id": one["image_id"], "category_id": 1, "keypoints": one["keypoints"], "score": 0.9 - number / 100}
            for number, one in enumerate(content["annotations"])
            if one["num_keypoints"] and not one["iscrowd"]
        ]

    def write(self, path: Path, content: Any) -> Path:
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    def test_the_truth_is_perfect(
        self, task: Pose2d, data: TaskData, settings: Pose2dSettings, records: Records, tmp_path: Path
    ) -> None:
        path = self.write(tmp_path / "a.json", [*records, records[0] | {"category_id": 18}])
        task.check_predictions(path, data, settings)
        assert task.score_predictions(path, data, settings).scores["AP"] == 100
        wrapped = self.write(tmp_path / "b.json", {"annotations": records})
        assert task.score_predictions(wrapped, data, settings).scores["AP"] == 100
        assert task.score_predictions(self.write(tmp_path / "c.json", []), data, settings).scores["AP"] == 0

    @pytest.mark.parametrize(
        ("change", "kind"),
        [
            (lambda _: "", "predictions_unreadable"),
            (lambda r: json.dumps(r)[:50], "predictions_unreadable"),
            (lambda _: {"people": 3}, "predictions_unreadable"),
            (lambda _: ["x"], "prediction_wrong_size"),
            (lambda r: [r[0] | {"keypoints": [1, 2, 3]}], "prediction_wrong_size"),
            (lambda r: [r[0] | {"keypoints": "none"}], "prediction_wrong_size"),
            (lambda r: [r[0] | {"score": None}], "prediction_wrong_size"),
            (lambda r: [r[0] | {"image_id": 1.5}], "prediction_wrong_size"),
            (lambda r: [r[0] | {"keypoints": [float("nan")] * 51}], "prediction_not_finite"),
            (lambda r: [r[0] | {"image_id": 4242}], "predictions_ids"),
            (lambda r: [*r, r[0]], "predictions_ids"),
        ],
    )
    def test_bad_files(
        self,
        task: Pose2d,
        data: TaskData,
        settings: Pose2dSettings,
        records: Records,
        tmp_path: Path,
        change: Callable[[Records], Any],
        kind: str,
    ) -> None:
        path = self.write(tmp_path / "a.json", change(records))
        with pytest.raises(DataError, match=r"a\.json") as caught:
            task.score_predictions(path, data, settings)
        assert caught.value.kind == kind

    @pytest.mark.parametrize(
        ("change", "what"),
        [
            (lambda p, size: p / size, "shares of the image's sides"),
            (lambda p, size: p[..., ::-1], "x and y swapped"),
            (lambda p, size: p + 1, "pixels counted from 1"),
        ],
    )
    def test_other_readings_are_refused_with_the_correction(
        self,
        task: Pose2d,
        data: TaskData,
        settings: Pose2dSettings,
        records: Records,
        tmp_path: Path,
        change: Callable[[Array, Array], Array],
        what: str,
    ) -> None:
        sizes = dict(zip(pose_source(data).split.numbers, pose_source(data).split.sizes, strict=True))
        for record in records:
            points = np.array(record["keypoints"], float).reshape(17, 3)
            points[:, :2] = change(points[:, :2], sizes[record["image_id"]].astype(float))
            record["keypoints"] = points.ravel().tolist()
        path = self.write(tmp_path / "a.json", records)
        with pytest.raises(DataError, match=what) as caught:
            task.check_predictions(path, data, settings)
        assert caught.value.kind == "predictions_implausible"
        assert "Corrected, they have AP 100.0 %" in str(caught.value)
        report = evaluate_predictions(task, path, settings, as_given=True, out=tmp_path / "r.json", bootstrap=0)
        assert report.written is not None
        assert AS_GIVEN_NOTE in report.written.result.status.notes


class TestMpii:
    @pytest.fixture
    def settings(self, mpii_store: Path) -> Pose2dSettings:
        return settings_of(mpii_store, "mpii")

    @pytest.fixture
    def data(self, task: Pose2d, settings: Pose2dSettings) -> TaskData:
        return task.open_data(settings, "validation", train=False)

    @pytest.fixture
    def joints(self, data: TaskData) -> Array:
        source = pose_source(data)
        return source.split.people.joints[source.people()].astype(np.float64)

    def test_both_layouts(
        self,
        task: Pose2d,
        data: TaskData,
        settings: Pose2dSettings,
        joints: Array,
        generated_mpii: Path,
        tmp_path: Path,
    ) -> None:
        people = json.loads((generated_mpii / "annot" / "valid.json").read_text())
        savemat(tmp_path / "pred.mat", {"preds": np.array([one["joints"] for one in people])})
        by_id = dict(zip(data.ids, joints.tolist(), strict=True))
        (tmp_path / "a.json").write_text(json.dumps(dict(reversed(by_id.items()))))
        (tmp_path / "b.json").write_text(json.dumps({"ids": list(by_id), "joints": list(by_id.values())}))
        for name in ("pred.mat", "a.json", "b.json"):
            task.check_predictions(tmp_path / name, data, settings)
            found = task.score_predictions(tmp_path / name, data, settings, sheet_size=1)
            assert found.scores["PCKh"] == found.scores["PCKh_0.1"] == 100
            assert found.evidence.sample_ids == tuple(sorted(data.ids))
            assert found.figures[0].draw().axes

    def test_pixels_counted_from_0_in_the_mat(
        self, task: Pose2d, data: TaskData, settings: Pose2dSettings, joints: Array, tmp_path: Path
    ) -> None:
        savemat(tmp_path / "pred.mat", {"preds": joints})
        with pytest.raises(DataError, match=r"look like pixels counted from 0, not like px .* from 1"):
            task.check_predictions(tmp_path / "pred.mat", data, settings)

    def test_bad_files(
        self, task: Pose2d, data: TaskData, settings: Pose2dSettings, joints: Array, tmp_path: Path
    ) -> None:
        by_id = dict(zip(data.ids, joints.tolist(), strict=True))
        first = data.ids[0]

        def kind(name: str, content: Any) -> str:
            path = tmp_path / name
            if isinstance(content, dict) and name.endswith(".mat"):
                savemat(path, content)
            elif isinstance(content, bytes):
                path.write_bytes(content)
            else:
                path.write_text(content if isinstance(content, str) else json.dumps(content))
            with pytest.raises(DataError, match=name) as caught:
                task.score_predictions(path, data, settings)
            return str(caught.value.kind)

        assert kind("a.mat", {"joints": joints}) == "predictions_unreadable"
        assert kind("b.mat", b"") == "predictions_unreadable"
        assert kind("c.mat", {"preds": np.concatenate([joints, joints])}) == "predictions_ids"
        assert kind("d.mat", {"preds": joints[:, :15]}) == "prediction_wrong_size"
        assert kind("e.json", "") == "predictions_unreadable"
        assert kind("f.json", [1, 2]) == "predictions_unreadable"
        assert kind("g.json", {}) == "predictions_ids"
        assert kind("h.json", by_id | {"nobody_00": by_id[first]}) == "predictions_ids"
        assert kind("i.json", by_id | {first: [[1, 2]]}) in ("prediction_wrong_size", "predictions_unreadable")
        twice = json.dumps(by_id)[:-1] + f', "{first}": {json.dumps(by_id[first])}}}'
        assert kind("j.json", twice) == "predictions_ids"
        broken = json.dumps(by_id | {first: [[float("nan"), 1.0]] * 16})
        (tmp_path / "nan.json").write_text(broken)
        task.check_predictions(tmp_path / "nan.json", data, settings)  # left to scoring, which names the person
        with pytest.raises(DataError, match=first):
            task.score_predictions(tmp_path / "nan.json", data, settings)


def pairs(found: Array, true: Array, seed: int = 0) -> PosePairs:
    n = len(true)
    centers = (true.min(1) + true.max(1)) / 2
    sides = 1.25 * np.ptp(true, axis=1).max(1)
    return PosePairs(
        found,
        true,
        np.ones(true.shape[:2], bool),
        np.tile([640.0, 480.0], (n, 1)),
        centers,
        sides,
        np.arange(n),
        np.arange(n),
    )


def poses(n: int = 40, seed: int = 0) -> Array:
    """(n, 17, 2) px: upright people with arms and legs anywhere, half of them seen from behind."""
    rng = np.random.default_rng(seed)
    joints = joint_set("coco17")
    height = np.array(
        [0.0 if i < 5 else 0.2 if i < 7 else 0.35 if i < 9 else 0.5 if i < 13 else 0.8 for i in range(17)]
    )
    side = np.array([-1.0 if "right" in name else 1.0 if "left" in name else 0.0 for name in joints.joints])
    size = rng.uniform(80, 250, (n, 1, 1))
    facing = np.where(rng.random(n) < 0.8, 1.0, -1.0)[:, None]
    x, y = 0.15 * side * facing, np.broadcast_to(height, (n, 17))
    return rng.uniform([60, 20], [400, 200], (n, 2))[:, None] + size * (
        np.stack([x, y], axis=2) + rng.normal(0, 0.05, (n, 17, 2))
    )


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda p, of: p[:, joint_set("coco17").flip], "left and right swapped"),
        (lambda p, of: p[..., ::-1], "x and y swapped"),
        (lambda p, of: p / of.sizes[:, None], "shares of the image's sides (0 to 1)"),
        (lambda p, of: 2 * p / of.sizes[:, None] - 1, "shares of the image's sides (-1 to 1)"),
        (lambda p, of: (p - of.centers[:, None]) * (256 / of.sides)[:, None, None] + [96, 128], "crop of 192x256 px"),
        (lambda p, of: (p - of.centers[:, None]) * (64 / of.sides)[:, None, None] + [24, 32], "crop of 48x64 px"),
        (lambda p, of: (p - of.centers[:, None]) / of.sides[:, None, None] + 0.5, "shares of the person's square"),
    ],
)
@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_each_reading_is_found(change: Callable[[Array, PosePairs], Array], what: str, noise: float) -> None:
    true = poses()
    of = pairs(true, true)
    noisy = true + noise * of.sides[:, None, None] * np.random.default_rng(1).normal(size=true.shape)
    found = likely_pose_reading(pairs(change(noisy, of), true), joint_set("coco17"))
    assert found is not None
    assert what in found.what
    np.testing.assert_allclose(found.apply(change(noisy, of), of), noisy, atol=1e-6)


@pytest.mark.parametrize("what", ["good", "noisy", "shuffled", "constant", "biased", "one pose"])
def test_models_that_are_merely_bad_are_left_alone(what: str) -> None:
    true = poses()
    rng = np.random.default_rng(2)
    found = {
        "good": true + rng.normal(0, 3, true.shape),
        "noisy": true + rng.normal(0, 60, true.shape),
        "shuffled": true[rng.permutation(len(true))],
        "constant": np.full_like(true, 200.0),
        "biased": true + 20.0,
        "one pose": true.mean(0)[None] - true.mean((0, 1)) + true.mean(1, keepdims=True),
    }[what]
    assert likely_pose_reading(pairs(found, true), joint_set("coco17")) is None


def test_sides_are_not_told_from_few_people() -> None:
    true = poses(5)
    assert likely_pose_reading(pairs(true[:, joint_set("coco17").flip], true), joint_set("coco17")) is None
