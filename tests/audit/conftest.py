"""Stores of one generated tree: labeled frames, unlabeled frames, and unlabeled frames under other names."""

from __future__ import annotations

from pathlib import Path

import pytest
from audit_stores import changed_store, renamed
from filelock import FileLock
from generated_trees import GeneratedTree, shared_folder

from hcmoco_bench.prepare.ntu import prepare_ntu
from hcmoco_bench.prepare.options import check_options
from hcmoco_bench.store.registry import open_store


@pytest.fixture(scope="session")
def unlabeled_store(generated_tree: GeneratedTree, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Frames of the clips of the labeled store, and of no other."""
    store = shared_folder(tmp_path_factory, worker_id) / "audit-unlabeled"
    with FileLock(store.with_suffix(".lock")):
        prepare_ntu([generated_tree.root], store, check_options(set="pretrain", every=4), lists=generated_tree.lists)
    return store


@pytest.fixture(scope="session")
def other_tree_store(noiseless_tree: GeneratedTree, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Unlabeled frames of a tree of another seed."""
    store = shared_folder(tmp_path_factory, worker_id) / "audit-other-tree"
    with FileLock(store.with_suffix(".lock")):
        prepare_ntu([noiseless_tree.root], store, check_options(set="pretrain", every=6), lists=noiseless_tree.lists)
    return store


@pytest.fixture(scope="session")
def mixed_store(unlabeled_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unlabeled frames, of which those of camera 1 are called by clips and performers of nobody else."""
    copy = tmp_path_factory.mktemp("audit") / "mixed"
    return changed_store(
        unlabeled_store, copy, lambda row: renamed(row, setup=40, performer=200) if row["camera"] == 1 else row
    )


@pytest.fixture(scope="session")
def test_ids(parsing_store: Path) -> tuple[str, ...]:
    """Ids of the rows of the test split."""
    return tuple(row["sample_id"] for row in open_store(parsing_store).rows("test", ["sample_id"]))


@pytest.fixture(scope="session")
def train_ids(parsing_store: Path) -> tuple[str, ...]:
    """Ids of the rows of the training split."""
    return tuple(row["sample_id"] for row in open_store(parsing_store).rows("train", ["sample_id"]))
