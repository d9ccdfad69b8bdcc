"""Motions: anatomical limits, feet on the floor, human speeds, and what each action is about."""

import numpy as np
import pytest

from hcmoco_bench.body import joint_set
from hcmoco_bench.body.anatomy import LIMITS
from hcmoco_bench.errors import UsageError
from hcmoco_bench.synth.motion import ACTIONS, sample_motion
from hcmoco_bench.synth.motion.curves import minimum_jerk, through, window
from hcmoco_bench.synth.person.performer import Performer

JOINT = joint_set("kinect25").index


@pytest.fixture(scope="module")
def people():
    return [Performer.sample(np.random.default_rng(seed)) for seed in (0, 3)]


def sample(action, seed=0, frames=75, yaw=0.0):
    return sample_motion(np.random.default_rng(seed), action, frames, position=(0.0, 0.0), yaw=yaw)


def test_there_are_many_actions():
    assert len(ACTIONS) == len(set(ACTIONS)) >= 14
    assert {"drink water", "wave", "sit down", "kick something", "bow", "walk", "pick up", "jump up"} <= set(ACTIONS)


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_stays_within_human_bounds(action, people):
    for seed, person in enumerate(people):
        motion = sample(action, seed)
        track = person.animate(motion)
        for name, values in track.angles.items():
            low, high = LIMITS[name]
            assert low - 1e-6 <= values.min(), name
            assert values.max() <= high + 1e-6, name
        joints = track.joints.astype(np.float64)
        assert np.isfinite(joints).all()
        speed = np.linalg.norm(np.diff(joints, axis=0), axis=-1) * 30
        assert speed.max() < 6, f"joint {speed.max(0).argmax()} moves at {speed.max():.1f} m/s"
        acceleration = np.linalg.norm(np.diff(joints, 2, axis=0), axis=-1) * 900
        assert acceleration.max() < 150  # m/s2; a frame that jumps by 10 cm has 90 twice
        lowest = track.vertices[..., 1].min(1)
        assert lowest.min() > -0.02
        assert lowest[~motion.airborne].max() < 0.02


@pytest.mark.parametrize("action", ["wave", "drink water", "bow", "squat down"])
def test_standing_feet_do_not_slide(action, people):
    joints = people[0].animate(sample(action, 4)).joints
    for name in ("left foot", "right foot"):
        path = joints[:, JOINT(name)]
        assert np.ptp(path[:, [0, 2]], axis=0).max() < 0.03


def test_walking_steps_are_planted_and_cover_ground(people):
    motion = sample("walk", 1, frames=90)
    track = people[0].animate(motion)
    base, ankles = track.joints[:, JOINT("spine base")], track.joints[:, JOINT("left ankle")]
    assert base[-1, 2] - base[0, 2] > 1.2
    speed = np.linalg.norm(np.diff(ankles, axis=0), axis=1) * 30
    assert (speed < 0.25).mean() > 0.25  # a foot stands while the other one swings
    assert track.angles["left knee flex"].max() > 35


def test_hands_reach_what_the_action_is_about(people):
    for person in people:
        for action, place, near in (("drink water", "head", 0.24), ("phone call", "head", 0.24)):
            track = person.animate(sample(action, 2, frames=90))
            hands = track.joints[:, [JOINT("left hand"), JOINT("right hand")]]
            distance = np.linalg.norm(hands - track.joints[:, None, JOINT(place)], axis=-1)
            assert distance.min() < near
            assert distance[0].min() > 0.35
        track = person.animate(sample("pick up", 2, frames=90))
        hands = track.joints[:, [JOINT("left hand"), JOINT("right hand")], 1]
        assert hands.min() < 0.3
        clap = person.animate(sample("clap", 2, frames=90)).joints
        assert np.linalg.norm(clap[:, JOINT("left hand")] - clap[:, JOINT("right hand")], axis=1).min() < 0.2


def test_jumps_leave_the_floor_and_come_back(people):
    motion = sample("jump up", 3, frames=90)
    lowest = people[0].animate(motion).vertices[..., 1].min(1)
    assert motion.airborne.any()
    assert not motion.airborne.all()
    assert lowest.max() > 0.07
    assert abs(lowest[-1]) < 0.02


def test_sitting_down_ends_on_the_seat(people):
    for person in people:
        motion = sample("sit down", 1, frames=100, yaw=0.6)
        track = person.animate(motion)
        x, z, height = motion.seat
        base = track.joints[-1, JOINT("spine base")]
        assert 0.38 < height < 0.52
        assert np.hypot(base[0] - x, base[2] - z) < 0.15
        assert 0.02 < base[1] - height < 0.25
        assert track.angles["left knee flex"][-1] > 60
        facing = np.array([np.sin(0.6), np.cos(0.6)])
        assert np.dot([x, z], facing) < -0.3  # the seat is behind the feet
        up = person.animate(sample("stand up", 1, frames=100)).joints
        assert up[-1, JOINT("spine base"), 1] - up[0, JOINT("spine base"), 1] > 0.2


def test_knees_and_elbows_bend_the_right_way(people):
    track = people[0].animate(sample("squat down", 5, frames=90))
    joints = track.joints[45].astype(np.float64)
    for side in ("left", "right"):
        hip, knee, ankle = (joints[JOINT(f"{side} {name}")] for name in ("hip", "knee", "ankle"))
        assert knee[2] > (hip[2] + ankle[2]) / 2 + 0.05  # knees point to the front
    joints = people[0].animate(sample("cross arms", 5, frames=90)).joints[45]
    for side, sign in (("left", 1), ("right", -1)):
        assert sign * joints[JOINT(f"{side} elbow"), 0] > 0.1  # elbows stay outside


def test_motions_vary_and_repeat():
    one, again, other = sample("wave", 7), sample("wave", 7), sample("wave", 8)
    np.testing.assert_array_equal(one.angles, again.angles)
    assert not np.allclose(one.angles, other.angles)


@pytest.mark.parametrize("frames", [1, 2, 400])
def test_any_number_of_frames(frames, people):
    for action in ("drink water", "walk", "sit down", "jump up"):
        assert people[0].animate(sample(action, 1, frames)).vertices.shape[0] == frames


def test_nonsense_is_refused():
    with pytest.raises(UsageError, match="no action 'fly'"):
        sample("fly")
    with pytest.raises(UsageError, match="at least one frame"):
        sample("wave", frames=0)


def test_curves():
    time = np.linspace(0, 2, 201)
    np.testing.assert_allclose(minimum_jerk([-1, 0, 0.5, 1, 2]), [0, 0, 0.5, 1, 1])
    course = through(time, [(0.5, 2.0), (1.0, 5.0), (1.5, 1.0)])
    np.testing.assert_allclose(course[[0, 50, 100, 150, 200]], [2, 2, 5, 1, 1], atol=1e-12)
    gate = window(time, 0.5, 1.5, 0.2)
    assert gate[0] == gate[-1] == 0
    assert gate[100] == 1
