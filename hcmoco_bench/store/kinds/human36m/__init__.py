"""Stores of Human3.6M."""

from hcmoco_bench.store.kinds.human36m.kind import HUMAN36M, Human36mKind, Human36mStore
from hcmoco_bench.store.kinds.human36m.manifest import (
    JOINTS,
    LICENSE_HUMAN36M,
    MOST_OFF,
    POSE,
    POSE_SCHEMA,
    SCHEMA,
    Human36mChoice,
    Human36mManifest,
    Human36mSource,
)

__all__ = [
    "HUMAN36M",
    "JOINTS",
    "LICENSE_HUMAN36M",
    "MOST_OFF",
    "POSE",
    "POSE_SCHEMA",
    "SCHEMA",
    "Human36mChoice",
    "Human36mKind",
    "Human36mManifest",
    "Human36mSource",
    "Human36mStore",
]
