from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_kinect import SimulatedKinect, simulated_joints

from hcmoco_bench.align import (
    ColorCamera,
    DepthCamera,
    RegisteredModel,
    consistent_points,
    fit_registered,
)
from hcmoco_bench.align.camera_model import image_axes
from hcmoco_bench.errors import CalibrationError

KINECT = DepthCamera(fx=365.5, fy=365.4, cx=256.3, cy=208.5, k1=0.0935, k2=-0.2677, k3=0.0882)
COLOR = ColorCamera(
    fx=1056.0,
    fy=1055.0,
    cx=964.0,
    cy=566.0,
    k1=0.01,
    rotation=(0.001, -0.004, 0.003),
    translation=(0.053, 0.001, -0.003),
)


def some_points(n: int = 400) -> np.ndarray:
    rng = np.random.default_rng(0)
    z = rng.uniform(0.6, 6.0, n)
    return np.column_stack([rng.uniform(-0.6, 0.6, n) * z, rng.uniform(-0.5, 0.5, n) * z, z])


def test_depth_camera_is_opencvs_camera() -> None:
    points = some_points()
    matrix = np.array([[KINECT.fx, 0, KINECT.cx], [0, KINECT.fy, KINECT.cy], [0, 0, 1]])
    expected = cv2.projectPoints(
        points, np.zeros(3), np.zeros(3), matrix, np.array([KINECT.k1, KINECT.k2, 0, 0, KINECT.k3])
    )[0][:, 0]
    np.testing.assert_allclose(KINECT.project(points), expected, atol=1e-9)


def test_color_camera_is_opencvs_camera() -> None:
    points = some_points()
    matrix = np.array([[COLOR.fx, 0, COLOR.cx], [0, COLOR.fy, COLOR.cy], [0, 0, 1]])
    expected = cv2.projectPoints(
        points, np.array(COLOR.rotation), np.array(COLOR.translation), matrix, np.array([COLOR.k1, 0, 0, 0])
    )[0][:, 0]
    np.testing.assert_allclose(COLOR.project(points), expected, atol=1e-9)


def test_rays_invert_project_on_every_pixel() -> None:
    grid = np.stack(np.meshgrid(np.arange(512.0), np.arange(424.0)), axis=-1)
    rays = KINECT.rays(grid)
    points = np.concatenate([rays, np.ones_like(rays[..., :1])], axis=-1) * 2.7
    np.testing.assert_allclose(KINECT.project(points), grid, atol=1e-9)
    assert KINECT.is_invertible()


def test_a_folding_distortion_is_seen() -> None:
    assert not KINECT.model_copy(update={"k1": -1.5, "k2": 0.0, "k3": 0.0}).is_invertible()


def test_color_of_a_depth_pixel_is_the_projection_of_its_point() -> None:
    points = some_points()
    model = RegisteredModel(depth=KINECT, color=COLOR)
    np.testing.assert_allclose(model.color_xy(KINECT.project(points), points[:, 2]), COLOR.project(points), atol=1e-6)


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    focal=st.floats(360, 372),
    color_focal=st.floats(1045, 1070),
    baseline=st.floats(0.03, 0.08),
    turn=st.floats(-0.012, 0.012),
    distortion=st.sampled_from([(0, 0, 0, 0, 0), (0.0935, -0.2677, 0, 0, 0.0882)]),
)
def test_a_camera_pair_is_recovered(
    seed: int,
    focal: float,
    color_focal: float,
    baseline: float,
    turn: float,
    distortion: tuple[float, ...],
) -> None:
    kinect = SimulatedKinect(
        depth_matrix=np.array([[focal, 0, 258.0], [0, focal, 209.0], [0, 0, 1.0]]),
        depth_distortion=np.array(distortion, np.float64),
        color_matrix=np.array([[color_focal, 0, 955.0], [0, color_focal, 560.0], [0, 0, 1.0]]),
        rotation=np.array([0.002, turn, -0.003]),
        translation=np.array([baseline, -0.003, 0.004]),
    )
    points = simulated_joints(kinect, np.random.default_rng(seed))
    model = fit_registered(points)
    assert model.depth.fx == pytest.approx(focal, abs=0.02)
    assert model.color.baseline == pytest.approx(np.linalg.norm([baseline, -0.003, 0.004]), abs=2e-3)
    seen = image_axes(points.xyz)
    np.testing.assert_allclose(model.color_xy(points.depth_xy, points.xyz[:, 2]), kinect.to_color(seen), atol=0.05)
    # Where no joint has been: all over the middle of the image, at all distances at which people stand.
    rng = np.random.default_rng(seed)
    pixels, z = rng.uniform([130, 60], [380, 360], (500, 2)), rng.uniform(2.0, 4.5, 500)
    expected = kinect.to_color(kinect.unproject(pixels, z))
    assert np.linalg.norm(model.color_xy(pixels, z) - expected, axis=1).max() < 0.3


def test_exact_data_outweigh_the_nominal_values() -> None:
    """No lens distortion at all, although a Kinect's nominal lens has it."""
    model = fit_registered(simulated_joints(SimulatedKinect(), np.random.default_rng(5), clips=10))
    assert abs(model.depth.k1) < 1e-4
    assert model.depth.fx == pytest.approx(366.2, abs=1e-3)


def test_noisy_joints_of_one_person_stay_near_the_nominal_values() -> None:
    rng = np.random.default_rng(6)
    points = simulated_joints(SimulatedKinect(), rng, clips=1, frames=30)
    points.depth_xy[:] += rng.normal(0, 0.5, points.depth_xy.shape)
    points.color_xy[:] += rng.normal(0, 1.5, points.color_xy.shape)
    model = fit_registered(points)
    assert abs(model.depth.fx - 366.2) < 8
    assert abs(model.color.fx - 1057.0) < 25
    assert model.color.baseline < 0.12
    assert model.depth.is_invertible()


@pytest.mark.parametrize("what", ["depth_xy", "color_xy", "xyz", "all"])
def test_consensus_finds_gross_errors_wherever_they_are(what: str) -> None:
    rng = np.random.default_rng(8)
    points = simulated_joints(SimulatedKinect(), rng)
    wrong = rng.random(len(points)) < 0.35
    n = int(wrong.sum())
    garbage = {
        "depth_xy": rng.uniform(0, [512, 424], (n, 2)),
        "color_xy": rng.uniform(0, [1920, 1080], (n, 2)),
        "xyz": rng.uniform([-2, -1, 0.4], [2, 1, 5], (n, 3)),
    }
    for name, values in garbage.items():
        if what in (name, "all"):
            getattr(points, name)[wrong] = values
    agreeing = consistent_points(points, rng=np.random.default_rng(0))
    assert agreeing[~wrong].all()
    assert agreeing[wrong].mean() < 0.01


def test_one_depth_only() -> None:
    points = simulated_joints(SimulatedKinect(), np.random.default_rng(9))
    flat = points.select(np.abs(points.xyz[:, 2] - np.median(points.xyz[:, 2])) < 0.04)
    with pytest.raises(CalibrationError, match="parallax cannot be measured") as caught:
        fit_registered(flat)
    assert caught.value.kind == "rig_too_few_points"


def test_too_few_joints() -> None:
    few = simulated_joints(SimulatedKinect(), np.random.default_rng(9)).select(np.arange(50))
    for fit in (fit_registered, lambda points: consistent_points(points, rng=np.random.default_rng(0))):
        with pytest.raises(CalibrationError, match="50 tracked joints are too few"):
            fit(few)
