"""The simulated cameras: conventions of mirrored frames, rigid transforms, and the ranges measured on real rigs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcmoco_bench.synth.kinect.cameras import (
    KinectPair,
    Pinhole,
    apply_rigid,
    compose_rigid,
    invert_rigid,
    look_at,
    place_kinect,
    sample_kinect,
    sample_stage,
)


def _kinects(n=60):
    for seed in range(n):
        rng = np.random.default_rng(seed)
        stage = sample_stage(rng)
        yield stage, [place_kinect(rng, stage, camera) for camera in (1, 2, 3)]


def test_pinhole_by_hand():
    camera = Pinhole(100.0, 200.0, 10.0, 20.0, 64, 48)
    # x right of the image, y up: 1 m right and 1 m up at 2 m depth.
    assert camera.project([1.0, 1.0, 2.0]) == pytest.approx([60.0, -80.0])
    assert np.isnan(camera.project([1.0, 1.0, -2.0])).all()
    assert np.isnan(camera.project([1.0, 1.0, 0.0])).all()


def test_contains_is_about_pixels_whose_centers_are_integers():
    camera = Pinhole(1.0, 1.0, 0.0, 0.0, 4, 3)
    pixels = [[-0.5, 0.0], [3.49, 2.49], [3.5, 0.0], [0.0, 2.5], [-0.51, 0.0], [np.nan, 0.0]]
    assert camera.contains(pixels).tolist() == [True, True, False, False, False, False]


@given(st.floats(0, 511), st.floats(0, 423), st.floats(0.5, 8.0))
def test_unproject_inverts_project(x, y, z):
    camera = Pinhole(366.0, 366.5, 256.3, 209.0, 512, 424)
    point = camera.unproject([x, y], z)
    assert point[2] == pytest.approx(z)
    assert camera.project(point) == pytest.approx([x, y], abs=1e-9)


@given(st.integers(0, 2**32 - 1))
def test_rigid_transforms_compose_and_invert(seed):
    rng = np.random.default_rng(seed)
    one = look_at(rng.normal(size=3), rng.normal((0, 0, 9)), rng.normal())
    two = look_at(rng.normal(size=3), rng.normal((9, 0, 0)), rng.normal())
    points = rng.normal(size=(5, 3))
    np.testing.assert_allclose(apply_rigid(compose_rigid(one, two), points), apply_rigid(one, apply_rigid(two, points)))
    np.testing.assert_allclose(apply_rigid(invert_rigid(one), apply_rigid(one, points)), points, atol=1e-12)
    np.testing.assert_allclose(one[:, :3] @ one[:, :3].T, np.eye(3), atol=1e-12)
    assert np.linalg.det(one[:, :3]) == pytest.approx(1.0)


def test_frames_are_mirrored():
    # A person at the origin faces the camera at +z: their left hand is at world +x (right-handed, y up).
    pose = look_at([0.0, 1.0, 3.0], [0.0, 1.0, 0.0])
    left_hand, head, right_hand = apply_rigid(pose, [[0.5, 1.0, 0.0], [0.0, 1.7, 0.0], [-0.5, 1.0, 0.0]])
    camera = Pinhole(366.0, 366.0, 256.0, 208.0, 512, 424)
    assert camera.project(left_hand)[0] < 256 < camera.project(right_hand)[0]
    assert camera.project(head)[1] < 208
    assert left_hand[2] == right_hand[2] == 3.0


def test_rigs_are_in_the_ranges_of_real_ones():
    for stage, kinects in _kinects():
        assert min(stage.distance) >= 2.3
        assert max(stage.distance) <= 4.2
        angles = np.degrees(stage.angle)
        assert abs(angles[0]) <= 5
        assert -50 <= angles[1] <= -40
        assert 40 <= angles[2] <= 50
        for number, kinect in enumerate(kinects):
            depth, color = kinect.depth, kinect.color
            assert 365.5 <= depth.fx == depth.fy <= 367.5
            assert 1054 <= color.fx == color.fy <= 1062
            assert min(abs(depth.cx - 256.3), abs(depth.cx - 262.5)) < 1
            assert 208.4 <= depth.cy <= 209.8
            assert 954 <= color.cx <= 963
            assert 534 <= color.cy <= 567
            baseline = kinect.color_from_depth[:, 3]
            assert 0.04 <= np.linalg.norm(baseline) <= 0.07
            assert baseline[0] > 0.95 * np.linalg.norm(baseline)
            rotation = kinect.color_from_depth[:, :3]
            # The angle of a rotation matrix R: trace R = 1 + 2 cos.
            assert np.degrees(np.arccos((np.trace(rotation) - 1) / 2)) < 1.5
            assert kinect.position[1] == pytest.approx(stage.height)
            assert np.hypot(kinect.position[0], kinect.position[2]) == pytest.approx(stage.distance[number])


def test_a_person_on_the_spot_is_on_both_images():
    body = np.array([[x, y, 0.0] for x in (-0.3, 0.3) for y in (0.0, 1.85)])
    for _, kinects in _kinects():
        for kinect in kinects:
            points = kinect.to_camera(body)
            assert kinect.depth.contains(kinect.project_depth(points)).all()
            assert kinect.color.contains(kinect.project_color(points)).all()


def test_a_point_shifts_by_about_five_pixels_between_two_and_four_and_a_half_meters():
    # FACTS: "between 2 m and 4.5 m the baseline alone moves a point by about 5 px" of the depth image.
    kinect = sample_kinect(np.random.default_rng(0), look_at([0, 1, 3], [0, 1, 0]))
    near, far = (kinect.project_color(kinect.depth.unproject([256.0, 209.0], z))[0] for z in (2.0, 4.5))
    assert 3.5 < abs(near - far) * kinect.depth.fx / kinect.color.fx < 6.5


def test_cameras_survive_json():
    kinect = next(_kinects(1))[1][1]
    again = KinectPair.from_json(kinect.to_json())
    assert again.depth == kinect.depth
    assert again.color == kinect.color
    np.testing.assert_array_equal(again.color_from_depth, kinect.color_from_depth)
    np.testing.assert_array_equal(again.depth_from_world, kinect.depth_from_world)


def test_there_is_no_fourth_camera():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="not 4"):
        place_kinect(rng, sample_stage(rng), 4)
