"""A photograph of one to three generated people, and everything that can be known about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import warp as wp
from numpy.typing import NDArray

from hcmoco_bench.synth.kinect.cameras import apply_rigid
from hcmoco_bench.synth.kinect.color_camera import ColorCamera
from hcmoco_bench.synth.kinect.joint_visibility import INSIDE, joints_seen
from hcmoco_bench.synth.kinect.people import DepthView, People
from hcmoco_bench.synth.kinect.raycast import Box, View
from hcmoco_bench.synth.kinect.shading import render_backdrop
from hcmoco_bench.synth.kinect.surface_points import SurfacePoints, surface_points
from hcmoco_bench.synth.motion import ACTIONS, sample_motion
from hcmoco_bench.synth.ntu.scene import generator
from hcmoco_bench.synth.person.performer import Performer
from hcmoco_bench.synth.photographs.face_points import face_points
from hcmoco_bench.synth.photographs.studio import Studio, sample_view, studio
from hcmoco_bench.synth.room.shadows import ShadowCatcher

OUTSIDE, HIDDEN, SEEN = 0, 1, 2
"""States of a point: not in the image, covered, seen; COCO's visibilities."""

PICTURES_A_ROOM: Final = 4
"""So many images in a row are taken in one room."""

_ACTIONS: Final = tuple(name for name in ACTIONS if name not in ("sit down", "stand up"))
_PLACES: Final = ((0.0, 0.1), (-0.75, -0.15), (0.75, -0.25))
"""Floor points (x, z) where people stand, about; meters."""

_ON_SURFACE: Final = 0.035
"""Points of the face lie on the skin, which hair may cover by so much, meters."""

_SMALLEST: Final = 0.0004
"""Somebody of whom less than this share of the image is seen is not annotated."""


@dataclass(frozen=True, eq=False)
class PhotographedPerson:
    """Somebody in a photograph. Px are (x, y) from 0, whole numbers at pixel centers.

    Attributes:
        performer: Who it is.
        mask: (H, W) bool: where they are seen.
        box: x, y, width, height of the mask in px; edges between pixels, so px 0 alone is 0, 0, 1, 1.
        joints: (25, 2) float64 px of the Kinect's joints; nan behind the camera. Joint names are the person's sides.
        joint_state: (25,) uint8 `OUTSIDE`, `HIDDEN` or `SEEN`.
        face: (6, 2) float64 px of `FACE_POINTS`.
        face_state: (6,) uint8, as of joints.
        extent: (2, 2) float64 px: corners of the box around the whole body, hidden parts and those outside included.
        points: What the pixels of the mask's box see of this person; triangles count from 0 in the figure.
    """

    performer: Performer
    mask: NDArray[np.bool_]
    box: tuple[int, int, int, int]
    joints: NDArray[np.float64]
    joint_state: NDArray[np.uint8]
    face: NDArray[np.float64]
    face_state: NDArray[np.uint8]
    extent: NDArray[np.float64]
    points: SurfacePoints


@dataclass(frozen=True, eq=False)
class Photograph:
    """An image, (H, W, 3) uint8 RGB, and the people in it who can be seen, the nearest to the middle first."""

    rgb: NDArray[np.uint8]
    people: tuple[PhotographedPerson, ...]


def take_photograph(seed: int, number: int, *, long_side: int = 640, device: str = "cpu") -> Photograph:
    """Take a photograph; somebody can be seen in it.

    Args:
        seed: Of the data set.
        number: Which image; it depends on this and the seed only.
        long_side: Px of the image's longer side, at least 64.
        device: Warp's name of the device.
    """
    place = studio(seed, number // PICTURES_A_ROOM, device)
    rng = generator(seed, "photograph", number)
    while True:
        photograph = _attempt(rng, place, long_side, device)
        if photograph.people:
            return photograph


def _attempt(rng: np.random.Generator, place: Studio, long_side: int, device: str) -> Photograph:
    count = int(rng.choice([1, 2, 3], p=[0.55, 0.3, 0.15]))
    performers, vertices, joints = [], [], []
    towards = float(rng.uniform(place.stage.angle[1], place.stage.angle[2]))
    for spot in rng.permutation(_PLACES)[:count] if count > 1 else [np.array(_PLACES[0])]:
        performer = Performer.sample(rng)
        x, z = spot + rng.normal(0, 0.12, 2)
        # Most look at the camera, one in six anywhere.
        yaw = towards + (rng.normal(0, 0.5) if rng.random() > 1 / 6 else rng.uniform(-np.pi, np.pi))
        track = performer.animate(
            sample_motion(rng, str(rng.choice(_ACTIONS)), 1, position=(float(x), float(z)), yaw=float(yaw))
        )
        performers.append(performer)
        vertices.append(track.vertices[0])
        joints.append(track.joints[0])
    target = np.mean([body[[0, 20]].mean(0) for body in joints], axis=0)
    view = sample_view(rng, place.stage, long_side, target)
    people = People([performer.figure for performer in performers], device)
    people.move(vertices)
    backdrop = render_backdrop(place.room.mesh, place.surface, place.light, view)
    catcher = ShadowCatcher(place.room.mesh, place.surface, place.light, view)
    camera = ColorCamera(view, backdrop, catcher, place.light, rng)
    sky = people.open_sky(place.light, view)
    planes = camera.expose(people, people.light(place.light, sky, sky, 0.0))
    rgb = np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420), np.uint8)
    seen = people.in_depth(view, wp.array(backdrop.z, dtype=float, device=device), margin=0)
    if seen is None:
        return Photograph(rgb, ())
    points = surface_points(people.surface, view, backdrop.z, seen.box)
    found, start = [], 0
    for index, performer in enumerate(performers):
        person = _describe(performer, index, start, vertices[index], joints[index], view, seen, points)
        start += len(performer.figure.faces)
        if person is not None:
            found.append(person)
    middle = np.array([view.camera.width, view.camera.height]) / 2
    found.sort(key=lambda person: float(np.linalg.norm(_middle(person.box) - middle)))
    return Photograph(rgb, tuple(found))


def _middle(box: tuple[int, int, int, int]) -> NDArray[np.float64]:
    return np.array(box[:2]) + np.array(box[2:]) / 2


def _describe(
    performer: Performer,
    index: int,
    start: int,
    vertices: NDArray[np.float32],
    joints: NDArray[np.float32],
    view: View,
    seen: DepthView,
    points: SurfacePoints,
) -> PhotographedPerson | None:
    camera = view.camera
    mask = np.zeros((camera.height, camera.width), np.bool_)
    mask[seen.box.slices] = seen.person == index + 1
    if mask.sum() < max(_SMALLEST * mask.size, 12):
        return None
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = Box(int(columns[0]), int(rows[0]), int(columns[-1] - columns[0]) + 1, int(rows[-1] - rows[0]) + 1)
    inner = Box(box.x - seen.box.x, box.y - seen.box.y, box.width, box.height).slices
    own = mask[box.slices]
    face = np.where(own, points.face[inner] - start, -1).astype(np.int32)
    weights = np.where(own[..., None], points.weights[inner], 0).astype(np.float32)

    def look(world: NDArray[np.floating], inside: float) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        local = apply_rigid(view.pose, world)
        pixels = camera.project(local)
        state = np.where(joints_seen(local, pixels, seen, inside=inside), SEEN, HIDDEN)
        return pixels, np.where(camera.contains(pixels), state, OUTSIDE).astype(np.uint8)

    body = camera.project(apply_rigid(view.pose, vertices))
    joint_xy, joint_state = look(joints, INSIDE)
    face_xy, face_state = look(face_points(vertices, performer.vertex_ids), _ON_SURFACE)
    return PhotographedPerson(
        performer,
        mask,
        (box.x, box.y, box.width, box.height),
        joint_xy,
        joint_state,
        face_xy,
        face_state,
        np.stack([np.nanmin(body, axis=0), np.nanmax(body, axis=0)]),
        SurfacePoints(face, weights),
    )
