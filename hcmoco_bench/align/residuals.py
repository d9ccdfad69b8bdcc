"""How far a calibration is off on joints that it has not seen, in px of the depth frame."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field

from hcmoco_bench.align.camera_model import RegisteredModel
from hcmoco_bench.align.correspondences import RigPoints
from hcmoco_bench.align.homography import apply_homography

_BLOCKS: Final = 6
_SHARE: Final = 0.3


class Residual(BaseModel):
    """The distances between predicted and given places of held-out joints."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    mean: float = Field(description="mean distance, px of the depth frame")
    p95: float = Field(description="95th percentile of the distances, px of the depth frame")
    n: int = Field(description="number of held-out joints")

    @classmethod
    def of(cls, vectors: NDArray[np.float64]) -> Residual:
        """Summarize (N, 2) residual vectors, N >= 1."""
        distance = np.linalg.norm(vectors, axis=1)
        return cls(
            mean=round(float(distance.mean()), 6), p95=round(float(np.percentile(distance, 95)), 6), n=len(distance)
        )


def homography_residuals(homography: ArrayLike, points: RigPoints) -> NDArray[np.float64]:
    """(N, 2) px of the depth frame: the color joints' places by the homography, minus the depth joints."""
    return apply_homography(homography, points.color_xy) - points.depth_xy


def registered_residuals(model: RegisteredModel, points: RigPoints) -> NDArray[np.float64]:
    """(N, 2) px of the depth frame: the color joints' places by the model, minus the depth joints.

    The model predicts where a depth joint is seen in the color frame; what the color joint is off that is brought to
    the depth frame by the inverse of the model's local 2 x 2 Jacobian at the joint's depth.
    """
    z = points.xyz[:, 2]
    step = 0.5
    columns = [
        (model.color_xy(points.depth_xy + move, z) - model.color_xy(points.depth_xy - move, z)) / (2 * step)
        for move in (np.array([step, 0.0]), np.array([0.0, step]))
    ]
    jacobian = np.stack(columns, axis=-1)
    error = points.color_xy - model.color_xy(points.depth_xy, z)
    return np.asarray(np.linalg.solve(jacobian, error[..., None])[..., 0], np.float64)


def held_out(points: RigPoints, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Choose the joints that a fit must not see, about a third of them.

    Whole clips where that leaves at least half of the joints for the fit, else two of six blocks of successive frames.

    Args:
        points: The rig's points.
        rng: Draws the clips.

    Returns:
        (N,) bool, True for held-out joints.
    """
    chosen = np.zeros(len(points), np.bool_)
    for clip in rng.permutation(np.unique(points.clip)):
        more = chosen | (points.clip == clip)
        if chosen.mean() < _SHARE and more.mean() <= 0.5:
            chosen = more
    if chosen.mean() >= 0.5 * _SHARE:
        return chosen
    moment = points.clip.astype(np.int64) << 32 | points.frame
    _, rank = np.unique(moment, return_inverse=True)
    block = rank * _BLOCKS // (int(rank.max(initial=0)) + 1)
    return np.asarray(block % 3 == 1)
