"""DensePose on an image: the annotated points, and the predicted part, U and V of every pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from hcmoco_bench.body.densepose_parts import densepose_parts

_PANELS = ("image", "annotated: part", "predicted: part", "annotated: U", "predicted: U", "predicted: V")
_PARTS = 24


@dataclass(frozen=True, eq=False)
class IUVPerson:
    """A predicted person.

    Attributes:
        box: Left, top, width, height, px.
        score: Confidence.
        iuv: (3, h, w) uint8 over the box: part 1..24 (0 = none), 255 U, 255 V.
    """

    box: tuple[float, float, float, float]
    score: float
    iuv: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class IUVImage:
    """An image with truth and prediction.

    Attributes:
        name: Its title.
        rgb: (H, W, 3) uint8.
        xy: (P, 2) annotated points, px.
        part: (P,) their part, 1..24.
        uv: (P, 2) their U, V in 0..1.
        people: Those predicted; where they overlap, the more confident is in front.
    """

    name: str
    rgb: NDArray[np.uint8]
    xy: NDArray[np.floating]
    part: NDArray[np.integer]
    uv: NDArray[np.floating]
    people: tuple[IUVPerson, ...]


def iuv_overlays(images: Sequence[IUVImage]) -> Figure:
    """Draw one line of six panels for each image.

    Parts of one side and their partners have neighboring colors; U and V run from dark (0) to bright (1) in both the
    annotation and the prediction, so that a right prediction has the color of the points on it.

    Args:
        images: At least one.
    """
    if not images:
        raise ValueError("IUV overlays need at least one image")
    figure = Figure(figsize=(2.6 * len(_PANELS), 2.9 * len(images)), layout="constrained")
    axes = figure.subplots(len(images), len(_PANELS), squeeze=False)
    for line, image in zip(axes, images, strict=True):
        canvas = paste_iuv(image.people, image.rgb.shape[:2])
        found = canvas[0] > 0
        _show(line[0], image)
        for person in image.people:
            left, top, width, height = person.box
            line[0].add_patch(Rectangle((left, top), width, height, fill=False, edgecolor="#ffd23f", linewidth=1))
            line[0].text(left, top, f"{person.score:.2f}", color="#ffd23f", fontsize=6, va="bottom", clip_on=True)
        _points(line[1], image, image.part, part_colors(), (0.5, _PARTS + 0.5))
        _overlay(line[2], image, np.ma.masked_array(canvas[0], ~found), part_colors(), (0.5, _PARTS + 0.5))
        _points(line[3], image, image.uv[:, 0], "viridis", (0, 1))
        for axis, channel in ((line[4], 1), (line[5], 2)):
            _overlay(axis, image, np.ma.masked_array(canvas[channel] / 255.0, ~found), "viridis", (0, 1))
        for axis, name in zip(line, _PANELS, strict=True):
            axis.set(xticks=[], yticks=[], xlim=(0, image.rgb.shape[1]), ylim=(image.rgb.shape[0], 0))
            axis.set_title(name if axis is not line[0] else f"{image.name}\n{name}", fontsize=8)
    return figure


def paste_iuv(people: Sequence[IUVPerson], size: tuple[int, int]) -> NDArray[np.uint8]:
    """All people on one plane (3, H, W) of an image of this height and width; what leaves it is cut off."""
    canvas = np.zeros((3, *size), np.uint8)
    for person in sorted(people, key=lambda person: person.score):
        left, top = int(person.box[0]), int(person.box[1])
        height, width = person.iuv.shape[1:]
        rows = slice(max(top, 0), max(min(top + height, size[0]), 0))
        columns = slice(max(left, 0), max(min(left + width, size[1]), 0))
        piece = person.iuv[:, rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        target = canvas[:, rows, columns]
        target[:] = np.where(piece[:1] > 0, piece, target)
    return canvas


def part_colors() -> ListedColormap:
    """A color for each of the 24 parts, in their order."""
    table = densepose_parts().fine
    # charts of one coarse part have one hue, told apart by brightness
    colors = []
    for index, part in enumerate(table):
        twins = [other for other, one in enumerate(table) if one.coarse == part.coarse]
        hue = np.array(colormaps["hsv"]((part.coarse * 5 % 14) / 14)[:3])
        colors.append(tuple(hue * (1.0 - 0.45 * twins.index(index) / max(len(twins) - 1, 1))))
    return ListedColormap(colors)


def _show(axis: Axes, image: IUVImage, *, gray: bool = False) -> None:
    extent = (0, image.rgb.shape[1], image.rgb.shape[0], 0)  # edges between pixels, as boxes and points have them
    shown = image.rgb.mean(axis=2) if gray else image.rgb
    axis.imshow(shown, cmap="gray", vmin=-80 if gray else 0, vmax=255, extent=extent, interpolation="nearest")


def _overlay(
    axis: Axes,
    image: IUVImage,
    values: NDArray[np.generic],
    cmap: str | ListedColormap,
    limits: tuple[float, float],
) -> None:
    _show(axis, image, gray=True)
    extent = (0, image.rgb.shape[1], image.rgb.shape[0], 0)
    axis.imshow(values, cmap=cmap, vmin=limits[0], vmax=limits[1], extent=extent, alpha=0.8, interpolation="nearest")


def _points(
    axis: Axes,
    image: IUVImage,
    values: NDArray[np.generic],
    cmap: str | ListedColormap,
    limits: tuple[float, float],
) -> None:
    _show(axis, image, gray=True)
    axis.scatter(
        image.xy[:, 0],
        image.xy[:, 1],
        c=values,
        cmap=cmap,
        vmin=limits[0],
        vmax=limits[1],
        s=8,
        edgecolors="black",
        linewidths=0.2,
    )
