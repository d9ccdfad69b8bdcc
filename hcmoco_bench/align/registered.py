"""Calibrating both cameras of a rig from its joints: robust least squares, held near Kinect v2's nominal values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.align.camera_model import ColorCamera, DepthCamera, RegisteredModel, image_axes
from hcmoco_bench.align.consensus import linear_consensus
from hcmoco_bench.align.correspondences import RigPoints, require_agreement, require_enough
from hcmoco_bench.errors import CalibrationError

MIN_DEPTH_SPREAD_M: Final = 0.03
"""The standard deviation of the joints' depths, meters, below which parallax cannot be told from a shift."""

FITTED_POINTS: Final = 5000
"""The most points that the iterations see; more change nothing but the time."""

_DEPTH_GATE_PX: Final = 4.0
"""Linear consensus in the depth frame: wider than the lens distortion that it leaves out."""

_COLOR_GATE_PX: Final = 8.0
"""Linear consensus in the color frame: wider than what rotation and distortion add to the linear law."""

# Kinect v2's nominal values and how far, in one standard deviation, a device is off them. They decide only what the
# joints leave open: a single person who stands still does not show the lens's edge, or tell shift from rotation.
_DEPTH_NOMINAL: Final = np.array([365.5, 1.0, 256.0, 210.0, 0.09, -0.27, 0.09])
_DEPTH_SPREAD: Final = np.array([10.0, 0.005, 10.0, 15.0, 0.1, 0.3, 0.1])
_COLOR_NOMINAL: Final = np.array([1058.0, 1.0, 960.0, 545.0, 0.0, 0.0, 0.0, 0.0, 0.05, 0.0, 0.0])
_COLOR_SPREAD: Final = np.array([15.0, 0.003, 15.0, 25.0, 0.02, 0.01, 0.01, 0.01, 0.03, 0.01, 0.015])
_COLOR_EVIDENCE: Final = 500
"""The sensor's color mapping is not quite a pinhole: its misfit is common to neighboring points, so that more
points than this are not more evidence against the nominal values."""

_ROUNDS: Final = 12
_LEAST_SIGMA_PX: Final = 5e-4


def consistent_points(points: RigPoints, *, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Find the joints whose three positions fit together: the consensus on two laws linear in the unknowns.

    Depth px = focal length * ray + center, within 4 px; color px = A depth px + b + c / z, within 8 px. Both limits
    are wider than what the laws leave out (distortion, rotation) and far narrower than a gross error.

    Args:
        points: The rig's joints.
        rng: Draws the samples.

    Returns:
        (N,) bool, True for joints that agree.

    Raises:
        CalibrationError: kind `rig_too_few_points` below 100 joints; kind `rig_bad_fit` if fewer than 60 % agree.
    """
    require_enough(len(points))
    one = np.ones(len(points))
    z = points.xyz[:, 2]
    rays = np.column_stack([points.xyz[:, 0] / z, points.xyz[:, 1] / z, one])
    agreeing = linear_consensus(rays, points.depth_xy, _DEPTH_GATE_PX, rng=rng)
    law = np.column_stack([points.depth_xy, one, 1.0 / z])[agreeing]
    agreeing[agreeing] = linear_consensus(law, points.color_xy[agreeing], _COLOR_GATE_PX, rng=rng)
    require_agreement(agreeing, "one pair of cameras")
    return agreeing


def fit_registered(points: RigPoints) -> RegisteredModel:
    """Calibrate the depth and the color camera of a rig from its joints.

    The depth camera explains where in the depth frame the 3-D joints are seen, the color camera where in the
    color frame. Joints that the fitted model misses by more than six times its scatter are left out.

    Args:
        points: The rig's joints, without gross errors (see `consistent_points`).

    Returns:
        The fitted model.

    Raises:
        CalibrationError: kind `rig_too_few_points` for fewer than 100 points or all at one depth; kind `rig_bad_fit`
            if the fit is not a camera.
    """
    require_enough(len(points))
    scatter = float(points.xyz[:, 2].std())
    if scatter < MIN_DEPTH_SPREAD_M:
        raise CalibrationError(
            f"all joints are at one depth (spread {scatter:.2g} m, {MIN_DEPTH_SPREAD_M:g} needed): parallax cannot be "
            "measured; add clips of this rig with people in other places",
            kind="rig_too_few_points",
        )
    if len(points) > FITTED_POINTS:
        points = points.select(np.linspace(0, len(points) - 1, FITTED_POINTS).astype(np.intp))
    space = image_axes(points.xyz)
    depth = _depth_camera(
        _fit(
            lambda p, which: _depth_camera(p).project(space[which]) - points.depth_xy[which],
            len(points),
            _DEPTH_NOMINAL,
            _DEPTH_SPREAD,
            evidence=len(points),
        )
    )
    if not depth.is_invertible():
        raise CalibrationError("the joints do not fit a depth camera: its fitted distortion folds the image")
    color = _color_camera(
        _fit(
            lambda p, which: _color_camera(p).project(space[which]) - points.color_xy[which],
            len(points),
            _COLOR_NOMINAL,
            _COLOR_SPREAD,
            evidence=_COLOR_EVIDENCE,
        )
    )
    return RegisteredModel(depth=depth, color=color)


def _fit(
    misfit: Callable[[NDArray[np.float64], NDArray[np.bool_]], NDArray[np.float64]],
    n: int,
    nominal: NDArray[np.float64],
    spread: NDArray[np.float64],
    *,
    evidence: int,
) -> NDArray[np.float64]:
    """Maximum a posteriori parameters; the scatter of the points is estimated along with them.

    `misfit(parameters, which)` gives the (K, 2) px by which the chosen points are missed. Each round weighs the
    points by the scatter that the last round left, and keeps those within six times of it: exact points thus outweigh
    the nominal values altogether, noisy ones do not.
    """
    from scipy.optimize import least_squares  # where used: most processes that are started never need it

    everything = np.ones(n, np.bool_)
    best, which, sigma = nominal, everything, 1.0
    for _ in range(_ROUNDS):
        weight = np.sqrt(min(evidence, int(which.sum())) / which.sum()) / sigma
        chosen = which

        def cost(
            step: NDArray[np.float64], weight: float = weight, chosen: NDArray[np.bool_] = chosen
        ) -> NDArray[np.float64]:
            return np.concatenate([(misfit(nominal + step * spread, chosen) * weight).ravel(), step])

        best = nominal + spread * least_squares(cost, (best - nominal) / spread, method="lm", xtol=1e-10).x
        distance = np.linalg.norm(misfit(best, everything), axis=1)
        # The median distance of a 2-D Gaussian is 1.1774 sigma.
        last, sigma = sigma, max(float(np.median(distance)) / 1.1774, _LEAST_SIGMA_PX)
        before, which = which, distance <= max(6.0 * sigma, 0.01)
        if np.array_equal(before, which) and abs(sigma - last) < 0.05 * last:
            break
    return best


def _depth_camera(p: NDArray[np.float64]) -> DepthCamera:
    f, ratio, cx, cy, k1, k2, k3 = map(float, p)
    return DepthCamera.model_construct(fx=f, fy=f * ratio, cx=cx, cy=cy, k1=k1, k2=k2, k3=k3)


def _color_camera(p: NDArray[np.float64]) -> ColorCamera:
    f, ratio, cx, cy, k1, *pose = map(float, p)
    return ColorCamera.model_construct(
        fx=f, fy=f * ratio, cx=cx, cy=cy, k1=k1, rotation=tuple(pose[:3]), translation=tuple(pose[3:])
    )
