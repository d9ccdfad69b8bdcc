"""What Kinect v2's body tracking would report of the true joints: jitter, inferred joints, lost and phantom bodies.

Sizes of the jitter were measured as second differences of real NTU skeletons: 0.2 mm for the trunk, about 1 mm for
elbows, knees and ankles, 3 mm for hands, 8 mm for finger tips, several times that for inferred joints, on top of slow
errors of about a centimeter. Orientations are the SDK's: y along the bone that ends in the joint, z to the front for
the trunk, shoulders and hips and outwards for arms and legs; none (zeros) for head, hand tips, thumbs and feet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body import joint_set
from hcmoco_bench.body_models.rotation_matrices import about, frame, quaternions, unit
from hcmoco_bench.synth.kinect.cameras import KinectPair

Floats = NDArray[np.float64]

FIRST_BODY_ID = 2**56
"""The SDK's body ids are small numbers above this one."""

INFERRED, TRACKED = 1, 2
"""Tracking states of joints; 0 (not tracked) does not occur while the body itself is tracked."""

_JITTER = {
    "hand tip": 8.0,
    "thumb": 9.0,
    "hand": 3.0,
    "wrist": 1.6,
    "elbow": 0.7,
    "knee": 0.6,
    "ankle": 1.0,
    "foot": 2.0,
}
_TRUNK_JITTER = 0.2
_SLOW_ERROR, _SLOW_SECONDS = 0.009, 1.2
_INFERRED_ERROR = 0.03
_INFERRED_IF_HIDDEN = {
    "elbow": 0.8,
    "wrist": 0.75,
    "hand": 0.85,
    "knee": 0.7,
    "ankle": 0.75,
    "foot": 0.75,
    "shoulder": 0.3,
}
_INFERRED_IF_SEEN = {"hand": 0.15, "wrist": 0.02}
_LOST_SPELL, _PHANTOM, _LATE_START = 0.06, 0.05, 0.05
_LEAVES = ("head", "hand tip", "thumb", "foot")
_RATE = 30.0


@dataclass(frozen=True, eq=False)
class TrackedBody:
    """One body of one frame, as a record of a `.skeleton` file.

    Attributes:
        body_id: The SDK's tracking id; changes when a body is lost and found again.
        attributes: (9,) clipped edges (1 right, 2 left, 4 top, 8 bottom), left hand confidence and state, right hand
            confidence and state, restricted, lean x, lean y, tracking state.
        joints_xyz: (25, 3) camera space, meters.
        joints_depth: (25, 2) px in the depth image.
        joints_color: (25, 2) px in the color image.
        orientation: (25, 4) unit quaternions w x y z in camera space, or zeros.
        tracking: (25,) uint8: 0 not tracked, 1 inferred, 2 tracked.
    """

    body_id: int
    attributes: Floats
    joints_xyz: Floats
    joints_depth: Floats
    joints_color: Floats
    orientation: Floats
    tracking: NDArray[np.uint8]


def track_bodies(
    joints_world: NDArray[np.floating],
    present: NDArray[np.bool_],
    visible: NDArray[np.bool_],
    camera: KinectPair,
    rng: np.random.Generator,
    *,
    noise: bool,
) -> list[list[TrackedBody]]:
    """Report the bodies of every frame.

    Args:
        joints_world: (B, N, 25, 3) true joints, world meters.
        present: (B, N) whether the person can be seen at all.
        visible: (B, N, 25) whether the joint is inside the image and not hidden by something else.
        camera: Whose camera space and images the joints are reported in; pixels are exact projections of the
            reported camera-space joints, as the SDK's mapper gives them.
        rng: Draws jitter, states, spells and ids.
        noise: False reports every present body exactly, with hidden joints inferred; True adds jitter, slow errors,
            lost spells, late starts, changing order and now and then a phantom body.
    """
    bodies, frames = present.shape
    next_id = FIRST_BODY_ID + int(rng.integers(200, 50_000))
    report: list[list[TrackedBody]] = [[] for _ in range(frames)]
    for index in range(bodies):
        world = np.asarray(joints_world[index], np.float64)
        shown = _without_spells(present[index], rng) if noise else present[index]
        if not shown.any():
            continue
        inferred = _inferred(visible[index], rng, noise=noise)
        exact = camera.to_camera(world)
        reported = exact + _error(inferred, rng) if noise else exact
        records = _records(reported, world, inferred, camera, rng)
        starts = np.flatnonzero(shown & ~np.concatenate([[False], shown[:-1]]))
        for start in starts:
            next_id += int(rng.integers(1, 12))
            stop = start + int(np.argmin(np.append(shown[start:], False)))
            for at in range(start, stop):
                report[at].append(replace(records[at], body_id=next_id))
    if noise:
        if bodies and rng.uniform() < _PHANTOM:
            _add_phantom(report, np.asarray(joints_world[0], np.float64), camera, next_id + 3, rng)
        _shuffle_newcomers(report, rng)
    return report


@cache
def _per_joint(kind: str) -> Floats:
    """(25,) jitter in meters (`jitter`), or how easily a `hidden` or `seen` joint becomes inferred."""
    table, default = {
        "jitter": (_JITTER, _TRUNK_JITTER),
        "hidden": (_INFERRED_IF_HIDDEN, 0.12),
        "seen": (_INFERRED_IF_SEEN, 0.005),
    }[kind]
    values = [
        next((value for part, value in table.items() if name.endswith(part)), default)
        for name in joint_set("kinect25").joints
    ]
    return np.array(values) * (1e-3 if kind == "jitter" else 1.0)


@cache
def _leaves() -> NDArray[np.bool_]:
    """(25,) joints that have no orientation."""
    return np.array([name.endswith(_LEAVES) for name in joint_set("kinect25").joints])


def _inferred(visible: NDArray[np.bool_], rng: np.random.Generator, *, noise: bool) -> NDArray[np.bool_]:
    """(N, 25) joints that the tracker guesses: the hidden ones, with noise only as often as the real tracker does."""
    hidden = ~visible
    if not noise:
        return hidden
    # One slowly changing draw per joint keeps states from flickering every frame.
    level = 0.5 + 0.5 * np.tanh(_slow(len(visible), (25,), rng, 0.5) * 1.2)
    guessed: NDArray[np.bool_] = level < np.where(hidden, _per_joint("hidden"), _per_joint("seen"))
    return guessed


def _slow(count: int, shape: tuple[int, ...], rng: np.random.Generator, seconds: float) -> Floats:
    """(N, *shape) noise of unit variance that forgets itself within about `seconds`."""
    keep = np.exp(-1 / (seconds * _RATE))
    draws = rng.normal(0, np.sqrt(1 - keep**2), (count, *shape))
    state = rng.normal(0, 1, shape)
    out = np.empty((count, *shape))
    for at in range(count):
        state = keep * state + draws[at]
        out[at] = state
    return out


def _error(inferred: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    """(N, 25, 3) error of the reported joints, meters: slow error, jitter, and more of both where inferred."""
    count = len(inferred)
    kernel = np.array([1.0, 2.0, 1.0]) / 4
    slow = _SLOW_ERROR * _slow(count + 2, (25, 3), rng, _SLOW_SECONDS)
    smooth = sum(weight * slow[shift : shift + count] for shift, weight in enumerate(kernel))
    for _ in range(2):  # the tracker's own filter: errors drift, they do not jump
        padded = np.concatenate([smooth[:1], smooth, smooth[-1:]])
        smooth = sum(weight * padded[shift : shift + count] for shift, weight in enumerate(kernel))
    jitter = _per_joint("jitter")[:, None] * rng.normal(0, 1, (count, 25, 3))
    # The trunk is tracked several times better than the limbs' ends.
    scale = np.clip(_per_joint("jitter") / 1e-3, 0.35, 2.5)[:, None]
    guess = _INFERRED_ERROR * _slow(count, (25, 3), rng, 0.4)
    total: Floats = scale * smooth + jitter + inferred[..., None] * (guess + 3 * jitter)
    return total


def _without_spells(present: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Presence as reported: sometimes found late, sometimes lost for a while."""
    shown = present.copy()
    if rng.uniform() < _LATE_START and shown.any():
        first = int(shown.argmax())
        shown[first : first + int(rng.integers(2, 12))] = False
    if rng.uniform() < _LOST_SPELL:
        start = int(rng.integers(0, len(shown)))
        shown[start : start + int(rng.integers(3, 20))] = False
    return shown


def _records(
    reported: Floats, world: Floats, inferred: NDArray[np.bool_], camera: KinectPair, rng: np.random.Generator
) -> list[TrackedBody]:
    reported = reported.astype(np.float32).astype(np.float64)  # as they are stored, so that pixels match them exactly
    depth, color = camera.project_depth(reported), camera.project_color(reported)
    turned = orientations(reported)
    attributes = _attributes(depth, world, inferred, camera, rng)
    states = np.where(inferred, INFERRED, TRACKED).astype(np.uint8)
    return [
        TrackedBody(0, attributes[at], reported[at], depth[at], color[at], turned[at], states[at])
        for at in range(len(reported))
    ]


def _attributes(
    depth: Floats, world: Floats, inferred: NDArray[np.bool_], camera: KinectPair, rng: np.random.Generator
) -> Floats:
    """(N, 9) the rest of each body's line."""
    joints = joint_set("kinect25")
    count = len(depth)
    out = np.zeros((count, 9))
    x, y = depth[..., 0], depth[..., 1]
    width, height = camera.depth.width, camera.depth.height
    with np.errstate(invalid="ignore"):
        edges = [(x > width - 1).any(1), (x < 0).any(1), (y < 0).any(1), (y > height - 1).any(1)]
    out[:, 0] = sum(bit * edge for bit, edge in zip((1, 2, 4, 8), edges, strict=True))
    for column, hand in ((1, "left hand"), (3, "right hand")):
        level = _slow(count, (), rng, 0.6)
        lost = inferred[:, joints.index(hand)]
        out[:, column] = (level > -0.6) & ~lost
        out[:, column + 1] = np.where(lost, 1, np.where(level < -1.1, 0, np.where(level > 0.9, 3, 2)))
    spine = world[:, joints.index("spine shoulder")] - world[:, joints.index("spine base")]
    across = world[:, joints.index("left hip")] - world[:, joints.index("right hip")]
    left = unit(across * [1, 0, 1])
    front = np.cross(left, [0.0, 1.0, 0.0])
    rise = np.maximum(spine[:, 1], 0.05)
    out[:, 6] = np.clip((spine * -left).sum(-1) / rise, -1, 1)
    out[:, 7] = np.clip((spine * front).sum(-1) / rise, -1, 1)
    out[:, 8] = 2
    return out


def orientations(joints: Floats) -> Floats:
    """(N, 25, 4) unit quaternions w x y z of the bones that end in each joint (N, 25, 3), zeros for leaves."""
    table = joint_set("kinect25")
    parents = {child: parent for parent, child in table.edges}
    at = table.index
    left = unit(joints[:, at("left shoulder")] - joints[:, at("right shoulder")])
    left = unit(left + unit(joints[:, at("left hip")] - joints[:, at("right hip")]))
    up = unit(joints[:, at("spine shoulder")] - joints[:, at("spine base")])
    front = unit(np.cross(left, up))
    out = np.zeros((*joints.shape[:2], 4))
    for index, name in enumerate(table.joints):
        if _leaves()[index]:
            continue
        bone = joints[:, index] - joints[:, parents[index]] if index in parents else up
        limb = name.endswith(("elbow", "wrist", "hand", "knee", "ankle"))
        side = left if name.startswith("left") else -left
        second = side + 0.05 * front if limb else front + 0.02 * side
        columns = frame(bone, second)  # y, z, x
        out[:, index] = quaternions(columns[..., [2, 0, 1]])
    return out


def _add_phantom(
    report: list[list[TrackedBody]], near: Floats, camera: KinectPair, body_id: int, rng: np.random.Generator
) -> None:
    """A skeleton seen in furniture: squashed, standing still, mostly inferred, for a part of the clip."""
    frames = len(report)
    start, length = int(rng.integers(0, frames)), int(rng.integers(10, 60))
    center = near[0].mean(0)
    pose = (near[0] - center) * rng.uniform([0.3, 0.35, 0.3], [0.6, 0.6, 0.6]) @ about(1, rng.uniform(-3, 3)).T
    aside = unit(np.array([rng.choice([-1.0, 1.0]), 0.0, rng.uniform(-0.8, 0.1)])) * rng.uniform(0.9, 1.4)
    pose += center * [1, 0, 1] + aside + [0, rng.uniform(0.4, 0.6), 0]
    world = np.repeat(pose[None], frames, 0)
    inferred = np.repeat(rng.uniform(0, 1, (1, 25)) < 0.7, frames, 0)
    exact = camera.to_camera(world)
    if (exact[..., 2] < 0.6).any():
        return
    records = _records(exact + 0.5 * _error(inferred, rng), world, inferred, camera, rng)
    for at in range(start, min(start + length, frames)):
        report[at].append(replace(records[at], body_id=body_id))


def _shuffle_newcomers(report: list[list[TrackedBody]], rng: np.random.Generator) -> None:
    """The SDK keeps six slots: the order changes when somebody comes or goes."""
    order: dict[int, float] = {}
    known: set[int] = set()
    for bodies in report:
        ids = {body.body_id for body in bodies}
        if ids != known:
            order = {body_id: rng.uniform() for body_id in sorted(ids)}
            known = ids
        bodies.sort(key=lambda body: order[body.body_id])
