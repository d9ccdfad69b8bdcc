"""Checked pairs of predicted and true points, and their distances; shared by the metrics of joints and vertices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from hcmoco_bench.errors import DataError

_NAMED = 5


def checked_points(
    prediction: ArrayLike,
    target: ArrayLike,
    sample_ids: Sequence[str],
    valid: ArrayLike | None,
    *,
    n_points: int | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Points as float64 arrays on the processor, if they fit together.

    Args:
        prediction: (N, P, 3), array or tensor on any device.
        target: (N, P, 3).
        sample_ids: N ids.
        valid: (N, P) bool, or None for all.
        n_points: What P must be; None for any.

    Returns:
        Prediction, target (0 where not valid) and valid.

    Raises:
        DataError: If shapes do not fit (`prediction_wrong_size`), or a prediction of a valid point
            (`prediction_not_finite`) or the target (`label_not_finite`) is nan or infinite; names the samples.
    """
    found, true = _array(prediction), _array(target)
    if n_points is None:
        n_points = int(true.shape[1]) if true.ndim == 3 else 1
    expected = (len(sample_ids), n_points, 3)
    if not found.shape == true.shape == expected:
        raise DataError(
            f"predicted points {found.shape} and true points {true.shape} for {len(sample_ids)} samples; both must be "
            f"{expected}",
            kind="prediction_wrong_size",
        )
    counted = np.ones(expected[:2], bool) if valid is None else _array(valid) != 0
    if counted.shape != true.shape[:2]:
        raise DataError(
            f"validity {counted.shape} of points {true.shape[:2]}; they must be the same", kind="prediction_wrong_size"
        )
    for points, what, kind in ((true, "label", "label_not_finite"), (found, "prediction", "prediction_not_finite")):
        wrong = np.flatnonzero((counted & ~np.isfinite(points).all(2)).any(1))
        if len(wrong):
            names = [sample_ids[int(row)] for row in wrong]
            listed = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
            raise DataError(
                f"{len(names)} samples with points that are nan or infinite in the {what}: {listed}; correct them, or "
                "mark what cannot be scored as not valid",
                kind=kind,
            )
    there = counted[:, :, None]
    return np.where(there, found, 0.0), np.where(there, true, 0.0), counted


def point_errors(
    prediction: ArrayLike,
    target: ArrayLike,
    sample_ids: Sequence[str],
    valid: ArrayLike | None,
    *,
    n_points: int | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Distances (N, P) of checked points, 0 where not valid; and valid (N, P)."""
    found, true, counted = checked_points(prediction, target, sample_ids, valid, n_points=n_points)
    return distances(found, true), counted


def distances(found: NDArray[np.float64], true: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance (N, P) between points (N, P, 3)."""
    return np.asarray(np.sqrt(((found - true) ** 2).sum(2)))


def _array(values: ArrayLike) -> NDArray[np.float64]:
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu().double().numpy()
    return np.asarray(values, np.float64)
