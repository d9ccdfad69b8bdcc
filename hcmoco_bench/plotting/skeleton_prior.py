"""What a set of 3-D skeletons looks like: people from the front and the side, bones, and how cameras are pitched."""

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
_PER_LINE: Final = 8
_MARGIN: Final = 1.08
_WIDE: Final = 0.7
"""Width of a panel over its height."""


@dataclass(frozen=True, eq=False)
class BoneBar:
    """One bone as a bar.

    Attributes:
        name: Its two joints.
        mean: Share of the length of all bones, 0..1.
        deviation: Standard deviation of it.
    """

    name: str
    mean: float
    deviation: float


def skeletons_figure(
    skeletons: NDArray[np.floating],
    *,
    title: str,
    bones: Mapping[str, Sequence[BoneBar]],
    pitch: Mapping[str, NDArray[np.floating]] | None = None,
    marks: Mapping[str, float] | None = None,
    joints: str = "h36m17",
) -> Figure:
    """Draw skeletons as the camera sees them and from the side, lengths of bones, and a histogram of pitch.

    The left side of a body is blue, the right one orange. From the side, the camera is to the left.

    Args:
        skeletons: (N, J, 3) x right, y down, z forward, any unit; at least one, each drawn at the same size.
        title: Shown above.
        bones: Bars of every set that is compared, by its name; at least one set.
        pitch: (M,) degrees by which cameras look down, by the set's name; no histogram if there is none.
        marks: Degrees of pitch to mark by a line, by name.
        joints: Joint set.

    Raises:
        ValueError: If there is no skeleton or no set of bones.
    """
    if not len(skeletons) or not bones:
        raise ValueError("a figure of skeletons needs at least one skeleton and one set of bones")
    names = joint_set(joints)
    lines = -(-len(skeletons) // _PER_LINE)
    columns = min(_PER_LINE, len(skeletons))
    figure = Figure(figsize=(max(1.25 * columns, 5.0) + 4.2, max(3.4 * lines, 5.2)), layout="constrained")
    people, numbers = figure.subfigures(1, 2, width_ratios=[max(1.25 * columns, 5.0), 4.2], squeeze=False)[0]
    axes = people.subplots(2 * lines, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for number, skeleton in enumerate(skeletons):
        line, place = divmod(number, columns)
        _show(axes[2 * line, place], names, skeleton, (0, 1))
        _show(axes[2 * line + 1, place], names, skeleton, (2, 1))
    for line in range(lines):
        axes[2 * line, 0].set_title("as the camera sees them", fontsize=8, loc="left")
        axes[2 * line + 1, 0].set_title("from the side, the camera to the left", fontsize=8, loc="left")
    panels = numbers.subplots(2 if pitch else 1, 1, squeeze=False, height_ratios=[2.2, 1] if pitch else [1])
    _show_bones(panels[0, 0], bones)
    if pitch:
        _show_pitch(panels[1, 0], pitch, marks or {})
    figure.suptitle(title, fontsize=10)
    return figure


def _show(axis: Axes, joints: JointSet, skeleton: NDArray[np.floating], plane: tuple[int, int]) -> None:
    points = skeleton.astype(np.float64)
    points = points - (points.min(0) + points.max(0)) / 2
    half = _MARGIN * float((np.abs(points) / [_WIDE, 1, _WIDE]).max() or 1.0)
    flat = points[:, plane]
    for start, end in joints.edges:
        color = _color(joints.joints[end])
        axis.plot(*flat[[start, end]].T, color=color, linewidth=1.8, solid_capstyle="round")
    axis.set(xlim=(-_WIDE * half, _WIDE * half), ylim=(half, -half), aspect="equal")


def _color(joint: str) -> str:
    return {"left": LEFT, "right": RIGHT}.get(joint.split()[0], MIDDLE)


def _show_bones(axis: Axes, bones: Mapping[str, Sequence[BoneBar]]) -> None:
    height = 0.8 / len(bones)
    first = next(iter(bones.values()))
    places = np.arange(len(first))
    for number, (name, bars) in enumerate(bones.items()):
        axis.barh(
            places + (number - (len(bones) - 1) / 2) * height,
            [100 * bar.mean for bar in bars],
            height,
            xerr=[100 * bar.deviation for bar in bars],
            label=name,
            error_kw={"linewidth": 0.9},
        )
    axis.set_yticks(places, [bar.name for bar in first], fontsize=7)
    axis.invert_yaxis()
    axis.set_xlabel("share of the length of all bones, %", fontsize=8)
    axis.tick_params(labelsize=7)
    axis.spines[["top", "right"]].set_visible(False)
    if len(bones) > 1:
        axis.legend(fontsize=7, frameon=False)


def _show_pitch(axis: Axes, pitch: Mapping[str, NDArray[np.floating]], marks: Mapping[str, float]) -> None:
    for name, values in pitch.items():
        axis.hist(values, bins=40, density=True, alpha=0.6, label=f"{name}: mean {values.mean():.1f}")
    room = 1.25 + 0.1 * (len(pitch) + len(marks))  # for the legend
    for number, (name, value) in enumerate(marks.items()):
        axis.axvline(
            value, ymax=1 / room, color=f"C{3 + number}", linewidth=1.2, linestyle="--", label=f"{name}: {value:.1f}"
        )
    axis.set_xlabel("degrees by which the camera looks down", fontsize=8)
    axis.set_yticks([])
    axis.set_ylim(top=room * axis.get_ylim()[1])
    axis.tick_params(labelsize=7)
    axis.legend(fontsize=7, frameon=False, loc="upper center")
    axis.spines[["top", "right", "left"]].set_visible(False)
