"""A parsing store of a few generated frames, made once per run."""

from __future__ import annotations

from pathlib import Path

import pytest
from filelock import FileLock
from generated_trees import GeneratedTree


@pytest.fixture(scope="session")
def parsing_store(generated_tree: GeneratedTree, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Frames 1, 5 and 9 of nine generated clips, with masks: 14 to train, 13 to test."""
    from hcmoco_bench.prepare.executors import make_executor
    from hcmoco_bench.prepare.ntu import prepare_ntu
    from hcmoco_bench.prepare.options import check_options

    base = tmp_path_factory.getbasetemp()
    store = (base if worker_id == "master" else base.parent) / "parsing-store"
    with FileLock(store.with_suffix(".lock")):  # a finished store is recognized
        prepare_ntu(
            [generated_tree.root],
            store,
            check_options(set="parsing4k", parts=True),
            annotations=generated_tree.masks,
            lists=generated_tree.lists,
            executor=make_executor("local", workers=1),
        )
    return store
