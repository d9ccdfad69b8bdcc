"""How often each part is seen: its share of the person's pixels, and the share of frames that show it."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hcmoco_bench.body import part_table


def part_frequency(pixels: NDArray[np.integer], frames: NDArray[np.integer], n_frames: int) -> Figure:
    """Draw two bar charts over the 24 parts.

    Args:
        pixels: (25,) number of pixels of each class, background at 0 (not drawn).
        frames: (25,) number of frames that hold each class.
        n_frames: Number of frames counted.
    """
    table = part_table()
    names = table.names[1:]
    shares = (
        (100 * pixels[1:] / max(int(pixels[1:].sum()), 1), "share of the person's pixels, %"),
        (100 * frames[1:] / max(n_frames, 1), "frames that show the part, %"),
    )
    figure = Figure(figsize=(11, 6), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    positions = np.arange(len(names))
    for axis, (values, label) in zip(axes, shares, strict=True):
        bars = axis.barh(positions, values, color=table.palette[1:] / 255.0, edgecolor="0.35", linewidth=0.5)
        axis.bar_label(bars, fmt="%.1f", fontsize=7, padding=2)
        axis.set_xlabel(label)
        axis.margins(x=0.1)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_yticks(positions, names)
    axes[0].invert_yaxis()
    figure.suptitle(f"Parts in {n_frames:,} frames")
    return figure
