"""The color frames of one rig in the depth frame, one after the other: what `warp` does, without waste."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

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

_TO_RGB: Final = np.column_stack([TO_RGB[:, 1:3], TO_RGB[:, 0], np.zeros(3), TO_RGB[:, 3]])
"""(3, 5): RGB of (Cb, Cr, Y, anything, 1)."""


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
        # OpenCV samples four channels three times as fast as two; the third then makes room for luma.
        planes = _sample(cv2.merge([cb, cr, cb, cr]), maps.chroma, (*BLACK[1:], *BLACK[1:]))
        planes[..., 2] = _sample(smooth, maps.luma, BLACK[:1])
        return np.asarray(cv2.transform(planes, _TO_RGB), np.uint8)


@dataclass(frozen=True)
class _Maps:
    """Where each pixel of the depth frame finds its color, within the part of the color frame that is read.

    Attributes:
        window: Rows and columns of luma that are read.
        half_window: The same of the color differences.
        luma: (424, 512, 2) float32 px (x, y) in the window.
        chroma: (424, 512, 2) float32 px (x, y) in the half window.
    """

    window: tuple[slice, slice]
    half_window: tuple[slice, slice]
    luma: NDArray[np.float32]
    chroma: NDArray[np.float32]


def _maps(where: NDArray[np.float32]) -> _Maps:
    columns, rows = (_reach(where[..., axis], COLOR_SIZE[axis]) for axis in (0, 1))
    origin = np.array([columns.start, rows.start], np.float32)
    last = np.array(COLOR_SIZE, np.float32) - 1
    # Beyond the frame, color differences fade to none just as luma fades to black.
    inside = np.clip(where, 0, last)
    chroma = np.clip((inside - np.float32(0.5)) / 2, 0, (last - 1) / 2)
    chroma += where - inside
    return _Maps(
        window=(rows, columns),
        half_window=(slice(rows.start // 2, rows.stop // 2), slice(columns.start // 2, columns.stop // 2)),
        luma=where - origin,
        chroma=(chroma - origin / 2).astype(np.float32),
    )


def _reach(places: NDArray[np.float32], size: int) -> slice:
    """The pixels along one axis that are read at these places, with even ends; at least two."""
    least, most = np.floor(np.clip([np.fmin.reduce(places, None), np.fmax.reduce(places, None)], 0, size - 1))
    # Each place reads the pixel at or before it and the next one, each averaged.
    start, stop = max(int(least) - _AROUND, 0), min(int(most) + 1 + _AROUND + 1, size)
    return slice(start // 2 * 2, (stop + 1) // 2 * 2)


def _sample(plane: NDArray[np.uint8], where: NDArray[np.float32], outside: tuple[int, ...]) -> NDArray[np.uint8]:
    sampled = cv2.remap(plane, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=outside)
    return np.asarray(sampled, np.uint8)
