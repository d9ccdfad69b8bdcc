"""An image of one dressed person in a room, with the parameters of the body below the clothes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
import warp as wp
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hcmoco_bench.body_models.anny_rig import PARENTS
from hcmoco_bench.synth.kinect.cameras import Pinhole, apply_rigid, look_at
from hcmoco_bench.synth.kinect.color_camera import ColorCamera
from hcmoco_bench.synth.kinect.people import DepthView, People
from hcmoco_bench.synth.kinect.raycast import View
from hcmoco_bench.synth.kinect.shading import render_backdrop
from hcmoco_bench.synth.motion import ACTIONS, sample_motion
from hcmoco_bench.synth.motion.posing import Pose
from hcmoco_bench.synth.person.performer import Performer
from hcmoco_bench.synth.photographs.studio import Studio
from hcmoco_bench.synth.room.shadows import ShadowCatcher

_ACTIONS: Final = tuple(name for name in ACTIONS if name not in ("sit down", "stand up"))
_SHAPE: Final = (0.75, 1.0)
"""Width and height of images, in lengths of the longer side."""
_FILLS: Final = (0.6, 0.92)
"""Share of the image's width or height that the whole body takes, whichever is larger."""
_WIDEST: Final = 0.7
"""Shortest focal length, in lengths of the longer side."""
_LEAST_SEEN: Final = 0.5
"""An image in which furniture or the border hides more of the person is taken again."""
_CLOTHES: Final = 0.08
"""Room for clothes and hair around the body when the image is framed, as a share of its size."""

_TO_IMAGE_AXES: Final = np.diag([-1.0, -1.0, 1.0])
"""From the generator's camera space (x to the left of the scene, y up) to x right, y down; both are right-handed."""


@dataclass(frozen=True, eq=False)
class Portrait:
    """An image of one person. Axes of the camera: x right, y down, z away from it.

    Attributes:
        rgb: (H, W, 3) uint8, not mirrored.
        mask: (H, W) bool, where the person is seen.
        box: Left, top, width and height of the mask in px; edges between pixels.
        intrinsics: fx, fy, cx, cy in px.
        rotations: (P, 3) rotation vector of each bone against its parent, from the rest pose; the root's is against
            the camera.
        root: (3,) head of the root bone, meters.
        visible: Share of the body's pixels that are seen.
    """

    rgb: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    box: tuple[int, int, int, int]
    intrinsics: tuple[float, float, float, float]
    rotations: NDArray[np.float64]
    root: NDArray[np.float64]
    visible: float


def take_portraits(
    rng: np.random.Generator, performer: Performer, place: Studio, images: int, *, long_side: int, device: str
) -> Iterator[Portrait]:
    """Take images of one person in one room, each of another action, from another place.

    Args:
        rng: Draws poses, cameras and noise.
        performer: Whom they show.
        place: The room.
        images: How many.
        long_side: Px of each image's longer side.
        device: Warp's name of the device.
    """
    people = People([performer.figure], device)
    for _ in range(images):
        portrait = None
        while portrait is None:
            portrait = _attempt(rng, performer, people, place, long_side, device)
        yield portrait


def _attempt(
    rng: np.random.Generator, performer: Performer, people: People, place: Studio, long_side: int, device: str
) -> Portrait | None:
    towards = float(rng.uniform(place.stage.angle[1], place.stage.angle[2]))
    # Most look at the camera, one in four anywhere.
    yaw = towards + (rng.normal(0, 0.6) if rng.random() > 1 / 4 else rng.uniform(-np.pi, np.pi))
    x, z = rng.normal([0.0, 0.1], 0.12)
    motion = sample_motion(rng, str(rng.choice(_ACTIONS)), 1, position=(float(x), float(z)), yaw=float(yaw))
    vertices, pose = performer.animate(motion).vertices[0], performer.pose(motion)
    view = _framed(rng, place, vertices, towards, long_side)
    people.move([vertices])
    backdrop = render_backdrop(place.room.mesh, place.surface, place.light, view)
    catcher = ShadowCatcher(place.room.mesh, place.surface, place.light, view)
    camera = ColorCamera(view, backdrop, catcher, place.light, rng)
    sky = people.open_sky(place.light, view)
    planes = camera.expose(people, people.light(place.light, sky, sky, 0.0))
    seen = people.in_depth(view, wp.array(backdrop.z, dtype=float, device=device), margin=0)
    whole = people.in_depth(view, wp.full_like(wp.array(backdrop.z, dtype=float, device=device), 1e6), margin=0)
    if seen is None or whole is None:
        return None
    # The scene's left is on the image's right in the generator's cameras, as in a Kinect's; here it is not.
    rgb = np.ascontiguousarray(np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420), np.uint8)[:, ::-1])
    mask = np.ascontiguousarray(_mask(seen, view)[:, ::-1])
    visible = float(mask.sum() / max(int(_mask(whole, view).sum()), 1))
    if visible < _LEAST_SEEN:
        return None
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = (int(columns[0]), int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1)
    lens = view.camera
    rotations, root = _body_parameters(performer, pose, view)
    return Portrait(rgb, mask, box, (lens.fx, lens.fy, lens.width - 1 - lens.cx, lens.cy), rotations, root, visible)


def _mask(seen: DepthView, view: View) -> NDArray[np.bool_]:
    mask = np.zeros((view.camera.height, view.camera.width), np.bool_)
    mask[seen.box.slices] = seen.person > 0
    return mask


def _framed(
    rng: np.random.Generator, place: Studio, vertices: NDArray[np.float32], towards: float, long_side: int
) -> View:
    """A camera on the free side of the room whose image the body fills by a share of `_FILLS`."""
    # Chroma needs even sizes.
    width, height = (2 * round(long_side * share / 2) for share in _SHAPE)
    angle = towards + rng.normal(0, 0.15)
    distance = float(rng.uniform(2.0, min(place.stage.distance)))
    position = np.array([distance * np.sin(angle), rng.uniform(0.7, 1.9), distance * np.cos(angle)])
    middle = (vertices.min(0) + vertices.max(0)) / 2
    aim = middle + rng.normal(0, 0.06, 3)
    unit = Pinhole(1.0, 1.0, (width - 1) / 2, (height - 1) / 2, width, height)
    view = View(unit, look_at(position, aim, float(np.radians(rng.normal(0, 3)))))
    reach = np.abs(unit.project(apply_rigid(view.pose, vertices)) - [unit.cx, unit.cy]).max(0)
    focal = float(rng.uniform(*_FILLS) / (2 * (1 + _CLOTHES) * (reach / [width, height]).max()))
    focal = max(focal, _WIDEST * long_side)
    return View(replace(unit, fx=focal, fy=focal), view.pose)


def _body_parameters(performer: Performer, pose: Pose, view: View) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rotation vectors (P, 3) of the bones against their parents from the rest pose, and the root's place (3,)."""
    to_camera = _TO_IMAGE_AXES @ view.pose[:, :3]
    from_rest = to_camera @ pose.turns[0] @ performer.skeleton.to_neutral
    local = np.stack(
        [turn if parent < 0 else from_rest[parent].T @ turn for turn, parent in zip(from_rest, PARENTS, strict=True)]
    )
    root = to_camera @ pose.heads[0, 0] + _TO_IMAGE_AXES @ view.pose[:, 3]
    return np.asarray(Rotation.from_matrix(local).as_rotvec()), np.asarray(root)
