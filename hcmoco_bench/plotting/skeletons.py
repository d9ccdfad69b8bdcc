"""Skeletons over depth maps, and how accurate joints are: predicted beside true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hcmoco_bench.body import JointSet, joint_set

TRUE, PREDICTED, WRONG = "#ffffff", "#ff9f1c", "#ff1654"
_COLUMNS = 4
_WIDE, _DEEP, _TALL = 0.8, 0.5, 1.2


@dataclass(frozen=True, eq=False)
class SkeletonImage:
    """A depth map with a true and a predicted skeleton.

    Attributes:
        name: Shown above it.
        depth: (H, W) float32 meters, 0 = none.
        true: (J, 3) meters, x to the right of the image, y up, z forward.
        predicted: (J, 3) meters, as `true`.
        true_pixels: (J, 2) px (x, y).
        predicted_pixels: (J, 2) px (x, y).
    """

    name: str
    depth: NDArray[np.float32]
    true: NDArray[np.floating]
    predicted: NDArray[np.floating]
    true_pixels: NDArray[np.floating]
    predicted_pixels: NDArray[np.floating]


def skeleton_sheet(images: Sequence[SkeletonImage], *, joints: str = "itop15", threshold_cm: float = 10.0) -> Figure:
    """Draw each skeleton as the camera sees it, over the depth map, and from the side.

    The true skeleton is white, the predicted one orange; predicted joints that are farther off than the threshold are
    red. From the side, the camera is to the left.

    Args:
        images: At least one.
        joints: Joint set.
        threshold_cm: From here on a joint is wrong.

    Raises:
        ValueError: If there is no image.
    """
    if not images:
        raise ValueError("a skeleton sheet needs at least one image")
    names = joint_set(joints)
    columns = min(_COLUMNS, len(images))
    lines = -(-len(images) // columns)
    figure = Figure(figsize=(4.6 * columns, 3.1 * lines), layout="constrained", facecolor="0.97")
    axes = figure.subplots(lines, 2 * columns, squeeze=False, gridspec_kw={"width_ratios": [2.4, 1] * columns})
    for axis in axes.flat:
        axis.set_axis_off()
    for number, image in enumerate(images):
        line, place = divmod(number, columns)
        front, side = axes[line, 2 * place], axes[line, 2 * place + 1]
        error = 100 * np.linalg.norm(image.predicted - image.true, axis=1)
        wrong = error >= threshold_cm
        _show_depth(front, image)
        draw_skeleton(front, names, image.true_pixels, TRUE, None)
        draw_skeleton(front, names, image.predicted_pixels, PREDICTED, wrong)
        front.set_title(f"{image.name}: {100 * (~wrong).mean():.0f} % within {threshold_cm:g} cm", fontsize=8)
        side.set_axis_on()
        side.set_facecolor("0.2")
        draw_skeleton(side, names, image.true[:, [2, 1]], TRUE, None)
        draw_skeleton(side, names, image.predicted[:, [2, 1]], PREDICTED, wrong)
        middle = (image.true.min(axis=0) + image.true.max(axis=0)) / 2
        side.set(
            xlim=(middle[2] - _DEEP, middle[2] + _DEEP), ylim=(middle[1] - _TALL, middle[1] + _TALL), aspect="equal"
        )
        side.set_title("from the side", fontsize=8)
        side.tick_params(labelsize=6)
    return figure


def accuracy_curve(thresholds_cm: NDArray[np.floating], curves: Mapping[str, NDArray[np.floating]]) -> Figure:
    """Draw the share of joints within a distance, over the distance.

    Args:
        thresholds_cm: (K,) cm.
        curves: (K,) shares in 0..1 by name.
    """
    figure = Figure(figsize=(5.2, 3.8), layout="constrained")
    axis = figure.subplots()
    for name, curve in curves.items():
        axis.plot(thresholds_cm, 100 * curve, label=name, linewidth=2.2 if name == "all joints" else 1.2)
    axis.axvline(10, color="0.6", linewidth=0.8, linestyle=":")
    axis.set(xlabel="distance, cm", ylabel="joints within, %", ylim=(0, 101), xlim=(0, float(thresholds_cm.max())))
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(fontsize=8, frameon=False)
    return figure


def joint_bars(per_joint: Mapping[str, Mapping[str, float | None]], *, figure_name: str = "accuracy") -> Figure:
    """Draw one bar a joint; a joint without a figure has none.

    Args:
        per_joint: Figures by name, by joint.
        figure_name: Which of them, in %.
    """
    names = list(per_joint)
    values = [per_joint[name][figure_name] for name in names]
    figure = Figure(figsize=(5.2, 0.26 * len(names) + 0.9), layout="constrained")
    axis = figure.subplots()
    places = np.arange(len(names))
    axis.barh(places, [0.0 if value is None else value for value in values], color="#2a9d8f")
    for place, value in zip(places.tolist(), values, strict=True):
        text = "none" if value is None else f"{value:.1f}"
        axis.text((value or 0.0) + 1, place, text, va="center", fontsize=7)
    axis.set_yticks(places, names, fontsize=8)
    axis.set(xlim=(0, 110), xlabel=f"{figure_name}, %")
    axis.invert_yaxis()
    axis.spines[["top", "right"]].set_visible(False)
    return figure


def _show_depth(axis: Axes, image: SkeletonImage) -> None:
    depth, z = image.depth, image.true[:, 2]
    shown = np.ma.masked_array(depth, depth <= 0)
    limits = Normalize(float(z.min()) - _WIDE, float(z.max()) + 2 * _WIDE)
    axis.imshow(shown, cmap="bone_r", norm=limits, interpolation="nearest")
    height, width = depth.shape
    axis.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))


def draw_skeleton(
    axis: Axes,
    joints: JointSet,
    points: NDArray[np.floating],
    color: str,
    wrong: NDArray[np.bool_] | None,
    *,
    line: float = 1.4,
    dot: float = 9,
) -> None:
    """Draw a skeleton.

    Args:
        axis: Where to draw.
        joints: Joint set.
        points: (J, 2) places in the axis' coordinates.
        color: Color of bones and joints.
        wrong: (J,) bool, joints in red; None for none.
        line: Width of the bones in points.
        dot: Area of the joints in square points.
    """
    for a, b in joints.edges:
        axis.plot(*points[[a, b]].T, color=color, linewidth=line, alpha=0.9)
    colors = [color] * len(points) if wrong is None else [WRONG if one else color for one in wrong]
    axis.scatter(points[:, 0], points[:, 1], s=dot, color=colors, zorder=3)
