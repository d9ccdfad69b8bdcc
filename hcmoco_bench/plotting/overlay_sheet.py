"""The sheet to look at a prepared sample: RGB, depth, parts, joints, and RGB over depth edges."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hcmoco_bench.body import joint_set, part_table
from hcmoco_bench.store.arrays.samples import SampleArrays

_PANELS = ("RGB in the depth frame", "depth", "parts", "joints", "RGB over depth edges")


def overlay_sheet(samples: Sequence[SampleArrays]) -> Figure:
    """Draw one line of five panels for each sample.

    The panels are cropped to the person (with a margin), the same window in all five. In the last panel the depth
    edges are drawn over the RGB: where the alignment is good they run along the person's outline.

    Args:
        samples: Decoded rows of a store; at least one.
    """
    if not samples:
        raise ValueError("an overlay sheet needs at least one sample")
    figure = Figure(figsize=(3.1 * len(_PANELS), 3.3 * len(samples)), layout="constrained")
    axes = figure.subplots(len(samples), len(_PANELS), squeeze=False)
    for line, sample in zip(axes, samples, strict=True):
        window = _person_window(sample)
        _show_rgb(line[0], sample.rgb)
        _show_depth(line[1], sample.depth)
        show_parts(line[2], sample.rgb, sample.parts)
        _show_joints(line[3], sample)
        _show_edges(line[4], sample)
        for axis, name in zip(line, _PANELS, strict=True):
            axis.set(xlim=window[0], ylim=window[1], xticks=[], yticks=[])
            axis.set_title(name if axis is not line[0] else f"{sample.sample_id}\n{name}", fontsize=8)
    return figure


def _show_rgb(axis: Axes, rgb: NDArray[np.uint8]) -> None:
    axis.imshow(rgb, interpolation="nearest")


def _show_depth(axis: Axes, depth: NDArray[np.uint16] | None) -> None:
    if depth is None:
        _say(axis, "no depth")
        return
    valid = depth > 0
    meters = np.ma.masked_array(depth / 1000.0, ~valid)
    near, far = np.percentile(depth[valid], (1, 99)) / 1000 if valid.any() else (0.5, 4.5)
    axis.set_facecolor("black")
    image = axis.imshow(meters, cmap="viridis_r", norm=Normalize(near, far), interpolation="nearest")
    bar = axis.figure.colorbar(image, ax=axis, fraction=0.04, pad=0.01)
    bar.ax.tick_params(labelsize=6)
    bar.set_label("m", fontsize=6)


def show_parts(axis: Axes, rgb: NDArray[np.uint8], parts: NDArray[np.uint8] | None) -> None:
    """Draw class indices (H, W) in the table's colors over a gray image (H, W, 3); None says that there are none."""
    if parts is None:
        _say(axis, "no part masks")
        return
    table = part_table()
    colors = ListedColormap(table.palette / 255.0)
    axis.imshow(rgb.mean(axis=2), cmap="gray", interpolation="nearest")
    labels = np.ma.masked_equal(parts, 0)
    axis.imshow(labels, cmap=colors, vmin=-0.5, vmax=len(table) - 0.5, alpha=0.8, interpolation="nearest")


def _show_joints(axis: Axes, sample: SampleArrays) -> None:
    axis.imshow(sample.rgb, interpolation="nearest")
    joints = joint_set("kinect25")
    for body, (points, states) in enumerate(zip(sample.joints_depth, sample.tracking, strict=True)):
        color = "#ffd23f" if body == 0 else "#7fc8f8"
        seen = (states > 0) & np.isfinite(points).all(axis=1)
        for a, b in joints.edges:
            if seen[a] and seen[b]:
                axis.plot(*points[[a, b]].T, color=color, linewidth=1.2, alpha=0.9)
        for state, face in ((2, color), (1, "none")):
            chosen = seen & (states == state)
            axis.scatter(
                points[chosen, 0], points[chosen, 1], s=10, facecolors=face, edgecolors=color, linewidths=0.8, zorder=3
            )


def _show_edges(axis: Axes, sample: SampleArrays) -> None:
    axis.imshow(sample.rgb, interpolation="nearest")
    if sample.depth is None:
        return
    edges = depth_edges(sample.depth)
    overlay = np.zeros((*edges.shape, 4))
    overlay[edges] = (1.0, 0.1, 0.3, 0.9)
    axis.imshow(overlay, interpolation="nearest")


def _say(axis: Axes, text: str) -> None:
    axis.set_facecolor("0.9")
    axis.text(0.5, 0.5, text, ha="center", va="center", transform=axis.transAxes, color="0.3")


def depth_edges(depth: NDArray[np.uint16], step: float = 80.0) -> NDArray[np.bool_]:
    """Pixels whose depth lies at least `step` millimeters before a 4-neighbor's (no depth counts as far away).

    Args:
        depth: (H, W) uint16 millimeters, 0 = none.
        step: Least jump in millimeters.

    Returns:
        (H, W) bool; pixels without depth are never edges.
    """
    far = np.where(depth > 0, depth.astype(np.float32), np.float32(1e6))
    padded = np.pad(far, 1, mode="edge")
    neighbors = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    edges: NDArray[np.bool_] = (np.maximum.reduce(neighbors) - far >= step) & (depth > 0)
    return edges


def _person_window(sample: SampleArrays) -> tuple[tuple[float, float], tuple[float, float]]:
    """Limits of x and of y around the person: parts, else depth, else joints, else the whole frame."""
    height, width = sample.rgb.shape[:2]
    if sample.parts is not None and sample.parts.any():
        y, x = np.nonzero(sample.parts)
    elif sample.depth is not None and sample.depth.any():
        y, x = np.nonzero(sample.depth)
    else:
        points = sample.joints_depth.reshape(-1, 2)
        x, y = points[np.isfinite(points).all(axis=1)].T
    if len(x) == 0:
        return (-0.5, width - 0.5), (height - 0.5, -0.5)
    (left, right), (top, bottom) = np.percentile(x, (0.5, 99.5)), np.percentile(y, (0.5, 99.5))
    half = max(right - left, bottom - top) * 0.58 + 8
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    return (middle_x - half, middle_x + half), (middle_y + half, middle_y - half)
