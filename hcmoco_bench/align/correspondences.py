"""Tracked joints of one rig as point correspondences: camera space, depth frame and color frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import CalibrationError
from hcmoco_bench.sources.ntu.layout import COLOR_SIZE, DEPTH_SIZE
from hcmoco_bench.sources.ntu.names import ClipName, Rig
from hcmoco_bench.sources.ntu.skeleton import Skeleton

TRACKED = 2
"""The tracking state of a joint that the sensor saw; 1 is inferred, 0 is not tracked."""

MIN_RIG_POINTS = 150
"""Fewer joints do not make a rig's calibration."""

MIN_FIT_POINTS = 100
"""Fewer joints do not make a fit: what is left of a rig's joints while a third of them is held out."""

MIN_AGREEING = 0.6
"""The share of joints that must agree on one model; below it, nothing tells which half is wrong."""

NEAREST, FARTHEST = 0.3, 10.0
"""Joints nearer or farther than this, in meters, are not measurements of a Kinect v2."""


@dataclass(frozen=True)
class RigPoints:
    """The joints that calibrate one rig: the same N points three times.

    Attributes:
        rig: Whose points these are.
        xyz: (N, 3) float64, meters in the depth camera's space: x right in the image, y up, z forward.
        depth_xy: (N, 2) float64, px of the 512x424 depth frame.
        color_xy: (N, 2) float64, px of the 1920x1080 color frame.
        clip: (N,) int32, index into `clips`.
        frame: (N,) int32, from 1; held-out blocks of a single clip are made of it.
        clips: The clips that were looked at, also those that gave no point.
    """

    rig: Rig
    xyz: NDArray[np.float64]
    depth_xy: NDArray[np.float64]
    color_xy: NDArray[np.float64]
    clip: NDArray[np.int32]
    frame: NDArray[np.int32]
    clips: tuple[ClipName, ...]

    def __len__(self) -> int:
        return len(self.xyz)

    def select(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> RigPoints:
        """Return the points of a mask or of indices; `clips` stays whole."""
        return RigPoints(
            self.rig,
            self.xyz[which],
            self.depth_xy[which],
            self.color_xy[which],
            self.clip[which],
            self.frame[which],
            self.clips,
        )


def rig_points(
    rig: Rig,
    skeletons: Iterable[tuple[ClipName, Skeleton]],
    *,
    max_points: int = 20_000,
    rng: np.random.Generator,
) -> RigPoints:
    """Collect the tracked joints of a rig's clips.

    Only joints with tracking state 2 count, with finite coordinates that lie inside both images and within the
    sensor's range. Of more than `max_points`, that many are drawn without replacement.

    Args:
        rig: The rig; the clips are taken to be its own.
        skeletons: Clip names with their parsed skeletons; consumed once.
        max_points: The cap.
        rng: Draws the points to keep; unused below the cap.

    Returns:
        The points in order of clip, frame and joint; there may be none.
    """
    names: list[ClipName] = []
    rows: list[NDArray[np.float64]] = []
    for name, skeleton in skeletons:
        kept = usable_joints(skeleton)
        record = np.nonzero(kept)[0]
        rows.append(
            np.column_stack(
                [
                    skeleton.joints_xyz[kept],
                    skeleton.joints_depth[kept],
                    skeleton.joints_color[kept],
                    np.full(len(record), len(names)),
                    skeleton.frame[record],
                ]
            ).astype(np.float64)
        )
        names.append(name)
    table = np.concatenate(rows) if rows else np.empty((0, 9))
    if len(table) > max_points:
        table = table[np.sort(rng.choice(len(table), max_points, replace=False))]
    return RigPoints(
        rig,
        xyz=table[:, 0:3],
        depth_xy=table[:, 3:5],
        color_xy=table[:, 5:7],
        clip=table[:, 7].astype(np.int32),
        frame=table[:, 8].astype(np.int32),
        clips=tuple(names),
    )


def require_enough(n: int, least: int = MIN_FIT_POINTS) -> None:
    """Raise CalibrationError of kind `rig_too_few_points` for fewer joints than needed."""
    if n < least:
        raise CalibrationError(
            f"{n} tracked joints are too few, {least} are needed; add clips of this rig", kind="rig_too_few_points"
        )


def require_agreement(agreeing: NDArray[np.bool_], on_what: str) -> None:
    """Raise CalibrationError of kind `rig_bad_fit` unless 60 % of the joints, a mask (N,), agree on one model."""
    if agreeing.mean() < MIN_AGREEING:
        raise CalibrationError(
            f"only {agreeing.mean():.0%} of {len(agreeing)} joints agree on {on_what}; are all clips of one rig, "
            "and their files undamaged?"
        )


def usable_joints(skeleton: Skeleton) -> NDArray[np.bool_]:
    """Which joints calibrate, (M, 25) bool: tracked, finite, inside both images, within the sensor's range."""
    depth = skeleton.joints_xyz[..., 2]
    with np.errstate(invalid="ignore"):
        return np.asarray(
            (skeleton.tracking == TRACKED)
            & np.isfinite(skeleton.joints_xyz).all(axis=-1)
            & ((depth > NEAREST) & (depth < FARTHEST))
            & _inside(skeleton.joints_depth, DEPTH_SIZE)
            & _inside(skeleton.joints_color, COLOR_SIZE)
        )


def _inside(xy: NDArray[np.floating], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Whether points lie in an image; false for nan and inf."""
    return np.asarray(((xy >= -0.5) & (xy <= np.asarray(size) - 0.5)).all(axis=-1))
