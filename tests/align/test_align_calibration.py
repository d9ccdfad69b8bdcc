from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from simulated_kinect import SimulatedKinect, simulated_joints

from hcmoco_bench.align import (
    Calibration,
    RigPoints,
    apply_homography,
    calibrate_rig,
    fit_rig,
    homography_residuals,
    registered_residuals,
)
from hcmoco_bench.errors import CalibrationError, DataError, StoreError
from hcmoco_bench.sources.ntu.names import Rig


def people(seed: int = 0, clips: int = 8, kinect: SimulatedKinect | None = None) -> RigPoints:
    return simulated_joints(kinect or SimulatedKinect(), np.random.default_rng(seed), clips=clips)


def with_garbage(points: RigPoints, share: float, seed: int = 1) -> RigPoints:
    rng = np.random.default_rng(seed)
    copy = points.select(np.arange(len(points)))
    wrong = rng.random(len(points)) < share
    copy.depth_xy[wrong] = rng.uniform(0, [512, 424], (int(wrong.sum()), 2))
    copy.color_xy[wrong] = rng.uniform(0, [1920, 1080], (int(wrong.sum()), 2))
    return copy


def test_both_modes_and_their_residuals() -> None:
    calibration = calibrate_rig(people(), seed=0)
    assert calibration.registered is not None
    assert calibration.residuals.registered is not None
    assert calibration.residuals.registered.mean < 0.01
    # The plane cannot express parallax: 2.2-4.3 m, 52 mm apart, is about 4 px from end to end.
    assert 0.3 < calibration.residuals.homography.mean < 2.5
    assert calibration.residuals.homography.n == calibration.residuals.registered.n > 1000
    assert calibration.n_clips == 8
    assert calibration.n_outliers == 0


def test_residuals_are_those_of_the_definition() -> None:
    """Moved color joints show up in full in both residuals, scaled to the depth frame."""
    points = people()
    calibration = calibrate_rig(points, seed=0)
    assert calibration.registered is not None
    moved = points.select(np.arange(len(points)))
    moved.color_xy[:, 0] += 2.9
    landed = homography_residuals(calibration.homography, moved) - homography_residuals(calibration.homography, points)
    np.testing.assert_allclose(landed.mean(0), [1.0, 0], atol=0.02)
    np.testing.assert_allclose(registered_residuals(calibration.registered, moved).mean(0), [1.0, 0], atol=0.02)


def test_held_out_joints_are_judged_by_a_fit_without_them() -> None:
    """Errors of held-out clips count in full: a fit that had seen them would have shared them out."""
    fit = fit_rig(people(), seed=0)
    distance = np.linalg.norm(fit.homography, axis=1)
    assert fit.calibration.residuals.homography.mean == pytest.approx(distance.mean(), abs=1e-6)
    assert fit.calibration.residuals.homography.p95 == pytest.approx(np.percentile(distance, 95), abs=1e-6)
    final = homography_residuals(fit.calibration.homography, people())
    assert distance.mean() > 0.8 * np.linalg.norm(final, axis=1).mean()


@pytest.mark.parametrize("seed", range(3))
def test_a_fifth_of_garbage_moves_nothing(seed: int) -> None:
    points = people(seed, clips=12)
    clean, dirty = calibrate_rig(points, seed=0), calibrate_rig(with_garbage(points, 0.2, seed), seed=0)
    shift = apply_homography(clean.homography, points.color_xy) - apply_homography(dirty.homography, points.color_xy)
    # What is left is that 20 % of the good joints are gone, which moves a least-squares plane through parallax.
    assert np.linalg.norm(shift, axis=1).mean() < 0.03
    assert clean.registered is not None
    assert dirty.registered is not None
    z = points.xyz[:, 2]
    there = clean.registered.color_xy(points.depth_xy, z) - dirty.registered.color_xy(points.depth_xy, z)
    assert np.linalg.norm(there, axis=1).max() < 0.02
    assert dirty.n_outliers == pytest.approx(0.2 * len(points), rel=0.1)


def test_garbage_leaves_what_the_good_joints_alone_give() -> None:
    points = people(5)
    rng = np.random.default_rng(2)
    wrong = rng.random(len(points)) < 0.2
    dirty = points.select(np.arange(len(points)))
    dirty.depth_xy[wrong] = rng.uniform(0, [512, 424], (int(wrong.sum()), 2))
    expected, found = calibrate_rig(points.select(~wrong), seed=0), calibrate_rig(dirty, seed=0)
    shift = apply_homography(expected.homography, points.color_xy) - apply_homography(found.homography, points.color_xy)
    assert np.abs(shift).max() < 0.02


@pytest.mark.parametrize("n", [0, 1, 60, 149])
def test_too_few_points(n: int) -> None:
    with pytest.raises(CalibrationError, match=rf"S001C001: {n} tracked joints are too few") as caught:
        calibrate_rig(people().select(np.arange(n)), seed=0)
    assert caught.value.kind == "rig_too_few_points"


def test_one_joint_over_and_over() -> None:
    points = people().select(np.zeros(1000, np.intp))
    with pytest.raises(CalibrationError) as caught:
        calibrate_rig(points, seed=0)
    assert caught.value.kind == "rig_too_few_points"


def test_one_frame_is_not_enough_to_measure() -> None:
    points = people()
    moment = (points.clip == points.clip[0]) & (points.frame == points.frame[0])
    many = points.select(np.resize(np.nonzero(moment)[0], 500))
    with pytest.raises(CalibrationError) as caught:
        calibrate_rig(many, seed=0)
    assert caught.value.kind == "rig_too_few_points"


def test_two_rigs_mixed_up_are_a_bad_fit() -> None:
    other = SimulatedKinect(color_matrix=np.array([[1057.0, 0, 1100.0], [0, 1057.0, 400.0], [0, 0, 1.0]]))
    one, two = people(1), people(2, kinect=other)
    mixed = RigPoints(
        Rig(1, 1),
        *(
            np.concatenate([getattr(one, name), getattr(two, name)])
            for name in ("xyz", "depth_xy", "color_xy", "clip", "frame")
        ),
        clips=one.clips,
    )
    with pytest.raises(CalibrationError, match="S001C001") as caught:
        calibrate_rig(mixed, seed=0)
    assert caught.value.kind == "rig_bad_fit"


def test_useless_depths_keep_the_homography_and_say_so() -> None:
    points = people()
    points.xyz[:] = np.random.default_rng(0).uniform([-1, -1, 1], [1, 1, 4], points.xyz.shape)
    calibration = calibrate_rig(points, seed=0)
    assert calibration.registered is None
    assert calibration.residuals.registered is None
    assert "agree on one pair of cameras" in (calibration.registered_problem or "")
    assert calibration.residuals.homography.mean < 2.5


def test_noisy_depths_keep_the_homography_and_say_so() -> None:
    points = people()
    points.color_xy[:] += np.random.default_rng(0).normal(0, 2.0, points.color_xy.shape)
    calibration = calibrate_rig(points, seed=0)
    assert calibration.registered is None
    assert "the registered model misses held-out joints" in (calibration.registered_problem or "")


def test_the_seed_decides() -> None:
    points = with_garbage(people(clips=4), 0.1)
    assert calibrate_rig(points, seed=3) == calibrate_rig(points, seed=3)
    assert calibrate_rig(points, seed=3).residuals != calibrate_rig(points, seed=4).residuals


def test_file_round_trip(tmp_path: Path) -> None:
    first, second = calibrate_rig(people(), seed=0), calibrate_rig(people(1), seed=0)
    rigs = {"S002C001": second.model_copy(update={"rig": "S002C001"}), "S001C001": first}
    path = tmp_path / "calibration.json"
    Calibration(seed=0, rigs=rigs).save(path)
    loaded = Calibration.load(path)
    assert loaded.rigs == rigs
    assert loaded.rig(Rig(1, 1)) == first
    assert list(json.loads(path.read_text())["rigs"]) == ["S001C001", "S002C001"]
    content = path.read_bytes()
    loaded.save(path)
    assert path.read_bytes() == content
    assert [entry.name for entry in tmp_path.iterdir()] == ["calibration.json"]
    with pytest.raises(CalibrationError, match="S009C003 is not calibrated"):
        loaded.rig(Rig(9, 3))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (None, "calibration_missing"),
        ("", "calibration_unreadable"),
        ("{}", "calibration_unreadable"),
        ('{"format": 2, "seed": 0, "rigs": {}}', "calibration_unreadable"),
        ('{"seed": 0, "rigs": {}, "extra": 1}', "calibration_unreadable"),
        ('{"seed": 0, "rigs": {"S001C001": {"rig": "S001C001"}}}', "calibration_unreadable"),
    ],
)
def test_bad_files(tmp_path: Path, content: str | None, kind: str) -> None:
    path = tmp_path / "calibration.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match=r"calibration\.json") as caught:
        Calibration.load(path)
    assert caught.value.kind == kind
    assert caught.value.file == str(path)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be written"):
        Calibration(seed=0, rigs={}).save(tmp_path / "missing" / "calibration.json")
