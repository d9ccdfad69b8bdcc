"""Dense features as colors: one PCA for RGB and depth of all samples, so that like features have like colors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

_RANGE = (2.0, 98.0)
"""Percentiles of a component that become dark and bright."""


@dataclass(frozen=True)
class FeatureSample:
    """A crop with its dense features.

    Attributes:
        sample_id: For the title.
        rgb: (H, W, 3) uint8.
        depth: (H, W) float meters, 0 = none.
        foreground: (H, W) bool, where people are.
        features: By modality (`rgb`, `depth`): (C, h, w) float, one C for all.
    """

    sample_id: str
    rgb: NDArray[np.uint8]
    depth: NDArray[np.floating]
    foreground: NDArray[np.bool_]
    features: Mapping[str, NDArray[np.floating]]


def features_figure(samples: Sequence[FeatureSample], *, title: str = "") -> Figure:
    """Draw one line a sample: RGB, its features, depth, its features.

    The three color channels are the first three principal components of the foreground's features, of both modalities
    and all samples together: where two pixels have the same color, in whichever panel, their features are alike in
    these three directions.

    Args:
        samples: At least one.
        title: Above the panels.
    """
    colors = shared_colors([sample.features for sample in samples], [sample.foreground for sample in samples])
    figure = Figure(figsize=(9.6, 2.55 * len(samples) + 0.4), layout="constrained")
    axes = figure.subplots(len(samples), 4, squeeze=False)
    for line, sample, painted in zip(axes, samples, colors, strict=True):
        line[0].imshow(sample.rgb)
        line[0].set_title(sample.sample_id, fontsize=7)
        line[1].imshow(_on_person(painted["rgb"], sample.foreground), interpolation="nearest")
        line[1].set_title("features of RGB", fontsize=7)
        meters = np.ma.masked_equal(np.asarray(sample.depth, np.float64), 0.0)
        line[2].set_facecolor("black")
        line[2].imshow(meters, cmap="viridis_r", interpolation="nearest")
        line[2].set_title("depth", fontsize=7)
        line[3].imshow(_on_person(painted["depth"], sample.foreground), interpolation="nearest")
        line[3].set_title("features of depth", fontsize=7)
        for axis in line:
            axis.set(xticks=[], yticks=[])
    if title:
        figure.suptitle(title, fontsize=9)
    return figure


def shared_colors(
    features: Sequence[Mapping[str, NDArray[np.floating]]], foregrounds: Sequence[NDArray[np.bool_]]
) -> list[dict[str, NDArray[np.float64]]]:
    """Map features to colors by one PCA over the foreground of all samples and modalities.

    Deterministic: a component's sign is such that its largest coefficient is positive.

    Args:
        features: Of each sample, (C, h, w) maps by modality.
        foregrounds: Of each sample, (H, W) bool, H a multiple of h.

    Returns:
        Of each sample, (h, w, 3) colors in 0..1 by modality.

    Raises:
        ValueError: If there is no sample.
    """
    if not features:
        raise ValueError("colors need at least one sample")
    cells = [
        maps[name][:, _reduced(foreground, maps[name])].T
        for maps, foreground in zip(features, foregrounds, strict=True)
        for name in maps
    ]
    people = np.concatenate(cells).astype(np.float64)
    if not len(people):  # nobody anywhere: the whole crops
        people = np.concatenate([values.reshape(len(values), -1).T for maps in features for values in maps.values()])
    mean = people.mean(axis=0)
    directions = _principal_directions(people - mean)
    low, high = np.percentile((people - mean) @ directions, _RANGE, axis=0)
    spread = np.where(high > low, high - low, 1.0)

    def paint(values: NDArray[np.floating]) -> NDArray[np.float64]:
        components = (np.moveaxis(values, 0, -1).astype(np.float64) - mean) @ directions
        return np.asarray(np.clip((components - low) / spread, 0.0, 1.0))

    return [{name: paint(values) for name, values in maps.items()} for maps in features]


def _principal_directions(centered: NDArray[np.float64]) -> NDArray[np.float64]:
    """(C, 3) unit vectors along which (N, C) points vary most; zeros where there are fewer than three."""
    variances, vectors = np.linalg.eigh(centered.T @ centered)
    order = np.argsort(variances)[::-1][:3]
    chosen = vectors[:, order] * np.sign(vectors[np.abs(vectors[:, order]).argmax(axis=0), order])
    directions = np.zeros((centered.shape[1], 3))
    directions[:, : chosen.shape[1]] = chosen
    return directions


def _reduced(foreground: NDArray[np.bool_], values: NDArray[np.floating]) -> NDArray[np.bool_]:
    """(h, w) bool: the pixel at each cell's corner, as in the dense objective."""
    height, width = values.shape[-2:]
    rows = np.arange(height) * foreground.shape[0] // height
    columns = np.arange(width) * foreground.shape[1] // width
    return np.asarray(foreground[np.ix_(rows, columns)])


def _on_person(colors: NDArray[np.float64], foreground: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Colors on the person, white around it."""
    return np.asarray(np.where(_reduced(foreground, np.moveaxis(colors, -1, 0))[..., None], colors, 1.0))
