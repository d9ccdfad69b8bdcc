"""Parsing results to look at: sheets of predictions, the confusion of classes, and bars of each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hcmoco_bench.body import part_table

_IGNORED = 255


@dataclass(frozen=True)
class ParsedSample:
    """A frame with its labels and what was predicted.

    Attributes:
        sample_id: For the title.
        image: (h, w, 3) uint8 RGB, or (h, w) float meters, 0 = none.
        region: Left, top, width and height of what it shows, px of the labels.
        truth: (H, W) uint8 class indices, 255 = does not count.
        prediction: (H, W) uint8 class indices.
    """

    sample_id: str
    image: NDArray[Any]
    region: tuple[int, int, int, int]
    truth: NDArray[np.uint8]
    prediction: NDArray[np.uint8]


def parsing_sheet(samples: Sequence[ParsedSample]) -> Figure:
    """Draw one line of four panels a sample: input, labels, prediction, and the pixels where they differ.

    In the last panel right pixels of the person are gray and wrong ones are red. All panels show the same window
    around the person.

    Args:
        samples: At least one.
    """
    if not samples:
        raise ValueError("a sheet needs at least one sample")
    figure = Figure(figsize=(10.4, 2.7 * len(samples)), layout="constrained")
    axes = figure.subplots(len(samples), 4, squeeze=False)
    for line, sample in zip(axes, samples, strict=True):
        counted = sample.truth != _IGNORED
        wrong = (sample.truth != sample.prediction) & counted
        show_image(line[0], sample.image, sample.region)
        show_parts(line[1], sample.truth)
        show_parts(line[2], sample.prediction)
        person = ((sample.truth > 0) | (sample.prediction > 0)) & counted
        errors = np.ones((*wrong.shape, 3))
        errors[person] = 0.85
        errors[wrong] = (0.84, 0.15, 0.16)
        line[3].imshow(errors, interpolation="nearest")
        share = 100 * wrong.sum() / max(int(person.sum()), 1)
        titles = (sample.sample_id, "labels", "prediction", f"wrong: {share:.0f} % of the person")
        labeled = (sample.truth > 0) & counted
        window = _window(labeled if labeled.any() else person)
        for axis, title in zip(line, titles, strict=True):
            axis.set_title(title, fontsize=8)
            axis.set(xlim=window[0], ylim=window[1], xticks=[], yticks=[])
    return figure


def show_image(axis: Axes, image: NDArray[Any], region: tuple[int, int, int, int]) -> None:
    """Draw RGB or depth over a region (left, top, width, height) of the labels' pixels."""
    left, top, width, height = region
    extent = (left - 0.5, left + width - 0.5, top + height - 0.5, top - 0.5)
    if image.ndim == 3:
        axis.imshow(image, extent=extent)
        return
    axis.set_facecolor("black")
    meters = np.ma.masked_less_equal(np.asarray(image, np.float64), 0.0)
    near, far = np.percentile(meters.compressed(), (1, 99)) if meters.count() else (0.5, 4.5)
    axis.imshow(meters, cmap="viridis_r", vmin=near, vmax=far, extent=extent, interpolation="nearest")


def show_parts(axis: Axes, parts: NDArray[np.uint8]) -> None:
    """Draw class indices in the part table's colors; pixels that do not count are hatched gray."""
    table = part_table()
    axis.set_facecolor("0.9")
    shown = np.ma.masked_equal(parts, _IGNORED)
    colors = ListedColormap(table.palette / 255.0)
    axis.imshow(shown, cmap=colors, vmin=-0.5, vmax=len(table) - 0.5, interpolation="nearest")


def class_bars(per_class: Mapping[str, Mapping[str, float | None]]) -> Figure:
    """Draw one bar chart a figure (IoU, accuracy), over the classes, in percent.

    Args:
        per_class: By class and figure; None where a class has none.
    """
    figures = list(next(iter(per_class.values())))
    names = list(per_class)
    positions = np.arange(len(names))
    table = part_table()
    known = dict(zip(table.names, table.palette / 255.0, strict=True))
    colors = [known.get(name, (0.3, 0.5, 0.7)) for name in names]
    result = Figure(figsize=(4.6 * len(figures) + 1.6, 0.24 * len(names) + 1.2), layout="constrained")
    axes = result.subplots(1, len(figures), sharey=True, squeeze=False)[0]
    for axis, figure in zip(axes, figures, strict=True):
        values = [per_class[name][figure] for name in names]
        bars = axis.barh(positions, [value or 0.0 for value in values], color=colors, edgecolor="0.35", linewidth=0.5)
        texts = ["absent" if value is None else f"{value:.1f}" for value in values]
        axis.bar_label(bars, texts, fontsize=7, padding=2)
        axis.set(xlabel=f"{figure}, %", xlim=(0, 108))
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_yticks(positions, names, fontsize=8)
    axes[0].invert_yaxis()
    return result


def confusion_figure(confusion: NDArray[np.integer], names: Sequence[str]) -> Figure:
    """Draw the confusion matrix: of the pixels of a class (line), the share taken for another (column), logarithmic.

    Args:
        confusion: (C, C) pixels, [target, prediction].
        names: Of the C classes.
    """
    totals = confusion.sum(axis=1, keepdims=True)
    shares = np.where(totals > 0, 100 * confusion / np.maximum(totals, 1), 0.0)
    figure = Figure(figsize=(0.33 * len(names) + 2.6, 0.33 * len(names) + 1.6), layout="constrained")
    axis = figure.subplots()
    shown = np.ma.masked_less(shares, 0.1)
    image = axis.imshow(shown, cmap="magma_r", norm=LogNorm(0.1, 100))
    places = np.arange(len(names))
    axis.set_xticks(places, names, rotation=90, fontsize=8)
    axis.set_yticks(places, names, fontsize=8)
    axis.set(xlabel="predicted as", ylabel="labeled")
    bar = figure.colorbar(image, ax=axis, fraction=0.04, pad=0.02)
    bar.set_label("share of the class's pixels, %")
    return figure


def _window(person: NDArray[np.bool_]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Limits of x and of y around the person, or of the whole frame without one."""
    height, width = person.shape
    if not person.any():
        return (-0.5, width - 0.5), (height - 0.5, -0.5)
    y, x = np.nonzero(person)
    (left, right), (top, bottom) = np.percentile(x, (0.2, 99.8)), np.percentile(y, (0.2, 99.8))
    half = max(right - left, bottom - top) * 0.55 + 6
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    return (middle_x - half, middle_x + half), (middle_y + half, middle_y - half)
