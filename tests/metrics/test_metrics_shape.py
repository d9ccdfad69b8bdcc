"""Errors of bodies: by hand, against the metric of joints that stands beside it, and evidence that cannot be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hcmoco_bench.errors import DataError
from hcmoco_bench.metrics.pose3d import PoseErrorMetric
from hcmoco_bench.metrics.possible_evidence import impossible
from hcmoco_bench.metrics.shape import LABEL_COLUMNS, Bodies, ShapeMetric, shape_per_joint, shape_scores
from hcmoco_bench.results import Evidence
from hcmoco_bench.results.evidence import join_evidence

N, V = 6, 40
IDS = tuple(f"s{number}" for number in range(N))


@pytest.fixture
def true() -> Bodies:
    rng = np.random.default_rng(0)
    joints, vertices, neutral = (rng.normal(0, 0.4, (N, count, 3)) for count in (14, V, V))
    return Bodies(joints, vertices, neutral, np.tile([170.0, 70.0, 80.0], (N, 1)) + rng.normal(0, 5, (N, 3)))


def evidence_of(prediction: Bodies, true: Bodies) -> Evidence:
    metric = ShapeMetric()
    metric.update(prediction, true, IDS)
    return metric.evidence()


def test_true_bodies_have_no_error(true: Bodies) -> None:
    scores = shape_scores(evidence_of(true, true))
    assert set(scores) == {
        *("mpjpe_mm", "pa_mpjpe_mm", "pve_mm", "neutral_pve_mm"),
        *(
            f"{what}_{kind}_{unit}"
            for what, unit in (("height", "cm"), ("mass", "kg"), ("waist", "cm"))
            for kind in ("error", "bias")
        ),
    }
    assert all(abs(value) < 1e-9 for value in scores.values())


def test_by_hand(true: Bodies) -> None:
    moved = Bodies(
        true.joints + np.array([0.03, 0.0, -0.04]),
        true.vertices + np.array([0.0, 0.02, 0.0]),
        true.neutral * 1.0,
        true.figures + np.array([3, -2, 1]),
    )
    moved.figures[0, 0] -= 6  # 3 cm too short instead
    scores = shape_scores(evidence_of(moved, true))
    assert scores["mpjpe_mm"] == pytest.approx(50)
    assert scores["pa_mpjpe_mm"] == pytest.approx(0, abs=1e-9)  # a shift, which the alignment takes away
    assert scores["pve_mm"] == pytest.approx(20)
    assert scores["neutral_pve_mm"] == 0
    assert scores["height_error_cm"] == pytest.approx(3)
    assert scores["height_bias_cm"] == pytest.approx((5 * 3 - 3) / 6)
    assert (scores["mass_error_kg"], scores["mass_bias_kg"]) == (pytest.approx(2), pytest.approx(-2))
    assert (scores["waist_error_cm"], scores["waist_bias_cm"]) == (pytest.approx(1), pytest.approx(1))


def test_joints_as_the_metric_of_poses_scores_them(true: Bodies) -> None:
    rng = np.random.default_rng(1)
    turned = 1.1 * true.joints @ Rotation.random(random_state=2).as_matrix() + rng.normal(0, 0.05, true.joints.shape)
    metric = PoseErrorMetric("joints", root=None)
    metric.update(turned, true.joints, IDS)
    wanted = metric.compute()
    scores = shape_scores(evidence_of(Bodies(turned), true))
    assert scores["mpjpe_mm"] == pytest.approx(wanted.error)
    assert scores["pa_mpjpe_mm"] == pytest.approx(wanted.aligned_error)
    per_joint = shape_per_joint(evidence_of(Bodies(turned), true))
    assert np.mean([one["mpjpe_mm"] for one in per_joint.values()]) == pytest.approx(wanted.error)


def test_what_is_not_predicted_is_not_scored(true: Bodies) -> None:
    assert set(shape_scores(evidence_of(Bodies(true.joints), true))) == {"mpjpe_mm", "pa_mpjpe_mm"}
    surface = shape_scores(evidence_of(Bodies(true.joints, true.vertices), true))
    assert set(surface) == {"mpjpe_mm", "pa_mpjpe_mm", "pve_mm"}


def test_refused(true: Bodies) -> None:
    for prediction, kind in [
        (replace(true, joints=true.joints[:, :13]), "prediction_wrong_size"),
        (replace(true, vertices=true.vertices[:, 1:]), "prediction_wrong_size"),
        (
            replace(true, joints=np.where(np.arange(N)[:, None, None] == 2, np.nan, true.joints)),
            "prediction_not_finite",
        ),
        (replace(true, figures=true.figures * np.inf), "prediction_not_finite"),
        (replace(true, figures=true.figures[:, :2]), "prediction_wrong_size"),
    ]:
        metric = ShapeMetric()
        with pytest.raises(DataError) as caught:
            metric.update(prediction, true, IDS)
        assert caught.value.kind == kind
        assert len(metric.evidence()) == 0
    with pytest.raises(DataError, match="no sample was scored"):
        ShapeMetric().compute()


def harmed(evidence: Evidence, name: str, change: Callable[[np.ndarray], None]) -> Evidence:
    columns = {key: column.copy() for key, column in evidence.columns.items()}
    change(columns[name])
    return Evidence(evidence.metric, evidence.sample_ids, columns, evidence.meta)


def setting(place: object, value: float) -> Callable[[np.ndarray], None]:
    def change(column: np.ndarray) -> None:
        column[place] = value

    return change


def test_evidence_that_cannot_be(true: Bodies) -> None:
    rng = np.random.default_rng(3)
    near = Bodies(
        *(
            getattr(true, name) + rng.normal(0, 0.05, getattr(true, name).shape)
            for name in ("joints", "vertices", "neutral", "figures")
        )
    )
    whole, joints = evidence_of(near, true), evidence_of(Bodies(near.joints), true)
    assert impossible(whole) == impossible(joints) == impossible(ShapeMetric().evidence()) == ()
    for evidence, told in [
        (harmed(whole, "joint_mm", setting((1, 3), -1.0)), "below 0"),
        (harmed(whole, "joint_mm", setting((1, 3), np.nan)), "nan"),
        (harmed(whole, "joint_mm", setting(1, 0.0)), "larger distances after the alignment"),
        (harmed(whole, "aligned_joint_mm", setting(1, 900.0)), "larger distances after the alignment"),
        (harmed(whole, "vertex_mm", setting(2, np.nan)), "some of the samples"),
        (harmed(whole, "height_cm", setting(2, np.nan)), "some of the samples"),
        (harmed(whole, "waist_cm", setting(slice(None), np.nan)), "some of the samples"),
        (harmed(whole, "mass_kg", setting(0, -3.0)), "below 0"),
        (harmed(joints, "true_height_cm", setting(0, 0.0)), "true figures"),
        (harmed(joints, "true_mass_kg", setting(0, np.nan)), "true figures"),
    ]:
        found = impossible(evidence)
        assert len(found) >= 1
        assert any(told in one for one in found)
    narrow = {name: one[:, :2] if one.ndim == 2 else one for name, one in whole.columns.items()}
    assert "other shapes" in impossible(Evidence(whole.metric, IDS, narrow, whole.meta))[0]


def test_batches_in_any_order_give_the_same(true: Bodies) -> None:
    whole = evidence_of(true, true)
    parts = []
    for rows in (slice(3, 6), slice(0, 3)):
        metric = ShapeMetric()
        some = Bodies(*(getattr(true, name)[rows] for name in ("joints", "vertices", "neutral", "figures")))
        metric.update(some, some, IDS[rows])
        parts.append(metric.evidence())
    joined = join_evidence(parts)
    assert joined.sample_ids == whole.sample_ids
    for name in LABEL_COLUMNS:
        np.testing.assert_array_equal(joined.columns[name], whole.columns[name])
