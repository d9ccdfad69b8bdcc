"""Joints in other units, axes, orders and origins are noticed and named; what a bad model predicts is not."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hcmoco_bench.body import joint_set
from hcmoco_bench.sources.itop import pixels_from_world
from hcmoco_bench.tasks.itop_pose.readings import likely_reading, out_of_range

Points = NDArray[np.float64]
JOINTS = joint_set("itop15")
FLIP = JOINTS.flip
STANDING = np.array(
    [[0, 0.65, 0], [0, 0.45, 0], [-0.2, 0.4, 0], [0.2, 0.4, 0], [-0.3, 0.15, 0], [0.3, 0.15, 0], [-0.35, -0.1, 0],
     [0.35, -0.1, 0], [0, 0.2, 0], [-0.12, -0.05, 0], [0.12, -0.05, 0], [-0.13, -0.45, 0], [0.13, -0.45, 0],
     [-0.14, -0.85, 0], [0.14, -0.85, 0]]
)  # fmt: skip
"""(15, 3) meters of somebody who faces the camera."""


def people(number: int = 40) -> Points:
    """(N, 15, 3) meters: people who stand about, turn, and move their limbs."""
    rng = np.random.default_rng(0)
    limbs = STANDING + rng.normal(0, 0.08, (number, 15, 3))
    turned: Points = np.einsum(
        "nij,nkj->nki", Rotation.from_euler("y", rng.normal(0, 0.5, (number, 1))).as_matrix(), limbs
    )
    return np.asarray(turned + rng.uniform([-0.7, -0.4, 2.2], [0.7, 0.1, 3.8], (number, 3))[:, None])


TRUE = people()
GOOD = TRUE + np.random.default_rng(1).normal(0, 0.04, TRUE.shape)
PIXELS = np.concatenate([pixels_from_world(GOOD), GOOD[..., 2:]], -1)
TURN = Rotation.from_euler("xyz", [25, 0, 5], degrees=True).as_matrix()
ORDER = np.roll(np.arange(15), 4)


@pytest.mark.parametrize(
    ("found", "what"),
    [
        (1000 * GOOD, "^millimeters$"),
        (100 * GOOD, "^centimeters$"),
        (GOOD / 0.0254, "^inches$"),
        (GOOD * [1, -1, 1], "^meters with y mirrored$"),
        (GOOD * [-1, 1, 1], "^meters with x mirrored$"),
        (GOOD * [-1, -1, 1], "^meters with x and y mirrored$"),
        (GOOD[..., ::-1], "^meters with the axes in the order z, y, x$"),
        (GOOD[..., [1, 0, 2]] * [1, -1, 1], "^meters with the axes in the order y, -x, z$"),
        (1000 * GOOD[..., [0, 2, 1]], "^millimeters with the axes in the order x, z, y$"),
        (PIXELS, "^pixels$"),
        (PIXELS * [1, 1, 1000], "^pixels with depths in millimeters$"),
        (PIXELS[..., [1, 0, 2]], "^pixels with the axes in the order y, x, z$"),
        (PIXELS / [320, 240, 1], "^shares of the image's sides$"),
        (PIXELS - PIXELS[:, 8:9] * [0, 0, 1], "^pixels with depths relative to the torso$"),
        (GOOD - GOOD[:, 8:9], "^meters with positions relative to the torso$"),
        (1000 * (GOOD - GOOD.mean(1, keepdims=True)), "^millimeters with positions relative to their mean$"),
        (GOOD - GOOD[:, 9:11].mean(1, keepdims=True), "relative to the middle of right hip and left hip$"),
        (GOOD[:, FLIP], "^meters with left and right swapped$"),
        (100 * GOOD[:, FLIP] * [1, -1, 1], "^centimeters with y mirrored and left and right swapped$"),
        (GOOD[:, ORDER], "^meters with the joints in the order right knee, left knee, right foot, left foot, head, "),
        (GOOD @ TURN.T + [0, 1.2, 0], "^meters with coordinates that a turn by 2[0-9] degrees and a shift by 1"),
        (1000 * GOOD @ TURN.T * [-1, 1, 1], "^millimeters with coordinates that a mirroring, a turn by "),
        (10 * GOOD, "^decimeters$"),
    ],
)  # fmt: skip
def test_readings_are_named_and_undone(found: Points, what: str) -> None:
    likely = likely_reading(found, TRUE, JOINTS)
    assert likely is not None
    assert re.search(what, likely.what), likely.what
    assert np.linalg.norm(likely.joints - TRUE, axis=-1).mean() < 0.13


@pytest.mark.parametrize(
    ("found", "what"),
    [
        (1000 * np.broadcast_to(TRUE.mean(0), TRUE.shape), "millimeters"),
        (100 * (TRUE + np.random.default_rng(2).normal(0, 0.25, TRUE.shape)), "centimeters"),
        (np.broadcast_to(TRUE.mean(0), TRUE.shape)[..., ::-1], "meters with the axes in the order z, y, x"),
    ],
)
def test_slips_of_bad_models_are_named_too(found: Points, what: str) -> None:
    likely = likely_reading(found, TRUE, JOINTS)
    assert likely is not None
    assert likely.what == what


def honest(true: Points, seed: int) -> Iterator[tuple[str, Points]]:
    """What models predict in meters that are good, biased, barely trained, or know nothing at all."""
    rng = np.random.default_rng(seed)
    mean, middle, center = true.mean(0), true.mean(1, keepdims=True), true.mean((0, 1))
    shape, size = STANDING - STANDING.mean(0), true.shape
    yield "good", true + rng.normal(0, 0.04, size)
    yield "noisy", true + rng.normal(0, 0.3, size)
    yield "small", 0.9 * true
    yield "on the surface", true + np.array([0, 0, 0.15])
    yield "biased", true + rng.uniform(-0.8, 0.8, 3) + rng.normal(0, 0.1, size)
    yield "of another sensor", true * rng.uniform(0.7, 1.3)
    yield "one pose", np.broadcast_to(mean, size)
    yield "one pose, elsewhere", np.broadcast_to(mean + rng.uniform(-0.7, 0.7, 3), size)
    yield "one pose, noisy", mean + rng.normal(0, 0.1, size)
    yield "one pose in place", middle + shape
    yield "one pose in place, facing anywhere", middle + shape * rng.choice([-1, 1], (size[0], 1, 1)) ** [1, 0, 1]
    yield "one epoch", mean + 0.3 * (true - mean)
    yield "shrunk", center + 0.4 * (true - center)
    yield "all joints at one place", middle + rng.normal(0, 0.02, size)
    yield "frames shuffled", true[rng.permutation(len(true))]
    yield "poses shuffled", middle + (true - middle)[rng.permutation(len(true))]
    yield "normal", rng.normal(0, 1, size)
    yield "small weights", rng.normal(0, 0.1, size)
    yield "sigmoid", 0.5 + rng.normal(0, 0.05, size)
    yield "uniform", rng.uniform(0, 1, size)
    yield "in the room", rng.uniform([-1, -1, 1.5], [1, 1, 4], size)
    yield "zeros", np.zeros(size)
    yield "ones", np.ones(size)


@pytest.mark.parametrize(("frames", "moving"), [(1, True), (3, True), (3, False), (12, False), (40, True)])
def test_honest_models_are_read_as_they_are(frames: int, moving: bool) -> None:
    true = people(60)[20 : 20 + frames]
    true = true if moving else true - true[:, 8:9] + true[:1, 8:9]
    for name, found in honest(true, frames):
        likely = likely_reading(found, true, JOINTS)
        assert likely is None, f"{name}: {likely.what}"
        assert not out_of_range(found)


def test_what_is_out_of_range_is_noticed_without_a_reading() -> None:
    for scale in (30.0, 1e5, 1e200):
        garbage = np.random.default_rng(3).normal(0, scale, TRUE.shape)
        assert likely_reading(garbage, TRUE, JOINTS) is None
        assert out_of_range(garbage)
    assert not out_of_range(np.zeros((0, 15, 3)))
    assert likely_reading(np.zeros((0, 15, 3)), np.zeros((0, 15, 3)), JOINTS) is None


def test_few_frames_are_not_fitted_to_an_order_of_joints_or_a_turn() -> None:
    assert likely_reading(GOOD[:2, ORDER], TRUE[:2], JOINTS) is None
    assert likely_reading(GOOD[:2] @ TURN.T + [0, 1.2, 0], TRUE[:2], JOINTS) is None
    likely = likely_reading(1000 * GOOD[:1], TRUE[:1], JOINTS)
    assert likely is not None
    assert likely.what == "millimeters"
