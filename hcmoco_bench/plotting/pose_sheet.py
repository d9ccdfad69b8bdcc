"""Skeletons in photographs, predicted over true ones, and how many are right over a threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hcmoco_bench.body.joints import JointSet, joint_set

TRUE = "#ffffff"
_COLUMNS = 4
_SURE = 0.2


@dataclass(frozen=True, eq=False)
class PosePicture:
    """An image with P annotated people and D predicted ones.

    Attributes:
        name: Shown above it.
        rgb: (H, W, 3) uint8.
        true: (P, J, 2) px.
        known: (P, J) bool, whether a joint is annotated.
        predicted: (D, J, 3) px (x, y), and score.
    """

    name: str
    rgb: NDArray[np.uint8]
    true: NDArray[np.float64]
    known: NDArray[np.bool_]
    predicted: NDArray[np.float64]


def pose_sheet(pictures: Sequence[PosePicture], joints: str) -> Figure:
    """Draw images, four a line: true joints as white rings, predicted limbs and joints with a color a person.

    Joints of a score of 0.2 or less are left out, and limbs that end in one.

    Args:
        pictures: At least one.
        joints: Joint set.

    Raises:
        ValueError: If there is no image.
    """
    if not pictures:
        raise ValueError("a sheet needs at least one image")
    names = joint_set(joints)
    columns = min(_COLUMNS, len(pictures))
    lines = -(-len(pictures) // columns)
    figure = Figure(figsize=(2.6 * columns, 2.7 * lines), layout="constrained")
    for axis, picture in zip(figure.subplots(lines, columns, squeeze=False).flat, pictures, strict=False):
        _draw(axis, picture, names)
    for axis in figure.axes:
        axis.set(xticks=[], yticks=[])
    for axis in figure.axes[len(pictures) :]:
        axis.set_axis_off()
    return figure


def _draw(axis: Axes, picture: PosePicture, names: JointSet) -> None:
    axis.imshow(picture.rgb)
    palette = colormaps["tab10"]
    for number, person in enumerate(picture.predicted):
        color, sure = palette(number % palette.N), person[:, 2] > _SURE
        for a, b in names.edges:
            if sure[a] and sure[b]:
                axis.plot(*person[[a, b], :2].T, color=color, linewidth=1.6)
        axis.scatter(person[sure, 0], person[sure, 1], s=7, color=[color], zorder=3)
    for points, known in zip(picture.true, picture.known, strict=True):
        axis.scatter(
            points[known, 0], points[known, 1], s=16, facecolors="none", edgecolors=TRUE, linewidths=0.7, zorder=4
        )
    height, width = picture.rgb.shape[:2]
    axis.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    axis.set_title(picture.name, fontsize=7)


def threshold_curve(
    thresholds: NDArray[np.floating], curves: Mapping[str, NDArray[np.floating]], *, across: str, up: str
) -> Figure:
    """Draw shares over a threshold.

    Args:
        thresholds: (K,).
        curves: (K,) shares in 0..1 by name; the first is drawn bold.
        across: What the thresholds are.
        up: What the shares are, in %.
    """
    figure = Figure(figsize=(5.2, 3.8), layout="constrained")
    axis = figure.subplots()
    for place, (name, curve) in enumerate(curves.items()):
        axis.plot(thresholds, 100 * curve, label=name, linewidth=1.2 if place else 2.2)
    axis.set(xlabel=across, ylabel=up, ylim=(0, 101), xlim=(float(thresholds.min()), float(thresholds.max())))
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(fontsize=8, frameon=False)
    return figure
