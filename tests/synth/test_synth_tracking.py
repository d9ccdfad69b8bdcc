"""The simulated body tracking: exact without noise, credible with it."""

import numpy as np
import pytest

from hcmoco_bench.body import joint_set
from hcmoco_bench.sources.ntu.skeleton import parse_skeleton
from hcmoco_bench.synth.kinect.cameras import look_at, sample_kinect
from hcmoco_bench.synth.kinect.tracking import FIRST_BODY_ID, orientations, track_bodies
from hcmoco_bench.synth.motion import sample_motion
from hcmoco_bench.synth.person.performer import Performer

N = 90


@pytest.fixture(scope="module")
def camera():
    return sample_kinect(np.random.default_rng(0), look_at([0.3, 1.2, 3.2], [0, 0.9, 0]))


@pytest.fixture(scope="module")
def joints():
    person = Performer.sample(np.random.default_rng(0))
    motion = sample_motion(np.random.default_rng(0), "drink water", N, position=(0.0, 0.0), yaw=0.1)
    one = person.animate(motion).joints
    return np.stack([one, one + np.float32([0.9, 0, 0.1])])


def track(joints, camera, seed, *, noise, present=None, visible=None):
    bodies, frames = joints.shape[:2]
    present = np.ones((bodies, frames), bool) if present is None else present
    visible = np.ones((bodies, frames, 25), bool) if visible is None else visible
    return track_bodies(joints, present, visible, camera, np.random.default_rng(seed), noise=noise)


def test_without_noise_joints_are_exact(joints, camera):
    for frame, bodies in enumerate(track(joints, camera, 1, noise=False)):
        assert len(bodies) == 2
        for body, truth in zip(bodies, joints[:, frame], strict=True):
            np.testing.assert_allclose(body.joints_xyz, camera.to_camera(truth), atol=1e-6)
            assert (body.tracking == 2).all()


@pytest.mark.parametrize("noise", [False, True])
def test_pixels_are_projections_of_the_reported_joints(joints, camera, noise):
    for bodies in track(joints, camera, 2, noise=noise):
        for body in bodies:
            np.testing.assert_allclose(body.joints_depth, camera.project_depth(body.joints_xyz), atol=1e-6)
            np.testing.assert_allclose(body.joints_color, camera.project_color(body.joints_xyz), atol=1e-6)


def test_a_person_facing_the_camera_has_the_left_shoulder_at_the_smaller_x(joints, camera):
    body = track(joints, camera, 1, noise=False)[0][0]
    table = joint_set("kinect25")
    left, right = table.index("left shoulder"), table.index("right shoulder")
    assert body.joints_depth[left, 0] < body.joints_depth[right, 0]
    assert body.joints_color[left, 0] < body.joints_color[right, 0]


def test_jitter_has_the_measured_sizes(joints, camera):
    table = joint_set("kinect25")
    still = np.repeat(joints[:1, :1], 600, 1)
    report = [bodies[0].joints_xyz for bodies in track(still, camera, 5, noise=True) if len(bodies) == 1]
    assert len(report) > 500
    xyz = np.stack(report)
    second = np.median(np.abs(np.diff(xyz, 2, axis=0)), 0) / 0.6745 / np.sqrt(6) * 1e3
    assert second[table.index("spine base")].max() < 0.6  # mm; measured 0.1-0.2
    assert 0.3 < second[table.index("right knee")].mean() < 3
    assert 3 < second[table.index("right thumb")].mean() < 20
    assert xyz.std(0).max() < 0.05


def test_hidden_joints_become_inferred(joints, camera):
    visible = np.ones((2, N, 25), bool)
    hand = joint_set("kinect25").index("left hand")
    visible[:, :, hand] = False
    exact = track(joints, camera, 3, noise=False, visible=visible)
    assert all(body.tracking[hand] == 1 and (np.delete(body.tracking, hand) == 2).all() for f in exact for body in f)
    noisy = np.array([body.tracking for f in track(joints, camera, 3, noise=True, visible=visible) for body in f])
    assert 0.3 < (noisy[:, hand] == 1).mean() <= 1
    assert (np.delete(noisy, hand, 1) == 1).mean() < 0.1
    assert set(np.unique(noisy)) <= {1, 2}


def test_absent_people_are_not_reported_and_come_back_with_another_id(joints, camera):
    present = np.ones((2, N), bool)
    present[0, 30:50] = False
    present[1] = False
    report = track(joints, camera, 4, noise=False, present=present)
    assert [len(bodies) for bodies in report] == [1] * 30 + [0] * 20 + [1] * 40
    assert report[0][0].body_id != report[-1][0].body_id
    assert all(FIRST_BODY_ID < body.body_id < FIRST_BODY_ID + 2**20 for f in report for body in f)


def test_nobody_gives_empty_frames(camera):
    empty = np.zeros((0, 4, 25, 3))
    assert track_bodies(
        empty, np.zeros((0, 4), bool), np.zeros((0, 4, 25), bool), camera, np.random.default_rng(0), noise=True
    ) == [[], [], [], []]


def test_noise_loses_bodies_and_invents_phantoms_now_and_then(joints, camera):
    counts = [[len(bodies) for bodies in track(joints[:1], camera, seed, noise=True)] for seed in range(60)]
    lost = sum(0 in clip for clip in counts)
    phantoms = sum(2 in clip for clip in counts)
    assert 1 <= lost <= 20
    assert 1 <= phantoms <= 12


def test_same_seed_same_report(joints, camera):
    one, two = track(joints, camera, 6, noise=True), track(joints, camera, 6, noise=True)
    for first, second in zip(one, two, strict=True):
        assert [body.body_id for body in first] == [body.body_id for body in second]
        for a, b in zip(first, second, strict=True):
            np.testing.assert_array_equal(a.joints_xyz, b.joints_xyz)


def test_orientations_are_unit_or_absent(joints, camera):
    turned = orientations(camera.to_camera(joints[0]))
    length = np.linalg.norm(turned, axis=-1)
    leaves = [
        joint_set("kinect25").index(name)
        for name in ("head", "left foot", "right foot", "left hand tip", "left thumb", "right hand tip", "right thumb")
    ]
    np.testing.assert_array_equal(length[:, leaves], 0)
    np.testing.assert_allclose(np.delete(length, leaves, 1), 1, atol=1e-9)


@pytest.mark.real
def test_orientations_agree_with_the_sdks(real_files):
    table = joint_set("kinect25")
    trunk = [
        table.index(name) for name in ("spine base", "spine mid", "neck", "left hip", "right hip", "spine shoulder")
    ]
    for path in sorted((real_files / "ntu").glob("*.skeleton")):
        real = parse_skeleton(path.read_bytes(), source=path.name)
        ours = orientations(real.joints_xyz.astype(np.float64))
        agreement = np.abs((ours * real.orientation).sum(-1))
        angle = 2 * np.degrees(np.arccos(np.clip(agreement, 0, 1)))
        assert np.median(angle[:, trunk]) < 10
