"""Drawn scores kept on disk by what they are made of, so that a table is drawn once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from hcmoco_bench import __version__
from hcmoco_bench.files.atomic import write_atomic
from hcmoco_bench.files.hashing import json_sha256
from hcmoco_bench.leaderboard.row import EvidenceFile
from hcmoco_bench.leaderboard.ties.draws import DrawnScores
from hcmoco_bench.leaderboard.ties.samples import Samples
from hcmoco_bench.leaderboard.ties.scoring import Scoring
from hcmoco_bench.results.resampling import GroupDraws

_SUFFIX: Final = ".draws"
_DIGEST: Final = hashlib.sha256().digest_size


def cache_key(evidence: Sequence[EvidenceFile], scoring: Scoring, samples: Samples, draws: GroupDraws) -> str:
    """SHA-256 of everything that drawn scores depend on.

    Evidence comes in by the hash of its content, and the samples with their groups: what is found under a key was
    drawn on exactly these samples.
    """
    made_of = [
        __version__,
        scoring.identity,
        [one.sha256 for one in evidence],
        samples.sha256,
        draws.n,
        draws.seed,
    ]
    return json_sha256(made_of)


def read_cached(folder: Path, key: str, draws: GroupDraws) -> DrawnScores | None:
    """What was kept under a key; None if there is nothing, or it is damaged.

    The file's own hash detects damage, not forgery: the folder belongs to the person who reads it, and does not come
    with the rows.
    """
    try:
        data = (folder / f"{key}{_SUFFIX}").read_bytes()
    except OSError:
        return None
    digest, values = data[:_DIGEST], data[_DIGEST:]
    if hashlib.sha256(values).digest() != digest or len(values) != 8 * (1 + draws.n + len(draws.kept)):
        return None
    found = np.frombuffer(values, dtype="<f8").astype(np.float64)
    return DrawnScores(float(found[0]), found[1 : 1 + draws.n], found[1 + draws.n :])


def write_cached(folder: Path, key: str, scores: DrawnScores) -> None:
    """Keep drawn scores: a hash of what follows, and all scores. Raises StoreError if it cannot."""
    folder.mkdir(parents=True, exist_ok=True)
    values = np.concatenate([[scores.score], scores.draws, scores.left_out]).astype("<f8").tobytes()
    write_atomic(folder / f"{key}{_SUFFIX}", hashlib.sha256(values).digest() + values)
