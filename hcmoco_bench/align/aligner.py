"""The color frames of one rig in the depth frame, one after the other: what `warp` does, without waste."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.align.calibration import RigCalibration
from hcmoco_bench.align.warp import PREFILTER_PX, Mode, color_map, sample_rgb
from hcmoco_bench.runtime.scratch import Scratch
from hcmoco_bench.sources.ntu.layout import COLOR_SIZE
from hcmoco_bench.sources.video_colors import BLACK, TO_RGB, ColorPlanes

_AROUND: Final = PREFILTER_PX // 2
"""How many pixels on each side are averaged into one."""


class Aligner:
    """Warps color frames into the depth frame.

    Planes are warped as they are: luma is averaged and sampled as `align_rgb` does, color differences, which have a
    quarter of the pixels, are only sampled, and the small result is converted to RGB. That is half of the work of
    converting the large frame first, and as stored, after JPEG, it comes as close to the exact average over each depth
    pixel's footprint, to 0.4 dB. Only the part of the frame that the depth camera looks at is touched, and memory is
    kept from frame to frame.

    Args:
        calibration: The rig's calibration.
        mode: `homography` or `registered`.
    """

    def __init__(self, calibration: RigCalibration, mode: Mode) -> None:
        self.calibration, self.mode = calibration, mode
        self._smooth = Scratch()
        self._fixed = _maps(color_map(calibration, None, mode)) if mode == "homography" else None

    def align(self, color: ColorPlanes | NDArray[np.uint8], depth: NDArray[np.uint16] | None) -> NDArray[np.uint8]:
        """Warp one frame.

        Args:
            color: The color frame, 1920x1080 px: planes, or (1080, 1920, 3) uint8 RGB.
            depth: As for `color_map`.

        Returns:
            (424, 512, 3) uint8 RGB; black where the color camera does not look.

        Raises:
            CalibrationError, DataError: As `color_map`.
        """
        if not isinstance(color, ColorPlanes):
            return sample_rgb(color, color_map(self.calibration, depth, self.mode))
        maps = self._fixed or _maps(color_map(self.calibration, depth, self.mode))
        luma = color.y[maps.window]
        smooth = cv2.blur(
            luma, (PREFILTER_PX, PREFILTER_PX), dst=self._smooth.array(*luma.shape), borderType=cv2.BORDER_REPLICATE
        )
        cb, cr = color.cb[maps.half_window], color.cr[maps.half_window]
        # OpenCV samples four channels three times as fast as two.
        chroma = cv2.split(_sample(cv2.merge([cb, cr, cb, cr]), maps.chroma, (*BLACK[1:], *BLACK[1:])))
        planes = cv2.merge([_sample(smooth, maps.luma, BLACK[:1]), *chroma[:2]])
        return np.asarray(cv2.transform(planes, TO_RGB), np.uint8)


_Places: TypeAlias = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Where pixels of the depth frame find their color: columns and rows, each (424, 512) float32 px."""


@dataclass(frozen=True)
class _Maps:
    """Where each pixel of the depth frame finds its color, within the part of the color frame that is read.

    Attributes:
        window: Rows and columns of luma that are read.
        half_window: The same of the color differences.
        luma: Places in the window.
        chroma: Places in the half window.
    """

    window: tuple[slice, slice]
    half_window: tuple[slice, slice]
    luma: _Places
    chroma: _Places


def _maps(where: NDArray[np.float32]) -> _Maps:
    axes = [_one_axis(places, size) for places, size in zip(cv2.split(where), COLOR_SIZE, strict=True)]
    (columns, x, half_x), (rows, y, half_y) = axes
    return _Maps(
        window=(rows, columns),
        half_window=(slice(rows.start // 2, rows.stop // 2), slice(columns.start // 2, columns.stop // 2)),
        luma=(x, y),
        chroma=(half_x, half_y),
    )


def _one_axis(places: NDArray[np.float32], size: int) -> tuple[slice, NDArray[np.float32], NDArray[np.float32]]:
    """The pixels that are read along one axis, with even ends, and the places of luma and chroma among them."""
    least, most = np.nan_to_num(np.array([places.min(), places.max()]), nan=0)
    first, last = (int(np.floor(np.clip(place, 0, size - 1))) for place in (least, most))
    # Each place reads the pixel at or before it and the next one, each averaged.
    start, stop = max(first - _AROUND, 0), min(last + 1 + _AROUND + 1, size)
    start, stop = start // 2 * 2, (stop + 1) // 2 * 2
    half = np.float32(0.5)
    if 0.5 <= least <= most <= size - 1.5:
        chroma = places * half - np.float32(0.25)
    else:
        # Beyond the frame, color differences fade to none just as luma fades to black.
        inside = np.clip(places, 0, size - 1)
        chroma = np.clip(inside * half - np.float32(0.25), 0, size / 2 - 1) + (places - inside)
    return slice(start, stop), places - np.float32(start), chroma - np.float32(start // 2)


def _sample(plane: NDArray[np.uint8], where: _Places, outside: tuple[int, ...]) -> NDArray[np.uint8]:
    sampled = cv2.remap(plane, *where, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=outside)
    return np.asarray(sampled, np.uint8)
