"""Truth beside a generated tree: where every person pixel of the depth image lies in the color image.

A truth folder holds `cameras.json` (the true cameras of every rig) and, for every clip, `<clip>.npz` with

* `start` (N + 1,) int64: the pixels of frame f (counted from 1) are `start[f - 1] : start[f]`;
* `pixel` (M,) int32: row * 512 + column of each person pixel in the depth image;
* `z` (M,) float32: its true depth, meters;
* `visible` (M,) bool: whether the color camera sees the point: it is on the image and nothing is in front of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.ntu.layout import DEPTH_SIZE
from hcmoco_bench.sources.ntu.names import ClipName
from hcmoco_bench.synth.kinect.cameras import KinectPair, apply_rigid, invert_rigid
from hcmoco_bench.synth.kinect.people import DepthView
from hcmoco_bench.synth.kinect.raycast import Surface, View

CAMERAS_FILE = "cameras.json"

_SLACK = 0.004
"""How close to the point something may lie on the way to the color camera without hiding it, meters."""


@dataclass(frozen=True, eq=False)
class TruthFrame:
    """The truth about one frame.

    Attributes:
        color_xy: (424, 512, 2) float32 true position (x, y) px in the 1920x1080 image; nan where no person is.
        visible: (424, 512) bool: the point is on the color image and not hidden from its camera.
        z: (424, 512) float32 true depth, meters; 0 where no person is.
    """

    color_xy: NDArray[np.float32]
    visible: NDArray[np.bool_]
    z: NDArray[np.float32]


class TruthWriter:
    """Collects the truth of a clip's frames, in order."""

    def __init__(self, kinect: KinectPair, room: Surface) -> None:
        self._kinect, self._room = kinect, room
        self._pixels: list[NDArray[np.int32]] = []
        self._z: list[NDArray[np.float32]] = []
        self._visible: list[NDArray[np.bool_]] = []

    def add(self, view: DepthView | None, people: Surface) -> None:
        """Add the next frame: what the depth camera saw, and the people's surface in that frame."""
        if view is None or not view.part.any():
            self._pixels.append(np.empty(0, np.int32))
            self._z.append(np.empty(0, np.float32))
            self._visible.append(np.empty(0, np.bool_))
            return
        rows, columns = np.nonzero(view.part)
        z = view.z[rows, columns]
        pixels = np.stack([columns + view.box.x, rows + view.box.y], axis=1)
        self._pixels.append((pixels[:, 1] * DEPTH_SIZE[0] + pixels[:, 0]).astype(np.int32))
        self._z.append(z)
        self._visible.append(color_visibility(self._kinect, pixels, z, people, self._room))

    def write(self, path: Path) -> None:
        """Write the clip's file (not atomic: the caller renames it)."""
        start = np.cumsum([0] + [len(pixels) for pixels in self._pixels])
        with path.open("wb") as handle:
            np.savez(
                handle,
                start=start.astype(np.int64),
                pixel=np.concatenate(self._pixels),
                z=np.concatenate(self._z),
                visible=np.concatenate(self._visible),
            )


def color_visibility(
    kinect: KinectPair, pixels: NDArray[np.integer], z: NDArray[np.floating], people: Surface, room: Surface
) -> NDArray[np.bool_]:
    """Whether points seen by the depth camera are seen by the color camera too.

    Args:
        kinect: The cameras.
        pixels: (M, 2) depth pixels (x, y).
        z: (M,) meters.
        people: The people's surface.
        room: The room's surface.

    Returns:
        (M,) True if the point projects into the color image and no surface lies between it and the color camera.
    """
    points = kinect.depth.unproject(pixels, z)
    visible = kinect.color.contains(kinect.project_color(points))
    world = apply_rigid(invert_rigid(kinect.depth_from_world), points)
    eye = View(kinect.color, kinect.color_from_world).position
    origins = np.broadcast_to(eye, world.shape)
    visible &= ~people.blocks(origins, world, _SLACK)
    visible &= ~room.blocks(origins, world, _SLACK)
    return visible


def write_cameras(folder: Path, rigs: Mapping[str, KinectPair]) -> None:
    """Write the true cameras of all rigs (`S001C001`, ...) into a truth folder."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({rig: rigs[rig].to_json() for rig in sorted(rigs)}, indent=1)
    temporary = folder / (CAMERAS_FILE + ".part")
    temporary.write_text(text + "\n", encoding="utf-8")
    temporary.replace(folder / CAMERAS_FILE)


def read_cameras(folder: Path) -> dict[str, KinectPair]:
    """The true cameras by rig.

    Raises:
        DataError: If the folder holds no readable `cameras.json`.
    """
    path = folder / CAMERAS_FILE
    try:
        return {rig: KinectPair.from_json(row) for rig, row in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{path}: no true cameras ({error}); generate the tree with --truth", kind="truth_missing", file=str(path)
        ) from error


def read_truth(folder: Path, clip: ClipName, frame: int) -> TruthFrame:
    """Read the truth about a frame.

    Args:
        folder: The truth folder, e.g. `<tree>-truth`.
        clip: The clip.
        frame: Counted from 1.

    Raises:
        DataError: If the folder does not hold that clip or frame (`truth_missing`).
    """
    path = folder / f"{clip}.npz"
    kinects = read_cameras(folder)
    if not path.is_file() or str(clip.rig) not in kinects:
        raise DataError(
            f"{path}: no truth about {clip}; generate the tree with --truth", kind="truth_missing", file=str(path)
        )
    kinect = kinects[str(clip.rig)]
    with np.load(path) as arrays:
        start = arrays["start"]
        if not 1 <= frame < len(start):
            raise DataError(
                f"{path}: frame {frame} is not among its {len(start) - 1}", kind="truth_missing", file=str(path)
            )
        part = slice(int(start[frame - 1]), int(start[frame]))
        pixel, depth, seen = arrays["pixel"][part], arrays["z"][part], arrays["visible"][part]
    width, height = DEPTH_SIZE
    xy = np.stack([pixel % width, pixel // width], axis=1)
    color_xy = np.full((height * width, 2), np.nan, np.float32)
    color_xy[pixel] = kinect.project_color(kinect.depth.unproject(xy, depth))
    visible, z = np.zeros(height * width, np.bool_), np.zeros(height * width, np.float32)
    visible[pixel], z[pixel] = seen, depth
    return TruthFrame(color_xy.reshape(height, width, 2), visible.reshape(height, width), z.reshape(height, width))
