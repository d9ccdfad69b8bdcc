"""MPJPE, PA-MPJPE and per-vertex error: against numbers by hand and what must not change them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hcmoco_bench.errors import DataError
from hcmoco_bench.metrics import PoseErrorMetric, PoseErrors, pose_error_scores
from hcmoco_bench.metrics.pose3d import CURVE_MM, errors_by_point, near_curve, near_scores, pose_errors_by
from hcmoco_bench.metrics.possible_evidence import impossible
from hcmoco_bench.results import Evidence, load_evidence, save_evidence

Array = NDArray[np.float64]
IDS = tuple("abcde")


def poses(seed: int = 0, n: int = 5, joints: int = 17) -> Array:
    return np.random.default_rng(seed).normal(size=(n, joints, 3))


def scored(prediction: Array, target: Array, valid: NDArray[np.bool_] | None = None, **options: object) -> PoseErrors:
    metric = PoseErrorMetric(**options)
    metric.update(prediction, target, IDS[: len(target)], valid)
    return metric.compute()


def test_by_hand() -> None:
    target = np.zeros((2, 3, 3))
    target[:, 1] = [1, 0, 0]
    target[:, 2] = [0, 1, 0]
    prediction = target.copy()
    prediction[0] += [0, 0, 0.5]  # moved as a whole: no error once the roots agree
    prediction[1, 2] += [0.3, 0, 0.4]
    assert scored(prediction, target).error == pytest.approx(1000 * (0 + 0.5 / 3) / 2)
    assert scored(prediction, target, root=None).error == pytest.approx(1000 * (0.5 + 0.5 / 3) / 2)


def test_alignment_undoes_a_similarity_but_no_mirror() -> None:
    target = poses()
    turn = Rotation.random(5, rng=np.random.default_rng(0)).as_matrix()
    moved = 3 * target @ turn.swapaxes(1, 2) + [1.0, 2, 3]
    found = scored(moved, target)
    assert found.aligned_error < 1e-9
    assert found.error > 500
    assert scored(moved * [-1, 1, 1], target).aligned_error > 100


def test_aligned_errors_do_not_depend_on_the_root_and_errors_do_not_on_the_place() -> None:
    prediction, target = poses(0), poses(1)
    first, other, none = (scored(prediction, target, root=root) for root in (0, 5, None))
    assert first.aligned_error == pytest.approx(other.aligned_error) == pytest.approx(none.aligned_error)
    assert first.error != pytest.approx(other.error)
    assert scored(prediction + 9, target - 4).error == pytest.approx(first.error)


def test_points_that_are_not_valid_do_not_count() -> None:
    prediction, target = poses(0), poses(1)
    valid = np.ones((5, 17), bool)
    valid[:, 11:] = False
    expected = scored(prediction[:, :11], target[:, :11])
    prediction[:, 11:], target[:, 12:] = np.nan, np.inf
    found = scored(prediction, target, valid)
    assert (found.error, found.aligned_error) == pytest.approx((expected.error, expected.aligned_error))


def test_a_sample_whose_root_is_not_valid_is_left_out() -> None:
    prediction, target = poses(0), poses(1)
    valid = np.ones((5, 17), bool)
    valid[3, 0] = False
    rows = [0, 1, 2, 4]
    assert scored(prediction, target, valid) == scored(prediction[rows], target[rows])
    assert np.isnan(scored(prediction[3:4], target[3:4], valid[3:4]).error)
    assert np.isfinite(scored(prediction[3:4], target[3:4], valid[3:4], root=None).error)


def test_evidence_gives_the_scores_again(tmp_path: Path) -> None:
    metric = PoseErrorMetric("vertices", root=None)
    metric.update(torch.tensor(poses(0, 2, 500)), torch.tensor(poses(1, 2, 500)), ["b", "a"])
    metric.update(poses(2, 3, 500), poses(3, 3, 500), ["e", "c", "d"])
    save_evidence(tmp_path / "one.npz", metric.evidence())
    evidence = load_evidence(tmp_path / "one.npz")
    assert evidence.sample_ids == IDS
    found = metric.compute()
    assert pose_error_scores(evidence) == {"pve": found.error, "pa_pve": found.aligned_error}
    alone = scored(poses(2, 3, 500), poses(3, 3, 500), root=None)
    assert pose_error_scores(evidence.select([4, 2, 3]))["pve"] == pytest.approx(alone.error)
    metric.reset()
    assert len(metric.evidence()) == 0


class TestBadInput:
    def kind(self, prediction: Array, target: Array, **options: object) -> str:
        metric = PoseErrorMetric(**options)
        with pytest.raises(DataError) as caught:
            metric.update(prediction, target, IDS[: len(target)])
        assert len(metric.evidence()) == 0
        return caught.value.kind

    def test_nan(self) -> None:
        prediction = poses(0)
        prediction[1, 2, 0] = np.nan
        assert self.kind(prediction, poses(1)) == "prediction_not_finite"
        assert self.kind(poses(1), prediction) == "label_not_finite"

    def test_shapes(self) -> None:
        assert self.kind(poses(0, joints=16), poses(1)) == "prediction_wrong_size"
        assert self.kind(poses(0)[:, :, :2], poses(1)[:, :, :2]) == "prediction_wrong_size"
        assert self.kind(poses(0), poses(1), root=17) == "prediction_wrong_size"

    def test_nothing(self) -> None:
        with pytest.raises(DataError, match="no sample was scored"):
            scored(poses(n=0), poses(n=0))


class TestPoints:
    """Evidence with the distance of each point, and what is made of it."""

    NAMES = ("root", "hand", "foot")

    def metric(self) -> tuple[PoseErrorMetric, np.ndarray, np.ndarray]:
        rng = np.random.default_rng(0)
        true = rng.normal(size=(6, 3, 3))
        found = true + rng.normal(0, 0.1, true.shape)
        metric = PoseErrorMetric(root=0, names=self.NAMES)
        metric.update(found, true, list("abcdef"))
        return metric, found, true

    def test_distances_of_points_have_the_means(self) -> None:
        metric, found, true = self.metric()
        evidence, plain = metric.evidence(), PoseErrorMetric(root=0)
        plain.update(found, true, list("abcdef"))
        for name, column in plain.evidence().columns.items():
            np.testing.assert_array_equal(evidence.columns[name], column)
        off = (found - found[:, [0]]) - (true - true[:, [0]])
        np.testing.assert_allclose(evidence.columns["point_error_mm"], 1000 * np.linalg.norm(off, axis=2), rtol=1e-12)
        assert list(errors_by_point(evidence)) == list(self.NAMES)
        assert errors_by_point(evidence)["foot"] == pytest.approx(1000 * np.linalg.norm(off[:, 2], axis=1).mean())
        assert impossible(evidence) == impossible(plain.evidence()) == ()

    def test_by_group_and_within_a_distance(self) -> None:
        metric, _, _ = self.metric()
        evidence = metric.evidence()
        found = pose_errors_by(evidence, ["x", "y", "x", "x", "y", "y"])
        assert list(found) == ["x", "y"]
        assert found["y"]["mpjpe"] == pytest.approx(evidence.columns["error_mm"][[1, 4, 5]].mean(), rel=1e-12)
        flat = evidence.columns["point_error_mm"].ravel()
        wanted = [(flat <= limit).mean() for limit in CURVE_MM]
        np.testing.assert_allclose(near_curve(evidence), wanted)
        assert near_scores(evidence) == pytest.approx({"pck_150": wanted[30], "auc": np.mean(wanted[:31])})
        nobody = PoseErrorMetric(names=self.NAMES)
        nobody.update(np.zeros((1, 3, 3)), np.zeros((1, 3, 3)), ["a"], valid=np.zeros((1, 3), bool))
        assert pose_errors_by(nobody.evidence(), ["x"]) == {"x": {"mpjpe": None, "pa_mpjpe": None}}
        assert errors_by_point(nobody.evidence())["hand"] is None
        assert np.isnan(near_scores(nobody.evidence())["auc"])

    @pytest.mark.parametrize(
        ("column", "change", "told"),
        [
            ("error_mm", lambda one: one * 0.5, "means that are not those of the points"),
            ("aligned_error_mm", lambda one: one + 500, "larger distances after the best alignment"),
            ("aligned_error_mm", lambda one: one * np.nan, "nan or infinite"),
            ("error_mm", lambda one: -one, "below 0"),
            ("n_points", lambda one: one - 1, "other numbers of points"),
            ("point_error_mm", lambda one: one + 1, "roots that are off"),
            ("valid", lambda one: one & [False, True, True], "where the root does not"),
            ("point_error_mm", lambda one: one[:, :2], "other shapes"),
        ],
    )
    def test_what_no_prediction_gives(self, column: str, change: Callable, told: str) -> None:
        evidence = self.metric()[0].evidence()
        columns = dict(evidence.columns) | {column: change(evidence.columns[column])}
        assert told in " ".join(impossible(Evidence(evidence.metric, evidence.sample_ids, columns, evidence.meta)))
