"""The sheet to look at pairs of views: the image with both regions and their overlap, and the two views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

_COLORS = ("#ffd23f", "#4cc9f0")
_OVERLAP = "#f72585"

Box = tuple[float, float, float, float]
"""Left, top, width and height in px of the image; edges between pixels."""


@dataclass(frozen=True)
class ShownView:
    """One view of a pair.

    Attributes:
        image: (S, S, 3) uint8 RGB, mirrored if the view is.
        box: The region of the image that it shows.
        flipped: Whether it is mirrored left to right.
    """

    image: NDArray[np.uint8]
    box: Box
    flipped: bool


@dataclass(frozen=True)
class ShownPair:
    """A pair of views with its image.

    Attributes:
        sample_id: Id of the sample.
        image: (H, W, 3) uint8 RGB, the whole image.
        query: The first view.
        key: The second view.
    """

    sample_id: str
    image: NDArray[np.uint8]
    query: ShownView
    key: ShownView


def overlap_of(first: Box, second: Box) -> Box | None:
    """The part that two boxes have in common; None if there is none."""
    left, top = max(first[0], second[0]), max(first[1], second[1])
    right = min(first[0] + first[2], second[0] + second[2])
    bottom = min(first[1] + first[3], second[1] + second[3])
    return (left, top, right - left, bottom - top) if right > left and bottom > top else None


def view_pair_sheet(pairs: Sequence[ShownPair]) -> Figure:
    """Draw one line of three panels for each pair.

    The first panel shows the image with the region of each view; the overlap, which a method can compare cell by cell,
    is hatched. The other two panels show the views as a network sees them, with the overlap in its place there.

    Args:
        pairs: At least one pair.
    """
    if not pairs:
        raise ValueError("a sheet needs at least one pair of views")
    figure = Figure(figsize=(10.2, 3.5 * len(pairs)), layout="constrained")
    for line, pair in zip(figure.subplots(len(pairs), 3, squeeze=False), pairs, strict=True):
        common = overlap_of(pair.query.box, pair.key.box)
        _show_image(line[0], pair, common)
        for axis, name, view, color in zip(line[1:], ("query", "key"), (pair.query, pair.key), _COLORS, strict=True):
            _show_view(axis, name, view, color, common)
        for axis in line:
            axis.set(xticks=[], yticks=[])
    return figure


def _show_image(axis: Axes, pair: ShownPair, common: Box | None) -> None:
    axis.imshow(pair.image)
    for view, color in zip((pair.query, pair.key), _COLORS, strict=True):
        axis.add_patch(_rectangle(view.box, edgecolor=color, linewidth=1.8))
    if common is not None:
        axis.add_patch(_rectangle(common, edgecolor=_OVERLAP, linewidth=1.0, hatch="//", alpha=0.8))
    height, width = pair.image.shape[:2]
    axis.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    area = 0.0 if common is None else common[2] * common[3]
    shares = ", ".join(f"{area / (view.box[2] * view.box[3]):.0%}" for view in (pair.query, pair.key))
    axis.set_title(f"{pair.sample_id}\noverlap: {shares} of the views", fontsize=8)


def _show_view(axis: Axes, name: str, view: ShownView, color: str, common: Box | None) -> None:
    axis.imshow(view.image)
    for spine in axis.spines.values():
        spine.set(edgecolor=color, linewidth=2.5)
    if common is not None:
        size = view.image.shape[0]
        across, down = size / view.box[2], size / view.box[3]
        left, width = (common[0] - view.box[0]) * across, common[2] * across
        left = size - left - width if view.flipped else left
        place = (left, (common[1] - view.box[1]) * down, width, common[3] * down)
        axis.add_patch(_rectangle(place, edgecolor=_OVERLAP, linewidth=1.0))
    axis.set(xlim=(-0.5, view.image.shape[1] - 0.5), ylim=(view.image.shape[0] - 0.5, -0.5))
    axis.set_title(f"{name}, mirrored" if view.flipped else name, fontsize=8)


def _rectangle(box: Box, *, edgecolor: str, linewidth: float, hatch: str | None = None, alpha: float = 1) -> Rectangle:
    # The edge of a pixel lies half a px before its center.
    corner = (box[0] - 0.5, box[1] - 0.5)
    return Rectangle(
        corner, box[2], box[3], fill=False, edgecolor=edgecolor, linewidth=linewidth, hatch=hatch, alpha=alpha
    )
