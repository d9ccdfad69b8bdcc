"""Conventions of 3-D pose: against a slow version with scipy, and what must hold whatever the poses are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from generated_poses import people
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import spatial
from scipy.spatial.transform import Rotation

from hcmoco_bench.body.joints import joint_mapping, joint_set
from hcmoco_bench.errors import DataError
from hcmoco_bench.metrics.pose3d import PoseErrorMetric
from hcmoco_bench.metrics.pose_alignment import convention_errors
from hcmoco_bench.metrics.pose_conventions import (
    Convention,
    Measured,
    PosePair,
    measured_conventions,
    pose_conventions,
    publications,
)

Array = NDArray[np.float64]

CONVENTIONS = {one.name: one for one in pose_conventions()}
PREFIXES = ("h36m17", "h36m16", "lsp14")


def pair(prediction: Array, target: Array, valid: Any = None, joints: str = "h36m17", **options: Any) -> PosePair:
    everywhere = np.ones(target.shape[:2], bool) if valid is None else valid
    return PosePair(prediction, target, everywhere, joints, tuple(map(str, range(len(target)))), **options)


def figures(*pairs: PosePair) -> dict[str, float]:
    return {one.convention.name: convention_errors(one).mean_mm for one in measured_conventions(pairs)}


def noisy(number: int = 6, seed: int = 0) -> tuple[Array, Array]:
    true, rng = people(number, seed), np.random.default_rng(seed + 1)
    turn = Rotation.from_rotvec(rng.normal(0, 0.3, (number, 3))).as_matrix()
    moved = np.einsum("nij,nkj->nki", turn, true - true[:, :1]) * rng.uniform(0.8, 1.3, (number, 1, 1)) + true[:, :1]
    return moved + rng.normal(0, 0.05, true.shape) + rng.normal(0, 0.1, (number, 1, 3)), true


def plainly(convention: Convention, found: Array, true: Array, valid: NDArray[np.bool_]) -> float | None:
    """The error of one pose in `h36m17`, mm, joint by joint; None where it is not scored."""
    names = joint_set("h36m17").joints
    places = list(range(17)) if convention.choice.joints == "h36m17" else joint_mapping("h36m17", "lsp14").tolist()
    places = [one for one in places if names[one] not in convention.choice.without and valid[one]]
    if convention.center is not None:
        middle = [names.index(one) for one in ("left hip", "right hip")] if convention.center == "hips" else [0]
        if not all(valid[one] for one in middle):
            return None
        found = found - sum(found[one] for one in middle) / len(middle)
        true = true - sum(true[one] for one in middle) / len(middle)
    if not places:
        return None
    p, t = found[places], true[places]
    if convention.alignment == "scale":
        p = p * sum(float(a @ b) for a, b in zip(p, t, strict=True)) / sum(float(a @ a) for a in p)
    elif convention.alignment in ("rigid", "similarity"):
        p, mean = p - p.mean(0), t.mean(0)
        if len(places) > 1:
            p = Rotation.align_vectors(t - mean, p)[0].apply(p)
            p *= (p * (t - mean)).sum() / (p**2).sum() if convention.alignment == "similarity" else 1.0
        p = p + mean
    return 1000 * sum(float(np.linalg.norm(a - b)) for a, b in zip(p, t, strict=True)) / len(places)


@pytest.mark.parametrize("share", [1.0, 0.7])
def test_every_convention_is_that_of_the_slow_version(share: float) -> None:
    prediction, target = noisy(8)
    valid = np.random.default_rng(3).random(target.shape[:2]) < share
    valid[-1] = False
    hidden = np.where(valid[..., None], target, np.nan)
    measured = measured_conventions([pair(np.where(valid[..., None], prediction, np.inf), hidden, valid)])
    assert {one.convention.name for one in measured} == {name for name in CONVENTIONS if name.startswith(PREFIXES)}
    for one in measured:
        found = convention_errors(one)
        slow = [plainly(one.convention, *row) for row in zip(prediction, target, valid, strict=True)]
        assert found.scored.tolist() == [error is not None for error in slow], one.convention.name
        known = [error for error in slow if error is not None]
        assert found.error_mm[found.scored] == pytest.approx(known, abs=1e-6), one.convention.name
        assert found.mean_mm == pytest.approx(np.mean(known), abs=1e-6)


def test_figures_by_the_metric_of_the_task_and_by_scipy_are_the_same() -> None:
    prediction, target = noisy(30)
    found = figures(pair(prediction, target))
    metric = PoseErrorMetric()
    metric.update(prediction, target, tuple(map(str, range(30))))
    assert found["h36m17_pelvis"] == pytest.approx(metric.compute().error, rel=1e-12)
    assert found["h36m17_similarity"] == pytest.approx(metric.compute().aligned_error, rel=1e-12)
    errors = []
    for one, other in zip(prediction, target, strict=True):
        to, moved, _ = spatial.procrustes(other, one)  # both of norm 1; these poses fit better without a mirror
        errors.append(1000 * np.linalg.norm(to - moved, axis=1).mean() * np.linalg.norm(other - other.mean(0)))
    assert found["h36m17_similarity"] == pytest.approx(np.mean(errors), rel=1e-9)


def test_by_hand() -> None:
    target = np.zeros((1, 17, 3))
    target[0, :, 0] = np.arange(17)
    target[0, [4, 1], 1] = [2.0, 4.0]  # hips, whose middle is not the root
    prediction = 2 * target + [0, 0, 7]
    found = figures(pair(prediction, target))
    lengths = np.linalg.norm(target[0], axis=1)
    assert found["h36m17_pelvis"] == pytest.approx(1000 * lengths.sum() / 17)
    assert found["h36m16_pelvis"] == pytest.approx(1000 * lengths.sum() / 16)
    assert found["lsp14_pelvis"] == pytest.approx(1000 * np.delete(lengths, [0, 7, 9]).sum() / 14)
    from_hips = np.linalg.norm(target[0] - [2.5, 3, 0], axis=1)
    assert found["h36m17_hips"] == pytest.approx(1000 * from_hips.mean())
    assert found["lsp14_hips"] == pytest.approx(1000 * np.delete(from_hips, [0, 7, 9]).mean())
    assert found["h36m17_absolute"] == pytest.approx(1000 * np.linalg.norm(target[0] + [0, 0, 7], axis=1).mean())
    assert max(found[f"{name}_{way}"] for name in PREFIXES for way in ("similarity", "scale_pelvis")) < 1e-6


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.01, 100.0))
def test_what_holds_for_any_pose(seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    target = rng.normal(size=(3, 17, 3))
    prediction = target + rng.normal(size=target.shape) * rng.choice([0.1, 1.0, 3.0])
    given_, scaled = figures(pair(prediction, target)), figures(pair(size * prediction, target))
    moved = figures(pair(prediction + rng.normal(size=(3, 1, 3)), target))
    turn = Rotation.random(3, rng=rng).as_matrix()
    turned = figures(pair(np.einsum("nij,nkj->nki", turn, prediction), target))
    back = figures(pair(prediction[::-1], target[::-1]))
    for name, figure in given_.items():
        assert back[name] == pytest.approx(figure, rel=1e-12)
        if not name.endswith("absolute"):
            assert moved[name] == pytest.approx(figure, rel=1e-6)
        if name.endswith(("similarity", "scale_pelvis", "scale_hips")):
            assert scaled[name] == pytest.approx(figure, rel=1e-6)
        if name.endswith(("similarity", "rigid")):
            assert turned[name] == pytest.approx(figure, rel=1e-6)


def test_more_freedom_never_gives_a_larger_sum_of_squares() -> None:
    prediction, target = noisy(20, 5)
    measured = {one.convention.name: one for one in measured_conventions([pair(prediction, target)])}
    single = {name: np.zeros((20, 17)) for name in measured}
    for name, one in measured.items():  # errors of single joints, from conventions that keep one alone
        squares = single[name]
        for row in range(20):
            squares[row, : len(one.places)] = _aligned_distances(one, row) ** 2
    sums = {name: squares.sum(1) for name, squares in single.items()}
    for prefix in PREFIXES:
        least = sums[f"{prefix}_similarity"]
        assert (least <= sums[f"{prefix}_rigid"] + 1e-9).all()
        for center in ("pelvis", "hips"):
            assert (least <= sums[f"{prefix}_scale_{center}"] + 1e-9).all()
            assert (sums[f"{prefix}_rigid"] <= sums[f"{prefix}_{center}"] + 1e-9).all()
            assert (sums[f"{prefix}_scale_{center}"] <= sums[f"{prefix}_{center}"] + 1e-9).all()


def _aligned_distances(one: Measured, row: int) -> Array:
    """Distances of each joint after the alignment over all: errors are means, so each is had by what it adds."""
    from hcmoco_bench.metrics.procrustes import procrustes

    p, t = (points[row] for points in (one.pair.prediction, one.pair.target))
    if one.center:
        p, t = p - p[list(one.center)].mean(0), t - t[list(one.center)].mean(0)
    p, t = p[one.places], t[one.places]
    if one.convention.alignment == "scale":
        p = p * (p * t).sum() / (p * p).sum()
    if one.convention.alignment in ("rigid", "similarity"):
        p = procrustes(p[None], t[None], scale=one.convention.alignment == "similarity").apply(p[None])[0]
    distances = np.linalg.norm(p - t, axis=1)
    single = replace(one.pair, prediction=one.pair.prediction[[row]], target=one.pair.target[[row]],
                     valid=one.pair.valid[[row]], sample_ids=("0",))  # fmt: skip
    assert convention_errors(replace(one, pair=single)).mean_mm == pytest.approx(1000 * distances.mean())
    return np.asarray(distances)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_no_alignment_undoes_a_mirroring(axis: int) -> None:
    _, target = noisy(10)
    root = target[:, :1]
    mirrored = root + (target - root) * np.where(np.arange(3) == axis, -1.0, 1.0)
    found = figures(pair(mirrored, target))
    assert min(figure for name, figure in found.items() if not name.endswith("absolute")) > 30
    # published N-MPJPE takes a factor of any sign, so a pose seen through its own root scores 0
    through = figures(pair(2 * root - target, target))
    assert through["h36m17_scale_pelvis"] < 1e-6 < 30 < through["h36m17_similarity"]


def test_poses_that_fix_no_rotation_or_size() -> None:
    line = np.zeros((1, 17, 3))
    line[0, :, 1] = np.linspace(-1, 1, 17)
    assert figures(pair(line[..., [1, 0, 2]], line))["h36m17_rigid"] < 1e-6
    point = np.zeros_like(line)
    found = figures(pair(point, line))
    assert all(np.isfinite(list(found.values())))
    assert found["h36m17_similarity"] == pytest.approx(1000 * np.abs(line).sum(2).mean())
    assert found["h36m17_scale_pelvis"] == found["h36m17_pelvis"]
    one_joint = np.zeros((1, 17), bool)
    one_joint[0, 0] = True
    alone = {
        one.convention.name: convention_errors(one) for one in measured_conventions([pair(line, point, one_joint)])
    }
    assert alone["h36m17_similarity"].mean_mm == alone["h36m17_pelvis"].mean_mm == 0
    assert not alone["h36m17_hips"].scored.any()
    assert not alone["lsp14_rigid"].scored.any()
    assert np.isnan(alone["lsp14_rigid"].mean_mm)


def test_a_convention_is_measured_only_where_its_joints_are() -> None:
    smpl = people(3)[:, [0, 4, 1, 7, 5, 2, 8, 6, 3, 8, 6, 3, 8, 11, 14, 10, 11, 14, 12, 15, 13, 16, 13, 16]]
    names = set(figures(pair(smpl, smpl, joints="smpl24")))
    assert names == {name for name in CONVENTIONS if name.startswith("smpl")}
    lsp = people(3)[:, joint_mapping("h36m17", "lsp14")]
    own = set(figures(pair(lsp, lsp, joints="lsp14")))
    assert own == {name for name in CONVENTIONS if name.startswith("lsp14") and not name.endswith("pelvis")}
    relative = set(figures(pair(lsp, lsp, joints="lsp14", absolute=False)))
    assert own - relative == {"lsp14_absolute"}
    assert not figures(pair(np.zeros((2, 15, 3)), np.zeros((2, 15, 3)), joints="itop15"))
    # of several sets, each convention takes its own; the pelvis of the 14 joints comes from the 17
    both = measured_conventions([pair(people(3), people(3)), pair(lsp, lsp, joints="lsp14")])
    used = {one.convention.name: one.pair.joints for one in both}
    assert used["lsp14_hips"] == used["lsp14_similarity"] == "lsp14"
    assert used["lsp14_pelvis"] == "h36m17"


def test_damaged_poses_are_refused_by_name() -> None:
    prediction, target = noisy(4)
    for wrong, kind in ((np.nan, "prediction_not_finite"), (np.inf, "prediction_not_finite")):
        spoiled = prediction.copy()
        spoiled[2, 5, 1] = wrong
        with pytest.raises(DataError, match=r"1 samples.*: 2;") as caught:
            figures(pair(spoiled, target))
        assert caught.value.kind == kind
    with pytest.raises(DataError) as caught:
        figures(pair(prediction[:, :16], target))
    assert caught.value.kind == "prediction_wrong_size"
    with pytest.raises(DataError) as caught:
        figures(pair(prediction, np.where(np.arange(3) == 0, np.nan, target)))
    assert caught.value.kind == "label_not_finite"


def test_the_table_names_only_what_there_is() -> None:
    assert len(CONVENTIONS) == 5 * 7
    assert {name for one in publications() for name in one.tables} <= set(CONVENTIONS)
    assert all(one.source.startswith("https://") for one in publications())
    shorts = {name: [one.short for one in CONVENTIONS[name].published] for name in CONVENTIONS}
    assert shorts["lsp14_hips"] == ["HMR", "VIBE"]
    assert "VideoPose3D" in shorts["h36m17_scale_pelvis"]
    assert CONVENTIONS["h36m17_hips"].aligned == "moved so that the middle of the hips is where the true one is (MPJPE)"
    assert not any("{" in one.aligned for one in CONVENTIONS.values())
