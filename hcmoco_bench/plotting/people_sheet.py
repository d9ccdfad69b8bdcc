"""The sheet to look at annotated photographs: each person's square and joints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from hcmoco_bench.body.joints import JointSet
from hcmoco_bench.store.arrays.photographs import PhotographArrays

COLUMNS = 3


def people_sheet(photographs: Sequence[PhotographArrays], joints: JointSet) -> Figure:
    """Draw the images, three a line, with a color a person: the square of their crop, limbs and joints.

    Joints that are seen are filled, hidden ones are rings; joints that are not annotated are not drawn, nor are limbs
    that end in one.

    Args:
        photographs: Decoded rows of a store; at least one.
        joints: Their joint set.
    """
    if not photographs:
        raise ValueError("a sheet needs at least one image")
    columns = min(COLUMNS, len(photographs))
    lines = -(-len(photographs) // columns)
    figure = Figure(figsize=(4.6 * columns, 3.9 * lines), layout="constrained")
    for axis, photograph in zip(figure.subplots(lines, columns, squeeze=False).flat, photographs, strict=False):
        axis.imshow(photograph.rgb)
        for person in range(len(photograph.person_ids)):
            _show_person(axis, photograph, person, joints)
        height, width = photograph.rgb.shape[:2]
        axis.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
        count = len(photograph.person_ids)
        axis.set_title(f"{photograph.image_id}: {count} {'person' if count == 1 else 'people'}", fontsize=8)
    for axis in figure.axes:
        axis.set(xticks=[], yticks=[])
    for axis in figure.axes[len(photographs) :]:
        axis.set_axis_off()
    return figure


def _show_person(axis: Axes, photograph: PhotographArrays, person: int, joints: JointSet) -> None:
    palette = colormaps["tab10"]
    color = palette(person % palette.N)
    x, y, side = photograph.squares[person].tolist()
    corner = (x - side / 2, y - side / 2)
    axis.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=color, linewidth=1.2, linestyle="--"))
    points, state = photograph.joints[person], photograph.state[person]
    for a, b in joints.edges:
        if state[a] and state[b]:
            axis.plot(*points[[a, b]].T, color=color, linewidth=1.4)
    for value, face in ((2, color), (1, "none")):
        chosen = np.flatnonzero(state == value)
        axis.scatter(
            points[chosen, 0], points[chosen, 1], s=12, facecolors=face, edgecolors=[color], linewidths=0.9, zorder=3
        )
