"""Which body of a clip is the main one: the person who moves and is tracked, not the first in the file.

Kinect's files list bodies in the order in which the sensor found them; a chair can come first. Over the whole clip a
person differs from such a phantom by its proportions, by joints that are tracked and not inferred, by being there for
most of the clip, and by moving. A person whom the sensor lost and found again has two ids; such tracks are joined.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.sources.ntu.skeleton import Skeleton

LINK_FRAMES = 30
"""Tracks are joined over a gap of at most this many frames (one second)."""

LINK_DISTANCE = 0.5
"""Meters between the spine bases at the two ends of the gap, at most."""

STILL = 0.02
"""Meters added to the motion, so that a person who stands still is told from others by the remaining factors."""

_TRACKED = 2
_SPINE_BASE = 0
_BODY_JOINTS = np.arange(21)
"""All but hand tips and thumbs, which jitter most."""

_SMOOTH_FRAMES = 5

_LENGTHS: tuple[tuple[int, int, float, float], ...] = (
    (0, 20, 0.30, 0.75),
    (4, 8, 0.18, 0.55),
    (4, 5, 0.15, 0.45),
    (8, 9, 0.15, 0.45),
    (5, 6, 0.15, 0.40),
    (9, 10, 0.15, 0.40),
    (12, 13, 0.25, 0.60),
    (16, 17, 0.25, 0.60),
    (13, 14, 0.25, 0.60),
    (17, 18, 0.25, 0.60),
)
"""Two Kinect joints and the range of their distance in people, meters: torso, shoulders, arms, legs."""


@dataclass(frozen=True)
class Track:
    """One body through a clip.

    Attributes:
        records: (K,) indices into the skeleton's records, by frame.
        score: How much it looks like the person who is recorded, >= 0; see `score_track`.
    """

    records: NDArray[np.intp]
    score: float


def find_tracks(skeleton: Skeleton) -> list[Track]:
    """Group a clip's records into bodies, joining ids that follow each other; best score first.

    A track continues one that ended at most `LINK_FRAMES` frames before it began and at most `LINK_DISTANCE` meters
    away. Equal scores keep the order in which the bodies appear.
    """
    chains: list[list[NDArray[np.intp]]] = []
    for records in _by_id(skeleton):
        chain = _chain_to_continue(skeleton, chains, records)
        if chain is None:
            chains.append([records])
        else:
            chain.append(records)
    joined = [np.concatenate(chain) for chain in chains]
    tracks = [Track(records, score_track(skeleton, records)) for records in joined]
    return sorted(tracks, key=lambda track: -track.score)


def order_bodies(skeleton: Skeleton, tracks: list[Track], frame: int) -> NDArray[np.intp]:
    """Records of one frame, the main body first.

    Bodies without a single finite joint are left out.

    Args:
        skeleton: The clip's skeletons.
        tracks: `find_tracks(skeleton)`.
        frame: Frame number, from 1.

    Returns:
        (B,) indices into the skeleton's records; empty if there is no body in that frame.
    """
    records = skeleton.at(frame)
    finite = np.isfinite(skeleton.joints_xyz[records]).all(axis=-1).any(axis=-1)
    rank = {int(record): place for place, track in enumerate(tracks) for record in track.records}
    return np.array(sorted(records[finite], key=lambda record: rank[int(record)]), np.intp)


def score_track(skeleton: Skeleton, records: NDArray[np.intp]) -> float:
    """Plausibility^2 x tracked share x sqrt(presence) x (motion + `STILL`).

    * plausibility: share of ten limb lengths whose median over the track is within human range;
    * tracked share: of all joints of all records, those with tracking state 2;
    * presence: frames with the body, as a share of the clip's frames;
    * motion: root mean square distance (m) of the tracked joints, relative to the spine base and smoothed over five
      frames (jitter is no motion), from their mean over the track.
    """
    xyz = skeleton.joints_xyz[records].astype(np.float64)
    finite = np.asarray(np.isfinite(xyz).all(axis=-1))
    if not finite.any():
        return 0.0
    tracked = finite & (skeleton.tracking[records] == _TRACKED)
    presence = len(np.unique(skeleton.frame[records])) / max(skeleton.n_frames, 1)
    return float(_plausibility(xyz, finite) ** 2 * tracked.mean() * np.sqrt(presence) * (_motion(xyz, tracked) + STILL))


def _by_id(skeleton: Skeleton) -> list[NDArray[np.intp]]:
    """Records of each body id, by frame; ids in order of their first frame, then of the file."""
    order = np.argsort(skeleton.frame, kind="stable")
    groups: dict[int, list[int]] = {}
    for record in order:
        groups.setdefault(int(skeleton.body_id[record]), []).append(int(record))
    return [np.array(group, np.intp) for group in groups.values()]


def _chain_to_continue(
    skeleton: Skeleton, chains: list[list[NDArray[np.intp]]], records: NDArray[np.intp]
) -> list[NDArray[np.intp]] | None:
    start = records[0]
    best, best_distance = None, LINK_DISTANCE
    for chain in chains:
        end = chain[-1][-1]
        gap = int(skeleton.frame[start]) - int(skeleton.frame[end])
        step = skeleton.joints_xyz[start, _SPINE_BASE] - skeleton.joints_xyz[end, _SPINE_BASE]
        distance = float(np.linalg.norm(step.astype(np.float64)))
        if 0 < gap <= LINK_FRAMES and distance <= best_distance:
            best, best_distance = chain, distance
    return best


def _plausibility(xyz: NDArray[np.float64], finite: NDArray[np.bool_]) -> float:
    human = 0
    for a, b, shortest, longest in _LENGTHS:
        both = finite[:, a] & finite[:, b]
        if both.any():
            length = np.median(np.linalg.norm(xyz[both, a] - xyz[both, b], axis=-1))
            human += bool(shortest <= length <= longest)
    return human / len(_LENGTHS)


def _motion(xyz: NDArray[np.float64], tracked: NDArray[np.bool_]) -> float:
    centered = xyz - xyz[:, [_SPINE_BASE]]
    weight = (tracked & tracked[:, [_SPINE_BASE]])[:, _BODY_JOINTS].astype(np.float64)
    value = np.where(weight[..., None] > 0, centered[:, _BODY_JOINTS], 0.0)
    sums, counts = _moving_sum(value), _moving_sum(weight)
    seen = counts > 0
    if not seen.any():
        return 0.0
    smooth = sums / np.maximum(counts, 1)[..., None]
    mean = (smooth * seen[..., None]).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)[..., None]
    squared = ((smooth - mean) ** 2).sum(axis=-1)
    return float(np.sqrt(squared[seen].mean()))


def _moving_sum(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum over `_SMOOTH_FRAMES` neighboring records (fewer at the ends), along the first axis."""
    half = _SMOOTH_FRAMES // 2
    total = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
    index = np.arange(len(values))
    upper, lower = np.minimum(index + half + 1, len(values)), np.maximum(index - half, 0)
    return np.asarray(total[upper] - total[lower])
