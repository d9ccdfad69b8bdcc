"""The joints of a Human3.6M recording as a store keeps them: in meters and pixels, with the camera between the two.

Human3.6M publishes the cameras in a file of its own, `metadata.xml`, which is not needed: a pinhole camera's focal
lengths and principal point follow from the two files of positions by least squares. The published projections contain
the lens's distortion, a few pixels, which the fit spreads over the joints.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body import joint_mapping
from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.human36m import Recording
from hcmoco_bench.sources.human36m.layout import MOST_APART, POSE_JOINTS
from hcmoco_bench.sources.human36m.positions import read_positions, read_projections
from hcmoco_bench.store.kinds.human36m import JOINTS, MOST_OFF

_METERS_PER_MM: Final = 0.001
_RESIDUAL: Final = 0.02
"""Largest distance of the fit from the projections, as a share of the focal length, root mean square over all joints;
distortion gives a few thousandths, files of two recordings more than a twentieth."""
_INSIDE: Final = 0.5
"""Least share of the joints that lies on the images."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera: u = fx x / z + cx, v = fy y / z + cy, with y down.

    Attributes:
        intrinsics: (4,) fx, fy, cx, cy in px.
        residual: Distance of the projections from the fit, px, root mean square.
        worst: The largest distance of a joint, px.
    """

    intrinsics: NDArray[np.float64]
    residual: float
    worst: float


@dataclass(frozen=True)
class RecordingPoses:
    """The poses of a recording.

    Attributes:
        joints: (F, 17, 3) meters in the camera's coordinates, x right, y down, z forward; joint set `h36m17`.
        pixels: (F, 17, 2) px of the video.
        camera: The camera.
    """

    joints: NDArray[np.float64]
    pixels: NDArray[np.float64]
    camera: Camera

    def __len__(self) -> int:
        return len(self.joints)

    def row(self, frame: int) -> dict[str, list[float] | list[list[float]]] | None:
        """The column `pose` of a frame; None after the last one."""
        if frame >= len(self):
            return None
        return {
            "joints": self.joints[frame].tolist(),
            "pixels": self.pixels[frame].tolist(),
            "intrinsics": self.camera.intrinsics.tolist(),
        }


def read_poses(recording: Recording, n_frames: int) -> RecordingPoses:
    """The poses of a recording that has both files of positions.

    Args:
        recording: The recording.
        n_frames: Number of frames of the video that are used.

    Raises:
        DataError: If a file cannot be used (`positions_...`), if the recording has one of them alone
            (`positions_incomplete`), or if they are not of each other or of the video (`positions_differ`).
    """
    places, planes = recording.positions, recording.projections
    if places is None or planes is None:
        there = places or planes
        missing = "projections (D2_Positions)" if planes is None else "positions (D3_Positions_mono)"
        raise DataError(
            f"{there or recording.video}: the recording has no {missing}, and both are needed; extract them too",
            kind="positions_incomplete",
            file=str(there or recording.video),
        )
    positions, projections = read_positions(places), read_projections(planes)
    lengths = (len(positions), len(projections))
    for length, path in zip(lengths, (places, planes), strict=True):
        if abs(length - n_frames) > max(2, MOST_APART * max(length, n_frames)):
            raise _differ(path, f"{length} frames, and the video has {n_frames}")
    count = min(lengths)
    camera = fit_camera(positions[:count], projections[:count], places)
    focal = float(camera.intrinsics[:2].min())
    if camera.residual > _RESIDUAL * focal:
        raise _differ(planes, f"{camera.residual:.0f} px off from what any camera sees of {places.name}")
    if camera.worst > MOST_OFF * focal:
        raise _differ(planes, f"a joint is {camera.worst:.0f} px off from what the camera sees of {places.name}")
    kept = joint_mapping(POSE_JOINTS, JOINTS)
    return RecordingPoses(_METERS_PER_MM * positions[:count, kept], projections[:count, kept], camera)


def fit_camera(positions: NDArray[np.float64], projections: NDArray[np.float64], path: Path) -> Camera:
    """The pinhole camera that brings positions nearest to their projections.

    Args:
        positions: (F, J, 3) in the camera's coordinates, any unit; x right, y down, z forward.
        projections: (F, J, 2) px.
        path: File of the positions, for messages.

    Raises:
        DataError: Kind `positions_differ`: joints behind the camera, or no camera fits.
    """
    if (positions[..., 2] <= 0).any():
        raise _differ(path, "joints behind the camera; are they D3_Positions, in the room's coordinates?")
    rays = (positions[..., :2] / positions[..., 2:]).reshape(-1, 2)
    pixels = projections.reshape(-1, 2)
    spread = rays.std(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        focal = ((rays - rays.mean(0)) * (pixels - pixels.mean(0))).mean(0) / spread**2
    if not (np.isfinite(focal).all() and (focal > 0).all()):
        raise _differ(path, "no camera that sees its projections")
    center = pixels.mean(0) - focal * rays.mean(0)
    square = ((focal * rays + center - pixels) ** 2).sum(1)
    return Camera(np.concatenate([focal, center]), float(np.sqrt(square.mean())), float(np.sqrt(square.max())))


def require_inside(poses: RecordingPoses, recording: Recording, frames: range, width: int, height: int) -> None:
    """Raise DataError (`positions_differ`) where most joints of the frames lie outside the video's images.

    That is so for videos that were made smaller, or cut.
    """
    shown = poses.pixels[[frame for frame in frames if frame < len(poses)]]
    inside = ((shown >= 0) & (shown < (width, height))).all(-1)
    if inside.size and inside.mean() < _INSIDE:
        raise _differ(
            recording.projections or recording.video,
            f"most joints lie outside the video, whose images have {width}x{height} px",
        )


def _differ(path: Path, why: str) -> DataError:
    return DataError(
        f"{path}: {why}; the positions are not used. Give the published files of this recording",
        kind="positions_differ",
        file=str(path),
    )
