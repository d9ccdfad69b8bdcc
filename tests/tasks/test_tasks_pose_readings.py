"""Poses in other units, sizes, axes and orders are noticed and named; what a bad model predicts is not."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest
from generated_poses import STANDING, Points, people
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hcmoco_bench.body import joint_set
from hcmoco_bench.tasks.core.joint_readings import JointReading
from hcmoco_bench.tasks.core.pose_readings import likely_pose_reading

JOINTS = joint_set("h36m17")
FLIP = JOINTS.flip
TRUE = people(60)
GOOD = TRUE + np.random.default_rng(1).normal(0, 0.04, TRUE.shape)
ROOTED = GOOD - GOOD[:, :1]
MIDDLE = GOOD - GOOD.mean(1, keepdims=True)
PIXELS = np.concatenate([1145 * GOOD[..., :2] / GOOD[..., 2:] + 500, GOOD[..., 2:]], -1)
ORDER = np.roll(np.arange(17), 5)
TURN = Rotation.from_euler("x", 30, degrees=True).as_matrix()
EVERYWHERE = np.ones(TRUE.shape[:2], bool)


def reading(found: Points, true: Points = TRUE, valid: NDArray[np.bool_] | None = None) -> JointReading | None:
    return likely_pose_reading(found, true, JOINTS, np.ones(true.shape[:2], bool) if valid is None else valid)


def rooted_error(found: Points, true: Points = TRUE) -> float:
    return float(np.linalg.norm((found - found[:, :1]) - (true - true[:, :1]), axis=-1).mean())


def each_to(poses: Points, size: float) -> Points:
    return size * poses / np.linalg.norm(poses, axis=(1, 2), keepdims=True)


@pytest.mark.parametrize(
    ("found", "what"),
    [
        (1000 * GOOD, "^millimeters$"),
        (1000 * ROOTED, "^millimeters$"),
        (100 * ROOTED, "^centimeters$"),
        (ROOTED / 0.0254, "^inches$"),
        (GOOD * [1, -1, 1], "^meters with y mirrored$"),
        (ROOTED * [1, 1, -1], "^meters with z mirrored$"),
        (ROOTED * [1, -1, -1], "^meters with y and z mirrored$"),
        (1000 * ROOTED * [1, -1, -1], "^millimeters with y and z mirrored$"),
        (ROOTED * [-1, 1, 1], "^meters with x mirrored$"),
        (GOOD[..., [0, 2, 1]], "^meters with the axes in the order x, z, y$"),
        (ROOTED[:, FLIP], "^meters with left and right swapped$"),
        (ROOTED[:, FLIP] * [-1, 1, 1], "^meters with x mirrored and left and right swapped$"),
        (100 * ROOTED[:, ORDER], "^centimeters with the joints in the order left elbow, left wrist, right shoulder, "),
        (each_to(MIDDLE, 1), "^poses that were each scaled to one size$"),
        (each_to(MIDDLE, 1) * [1, -1, 1], "^poses that were each scaled to one size with y mirrored$"),
        (each_to(ROOTED, 1), r"^coordinates in units of 2\.\d+ m$"),
        (ROOTED / 7, r"^coordinates in units of [67]\.\d+ m$"),
        (PIXELS, "^image coordinates and depths in meters$"),
        ((PIXELS - PIXELS[:, :1] * [0, 0, 1]) * [1, 1, 1000], "^image coordinates and depths in millimeters$"),
        (PIXELS / [1000, 1000, 1], "^image coordinates and depths in meters$"),
        (ROOTED @ TURN.T, "^meters with coordinates that a turn by 30 degrees brings to the camera's$"),
    ],
)
def test_readings_are_named_and_undone(found: Points, what: str) -> None:
    likely = reading(found)
    assert likely is not None
    assert re.search(what, likely.what), likely.what
    assert rooted_error(likely.joints) < 0.1 < 1.2 * rooted_error(found)


def test_the_documented_unit_is_the_one_that_is_not_named() -> None:
    in_meters = 0.001 * ROOTED  # a file in meters, read as the millimeters that its layout documents
    likely = likely_pose_reading(in_meters, TRUE, JOINTS, EVERYWHERE, documented="millimeters")
    assert likely is not None
    assert likely.what == "meters"
    assert likely_pose_reading(ROOTED, TRUE, JOINTS, EVERYWHERE, documented="millimeters") is None
    mirrored = likely_pose_reading(ROOTED * [1, -1, 1], TRUE, JOINTS, EVERYWHERE, documented="millimeters")
    assert mirrored is not None
    assert mirrored.what == "millimeters with y mirrored"


def honest(true: Points, seed: int) -> Iterator[tuple[str, Points]]:
    """What models predict that are good, biased, barely trained, or know nothing at all."""
    rng, size = np.random.default_rng(seed), true.shape
    poses = true - true[:, :1]
    mean = poses.mean(0)
    upright = STANDING - STANDING.mean(0)
    yield "good", true + rng.normal(0, 0.04, size)
    yield "good, about the root", poses + rng.normal(0, 0.04, size)
    yield "noisy", poses + rng.normal(0, 0.3, size)
    yield "small", 0.7 * poses + rng.normal(0, 0.03, size)
    yield "large", 1.3 * poses + rng.normal(0, 0.03, size)
    yield "of no certain size", poses * rng.uniform(0.6, 1.4, (size[0], 1, 1))
    yield "depth too flat", poses * [1, 1, 0.5] + rng.normal(0, 0.05, size)
    yield "without depth", poses * [1, 1, 0] + rng.normal(0, 0.01, size)
    yield "one pose", np.broadcast_to(mean, size)
    yield "one pose, in place", true[:, :1] + mean
    yield "one pose, noisy", mean + rng.normal(0, 0.1, size)
    yield "one person", np.broadcast_to(upright, size)
    yield "one person, facing anywhere", upright * rng.choice([-1, 1], (size[0], 1, 1)) ** [1, 0, 1]
    yield "one epoch", mean + 0.3 * (poses - mean)
    yield "all joints at one place", rng.normal(0, 0.02, size)
    yield "poses shuffled", poses[rng.permutation(len(true))]
    yield "normal", rng.normal(0, 1, size)
    yield "small weights", rng.normal(0, 0.1, size)
    yield "tiny weights", rng.normal(0, 0.01, size)
    yield "sigmoid", 0.5 + rng.normal(0, 0.05, size)
    yield "uniform", rng.uniform(0, 1, size)
    yield "zeros", np.zeros(size)
    yield "ones", np.ones(size)


@pytest.mark.parametrize(("number", "turned"), [(1, 0.5), (3, 3.0), (12, 0.5), (60, 3.0)])
def test_honest_models_are_read_as_they_are(number: int, turned: float) -> None:
    true = people(number, number, turned=turned)
    for name, found in honest(true, number):
        likely = reading(found, true)
        assert likely is None, f"{name}: {likely.what}"


CAMERAS = np.arange(60) % 4
TO_WORLD = Rotation.from_euler("xz", [[-100, 70], [-97, -70], [-95, 110], [-103, -110]], degrees=True).as_matrix()
"""(4, 3, 3) from the axes of cameras (x right, y down, z forward) that look down a little to a world with z up."""


@pytest.mark.parametrize("unit", ["meters", "millimeters"])
def test_world_coordinates_are_noticed_where_the_cameras_are_known(unit: str) -> None:
    world = np.einsum("nij,nkj->nki", TO_WORLD[CAMERAS], GOOD) * (1000 if unit == "millimeters" else 1) + [1, 2, 3]
    likely = likely_pose_reading(world, TRUE, JOINTS, EVERYWHERE, views=CAMERAS.tolist())
    assert likely is not None
    assert likely.what == f"{unit} in the world's coordinates, which a turn for each camera brings to the camera's"
    assert rooted_error(likely.joints) < 0.1
    few = likely_pose_reading(world[:30], TRUE[:30], JOINTS, EVERYWHERE[:30], views=CAMERAS[:30].tolist())
    assert few is not None
    assert few.what == f"{unit} with the axes in the order z, x, -y"  # what all cameras have in common


@pytest.mark.parametrize("turned", [0.1, 3.0])
def test_honest_models_of_several_cameras_are_read_as_they_are(turned: float) -> None:
    true = people(60, 3, turned=turned)
    facing = Rotation.from_euler("y", [[10], [100], [190], [280]], degrees=True).as_matrix()
    true = np.einsum("nij,nkj->nki", facing[CAMERAS], true)  # each camera sees people from another side
    for name, found in honest(true, 3):
        likely = likely_pose_reading(found, true, JOINTS, EVERYWHERE, views=CAMERAS.tolist())
        assert likely is None, f"{name}: {likely.what}"


def test_joints_that_do_not_count_play_no_part() -> None:
    valid = EVERYWHERE.copy()
    valid[:, 9] = False  # never there
    valid[::7, 3] = False  # now and then
    true, found = np.where(valid[..., None], TRUE, np.nan), np.where(valid[..., None], 1000 * ROOTED, np.inf)
    likely = reading(found, true, valid)
    assert likely is not None
    assert likely.what == "millimeters"
    assert not likely.joints[:, 9].any()
    apart = (likely.joints - likely.joints[:, :1]) - (TRUE - TRUE[:, :1])
    assert np.linalg.norm(apart[valid], axis=-1).mean() < 0.1
    swapped = reading(np.where(valid[..., None], ROOTED[:, FLIP], 0), true, valid & valid[:, FLIP])
    assert swapped is not None
    assert swapped.what == "meters with left and right swapped"
    assert reading(found, true, np.zeros_like(valid)) is None
    only = np.zeros_like(valid)
    only[:, :2] = True
    assert reading(found, true, only) is None
    assert reading(found[:0], true[:0], valid[:0]) is None
