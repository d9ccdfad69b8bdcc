"""A parsing store of a few generated frames, and settings of a run on it that takes seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock
from generated_trees import GeneratedTree

from hcmoco_bench.tasks.core.make_settings import make_finetune_settings
from hcmoco_bench.tasks.core.settings import FinetuneSettings

SMALL = {
    "backbone": "test_resnet",
    "init": "scratch",
    "image_size": 64,
    "batch_size": 4,
    "eval_batch_size": 4,
    "epochs": 2,
}


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


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small only wait for each other on several threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def small(parsing_store: Path) -> dict[str, Any]:
    """Settings of a small run of depth parsing, as a user would give them."""
    return SMALL | {"stores": (str(parsing_store),)}


@pytest.fixture
def small_config(small: dict[str, Any]) -> FinetuneSettings:
    """The small run's settings, checked."""
    return make_finetune_settings("depth_parsing", small)
