"""Who stands where: on the floor, in the room, apart from each other, seen by the cameras, on the chair."""

from __future__ import annotations

import numpy as np
import pytest

from hcmoco_bench.sources.ntu.names import ClipName, Rig
from hcmoco_bench.synth.motion import ACTIONS
from hcmoco_bench.synth.ntu import scene
from hcmoco_bench.synth.room.build import SEAT_HEIGHT

SEED = 21


def _perform(action, *, setup=6, replication=1, performer=9, n_frames=75):
    clip = ClipName(setup, 1, performer, replication, action)
    room = scene.setup_room(SEED, setup)
    return room, scene.perform(SEED, clip, room, n_frames)


def _on_image(performance, camera, setup=6):
    kinect = scene.rig_cameras(SEED, Rig(setup, camera))
    return kinect.depth.contains(kinect.project_depth(kinect.to_camera(performance.joints))).mean(axis=2)


def test_every_action_number_has_a_motion():
    names = [scene.action_name(number) for number in range(1, 121)]
    assert set(names) == set(ACTIONS)
    assert scene.action_name(1) == "drink water"
    assert scene.action_name(8) == "sit down"
    assert scene.action_name(24) == "kick something"


def test_generators_depend_on_seed_and_names_only():
    first = scene.generator(1, "a", 2).random(4)
    np.testing.assert_array_equal(first, scene.generator(1, "a", 2).random(4))
    for other in (scene.generator(2, "a", 2), scene.generator(1, "a", 3), scene.generator(1, "b", 2)):
        assert (other.random(4) != first).all()


@pytest.mark.parametrize("action", [1, 6, 8, 24, 27, 43, 55])
def test_people_stay_in_the_room_and_in_the_image(action):
    room, performance = _perform(action)
    joints = performance.joints
    assert joints.shape[1:] == (75, 25, 3)
    assert joints[..., 1].min() > -0.05
    assert joints[..., 1].max() < room.shell.height
    for camera in (1, 2, 3):
        assert _on_image(performance, camera).min() > 0.9


def test_two_people_face_each_other_and_keep_apart():
    _, performance = _perform(55)
    assert len(performance.figures) == len(performance.tracks) == 2
    one, other = performance.joints[:, :, 0]
    distance = np.linalg.norm((one - other)[:, [0, 2]], axis=1)
    assert distance.min() > 0.6
    assert distance.max() < 1.8


@pytest.mark.parametrize("action", [59, 60])
def test_walking_together_and_apart(action):
    _, performance = _perform(action)
    one, other = performance.joints[:, :, 0]
    distance = np.linalg.norm((one - other)[:, [0, 2]], axis=1)
    assert distance.min() > 0.4
    assert (distance[-1] < distance[0]) == (action == 59)


def test_walkers_leave_or_enter_the_image():
    empty = 0
    for performer in range(1, 7):
        room, performance = _perform(18, performer=performer, replication=1 + performer % 2, n_frames=110)
        seen = _on_image(performance, 1)[0]
        # At one end of the walk they are at the spot.
        assert max(seen[0], seen[-1]) == 1.0
        empty += seen.min() < 0.34
        spine = performance.joints[0, :, 0]
        assert (spine[:, 0] > -room.shell.half_width[0]).all()
        assert (spine[:, 0] < room.shell.half_width[1]).all()
    assert empty >= 2


def test_sitters_sit_on_the_chair():
    room, performance = _perform(8, n_frames=90)
    hips = performance.joints[0, -1, [12, 16]].mean(axis=0)
    assert np.hypot(hips[0] - room.chair.x, hips[2] - room.chair.z) < 0.22
    assert SEAT_HEIGHT < hips[1] < SEAT_HEIGHT + 0.2


def test_the_camera_plays_no_role():
    room = scene.setup_room(SEED, 6)
    one, other = (scene.perform(SEED, ClipName(6, camera, 9, 1, 3), room, 5) for camera in (1, 3))
    np.testing.assert_array_equal(one.tracks[0].vertices, other.tracks[0].vertices)
    np.testing.assert_array_equal(one.figures[0].texture, other.figures[0].texture)


def test_a_performer_wears_the_same_throughout_a_setup():
    room = scene.setup_room(SEED, 6)
    one, other = (scene.perform(SEED, ClipName(6, 1, 9, 1, action), room, 2) for action in (1, 2))
    np.testing.assert_array_equal(one.figures[0].texture, other.figures[0].texture)
    assert (one.tracks[0].joints != other.tracks[0].joints).any()


def test_replications_face_different_cameras():
    stage = scene.setup_stage(SEED, 6)
    facings = []
    for replication in (1, 2):
        _, performance = _perform(31, replication=replication, n_frames=3)
        joints = performance.joints[0, 0].astype(float)
        across = (joints[4] - joints[8])[[0, 2]]
        # The left shoulder is at +x of one who faces +z.
        facings.append(np.arctan2(-across[1], across[0]))
    assert facings[0] * stage.angle[1] > 0
    assert facings[1] * stage.angle[2] > 0


def test_recurring_performers_are_one_person_in_other_clothes():
    """Bones are those of one person in both setups; without the option, they are not."""
    lengths, textures = {}, {}
    for recurring in (True, False):
        for setup in (6, 7):
            room = scene.setup_room(SEED, setup)
            found = scene.perform(SEED, ClipName(setup, 1, 9, 1, 3), room, 2, recurring=recurring)
            joints = found.tracks[0].joints[0]
            lengths[recurring, setup] = np.linalg.norm(joints[12] - joints[13]), np.linalg.norm(joints[16] - joints[17])
            textures[recurring, setup] = found.figures[0].texture
    # The Kinect's joints lie on the skin, which bends with the pose.
    np.testing.assert_allclose(lengths[True, 6], lengths[True, 7], rtol=4e-3)
    assert np.abs(np.subtract(lengths[False, 6], lengths[False, 7])).max() > 0.01
    assert not np.array_equal(textures[True, 6], textures[True, 7])
