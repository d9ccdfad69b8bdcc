"""A store of a few dozen generated samples, and settings of a run on it that takes seconds."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock
from generated_trees import GeneratedTree

from hcmoco_bench.pretrain.recipes import make_pretrain_settings
from hcmoco_bench.pretrain.run import run_pretrain
from hcmoco_bench.pretrain.settings import PretrainSettings


@pytest.fixture(scope="session")
def pretrain_store(generated_tree: GeneratedTree, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Frames of nine generated clips, with depth and joints, without part masks."""
    from hcmoco_bench.prepare.executors import make_executor
    from hcmoco_bench.prepare.ntu import prepare_ntu
    from hcmoco_bench.prepare.options import check_options

    base = tmp_path_factory.getbasetemp()
    store = (base if worker_id == "master" else base.parent) / "pretrain-store"
    options = check_options(
        set="pretrain", every=2, align="homography", rgb_only=False, parts=False, seed=0, rows_per_shard=128
    )
    with FileLock(store.with_suffix(".lock")):  # a finished store is recognized
        prepare_ntu(
            [generated_tree.root],
            store,
            options,
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


@pytest.fixture(scope="session")
def settings(pretrain_store: Path) -> dict[str, Any]:
    """Settings of a small run: five steps in each of two stages."""
    return {
        "backbone": "test_resnet",
        "init": "scratch",
        "image_size": 64,
        "batch_size": 8,
        "stage1_epochs": 1,
        "stage2_epochs": 1,
        "negatives": 32,
        "points": 50,
        "trackers": [],
        "stores": [str(pretrain_store)],
    }


@pytest.fixture(scope="session")
def small(settings: dict[str, Any]) -> PretrainSettings:
    """The small run's settings, checked."""
    return make_pretrain_settings(None, settings)


@pytest.fixture(scope="session")
def _finished_run(small: PretrainSettings, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "finished-run"
    threads = torch.get_num_threads()
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            torch.set_num_threads(1)
            run_pretrain(small, folder)
            torch.set_num_threads(threads)
    return folder


@pytest.fixture
def finished_run(_finished_run: Path, tmp_path: Path) -> Path:
    """The folder of the small run, finished; a copy for the test to do with as it likes."""
    shutil.copytree(_finished_run, tmp_path / "finished")
    return tmp_path / "finished"
