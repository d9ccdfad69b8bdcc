"""Simulated Kinect v2: a depth and a color pinhole camera, and three of them around each setup's stage.

Conventions. World: meters, right-handed, y up, floor at y = 0. Camera space: meters, x to the *sensor's left* (which is
the right of the mirrored image), y up, z forward; right-handed. Pixels are (x, y), centers at integers:
`u = cx + fx x / z`, `v = cy - fy y / z`. Intrinsics and baseline are drawn from the ranges fitted on real NTU RGB+D
skeletons. There is no lens distortion: real depth cameras have some, which `align.registered` models.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hcmoco_bench.sources.ntu.layout import COLOR_SIZE, DEPTH_SIZE

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pinhole:
    """An undistorted camera: focal lengths and principal point in px, image size in px."""

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int

    def project(self, points: ArrayLike) -> Floats:
        """Project points of this camera's space.

        Args:
            points: (..., 3) meters.

        Returns:
            (..., 2) px as (x, y); nan for points that are not in front of the camera.
        """
        xyz = np.asarray(points, np.float64)
        z = np.where(xyz[..., 2] > 0, xyz[..., 2], np.nan)
        return np.stack([self.cx + self.fx * xyz[..., 0] / z, self.cy - self.fy * xyz[..., 1] / z], axis=-1)

    def unproject(self, pixels: ArrayLike, z: ArrayLike) -> Floats:
        """Points (..., 3) in meters that lie at depth `z` (...) meters behind pixels (..., 2)."""
        xy, depth = np.asarray(pixels, np.float64), np.asarray(z, np.float64)
        return np.stack(
            [(xy[..., 0] - self.cx) / self.fx * depth, (self.cy - xy[..., 1]) / self.fy * depth, depth], axis=-1
        )

    def contains(self, pixels: ArrayLike) -> NDArray[np.bool_]:
        """Whether pixels (..., 2) fall on the image (their nearest pixel exists)."""
        xy = np.asarray(pixels, np.float64)
        with np.errstate(invalid="ignore"):
            inside = (xy >= -0.5).all(axis=-1) & (xy[..., 0] < self.width - 0.5) & (xy[..., 1] < self.height - 0.5)
        return np.asarray(inside)


def apply_rigid(transform: Floats, points: ArrayLike) -> Floats:
    """Apply a (3, 4) rotation and translation to points (..., 3)."""
    return np.asarray(np.asarray(points, np.float64) @ transform[:, :3].T + transform[:, 3])


def compose_rigid(outer: Floats, inner: Floats) -> Floats:
    """The (3, 4) transform that applies `inner` first and `outer` second."""
    return np.concatenate([outer[:, :3] @ inner[:, :3], (outer[:, :3] @ inner[:, 3] + outer[:, 3])[:, None]], axis=1)


def invert_rigid(transform: Floats) -> Floats:
    """The inverse of a (3, 4) rotation and translation."""
    rotation = transform[:, :3].T
    return np.concatenate([rotation, -(rotation @ transform[:, 3])[:, None]], axis=1)


@dataclass(frozen=True, eq=False)
class KinectPair:
    """One Kinect standing in a room.

    Attributes:
        depth: The depth camera; "camera space" is its space.
        color: The color camera.
        color_from_depth: (3, 4) float64, rotation | translation (m) from camera space to the color camera's space.
        depth_from_world: (3, 4) float64, rotation | translation (m) from the world to camera space.
    """

    depth: Pinhole
    color: Pinhole
    color_from_depth: Floats
    depth_from_world: Floats

    @property
    def color_from_world(self) -> Floats:
        """(3, 4) transform from the world to the color camera's space."""
        return compose_rigid(self.color_from_depth, self.depth_from_world)

    @property
    def position(self) -> Floats:
        """(3,) world position of the depth camera, meters."""
        return np.asarray(invert_rigid(self.depth_from_world)[:, 3])

    def to_camera(self, world: ArrayLike) -> Floats:
        """World points (..., 3) in camera space."""
        return apply_rigid(self.depth_from_world, world)

    def project_depth(self, points: ArrayLike) -> Floats:
        """Pixels (..., 2) in the depth image of camera-space points (..., 3)."""
        return self.depth.project(points)

    def project_color(self, points: ArrayLike) -> Floats:
        """Pixels (..., 2) in the color image of points (..., 3) of the *depth* camera's space."""
        return self.color.project(apply_rigid(self.color_from_depth, points))

    def to_json(self) -> dict[str, Any]:
        """The cameras as plain values; read back by `from_json`."""
        return {
            "depth": asdict(self.depth),
            "color": asdict(self.color),
            "color_from_depth": self.color_from_depth.tolist(),
            "depth_from_world": self.depth_from_world.tolist(),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> KinectPair:
        """Read what `to_json` wrote."""
        return cls(
            Pinhole(**values["depth"]),
            Pinhole(**values["color"]),
            np.array(values["color_from_depth"], np.float64),
            np.array(values["depth_from_world"], np.float64),
        )


def look_at(position: ArrayLike, target: ArrayLike, roll: float = 0.0) -> Floats:
    """The (3, 4) transform from the world to a camera at `position` that looks at `target`.

    Args:
        position: (3,) world meters.
        target: (3,) world meters, not straight above or below `position`.
        roll: Rotation about the optical axis, radians.
    """
    origin = np.asarray(position, np.float64)
    forward = np.asarray(target, np.float64) - origin
    forward /= np.linalg.norm(forward)
    left = np.cross([0.0, 1.0, 0.0], forward)
    left /= np.linalg.norm(left)
    up = np.cross(forward, left)
    left, up = np.cos(roll) * left + np.sin(roll) * up, np.cos(roll) * up - np.sin(roll) * left
    rotation = np.stack([left, up, forward])
    return np.concatenate([rotation, -(rotation @ origin)[:, None]], axis=1)


def _small_rotation(angles: Floats) -> Floats:
    """Rotation matrix of three small angles (radians) about x, y and z, in this order."""
    (ca, cb, cc), (sa, sb, sc) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, ca, -sa], [0, sa, ca]])
    about_y = np.array([[cb, 0, sb], [0, 1, 0], [-sb, 0, cb]])
    about_z = np.array([[cc, -sc, 0], [sc, cc, 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x)


def sample_kinect(rng: np.random.Generator, depth_from_world: Floats) -> KinectPair:
    """Draw the intrinsics, baseline (0.04-0.07 m, mostly along x) and small rotation (< 1 degree) of one Kinect."""
    focal = rng.uniform(365.5, 367.5)
    depth = Pinhole(
        focal,
        focal,
        float(rng.choice([256.3, 262.5]) + rng.normal(0, 0.15)),
        rng.uniform(208.4, 209.8),
        *DEPTH_SIZE,
    )
    focal = rng.uniform(1054.0, 1062.0)
    color = Pinhole(focal, focal, rng.uniform(954.0, 963.0), rng.uniform(534.0, 567.0), *COLOR_SIZE)
    rotation = _small_rotation(np.radians(np.clip(rng.normal(0, 0.3, 3), -0.8, 0.8)))
    # The color lens sits to one side of the depth lens; the sign is that of the SDK's mapping on mirrored frames.
    offset = np.array([rng.uniform(0.045, 0.062), rng.uniform(-0.004, 0.004), rng.uniform(-0.006, 0.006)])
    return KinectPair(depth, color, np.concatenate([rotation, offset[:, None]], axis=1), depth_from_world)


@dataclass(frozen=True)
class Stage:
    """Where a setup's cameras stand around the spot (world origin) where people perform.

    Attributes:
        height: Height of the three cameras, meters.
        distance: Horizontal distance of each camera from the spot, meters; cameras 1, 2, 3.
        angle: Direction of each camera as seen from the spot, radians from world +z towards +x.
    """

    height: float
    distance: tuple[float, float, float]
    angle: tuple[float, float, float]


def sample_stage(rng: np.random.Generator) -> Stage:
    """Draw a setup as NTU's: same height, camera 1 in the middle, 2 and 3 about 45 degrees to its sides.

    They stand 2.6 to 4.1 m from the spot; people, who do not stay on it, are then 2.3 to 4.4 m away.
    """
    base = rng.uniform(2.8, 3.9)
    distances = np.clip(base + rng.uniform(-0.25, 0.25, 3), 2.6, 4.1)
    angles = np.radians(np.array([0.0, -45.0, 45.0]) + rng.uniform(-4.0, 4.0, 3))
    return Stage(
        float(rng.uniform(0.9, 1.8)),
        (float(distances[0]), float(distances[1]), float(distances[2])),
        (float(angles[0]), float(angles[1]), float(angles[2])),
    )


def place_kinect(rng: np.random.Generator, stage: Stage, camera: int) -> KinectPair:
    """Put camera 1, 2 or 3 of a setup in its place, tilted so that a person on the spot is in the image.

    Raises:
        ValueError: If there is no such camera.
    """
    if camera not in (1, 2, 3):
        raise ValueError(f"a setup has cameras 1, 2 and 3, not {camera}")
    angle, distance = stage.angle[camera - 1], stage.distance[camera - 1]
    position = np.array([distance * np.sin(angle), stage.height, distance * np.cos(angle)])
    target = np.array([rng.uniform(-0.15, 0.15), rng.uniform(0.78, 0.95), rng.uniform(-0.15, 0.15)])
    pose = look_at(position, target, float(np.radians(rng.normal(0, 0.4))))
    return sample_kinect(rng, pose)
