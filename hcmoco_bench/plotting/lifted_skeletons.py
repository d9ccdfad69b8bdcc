"""Poses lifted from images beside real poses, their bones, and how a discriminator scored both over the training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hcmoco_bench.body import JointSet, joint_set

LEFT, RIGHT, MIDDLE = "#1d4e89", "#f26419", "#555555"
_MARGIN: Final = 1.08


@dataclass(frozen=True, eq=False)
class BoneShares:
    """Lengths of the bones of many poses, as shares of the length of all bones of each.

    Attributes:
        mean: (K,) means, 0..1, in the order of the joint set's edges.
        deviation: (K,) standard deviations.
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ScoreCurve:
    """Mean scores over a training.

    Attributes:
        steps: (S,) steps.
        values: (S,) scores; nan where a step has none.
    """

    steps: NDArray[np.float64]
    values: NDArray[np.float64]


def lifted_figure(
    images: Sequence[NDArray[np.uint8]],
    lifted: NDArray[np.floating],
    real: NDArray[np.floating],
    *,
    bones: Mapping[str, BoneShares],
    scores: Mapping[str, ScoreCurve],
    joints: str = "h36m17",
) -> Figure:
    """Draw images with the poses lifted from them, as many real poses, lengths of bones, and scores.

    Poses are drawn as the camera sees them and from the side, with the camera to the left; all at the same size. The
    left side of a body is blue, the right one orange.

    Args:
        images: N >= 1 images, (H, W, 3).
        lifted: (N, J, 3) x right, y down, z forward, any unit.
        real: (M, J, 3) real poses, M >= 1; the first N are shown.
        bones: Lengths of bones by the name of the poses, in the order of the legend.
        scores: Scores by the name of the poses.
        joints: Joint set.

    Raises:
        ValueError: If there is no image or no pose.
    """
    if not images or len(lifted) != len(images) or not len(real):
        raise ValueError("a figure of lifted poses needs images, a pose of each, and real poses")
    names, columns = joint_set(joints), len(images)
    figure = Figure(figsize=(1.5 * columns + 5.0, 8.4), layout="constrained")
    people, numbers = figure.subfigures(1, 2, width_ratios=[1.5 * columns, 5.0], squeeze=False)[0]
    axes = people.subplots(5, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for column, image in enumerate(images):
        axes[0, column].imshow(image)
        for row, poses in ((1, lifted), (3, real)):
            if column < len(poses):
                _show(axes[row, column], names, poses[column], (0, 1))
                _show(axes[row + 1, column], names, poses[column], (2, 1))
    titles = ("images", "lifted poses", "lifted, from the side", "real poses", "real, from the side")
    for row, title in enumerate(titles):
        axes[row, 0].set_title(title, fontsize=8, loc="left")
    upper, lower = numbers.subplots(2, 1, height_ratios=[1.8, 1])
    _show_bones(upper, names, bones)
    _show_scores(lower, scores)
    return figure


def _show(axis: Axes, joints: JointSet, pose: NDArray[np.floating], plane: tuple[int, int]) -> None:
    points = pose.astype(np.float64)
    points = points - (points.min(axis=0) + points.max(axis=0)) / 2
    half = _MARGIN * float(np.abs(points).max() or 1.0)
    flat = points[:, plane]
    for start, end in joints.edges:
        side = joints.joints[end].split()[0]
        color = {"left": LEFT, "right": RIGHT}.get(side, MIDDLE)
        axis.plot(*flat[[start, end]].T, color=color, linewidth=1.8, solid_capstyle="round")
    axis.set(xlim=(-half, half), ylim=(half, -half), aspect="equal")


def _show_bones(axis: Axes, joints: JointSet, bones: Mapping[str, BoneShares]) -> None:
    height, places = 0.8 / max(1, len(bones)), np.arange(len(joints.edges))
    for number, (name, shares) in enumerate(bones.items()):
        axis.barh(
            places + (number - (len(bones) - 1) / 2) * height,
            100 * shares.mean,
            height,
            xerr=100 * shares.deviation,
            label=name,
            error_kw={"linewidth": 0.9},
        )
    labels = [f"{joints.joints[start]} - {joints.joints[end]}" for start, end in joints.edges]
    axis.set_yticks(places, labels, fontsize=7)
    axis.invert_yaxis()
    axis.set_xlabel("share of the length of all bones, %", fontsize=8)
    axis.tick_params(labelsize=7)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(fontsize=7, frameon=False)


def _show_scores(axis: Axes, scores: Mapping[str, ScoreCurve]) -> None:
    for name, curve in scores.items():
        axis.plot(curve.steps, curve.values, linewidth=1.0, label=name)
    axis.axhline(0.5, color="0.6", linewidth=0.8, linestyle=":")
    axis.set_xlabel("step", fontsize=8)
    axis.set_ylabel("discriminator's score", fontsize=8)
    axis.tick_params(labelsize=7)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(fontsize=7, frameon=False)
