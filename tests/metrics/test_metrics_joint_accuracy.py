"""Joint accuracy against the published evaluation of ITOP, and by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError
from hcmoco_bench.metrics import JointAccuracyMetric, joint_accuracy_per_joint, joint_accuracy_scores
from hcmoco_bench.results import bootstrap_interval, load_evidence, save_evidence
from hcmoco_bench.sources.itop.layout import world_from_pixels

Array = NDArray[np.float64]
J = 15


def ids(n: int) -> list[str]:
    return [f"f{i:04d}" for i in range(n)]


def world(crop_yxz: Array, boxes_xyxy: Array, crop_size: int) -> Array:
    """Joints (N, J, 3) of a square crop, (y, x) px and z meters, in ITOP's world coordinates, meters."""
    low, size = boxes_xyxy[:, None, :2], boxes_xyxy[:, None, 2:] - boxes_xyxy[:, None, :2]
    return world_from_pixels(low + crop_yxz[..., [1, 0]] * size / crop_size, crop_yxz[..., 2])


@pytest.mark.oracle
def test_the_published_accuracy(oracle: Path) -> None:
    with np.load(oracle / "itop_accuracy.npz", allow_pickle=False) as arrays:
        found = world(arrays["pred_crop_yxz"], arrays["boxes_xyxy"], int(arrays["crop_size"]))
        target, expected = arrays["target_world"], float(arrays["accuracy"])
    metric = JointAccuracyMetric()
    for rows in np.array_split(np.arange(len(target)), 3):
        metric.update(found[rows], target[rows], [ids(len(target))[row] for row in rows])
    scores = metric.compute()
    assert scores.accuracy == pytest.approx(expected, abs=1e-12)
    assert scores.curve[scores.thresholds_cm.tolist().index(10)] == scores.accuracy
    assert joint_accuracy_scores(metric.evidence())["accuracy"] == scores.accuracy
    low, high = bootstrap_interval(metric.evidence(), lambda e: joint_accuracy_scores(e)["accuracy"], n=100)
    assert low < expected < high


def off_by(errors_cm: Array, seed: int = 0) -> tuple[Array, Array]:
    """Predictions and targets (N, J, 3) m with these distances."""
    rng = np.random.default_rng(seed)
    target, direction = rng.normal(size=(2, *errors_cm.shape, 3))
    return target + errors_cm[..., None] / 100 * direction / np.linalg.norm(direction, axis=-1, keepdims=True), target


def test_by_hand() -> None:
    errors = np.full((2, J), 5.0)
    errors[0, [0, 8]] = 20  # head and torso of the first
    errors[1, [13, 14]] = 11  # feet of the second
    metric = JointAccuracyMetric()
    metric.update(*off_by(errors), ids(2))
    found = metric.compute()
    assert found.accuracy == pytest.approx(26 / 30)
    assert found.groups == pytest.approx({"upper": 15 / 16, "lower": 10 / 12})
    assert found.per_joint == pytest.approx([0.5] + [1] * 7 + [0.5] + [1] * 4 + [0.5] * 2)
    assert found.mean_error_cm == pytest.approx(errors.mean())
    assert found.per_joint_error_cm == pytest.approx(errors.mean(0))
    assert dict(zip(found.thresholds_cm.tolist(), found.curve.tolist(), strict=True))[11.5] == pytest.approx(28 / 30)
    assert joint_accuracy_per_joint(metric.evidence())["left foot"] == pytest.approx({"accuracy": 0.5, "error_cm": 8})


def test_the_threshold_itself_is_not_within() -> None:
    target = np.zeros((1, J, 3))
    prediction = target.copy()
    prediction[0, :3, 0] = 0.25, np.nextafter(0.25, 0), np.nextafter(0.25, 1)
    metric = JointAccuracyMetric(threshold_cm=25)
    metric.update(prediction, target, ids(1))
    assert metric.compute().per_joint[:3].tolist() == [0, 1, 0]


def test_the_curve_rises_from_nothing_and_agrees_with_counting() -> None:
    errors = np.random.default_rng(0).gamma(2, 4, (50, J))
    metric = JointAccuracyMetric()
    metric.update(*off_by(errors), ids(50))
    found = metric.compute()
    assert found.curve[0] == 0
    np.testing.assert_allclose(found.curve, [(errors < t).mean() for t in found.thresholds_cm], atol=2 / errors.size)
    assert (np.diff(found.curve) >= 0).all()


def test_joints_that_are_not_valid_do_not_count() -> None:
    errors = np.full((3, J), 50.0)
    valid = np.zeros((3, J), bool)
    errors[:, 4], valid[:, 4] = 1, True
    prediction, target = off_by(errors)
    prediction[0, 0], target[1, 1] = np.nan, np.inf
    metric = JointAccuracyMetric()
    metric.update(prediction, target, ids(3), valid)
    found = metric.compute()
    assert (found.accuracy, found.groups["upper"], found.mean_error_cm) == pytest.approx((1, 1, 1))
    assert np.isnan(found.groups["lower"])
    assert np.isnan(found.per_joint[[0, 5]]).all()
    assert joint_accuracy_per_joint(metric.evidence())["head"] == {"accuracy": None, "error_cm": None}


def test_evidence_gives_the_scores_again(tmp_path: Path) -> None:
    metric = JointAccuracyMetric(threshold_cm=7)
    metric.update(*off_by(np.random.default_rng(1).gamma(2, 4, (20, J))), ids(20))
    save_evidence(tmp_path / "one.npz", metric.evidence())
    found, scores = joint_accuracy_scores(load_evidence(tmp_path / "one.npz")), metric.compute()
    assert found == {
        "accuracy": scores.accuracy,
        "accuracy_upper": scores.groups["upper"],
        "accuracy_lower": scores.groups["lower"],
        "mean_error_cm": scores.mean_error_cm,
    }
    metric.reset()
    with pytest.raises(DataError) as caught:
        metric.compute()
    assert caught.value.kind == "nothing_scored"


def test_bad_input_is_refused_by_name() -> None:
    metric = JointAccuracyMetric()
    prediction, target = off_by(np.ones((8, J)))
    prediction[[2, 5], 3] = np.nan
    with pytest.raises(DataError, match=r"2 samples with points that are nan .*: f0002, f0005;") as caught:
        metric.update(prediction, target, ids(8))
    assert caught.value.kind == "prediction_not_finite"
    with pytest.raises(DataError, match=r"\(8, 14, 3\)"):
        metric.update(prediction[:, 1:], target[:, 1:], ids(8))
    with pytest.raises(DataError, match="validity"):
        metric.update(*off_by(np.ones((8, J))), ids(8), np.ones((8, 3), bool))
    assert len(metric.evidence()) == 0
