"""Scores of methods over an amount, such as the share of the labels or the number of epochs, one panel a task."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator

from hcmoco_bench.plotting.seed_scores import SeedScores

_SPREAD: Final = 0.3
"""Share of the distance between two amounts over which the points of one amount are spread."""


@dataclass(frozen=True)
class CurvePanel:
    """A panel: one task.

    Attributes:
        title: Title of the panel.
        amounts: What the horizontal axis shows.
        axis: What the vertical axis shows.
        ticks: Label of each amount.
        curves: Scores of each method by its name for readers, each with its amount, which is above 0.
        levels: Scores of methods without an amount, by name; each is a dashed line across the panel.
    """

    title: str
    amounts: str
    axis: str
    ticks: tuple[tuple[float, str], ...]
    curves: tuple[tuple[str, tuple[tuple[float, SeedScores], ...]], ...]
    levels: tuple[tuple[str, SeedScores], ...] = ()


def method_curves_figure(panels: Sequence[CurvePanel], *, columns: int = 2) -> Figure:
    """Draw a panel for each task, on a logarithmic axis of amounts; a method has one color in all panels.

    The points of an amount stand a little beside each other, so that intervals do not hide each other.

    Args:
        panels: The tasks, one or more.
        columns: Panels beside each other.

    Raises:
        ValueError: If there is no panel.
    """
    if not panels:
        raise ValueError("there is no panel to draw")
    names = list(dict.fromkeys(name for panel in panels for name, _ in (*panel.curves, *panel.levels)))
    columns = min(columns, len(panels))
    lines = -(-len(panels) // columns)
    figure = Figure(figsize=(6.4 * columns, 4.2 * lines), layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False)
    for axis, panel in zip(axes.flat, panels, strict=False):
        _draw(axis, panel, names)
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    return figure


def _draw(axis: Axes, panel: CurvePanel, names: Sequence[str]) -> None:
    """Draw a panel; the place of a method among the names gives its color."""
    amounts = [amount for amount, _ in panel.ticks]
    gaps = [math.log(after / before) for before, after in zip(sorted(amounts), sorted(amounts)[1:], strict=False)]
    step = min(gaps, default=1.0) * _SPREAD / len(names)
    middle = (len(panel.curves) - 1) / 2
    for place, (name, points) in enumerate(panel.curves):
        color, shift = f"C{names.index(name) % 10}", math.exp(step * (place - middle))
        at = [amount * shift for amount, _ in points]
        axis.plot(at, [score.mean for _, score in points], "-", color=color, linewidth=1.4, label=name)
        for where, (_, score) in zip(at, points, strict=True):
            if not math.isnan(score.low):
                axis.plot([where, where], [score.low, score.high], color=color, linewidth=1.6, alpha=0.7)
            axis.plot(
                [where] * len(score.seeds),
                score.seeds,
                "o",
                color=color,
                markerfacecolor="white",
                markersize=4,
                markeredgewidth=1.0,
                zorder=3,
            )
    for name, score in panel.levels:
        color = f"C{names.index(name) % 10}"
        axis.axhline(score.mean, color=color, linestyle="--", linewidth=1.4, label=name)
        if not math.isnan(score.low):
            axis.axhspan(score.low, score.high, color=color, alpha=0.12, linewidth=0)
    axis.set_xscale("log")
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.set_xticks(amounts, [label for _, label in panel.ticks], fontsize=8)
    axis.set_title(panel.title, fontsize=10)
    axis.set_xlabel(panel.amounts, fontsize=8)
    axis.set_ylabel(panel.axis, fontsize=8)
    axis.tick_params(axis="y", labelsize=8)
    axis.grid(color="0.9", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(fontsize=8, frameon=False)
