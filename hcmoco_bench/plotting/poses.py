"""3-D poses over images and from the side, and their distances: predicted beside true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hcmoco_bench.body import joint_set
from hcmoco_bench.plotting.skeletons import PREDICTED, TRUE, draw_skeleton

_COLUMNS = 4
_DEEP, _TALL = 0.7, 1.15
_BARS = ("#2a9d8f", "#e9c46a")


@dataclass(frozen=True, eq=False)
class PoseImage:
    """An image of a person with a true and a predicted pose.

    Attributes:
        name: Shown above it.
        rgb: (H, W, 3) uint8.
        true: (J, 3) meters in the camera's axes, x right, y down, z forward.
        predicted: (J, 3) meters, as `true`, with the same root.
        true_pixels: (J, 2) px (x, y) of the image.
        predicted_pixels: (J, 2) px (x, y) of the image.
    """

    name: str
    rgb: NDArray[np.uint8]
    true: NDArray[np.floating]
    predicted: NDArray[np.floating]
    true_pixels: NDArray[np.floating]
    predicted_pixels: NDArray[np.floating]


def pose_sheet(images: Sequence[PoseImage], *, joints: str = "h36m17", threshold_mm: float = 150.0) -> Figure:
    """Draw each pose as the camera sees it, over the image, and from the side.

    The true skeleton is white, the predicted one orange; predicted joints that are farther off than the threshold are
    red. From the side, the camera is to the left.

    Args:
        images: At least one.
        joints: Joint set.
        threshold_mm: From here on a joint is wrong.

    Raises:
        ValueError: If there is no image.
    """
    if not images:
        raise ValueError("a pose sheet needs at least one image")
    draw = partial(draw_skeleton, line=1.3, dot=7)
    names = joint_set(joints)
    columns = min(_COLUMNS, len(images))
    lines = -(-len(images) // columns)
    figure = Figure(figsize=(4.2 * columns, 3.1 * lines), layout="constrained", facecolor="0.97")
    axes = figure.subplots(lines, 2 * columns, squeeze=False, gridspec_kw={"width_ratios": [1.6, 1] * columns})
    for axis in axes.flat:
        axis.set_axis_off()
    for number, image in enumerate(images):
        line, place = divmod(number, columns)
        front, side = axes[line, 2 * place], axes[line, 2 * place + 1]
        error = 1000 * np.linalg.norm(image.predicted - image.true, axis=1)
        wrong = error > threshold_mm
        front.imshow(image.rgb)
        draw(front, names, image.true_pixels, TRUE, None)
        draw(front, names, image.predicted_pixels, PREDICTED, wrong)
        height, width = image.rgb.shape[:2]
        front.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
        front.set_title(f"{image.name}: {error.mean():.0f} mm", fontsize=7)
        side.set_axis_on()
        side.set_facecolor("0.2")
        draw(side, names, image.true[:, [2, 1]], TRUE, None)
        draw(side, names, image.predicted[:, [2, 1]], PREDICTED, wrong)
        middle = (image.true.min(axis=0) + image.true.max(axis=0)) / 2
        side.set(
            xlim=(middle[2] - _DEEP, middle[2] + _DEEP), ylim=(middle[1] + _TALL, middle[1] - _TALL), aspect="equal"
        )
        side.set_title("from the side", fontsize=7)
        side.tick_params(labelsize=6)
    return figure


def error_bars(errors: Mapping[str, Mapping[str, float | None]], labels: Mapping[str, str]) -> Figure:
    """Draw a bar for each figure of each class, mm; a class without a figure has none.

    Args:
        errors: Figures by name, mm, by class.
        labels: What the figures are called in the legend, by name; in the order of the bars.
    """
    figure = Figure(figsize=(5.6, 0.2 * len(errors) * (len(labels) + 0.6) + 0.9), layout="constrained")
    axis = figure.subplots()
    places = np.arange(len(errors))
    thickness = 0.8 / len(labels)
    largest = 1.0
    for number, (name, label) in enumerate(labels.items()):
        values = [one[name] for one in errors.values()]
        at = places + (number - (len(labels) - 1) / 2) * thickness
        color = _BARS[number % len(_BARS)]
        axis.barh(at, [value or 0.0 for value in values], thickness, label=label, color=color)
        for place, value in zip(at.tolist(), values, strict=True):
            axis.text((value or 0.0), place, " none" if value is None else f" {value:.1f}", va="center", fontsize=6)
        largest = max(largest, *(value or 0.0 for value in values))
    axis.set_yticks(places, list(errors), fontsize=8)
    axis.set(xlim=(0, 1.12 * largest), xlabel="mm")
    axis.invert_yaxis()
    axis.spines[["top", "right"]].set_visible(False)
    if len(labels) > 1:
        axis.legend(fontsize=7, frameon=False)
    return figure


def distance_curve(thresholds_mm: NDArray[np.floating], share: NDArray[np.floating], *, marked_mm: float) -> Figure:
    """Draw the share of joints within a distance, over the distance.

    Args:
        thresholds_mm: (K,) mm.
        share: (K,) shares in 0..1.
        marked_mm: A threshold that is marked.
    """
    figure = Figure(figsize=(5.2, 3.8), layout="constrained")
    axis = figure.subplots()
    axis.plot(thresholds_mm, 100 * share, linewidth=2.2, color="#2a9d8f")
    axis.axvline(marked_mm, color="0.6", linewidth=0.8, linestyle=":")
    axis.set(xlabel="distance, mm", ylabel="joints within, %", ylim=(0, 101), xlim=(0, float(thresholds_mm.max())))
    axis.spines[["top", "right"]].set_visible(False)
    return figure
