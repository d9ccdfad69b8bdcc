"""How far skeletons are from a prior: to the nearest of its poses, and between the distributions of bone lengths."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree
from scipy.stats import wasserstein_distance

from hcmoco_bench.priors.checks import bone_lengths
from hcmoco_bench.priors.skeleton_prior import SkeletonPrior
from hcmoco_bench.priors.statistics import bone_names, bone_shares, measurable

Floats = NDArray[np.float64]

_MOST: Final = 2000
"""Skeletons that are looked up in the prior; more change the mean by less than a hundredth."""

_BONES: Final = 4.0
"""Meters of all bones of an adult together, to say distances in centimeters."""


@dataclass(frozen=True)
class PriorComparison:
    """Skeletons against a prior.

    Attributes:
        skeletons: Number of skeletons compared.
        nearest_cm: Mean distance a joint to the nearest skeleton of the prior, cm of an adult's size.
        prior_nearest_cm: The same from skeletons of the prior to others of it, of another body if it has several: what
            new skeletons of the same kind would have.
        bones: Wasserstein distance between the shares of each bone, in % of the length of all bones, by bone.
        bone_distance: Mean over the bones.
    """

    skeletons: int
    nearest_cm: float
    prior_nearest_cm: float
    bones: dict[str, float]
    bone_distance: float

    def to_json(self) -> dict[str, Any]:
        """The comparison as plain values."""
        return asdict(self)


def compare_with_prior(joints: NDArray[np.floating], prior: SkeletonPrior) -> PriorComparison:
    """Compare skeletons with a prior.

    All skeletons are scaled to the same length of all bones together, with the root at the origin. Of more than 2,000
    skeletons, that many at even distances are looked up.

    Args:
        joints: (N, 17, 3) in the order of `h36m17`; x right, y down, z forward; any unit, the root anywhere.
        prior: What to compare with; at least two skeletons.

    Raises:
        ValueError: If no skeleton can be measured, or the prior has one skeleton only.
    """
    kept = joints[measurable(joints)]
    if not len(kept):
        raise ValueError(f"none of {len(joints)} skeletons has finite joints that differ")
    if len(prior) < 2:
        raise ValueError("a prior of one skeleton says nothing about distances")
    given, real = _spread(_scaled(kept)), _scaled(prior.joints)
    shares, real_shares = bone_shares(kept), bone_shares(prior.joints)
    bones = {
        name: 100 * float(wasserstein_distance(shares[:, bone], real_shares[:, bone]))
        for bone, name in enumerate(bone_names())
    }
    return PriorComparison(
        skeletons=len(kept),
        nearest_cm=_nearest(given, real),
        prior_nearest_cm=_within(real, prior.body),
        bones=bones,
        bone_distance=float(np.mean(list(bones.values()))),
    )


def _scaled(joints: NDArray[np.floating]) -> Floats:
    """(N, 51) meters: root at 0, all bones together `_BONES` long."""
    wide = joints.astype(np.float64)
    total = bone_lengths(wide).sum(1)
    return np.asarray((wide - wide[:, :1]) * (_BONES / total)[:, None, None]).reshape(len(wide), -1)


def _spread(rows: Floats) -> Floats:
    count = min(len(rows), _MOST)
    return rows[(2 * np.arange(count) + 1) * len(rows) // (2 * count)]


def _nearest(given: Floats, real: Floats) -> float:
    _, found = KDTree(real).query(given)
    return _centimeters(given, real[found])


def _within(real: Floats, body: NDArray[np.int32]) -> float:
    """From half of the bodies (or skeletons, if there is one body) to the other half."""
    numbers = np.unique(body)
    first = np.isin(body, numbers[::2]) if len(numbers) > 1 else np.arange(len(real)) % 2 == 0
    return _nearest(_spread(real[first]), real[~first])


def _centimeters(one: Floats, other: Floats) -> float:
    """Mean over skeletons and the 16 joints other than the root."""
    distance = np.linalg.norm((one - other).reshape(len(one), 17, 3), axis=-1)
    return 100 * float(distance[:, 1:].mean())
