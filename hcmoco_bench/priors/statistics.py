"""What skeletons are like: bones, symmetry, knees and elbows, bent thighs, the camera's pitch; in any unit."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body import joint_set
from hcmoco_bench.body_models.rotation_matrices import unit
from hcmoco_bench.priors.checks import bone_ends, bone_lengths
from hcmoco_bench.priors.hinges import MOST_FLEXED, hinges
from hcmoco_bench.priors.skeleton_prior import JOINTS

Floats = NDArray[np.float64]

BENT: Final = 60.0
"""Degrees between the thighs, on average of both, and the prolonged trunk from which thighs count as bent: people who
sit, squat or bend deeply down."""

_FLEXION_TOLERANCE: Final = 10.0
"""Degrees; joints are no measured centers of rotation."""


@dataclass(frozen=True)
class BoneStatistics:
    """One bone; lengths are shares of the length of the skeleton's 16 bones.

    Attributes:
        name: Its two joints, as `right hip - right knee`.
        mean: Mean share, 0..1.
        deviation: Standard deviation over all skeletons.
        between_bodies: Standard deviation of the bodies' means; None if bodies are not known or there is only one.
        within_bodies: Standard deviation within a body, the root of the mean square; None if bodies are not known.
        asymmetry: Mean of |left - right| / (left + right) * 2 for bones with a counterpart; None for the others.
    """

    name: str
    mean: float
    deviation: float
    between_bodies: float | None
    within_bodies: float | None
    asymmetry: float | None


@dataclass(frozen=True)
class SkeletonStatistics:
    """A set of skeletons in numbers.

    Attributes:
        skeletons: Number of skeletons measured.
        left_out: Number of those that are not: a number is not finite, or all joints coincide.
        bodies: Number of different bodies, if known.
        bones: The 16 bones, in the order of the edges of `h36m17`.
        asymmetry: Mean over all bones with a counterpart.
        bent_thighs: Share of skeletons whose thighs are bent by `BENT` degrees or more.
        wrong_way: Share of the knees and elbows that bend the wrong way, of those where that can be told.
        overbent: Share of the knees and elbows that are flexed further than a person's can be.
        upside_down: Share of skeletons whose trunk points downwards in the image.
        pitch: Degrees by which the mean trunk leans towards the camera: how far cameras look down on average, if people
            stand upright on average.
    """

    skeletons: int
    left_out: int
    bodies: int | None
    bones: tuple[BoneStatistics, ...]
    asymmetry: float
    bent_thighs: float
    wrong_way: float
    overbent: float
    upside_down: float
    pitch: float

    def to_json(self) -> dict[str, Any]:
        """The statistics as plain values."""
        return asdict(self)


def skeleton_statistics(joints: NDArray[np.floating], *, body: NDArray[np.integer] | None = None) -> SkeletonStatistics:
    """Measure skeletons, real ones or those that a network lifted.

    Args:
        joints: (N, 17, 3) in the order of `h36m17`; x right, y down, z forward; any unit, the root anywhere.
        body: (N,) which body each skeleton is of, if known.

    Raises:
        ValueError: If the shapes do not fit, or no skeleton can be measured.
    """
    if joints.ndim != 3 or joints.shape[1:] != (17, 3) or (body is not None and body.shape != joints.shape[:1]):
        raise ValueError(f"skeletons must be (N, 17, 3) and bodies (N,), not {joints.shape}")
    good = measurable(joints)
    if not good.any():
        raise ValueError(f"none of {len(joints)} skeletons has finite joints that differ")
    kept = joints[good].astype(np.float64)
    shares = bone_shares(kept)
    bodies = None if body is None else body[good]
    folded = hinges(kept)
    known = int(folded.known.sum())
    trunk = unit(kept[:, _at("neck")] - kept[:, _at("root")])
    unequal = asymmetries(shares)
    return SkeletonStatistics(
        skeletons=len(kept),
        left_out=int((~good).sum()),
        bodies=None if bodies is None else len(np.unique(bodies)),
        bones=_bones(shares, unequal, bodies),
        asymmetry=float(np.mean(list(unequal.values()))),
        bent_thighs=float((thigh_bends(kept) >= BENT).mean()),
        wrong_way=float(folded.wrong_way.sum() / known) if known else 0.0,
        overbent=float((folded.flexion > MOST_FLEXED + _FLEXION_TOLERANCE).mean()),
        upside_down=float((trunk[:, 1] > 0).mean()),
        pitch=trunk_pitch(kept),
    )


def measurable(joints: NDArray[np.floating]) -> NDArray[np.bool_]:
    """(N,) whether all joints of a skeleton (N, 17, 3) are finite and not all at one place."""
    finite = np.asarray(np.isfinite(joints).all((1, 2)))
    spread = np.ptp(np.where(finite[:, None, None], joints, 0), axis=1).max(1)
    return np.asarray(finite & (spread > 0))


def bone_shares(joints: NDArray[np.floating]) -> Floats:
    """(N, 16) lengths of the bones over the length of all of them, for skeletons (N, 17, 3)."""
    lengths = bone_lengths(joints)
    return np.asarray(lengths / lengths.sum(1, keepdims=True))


def thigh_bends(joints: NDArray[np.floating]) -> Floats:
    """(N,) degrees between the prolonged trunk (neck to root) and the thighs, mean of both."""
    wide = joints.astype(np.float64)
    down = unit(wide[:, _at("root")] - wide[:, _at("neck")])
    bends = []
    for side in ("left", "right"):
        thigh = unit(wide[:, _at(f"{side} knee")] - wide[:, _at(f"{side} hip")])
        bends.append(np.degrees(np.arccos(np.clip((thigh * down).sum(-1), -1, 1))))
    return np.asarray(np.mean(bends, 0))


def trunk_pitch(joints: NDArray[np.floating]) -> float:
    """Degrees by which the mean direction from root to neck leans towards the camera; see `SkeletonStatistics`."""
    wide = joints.astype(np.float64)
    _, y, z = unit(wide[:, _at("neck")] - wide[:, _at("root")]).mean(0)
    return float(np.degrees(np.arctan2(-z, -y)))


def bone_names() -> tuple[str, ...]:
    """Names of the 16 bones: their two joints."""
    names = joint_set(JOINTS).joints
    return tuple(f"{names[start]} - {names[end]}" for start, end in bone_ends())


@cache
def counterparts() -> dict[int, int]:
    """The bone on the other side of each bone that has one, by index."""
    flip = joint_set(JOINTS).flip
    index = {frozenset(map(int, ends)): bone for bone, ends in enumerate(bone_ends())}
    other = {bone: index[frozenset(map(int, flip[ends]))] for bone, ends in enumerate(bone_ends())}
    return {bone: partner for bone, partner in other.items() if bone != partner}


def asymmetries(shares: Floats) -> dict[int, float]:
    """Mean relative difference between left and right, by the index of each bone that has a counterpart."""
    found = {}
    for bone, partner in counterparts().items():
        both = np.maximum(shares[:, bone] + shares[:, partner], np.finfo(np.float64).tiny)
        found[bone] = float((2 * np.abs(shares[:, bone] - shares[:, partner]) / both).mean())
    return found


def bone_lengths_unequal(joints: NDArray[np.floating]) -> Floats:
    """(N,) largest relative difference between a left and a right bone of each skeleton (N, 17, 3), 0..2."""
    lengths = bone_lengths(joints)
    one, other = np.array(sorted(counterparts().items())).T
    return np.asarray((2 * np.abs(lengths[:, one] - lengths[:, other]) / (lengths[:, one] + lengths[:, other])).max(1))


def _at(joint: str) -> int:
    return joint_set(JOINTS).index(joint)


def _bones(shares: Floats, unequal: dict[int, float], bodies: NDArray[np.integer] | None) -> tuple[BoneStatistics, ...]:
    between, within = _by_body(shares, bodies)
    return tuple(
        BoneStatistics(
            name=name,
            mean=float(shares[:, bone].mean()),
            deviation=float(shares[:, bone].std()),
            between_bodies=None if between is None else float(between[bone]),
            within_bodies=None if within is None else float(within[bone]),
            asymmetry=unequal.get(bone),
        )
        for bone, name in enumerate(bone_names())
    )


def _by_body(shares: Floats, bodies: NDArray[np.integer] | None) -> tuple[Floats | None, Floats | None]:
    """Deviations (16,) of the bodies' means, and within bodies."""
    if bodies is None:
        return None, None
    _, number, counts = np.unique(bodies, return_inverse=True, return_counts=True)
    means = np.zeros((len(counts), shares.shape[1]))
    np.add.at(means, number, shares)
    means /= counts[:, None]
    within = np.sqrt(((shares - means[number]) ** 2).mean(0))
    return (np.asarray(means.std(0)) if len(counts) > 1 else None), np.asarray(within)
