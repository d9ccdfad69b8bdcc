"""Small generated NTU trees, made once per test run and shared by all tests and all workers of pytest-xdist."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock, Timeout

from hcmoco_bench.sources.ntu.layout import MASK_FOLDER


@dataclass(frozen=True)
class GeneratedTree:
    """A generated tree; tests must not write into it.

    Attributes:
        root: The raw tree.
        truth: Its truth folder, for `hcmoco_bench.synth.ntu.truth.read_truth`.
        masks: Its part masks.
        lists: Its sample lists.
        seed: Its seed.
    """

    root: Path
    truth: Path
    masks: Path
    lists: Path
    seed: int


def shared_folder(factory: pytest.TempPathFactory, worker: str) -> Path:
    """A folder that all workers of this run see, and no other run."""
    base = factory.getbasetemp()
    return base if worker == "master" else base.parent


_TREES: dict[str, dict[str, Any]] = {
    "generated": {"seed": 7, "n_clips": 9, "n_frames": 10, "noise": True},
    "noiseless": {"seed": 11, "n_clips": 9, "n_frames": 12, "noise": False},
}


def _tree(folder: Path, name: str) -> GeneratedTree:
    """The tree of a name. While another worker makes it, this one makes the others, as far as nobody is at them."""
    try:
        return _make(folder, name, blocking=False)
    except Timeout:
        for other in _TREES.keys() - {name}:
            with suppress(Timeout):
                _make(folder, other, blocking=False)
        return _make(folder, name, blocking=True)


def _make(folder: Path, name: str, *, blocking: bool) -> GeneratedTree:
    from hcmoco_bench.synth.ntu.ntu_tree import TreeOptions, write_tree
    from hcmoco_bench.synth.ntu.tree_plan import plan_clips

    root, truth, wanted = folder / name, folder / f"{name}-truth", _TREES[name]
    with FileLock(folder / f"{name}.lock", blocking=blocking):
        # A complete tree is recognized and left as it is.
        plans = plan_clips(wanted["n_clips"], wanted["seed"], n_frames=wanted["n_frames"], mask_every=4)
        write_tree(root, plans, TreeOptions(seed=wanted["seed"], noise=wanted["noise"], truth=truth))
    return GeneratedTree(root, truth, root / MASK_FOLDER, root / "lists", wanted["seed"])


@pytest.fixture(scope="session")
def generated_tree(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> GeneratedTree:
    """Nine noisy clips of ten frames: three performances, each seen by three rigs; masks of frames 1, 5 and 9."""
    return _tree(shared_folder(tmp_path_factory, worker_id), "generated")


@pytest.fixture(scope="session")
def noiseless_tree(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> GeneratedTree:
    """Nine clips of twelve frames from perfect sensors: three performances, each seen by three rigs."""
    return _tree(shared_folder(tmp_path_factory, worker_id), "noiseless")
