"""One clip of the simulated Kinect, frame by frame: image, depth, parts and, at the end, the tracked bodies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import warp as wp
from numpy.typing import NDArray

from hcmoco_bench.sources.ntu.layout import DEPTH_SIZE
from hcmoco_bench.sources.ntu.names import ClipName, Rig
from hcmoco_bench.synth.kinect.cameras import KinectPair
from hcmoco_bench.synth.kinect.color_camera import ColorCamera
from hcmoco_bench.synth.kinect.joint_visibility import joints_seen
from hcmoco_bench.synth.kinect.light_over_time import LightOverTime
from hcmoco_bench.synth.kinect.people import People
from hcmoco_bench.synth.kinect.raycast import Surface, View
from hcmoco_bench.synth.kinect.sensor import DepthSensor, true_depth
from hcmoco_bench.synth.kinect.shading import Backdrop, render_backdrop
from hcmoco_bench.synth.kinect.tracking import TrackedBody, track_bodies
from hcmoco_bench.synth.ntu.scene import Performance, generator, perform, rig_cameras, setup_room
from hcmoco_bench.synth.ntu.truth import TruthWriter
from hcmoco_bench.synth.room.build import Room
from hcmoco_bench.synth.room.lighting import RoomLight, light_room
from hcmoco_bench.synth.room.shadows import ShadowCatcher


@dataclass(frozen=True, eq=False)
class _Setup:
    room: Room
    surface: Surface
    light: RoomLight


@dataclass(frozen=True, eq=False)
class _RigScene:
    kinect: KinectPair
    color: View
    depth: View
    backdrop: Backdrop
    catcher: ShadowCatcher
    room_z: NDArray[np.float32]


@lru_cache(maxsize=2)
def _setup(seed: int, setup: int, device: str) -> _Setup:
    room = setup_room(seed, setup)
    surface = Surface(room.mesh.vertices, room.mesh.faces, device)
    return _Setup(room, surface, light_room(room.mesh, surface))


@lru_cache(maxsize=3)
def _rig_scene(seed: int, rig: Rig, device: str) -> _RigScene:
    setup = _setup(seed, rig.setup, device)
    kinect = rig_cameras(seed, rig)
    color, depth = View(kinect.color, kinect.color_from_world), View(kinect.depth, kinect.depth_from_world)
    backdrop = render_backdrop(setup.room.mesh, setup.surface, setup.light, color)
    catcher = ShadowCatcher(setup.room.mesh, setup.surface, setup.light, color)
    face, z = setup.surface.see(depth)
    return _RigScene(kinect, color, depth, backdrop, catcher, np.where(face < 0, np.float32(np.inf), z))


@lru_cache(maxsize=1)
def _performance(seed: int, clip: ClipName, device: str, n_frames: int, recurring: bool) -> Performance:
    return perform(seed, clip, _setup(seed, clip.setup, device).room, n_frames, recurring=recurring)


@dataclass(frozen=True, eq=False)
class ClipFrame:
    """One frame.

    Attributes:
        planes: (1620, 1920) uint8, the image as I420 planes (BT.601, limited range), ready for `VideoFile`.
        depth: (424, 512) uint16 mm, masked as NTU's, 0 = none.
        parts: (424, 512) uint8 class index of every visible person pixel, 0 = nobody.
    """

    planes: NDArray[np.uint8]
    depth: NDArray[np.uint16]
    parts: NDArray[np.uint8]


class ClipMaker:
    """Makes the frames of one clip; read `frames` to the end, then take `bodies` and `truth`.

    Args:
        seed: Of the tree. Everything in the clip depends on it, the clip's name and the number of frames only.
        clip: Which clip.
        n_frames: Frames.
        noise: Whether the sensors and the tracking err.
        device: Warp's name of the device. The CPU is the reference; a GPU's bytes may differ in last digits.
        truth: Whether to collect the truth as well.
        recurring: Whether a performer is one person in all setups, in other clothes, and not another in each.
    """

    def __init__(
        self,
        seed: int,
        clip: ClipName,
        n_frames: int,
        *,
        noise: bool = True,
        device: str = "cpu",
        truth: bool = False,
        recurring: bool = False,
    ) -> None:
        self._seed, self._clip, self._noise = seed, clip, noise
        self._device = device
        setup = _setup(seed, clip.setup, device)
        self._light = setup.light
        self._scene = _rig_scene(seed, clip.rig, device)
        # The performance does not depend on the camera; naming camera 1 shares it among the three.
        shared = ClipName(clip.setup, 1, clip.performer, clip.replication, clip.action)
        self.performance = _performance(seed, shared, device, n_frames, recurring)
        self.n_frames = n_frames
        self.truth = TruthWriter(self._scene.kinect, setup.surface) if truth else None
        self._seen: list[NDArray[np.bool_]] = []

    @property
    def kinect(self) -> KinectPair:
        """The true cameras."""
        return self._scene.kinect

    def frames(self) -> Iterator[ClipFrame]:
        """Yield the frames in order."""
        scene = self._scene
        people = People(self.performance.figures, self._device)
        light = LightOverTime(people, self._light, scene.color, self._place, self.n_frames)
        rng = generator(self._seed, "color", self._clip) if self._noise else None
        color = ColorCamera(scene.color, scene.backdrop, scene.catcher, self._light, rng)
        sensor = DepthSensor(scene.room_z, generator(self._seed, "depth", self._clip)) if self._noise else None
        room_z = wp.array(scene.room_z, dtype=float, device=self._device)
        for number in range(self.n_frames):
            self._place(people, number)
            view = people.in_depth(scene.depth, room_z)
            irradiance = light.at(number)
            parts = np.zeros(DEPTH_SIZE[::-1], np.uint8)
            if view is not None:
                parts[view.box.slices] = view.part
            depth = true_depth(view) if sensor is None else sensor.measure(view)
            points = scene.kinect.to_camera(self.performance.joints[:, number])
            self._seen.append(joints_seen(points, scene.kinect.project_depth(points), view))
            if self.truth is not None:
                self.truth.add(view, people.surface)
            yield ClipFrame(color.expose(people, irradiance), depth, parts)

    def _place(self, people: People, number: int) -> None:
        people.move([track.vertices[number] for track in self.performance.tracks])

    def bodies(self) -> list[list[TrackedBody]]:
        """What the Kinect's body tracking reports, one list a frame; call it after the last frame."""
        visible = np.stack(self._seen, axis=1)
        # A person counts as present while a third of the joints is on the depth image.
        present = self._on_image().mean(axis=2) > 0.34
        rng = generator(self._seed, "tracking", self._clip)
        return track_bodies(self.performance.joints, present, visible, self.kinect, rng, noise=self._noise)

    def _on_image(self) -> NDArray[np.bool_]:
        """(B, N, 25): the joint is in front of the depth camera and on its image."""
        kinect = self.kinect
        return kinect.depth.contains(kinect.project_depth(kinect.to_camera(self.performance.joints)))
