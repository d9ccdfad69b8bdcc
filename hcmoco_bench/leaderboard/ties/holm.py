"""Holm's correction for several comparisons (Holm 1979, Scandinavian Journal of Statistics 6:65-70)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjusted p-values: rejecting those up to a level keeps the chance of any false rejection below that level.

    It holds whatever the dependence between the comparisons, which share rows here.

    Args:
        p_values: (M,) in 0..1.

    Returns:
        (M,) in the same order: the k-th smallest times M - k + 1, at least as large as those before it, at most 1.
    """
    m = len(p_values)
    order = np.argsort(p_values, kind="stable")
    adjusted = np.empty(m)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p_values[order] * np.arange(m, 0, -1)))
    return adjusted
