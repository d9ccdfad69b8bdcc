"""Where the samples of a card come from: splits and their fingerprints, calibration, people on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hcmoco_bench.align.calibration import Calibration
from hcmoco_bench.align.residuals import Residual
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.sources.ntu.names import SampleId
from hcmoco_bench.store.kinds.ntu import CALIBRATION_FILE, NtuManifest, NtuStore
from hcmoco_bench.store.manifest import MANIFEST_FILE

_SPLIT_ORDER = ("train", "test", "train_20", "train_10", "train_5", "train_1", "v3_train", "v3_test", "subjects_train")


@dataclass(frozen=True)
class SplitFacts:
    """A split: name, rule in words, expected and stored samples, SHA-256 of the expected ids."""

    name: str
    rule: str
    expected: int
    rows: int
    sha256: str


@dataclass(frozen=True)
class ResidualFacts:
    """Residuals of one alignment mode over the rigs, on held-out joints.

    Attributes:
        mode: `homography` or `registered`.
        rigs: Number of rigs that have this mode.
        joints: Number of held-out joints of all rigs.
        mean: Mean of the rigs' means, px of the 512x424 depth frame.
        worst_mean: Largest mean of a rig, px.
        worst_p95: Largest 95th percentile of a rig, px.
    """

    mode: str
    rigs: int
    joints: int
    mean: float
    worst_mean: float
    worst_p95: float


@dataclass(frozen=True)
class StoreFacts:
    """What a card says of one store.

    Attributes:
        name: Its sample set, `parsing4k` or `pretrain`.
        manifest: Its manifest.
        manifest_sha256: SHA-256 of the manifest file.
        splits: Its splits in the order of the card's table.
        residuals: Residuals by alignment mode; empty if no rig was calibrated.
    """

    name: str
    manifest: NtuManifest
    manifest_sha256: str
    splits: tuple[SplitFacts, ...]
    residuals: tuple[ResidualFacts, ...]


def store_facts(name: str, store: NtuStore) -> StoreFacts:
    """Read the facts of a store."""
    splits = [
        SplitFacts(split, store.splits[split].rule, count.expected, count.rows, count.sha256)
        for split, count in store.manifest.splits.items()
    ]
    rigs = Calibration.load(store.path / CALIBRATION_FILE).rigs.values()
    of_mode = {
        "homography": [rig.residuals.homography for rig in rigs],
        "registered": [rig.residuals.registered for rig in rigs if rig.residuals.registered is not None],
    }
    return StoreFacts(
        name=name,
        manifest=store.manifest,
        manifest_sha256=file_sha256(store.path / MANIFEST_FILE),
        splits=tuple(sorted(splits, key=lambda split: _split_order(split.name))),
        residuals=tuple(_over_rigs(mode, residuals) for mode, residuals in of_mode.items() if residuals),
    )


def shared_performers(store: NtuStore) -> dict[str, int]:
    """Counts for the card: performers on both sides of v2 and their frames, and the sizes of v2 and v3."""
    ids = {name: split.ids for name, split in store.splits.items()}
    train, test = ([SampleId.parse(one).clip.performer for one in ids.get(name, ())] for name in ("train", "test"))
    shared = set(train) & set(test)
    return {
        "shared_performers": len(shared),
        "shared_train": sum(performer in shared for performer in train),
        "shared_test": sum(performer in shared for performer in test),
        "n_train": len(train),
        "n_test": len(test),
        "v3_train": len(ids.get("v3_train", ())),
        "v3_test": len(ids.get("v3_test", ())),
    }


def _split_order(name: str) -> tuple[int, str]:
    return (_SPLIT_ORDER.index(name), "") if name in _SPLIT_ORDER else (len(_SPLIT_ORDER), name)


def _over_rigs(mode: str, residuals: Sequence[Residual]) -> ResidualFacts:
    means = [residual.mean for residual in residuals]
    return ResidualFacts(
        mode=mode,
        rigs=len(residuals),
        joints=sum(residual.n for residual in residuals),
        mean=float(np.mean(means)),
        worst_mean=max(means),
        worst_p95=max(residual.p95 for residual in residuals),
    )
