"""Differences with their intervals, one line each, about a line of no difference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure


@dataclass(frozen=True)
class Effect:
    """A difference.

    Attributes:
        name: What it is of.
        value: The difference.
        low: Lower end of its interval; nan if it is not known.
        high: Upper end.
        shown: Whether it differs from 0.
    """

    name: str
    value: float
    low: float
    high: float
    shown: bool


def effects_figure(groups: Sequence[tuple[str, Sequence[Effect]]]) -> Figure:
    """Draw a panel below the other for each unit; filled marks are differences that are shown.

    Args:
        groups: What the axis shows, and its effects from top to bottom; one or more.

    Raises:
        ValueError: If there is no effect.
    """
    if not groups or not all(effects for _, effects in groups):
        raise ValueError("there is no difference to draw")
    heights = [0.8 + 0.32 * len(effects) for _, effects in groups]
    figure = Figure(figsize=(8.4, sum(heights)), layout="constrained")
    axes = figure.subplots(len(groups), 1, squeeze=False, gridspec_kw={"height_ratios": heights})
    for axis, (label, effects) in zip(axes.flat, groups, strict=True):
        for place, one in enumerate(effects):
            if not math.isnan(one.low):
                axis.plot([one.low, one.high], [place, place], color="C0", linewidth=2, solid_capstyle="butt")
            axis.plot(
                [one.value], [place], "o", color="C0", markerfacecolor="C0" if one.shown else "white", markersize=6
            )
        axis.axvline(0, color="0.4", linewidth=0.8)
        axis.set_yticks(range(len(effects)), [one.name for one in effects], fontsize=8)
        axis.set_ylim(len(effects) - 0.4, -0.6)
        axis.set_xlabel(label, fontsize=8)
        axis.tick_params(axis="x", labelsize=8)
        axis.grid(axis="x", color="0.9", linewidth=0.6)
        axis.set_axisbelow(True)
        axis.spines[["top", "right", "left"]].set_visible(False)
    return figure
