"""Curves of a training run: each term's loss and accuracy over the steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

_ACCURACY = "accuracy/"
_NOT_TERMS = frozenset({"step", "stage", "epoch", "lr", "loss", "grad_norm"})
"""Columns of every table; those of a further optimizer have its name behind them, as `lr/discriminator`."""

_SMOOTHED = 50


def loss_curves(table: Mapping[str, Sequence[str]]) -> Figure:
    """Draw the loss, its terms, their accuracies, and the learning rate with the gradient's norm.

    Stages are set apart by a line; a term has one color in all panels.

    Thin lines are single steps, thick ones running means (over a fiftieth of the run). The loss is the weighted sum of
    the terms.

    Args:
        table: Columns of a table of losses by name, as text; empty where a step had no such value.

    Raises:
        ValueError: If there is no step.
    """
    steps = _numbers(table.get("step", ()))
    if len(steps) == 0:
        raise ValueError("there is no step to draw")
    accuracies = [name for name in table if name.startswith(_ACCURACY)]
    terms = [name for name in table if name not in accuracies and not _is_of_optimizer(name)]
    figure = Figure(figsize=(17, 4.2), layout="constrained")
    first, second, third, last = figure.subplots(1, 4)
    _draw(first, steps, {"loss": _numbers(table["loss"])}, "loss")
    _draw(second, steps, {name: _numbers(table[name]) for name in terms}, "terms of the loss")
    _draw(third, steps, {name.removeprefix(_ACCURACY): _numbers(table[name]) for name in accuracies}, "accuracy")
    third.set_ylim(-0.02, 1.02)
    _draw_rate(last, steps, table)
    for axis in (first, second, third, last):
        for step in _stage_starts(steps, table.get("stage", ())):
            axis.axvline(step, color="0.6", linewidth=0.8, linestyle=":")
        axis.set_xlabel("step")
        axis.spines[["top", "right"]].set_visible(False)
    return figure


def _is_of_optimizer(column: str) -> bool:
    return column.partition("/")[0] in _NOT_TERMS


def _draw(axis: Axes, steps: NDArray[np.float64], curves: Mapping[str, NDArray[np.float64]], title: str) -> None:
    for number, (name, values) in enumerate(curves.items()):
        known = np.isfinite(values)
        if not known.any():
            continue
        color = "black" if name == "loss" else f"C{number % 10}"
        axis.plot(steps[known], values[known], color=color, linewidth=0.5, alpha=0.3)
        axis.plot(steps[known], _running_mean(values[known]), color=color, linewidth=1.5, label=name)
    axis.set_title(title, fontsize=10)
    if len(axis.get_legend_handles_labels()[0]) > 1:
        axis.legend(fontsize=6, frameon=False)


def _draw_rate(axis: Axes, steps: NDArray[np.float64], table: Mapping[str, Sequence[str]]) -> None:
    axis.set_title("learning rate and norm of the gradient", fontsize=10)
    axis.plot(steps, _numbers(table["lr"]), color="C0", label="learning rate")
    axis.set_ylabel("learning rate", color="C0")
    other = axis.twinx()
    norms = _numbers(table["grad_norm"])
    other.plot(steps, norms, color="C1", linewidth=0.5, alpha=0.6)
    other.set_ylabel("norm", color="C1")
    if (norms > 0).any():
        other.set_yscale("log")


def _running_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the last steps, as many as a fiftieth of all; over fewer at the start."""
    width = max(1, len(values) // _SMOOTHED)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - width)
    return np.asarray((sums[ends] - sums[starts]) / (ends - starts))


def _stage_starts(steps: NDArray[np.float64], stages: Sequence[str]) -> list[float]:
    return [float(steps[i]) for i in range(1, min(len(steps), len(stages))) if stages[i] != stages[i - 1]]


def _numbers(texts: Sequence[str]) -> NDArray[np.float64]:
    return np.array([float(text) if text else np.nan for text in texts], dtype=np.float64)
