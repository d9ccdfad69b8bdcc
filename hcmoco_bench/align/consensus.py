"""Which points agree on one linear law: RANSAC over small samples, for gross errors of any size."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

HYPOTHESES: Final = 300
"""Samples drawn; with half of the points wrong and four in a sample, the chance of no good one is below 1e-8."""

_SCORED: Final = 2000


def linear_consensus(
    inputs: NDArray[np.float64],
    outputs: NDArray[np.float64],
    threshold: float,
    *,
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """Find the points that follow outputs = inputs @ W for one W, whatever the others say.

    Each hypothesis is exact for K random points and is scored by the truncated squared distances of (at most 2,000
    of) all points. The best is refined by least squares on its own inliers.

    Args:
        inputs: (N, K) float64; add a column of ones for a constant.
        outputs: (N, M) float64.
        threshold: Largest distance of an inlier, in the units of `outputs`.
        rng: Draws samples and scored points.

    Returns:
        (N,) bool; all False if every sample was degenerate.
    """
    n, k = inputs.shape
    if n < k:
        return np.zeros(n, np.bool_)
    spread = np.abs(inputs).max(axis=0)
    scaled = inputs / np.where(spread > 0, spread, 1.0)
    samples = rng.integers(n, size=(HYPOTHESES, k))
    systems = scaled[samples]
    solvable = np.abs(np.linalg.det(systems)) > 1e-12
    if not solvable.any():
        return np.zeros(n, np.bool_)
    hypotheses = np.linalg.solve(systems[solvable], outputs[samples[solvable]])
    scored = rng.choice(n, min(n, _SCORED), replace=False)
    costs = [
        np.minimum(((scaled[scored] @ weights - outputs[scored]) ** 2).sum(axis=1), threshold**2).sum()
        for weights in hypotheses
    ]
    weights = hypotheses[int(np.argmin(costs))]
    inliers = np.zeros(n, np.bool_)
    for _ in range(10):
        before, inliers = inliers, np.linalg.norm(scaled @ weights - outputs, axis=1) < threshold
        if np.array_equal(before, inliers) or inliers.sum() < k:
            break
        weights = np.linalg.lstsq(scaled[inliers], outputs[inliers], rcond=None)[0]
    return np.asarray(inliers)
