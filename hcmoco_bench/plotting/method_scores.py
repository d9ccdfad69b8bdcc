"""Scores of methods on several tasks: means with their intervals, and a dot for each seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from hcmoco_bench.plotting.seed_scores import SeedScores


@dataclass(frozen=True)
class ScorePanel:
    """A panel: one task.

    Attributes:
        title: Title of the panel.
        axis: What the axis shows.
        bars: The methods from top to bottom: name and score.
    """

    title: str
    axis: str
    bars: tuple[tuple[str, SeedScores], ...]


def method_scores_figure(panels: Sequence[ScorePanel], *, columns: int = 3) -> Figure:
    """Draw a panel for each task; a method has one color in all panels.

    Args:
        panels: The tasks, one or more.
        columns: Panels beside each other.

    Raises:
        ValueError: If there is no panel.
    """
    if not panels:
        raise ValueError("there is no panel to draw")
    names = list(dict.fromkeys(name for panel in panels for name, _ in panel.bars))
    columns = min(columns, len(panels))
    lines = -(-len(panels) // columns)
    height = 1.1 + 0.34 * max(len(panel.bars) for panel in panels)
    figure = Figure(figsize=(5.2 * columns, height * lines), layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False)
    for axis, panel in zip(axes.flat, panels, strict=False):
        for place, (name, score) in enumerate(panel.bars):
            color = f"C{names.index(name) % 10}"
            if not math.isnan(score.low):
                axis.plot([score.low, score.high], [place, place], color=color, linewidth=2, solid_capstyle="butt")
            axis.plot(
                score.seeds,
                [place] * len(score.seeds),
                "o",
                color=color,
                markerfacecolor="white",
                markersize=5,
                markeredgewidth=1.2,
                zorder=3,
            )
            axis.plot([score.mean], [place], "|", color=color, markersize=13, markeredgewidth=2)
        axis.set_yticks(range(len(panel.bars)), [name for name, _ in panel.bars], fontsize=8)
        axis.set_ylim(len(panel.bars) - 0.4, -0.6)
        axis.set_title(panel.title, fontsize=10)
        axis.set_xlabel(panel.axis, fontsize=8)
        axis.tick_params(axis="x", labelsize=8)
        axis.grid(axis="x", color="0.9", linewidth=0.6)
        axis.set_axisbelow(True)
        axis.spines[["top", "right", "left"]].set_visible(False)
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    return figure
