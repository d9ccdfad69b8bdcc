"""The sheet to look at frames that have part labels and no depth: RGB, and the parts over it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from hcmoco_bench.plotting.overlay_sheet import show_parts
from hcmoco_bench.store.arrays.frames import FrameArrays

_COLUMNS = 2
_MARGIN = 0.08


def parts_sheet(frames: Sequence[FrameArrays]) -> Figure:
    """Draw RGB and parts of each frame, two frames a line, cropped to the person.

    Args:
        frames: Decoded rows of a store; at least one.
    """
    if not frames:
        raise ValueError("a sheet needs at least one frame")
    lines = -(-len(frames) // _COLUMNS)
    figure = Figure(figsize=(3.1 * 2 * _COLUMNS, 3.3 * lines), layout="constrained")
    axes = figure.subplots(lines, 2 * _COLUMNS, squeeze=False).reshape(-1, 2)
    for (image, parts), frame in zip(axes, frames, strict=False):
        image.imshow(frame.rgb, interpolation="nearest")
        show_parts(parts, frame.rgb, frame.parts)
        left, top, right, bottom = _window(frame)
        for axis in (image, parts):
            axis.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[])
        image.set_title(frame.sample_id, fontsize=8)
    for axis in axes[len(frames) :].reshape(-1):
        axis.set_axis_off()
    return figure


def _window(frame: FrameArrays) -> tuple[float, float, float, float]:
    """Left, top, right, bottom around the parts with a margin; the whole frame if there are none."""
    height, width = frame.parts.shape
    rows, columns = np.nonzero(frame.parts)
    if not len(rows):
        return -0.5, -0.5, width - 0.5, height - 0.5
    side = float(max(np.ptp(rows), np.ptp(columns)) + 1) * (0.5 + _MARGIN)
    x, y = (columns.min() + columns.max()) / 2, (rows.min() + rows.max()) / 2
    return x - side, y - side, x + side, y + side
