"""A Kinect v2 simulated with OpenCV's camera model: independent of the models that are tested with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.align import RigPoints
from hcmoco_bench.sources.ntu.names import ClipName, Rig

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SimulatedKinect:
    """Intrinsics, distortion (k1, k2, p1, p2, k3) and pose of the two cameras; image axes, meters."""

    depth_matrix: Floats = field(default_factory=lambda: np.array([[366.2, 0, 256.3], [0, 366.2, 209.1], [0, 0, 1.0]]))
    depth_distortion: Floats = field(default_factory=lambda: np.zeros(5))
    color_matrix: Floats = field(
        default_factory=lambda: np.array([[1057.0, 0, 958.0], [0, 1057.0, 551.0], [0, 0, 1.0]])
    )
    rotation: Floats = field(default_factory=lambda: np.array([0.003, -0.004, 0.002]))
    translation: Floats = field(default_factory=lambda: np.array([0.052, 0.001, -0.002]))

    def to_depth(self, points: Floats) -> Floats:
        """Project (N, 3) points, image axes, to depth px."""
        return cv2.projectPoints(points, np.zeros(3), np.zeros(3), self.depth_matrix, self.depth_distortion)[0][:, 0]

    def to_color(self, points: Floats) -> Floats:
        """Project (N, 3) points of the depth camera, image axes, to color px."""
        return cv2.projectPoints(points, self.rotation, self.translation, self.color_matrix, np.zeros(5))[0][:, 0]

    def unproject(self, pixels: Floats, z: Floats) -> Floats:
        """The (N, 3) points behind depth px (N, 2) at depths (N,)."""
        until = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 60, 1e-14)
        rays = cv2.undistortPoints(
            pixels[:, None], self.depth_matrix, self.depth_distortion, R=np.eye(3), P=np.eye(3), criteria=until
        ).reshape(-1, 2)
        return np.column_stack([rays * z[:, None], z])


def simulated_joints(
    kinect: SimulatedKinect, rng: np.random.Generator, *, clips: int = 6, frames: int = 40
) -> RigPoints:
    """People of 1.7 m who stand 2.2-4.3 m away, somewhere else in each clip, and move a little."""
    blocks, clip, frame = [], [], []
    for index in range(clips):
        place = np.array([rng.uniform(-0.6, 0.6), 0.0, rng.uniform(2.2, 4.3)])
        body = np.column_stack([rng.uniform(-0.4, 0.4, 25), rng.uniform(-0.85, 0.85, 25), rng.uniform(-0.25, 0.25, 25)])
        moved = body + rng.normal(0, 0.05, (frames, 25, 3)) + place
        blocks.append(moved.reshape(-1, 3))
        clip.append(np.full(frames * 25, index))
        frame.append(np.repeat(np.arange(1, frames + 1), 25))
    points = np.concatenate(blocks)
    depth, color = kinect.to_depth(points), kinect.to_color(points)
    seen = ((depth >= 0) & (depth <= [511, 423])).all(1) & ((color >= 0) & (color <= [1919, 1079])).all(1)
    return RigPoints(
        Rig(1, 1),
        xyz=points[seen] * [1, -1, 1],
        depth_xy=depth[seen],
        color_xy=color[seen],
        clip=np.concatenate(clip)[seen].astype(np.int32),
        frame=np.concatenate(frame)[seen].astype(np.int32),
        clips=tuple(ClipName(1, 1, 1, 1, index + 1) for index in range(clips)),
    )


def write_skeleton(path: Path, points: RigPoints, state: int = 2) -> None:
    """Write the points of one clip as a `.skeleton` file with one body; joints beyond 25 a frame are dropped."""
    frames = np.unique(points.frame)
    lines = [str(len(frames))]
    for frame in frames:
        rows = np.nonzero(points.frame == frame)[0][:25]
        lines += ["1", "72057594037931648 0 1 1 1 1 0 -0.1 0.1 2", "25"]
        for row in np.resize(rows, 25):
            numbers = [*points.xyz[row], *points.depth_xy[row], *points.color_xy[row], 0, 0, 0, 0]
            lines.append(" ".join(f"{number:.7g}" for number in numbers) + f" {state}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\r\n".join(lines) + "\r\n")
