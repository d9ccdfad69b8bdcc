"""NTU `.skeleton` files: what Kinect v2's body tracker reported, as arrays with one record per body and frame."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.ntu.assets import Asset
from hcmoco_bench.sources.ntu.extents import Extent
from hcmoco_bench.sources.ntu.skeleton_lines import JOINTS, SkeletonLines, read_lines
from hcmoco_bench.sources.ntu.skeleton_numbers import GarbledLineError, parse_joint_lines

ATTRIBUTES = (
    "clipped_edges",
    "hand_left_confidence",
    "hand_left_state",
    "hand_right_confidence",
    "hand_right_state",
    "restricted",
    "lean_x",
    "lean_y",
    "tracking_state",
)
"""The columns of `Skeleton.attributes`, in file order."""


@dataclass(frozen=True, eq=False)
class Skeleton:
    """All bodies of one clip; M records, in file order, one per body and frame.

    Attributes:
        declared_frames: Number of frames that the file's first line promises.
        n_frames: Number of complete frames in the file, those without a body included.
        truncated: True if fewer complete frames are there than promised.
        frame: (M,) int32, counted from 1.
        body_id: (M,) int64, the tracker's id, exact (up to 17 digits: more than a float64 holds).
        attributes: (M, 9) float32, the rest of the body's line, columns `ATTRIBUTES`.
        joints_xyz: (M, 25, 3) float32, camera-space x, y, z of the depth camera, meters; nan and inf as in the file.
        joints_depth: (M, 25, 2) float32, (x, y) in the 512x424 depth image, px.
        joints_color: (M, 25, 2) float32, (x, y) in the 1920x1080 video, px.
        orientation: (M, 25, 4) float32, quaternion w, x, y, z; zeros where the tracker gives none.
        tracking: (M, 25) uint8, 0 not tracked, 1 inferred, 2 tracked.
    """

    declared_frames: int
    n_frames: int
    truncated: bool
    frame: NDArray[np.int32]
    body_id: NDArray[np.int64]
    attributes: NDArray[np.float32]
    joints_xyz: NDArray[np.float32]
    joints_depth: NDArray[np.float32]
    joints_color: NDArray[np.float32]
    orientation: NDArray[np.float32]
    tracking: NDArray[np.uint8]

    @property
    def extent(self) -> Extent:
        """As many frames as are there, or as the first line promises if those are more: then the file was cut off."""
        return Extent(max(self.declared_frames, self.n_frames), self.n_frames)

    def at(self, frame: int) -> NDArray[np.intp]:
        """Indices of the records of a frame (counted from 1), in file order; empty if nobody is there."""
        first, end = np.searchsorted(self.frame, [frame, frame + 1])
        return np.arange(first, end, dtype=np.intp)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Skeleton):
            return NotImplemented
        pairs = [(np.asarray(getattr(self, f.name)), np.asarray(getattr(other, f.name))) for f in fields(self)]
        return all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in pairs)

    __hash__ = None  # type: ignore[assignment]


def parse_skeleton(data: bytes, *, source: str) -> Skeleton:
    """Parse the text of a `.skeleton` file.

    A file cut off anywhere keeps its complete frames; a number cut in the middle never counts. Frames beyond the
    promised number are kept, and what follows them and is no frame is ignored. The text's numbers become float64 and
    then float32.

    Args:
        data: The file's bytes; any line ends, spaces at line ends, and padding with zero bytes are fine.
        source: File named in error messages.

    Raises:
        DataError: Kind `skeleton_empty`, if nothing is in it; `skeleton_garbled`, if something else is.
    """
    try:
        lines = read_lines(data)
        return _columns(lines)
    except GarbledLineError as error:
        where = f"line {error.line}" if error.line else "the file"
        raise DataError(
            f"{source}: {where} is not NTU skeleton text: {error}; extract or download the file again",
            kind="skeleton_empty" if error.empty else "skeleton_garbled",
            file=source,
        ) from error


def read_skeleton(asset: Asset) -> Skeleton:
    """Read and parse a `.skeleton` file, plain or inside an archive.

    Raises:
        DataError: The kinds of `Asset.read_bytes` and `parse_skeleton`.
    """
    return parse_skeleton(asset.read_bytes(), source=str(asset))


def filled_skeleton(asset: Asset) -> Skeleton:
    """Read a `.skeleton` file that holds at least one frame.

    Raises:
        DataError: Kind `skeleton_no_frames`; the kinds of `read_skeleton`.
    """
    skeleton = read_skeleton(asset)
    if not skeleton.n_frames:
        promised = skeleton.declared_frames
        what = f"promises {promised} frames and holds not one whole one" if promised else "holds 0 frames"
        message = f"{asset}: {what}; compare its size with the published one"
        raise DataError(message, kind="skeleton_no_frames", file=str(asset))
    return skeleton


def wrong_count(asset: Asset, skeleton: Skeleton) -> DataError | None:
    """An error of kind `skeleton_frames_differ`, if a file's first line promises another number of frames.

    Args:
        asset: The file.
        skeleton: What is in it.
    """
    if skeleton.n_frames == skeleton.declared_frames:
        return None
    lost = "bodies of the others are missing; " if skeleton.truncated else ""
    message = (
        f"{asset}: its first line promises {skeleton.declared_frames} frames, {skeleton.n_frames} are there; {lost}"
        "compare its size with the published one"
    )
    return DataError(message, kind="skeleton_frames_differ", file=str(asset))


def _columns(lines: SkeletonLines) -> Skeleton:
    numbers = parse_joint_lines(lines.joints, lines.joint_line_numbers).reshape(-1, JOINTS, 12)
    state = numbers[..., 11]
    known = (state == 0) | (state == 1) | (state == 2)
    if not known.all():
        record, joint = np.argwhere(~known)[0]
        raise GarbledLineError(
            f"tracking state {state[record, joint]:g} is not 0, 1 or 2",
            line=lines.joint_line_numbers[record] + int(joint),
        )
    # Values beyond float32's range become inf, as an invalid joint is.
    with np.errstate(over="ignore"):
        values = numbers.astype(np.float32)
        attributes = np.array(lines.attributes, np.float64).astype(np.float32).reshape(-1, len(ATTRIBUTES))
    return Skeleton(
        declared_frames=lines.declared_frames,
        n_frames=lines.n_frames,
        truncated=lines.n_frames < lines.declared_frames,
        frame=np.array(lines.frame, np.int32),
        body_id=np.array(lines.body_id, np.int64),
        attributes=attributes,
        joints_xyz=np.ascontiguousarray(values[..., 0:3]),
        joints_depth=np.ascontiguousarray(values[..., 3:5]),
        joints_color=np.ascontiguousarray(values[..., 5:7]),
        orientation=np.ascontiguousarray(values[..., 7:11]),
        tracking=state.astype(np.uint8),
    )
