"""How far calibrated rigs are off: residual vectors over the depth frame and histograms of both modes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hcmoco_bench.sources.ntu.layout import DEPTH_SIZE

HOMOGRAPHY_COLOR, REGISTERED_COLOR = "#c8553d", "#1b7f79"
_ARROWS = 400
_ARROW_PX = 40.0
_MOST_ENLARGED = 1000.0
_LEAST_PX = 1e-5


@dataclass(frozen=True)
class RigResiduals:
    """The held-out joints of one rig.

    Attributes:
        rig: Setup and camera, e.g. S001C001.
        depth_xy: (N, 2) px, the joints in the depth frame.
        homography: (N, 2) px of the depth frame, residual vectors of the homography.
        registered: The same for the registered model; None if the rig has none.
    """

    rig: str
    depth_xy: NDArray[np.float64]
    homography: NDArray[np.float64]
    registered: NDArray[np.float64] | None


def residual_figure(rigs: Sequence[RigResiduals], *, most: int = 8) -> Figure:
    """Draw one line of three panels for each rig: vectors of both modes, and the histogram of their lengths.

    The arrows are enlarged as each panel's title says: a pattern in them is what the model cannot express (for a
    homography: parallax). Of more than `most` rigs those with the largest homography residuals are drawn.

    Args:
        rigs: The rigs; at least one, with at least one joint each.
        most: The most rigs that are drawn.

    Raises:
        ValueError: If there is no rig.
    """
    if not rigs:
        raise ValueError("a residual figure needs at least one rig")
    worst = sorted(rigs, key=lambda rig: -_lengths(rig.homography).mean())[:most]
    chosen = sorted(worst, key=lambda rig: rig.rig)
    figure = Figure(figsize=(12.5, 3.3 * len(chosen)), layout="constrained")
    axes = figure.subplots(len(chosen), 3, squeeze=False, width_ratios=(1, 1, 1.1))
    for line, rig in zip(axes, chosen, strict=True):
        _draw_vectors(line[0], rig, "homography", rig.homography, HOMOGRAPHY_COLOR)
        _draw_vectors(line[1], rig, "registered", rig.registered, REGISTERED_COLOR)
        _draw_histogram(line[2], rig)
    if len(chosen) < len(rigs):
        figure.suptitle(f"The {len(chosen)} of {len(rigs)} rigs with the largest homography residuals")
    return figure


def _draw_vectors(axis: Axes, rig: RigResiduals, mode: str, vectors: NDArray[np.float64] | None, color: str) -> None:
    axis.set(xlim=(-0.5, DEPTH_SIZE[0] - 0.5), ylim=(DEPTH_SIZE[1] - 0.5, -0.5), aspect="equal")
    axis.tick_params(labelsize=6)
    if vectors is None:
        axis.set_title(f"{rig.rig} {mode}", fontsize=8)
        axis.text(0.5, 0.5, "no registered model", ha="center", va="center", transform=axis.transAxes, color="0.4")
        return
    lengths = _lengths(vectors)
    scale = _enlargement(lengths)
    shown = np.unique(np.linspace(0, len(vectors) - 1, _ARROWS).astype(np.intp))
    axis.quiver(
        *rig.depth_xy[shown].T,
        *(vectors[shown] * scale).T,
        angles="xy",
        scale_units="xy",
        scale=1,
        width=0.0025,
        color=color,
        alpha=0.7,
    )
    axis.set_title(
        f"{rig.rig} {mode} (arrows x{scale:g})\nmean {lengths.mean():.3g} px, 95 % {np.percentile(lengths, 95):.3g} px",
        fontsize=8,
    )


def _draw_histogram(axis: Axes, rig: RigResiduals) -> None:
    modes = [("homography", rig.homography, HOMOGRAPHY_COLOR), ("registered", rig.registered, REGISTERED_COLOR)]
    drawn = [
        (mode, np.maximum(_lengths(vectors), _LEAST_PX), color) for mode, vectors, color in modes if vectors is not None
    ]
    every = np.concatenate([lengths for _, lengths, _ in drawn])
    low, high = np.floor(np.log10(every.min())), np.ceil(np.log10(every.max()))
    bins = np.logspace(low, max(high, low + 1), 60).tolist()
    for mode, lengths, color in drawn:
        weights = np.full(len(lengths), 100 / len(lengths))
        axis.hist(
            lengths, bins=bins, weights=weights, color=color, alpha=0.65, label=f"{mode} ({len(lengths):,} joints)"
        )
    axis.set_xscale("log")
    axis.set_xlabel("residual on held-out joints, px of the depth frame", fontsize=7)
    axis.set_ylabel("% of joints", fontsize=7)
    axis.tick_params(labelsize=6)
    axis.legend(fontsize=7, frameon=False)
    axis.spines[["top", "right"]].set_visible(False)


def _enlargement(lengths: NDArray[np.float64]) -> float:
    """A round factor (1, 2 or 5 times a power of ten, at most 1000) that brings usual arrows to at most 40 px."""
    longest = max(float(np.percentile(lengths, 95)), _LEAST_PX)
    power = 10.0 ** np.floor(np.log10(_ARROW_PX / longest))
    fitting = max(step * power for step in (1, 2, 5) if step * power * longest <= _ARROW_PX)
    return float(min(fitting, _MOST_ENLARGED))


def _lengths(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(vectors, axis=1))
