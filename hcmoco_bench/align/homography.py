"""One homography per rig, color px to depth px: exact for one plane, right on average for where people stand."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from hcmoco_bench.align.correspondences import require_agreement, require_enough
from hcmoco_bench.errors import CalibrationError

INLIER_PX: Final = 6.0
"""A joint this far off in the depth frame, px, is an outlier. Wider than parallax, which moves joints by up to
about 5 px between 2 m and 4.5 m and must not make the consensus pick one plane. Where the joints scatter less, six
times their scatter is the limit, but never less than `LEAST_INLIER_PX`."""

LEAST_INLIER_PX: Final = 1.0

MIN_SPREAD_PX: Final = 2.0
"""The standard deviation, px in the depth frame, that the points need along both of their main axes."""

_ROUNDS: Final = 10


def fit_homography(
    color_xy: NDArray[np.float64], depth_xy: NDArray[np.float64], *, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Fit the homography that maps color px to depth px, whatever a minority of wrong points says.

    A seeded RANSAC finds the consensus; the homography then minimises the distances of the consensus in the depth
    frame until the consensus no longer changes. The last fit sees inliers only, all of them.

    Args:
        color_xy: (N, 2) px of the color frame.
        depth_xy: (N, 2) px of the depth frame.
        rng: Seeds the sampling: the same state gives the same result, in any number of threads.

    Returns:
        The (3, 3) matrix, its last element 1, and the (N,) mask of inliers.

    Raises:
        CalibrationError: kind `rig_too_few_points` for fewer than 100 points or points on a line or on one spot;
            kind `rig_bad_fit` if fewer than 60 % of the points agree.
    """
    require_enough(len(depth_xy))
    _require_spread(depth_xy)
    options = cv2.UsacParams()
    options.randomGeneratorState = int(rng.integers(2**31))
    options.threshold = INLIER_PX
    options.confidence = 0.9999
    options.maxIterations = 2000
    options.score = cv2.SCORE_METHOD_MSAC
    options.sampler = cv2.SAMPLING_UNIFORM
    options.loMethod = cv2.LOCAL_OPTIM_INNER_LO
    options.loIterations = 10
    options.loSampleSize = 50
    options.isParallel = False
    matrix, _ = cv2.findHomography(color_xy, depth_xy, options)
    if matrix is None:
        raise CalibrationError("no homography fits the joints; are the clips of one rig and their files undamaged?")
    matrix = np.asarray(matrix, np.float64)
    inliers = _inliers(matrix, color_xy, depth_xy)
    for _ in range(_ROUNDS):
        require_agreement(inliers, "one homography")
        matrix = _refine(matrix, color_xy[inliers], depth_xy[inliers])
        before, inliers = inliers, _inliers(matrix, color_xy, depth_xy)
        if np.array_equal(before, inliers):
            break
    _require_spread(depth_xy[inliers])
    return matrix, inliers


def apply_homography(matrix: ArrayLike, xy: NDArray[np.floating]) -> NDArray[np.float64]:
    """Map (..., 2) points by a (3, 3) homography."""
    h = np.asarray(matrix, np.float64)
    mapped = xy @ h[:, :2].T + h[:, 2]
    return np.asarray(mapped[..., :2] / mapped[..., 2:], np.float64)


def _inliers(
    matrix: NDArray[np.float64], color_xy: NDArray[np.float64], depth_xy: NDArray[np.float64]
) -> NDArray[np.bool_]:
    distance = np.linalg.norm(apply_homography(matrix, color_xy) - depth_xy, axis=1)
    # The median distance of a 2-D Gaussian is 1.18 sigma.
    limit = np.clip(6.0 * np.median(distance) / 1.18, LEAST_INLIER_PX, INLIER_PX)
    return np.asarray(distance < limit)


def _refine(
    matrix: NDArray[np.float64], color_xy: NDArray[np.float64], depth_xy: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Least squares over the eight parameters, in coordinates of order one, where they are of like size."""
    from scipy.optimize import least_squares  # where used: most processes that are started never need it

    scale = np.diag([1e-3, 1e-3, 1.0])
    color = color_xy * 1e-3
    start = (scale @ matrix @ np.linalg.inv(scale) / matrix[2, 2]).ravel()[:8]

    def residuals(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        return (apply_homography(np.append(parameters, 1.0).reshape(3, 3), color) - depth_xy * 1e-3).ravel()

    def jacobian(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        h = np.append(parameters, 1.0).reshape(3, 3)
        point = np.column_stack([color, np.ones(len(color))])
        below = 1.0 / (point @ h[2])
        mapped = (point @ h[:2].T) * below[:, None]
        rows = np.zeros((len(color), 2, 8))
        rows[:, 0, 0:3] = rows[:, 1, 3:6] = point * below[:, None]
        rows[:, :, 6:8] = -mapped[:, :, None] * (color * below[:, None])[:, None, :]
        return rows.reshape(-1, 8)

    best = least_squares(residuals, start, jac=jacobian, method="lm", xtol=1e-12, ftol=1e-12, gtol=1e-12)
    refined = np.linalg.inv(scale) @ np.append(best.x, 1.0).reshape(3, 3) @ scale
    return np.asarray(refined / refined[2, 2], np.float64)


def _require_spread(depth_xy: NDArray[np.float64]) -> None:
    narrow = float(np.sqrt(max(np.linalg.eigvalsh(np.cov(depth_xy.T))[0], 0.0)))
    if not narrow >= MIN_SPREAD_PX:
        raise CalibrationError(
            f"the joints lie on one spot or line (spread {narrow:.2g} px, {MIN_SPREAD_PX:g} needed); "
            "add clips of this rig with people in other places",
            kind="rig_too_few_points",
        )
