"""Small generated data sets of photographs, made once per test run and shared by all tests and all workers."""

from __future__ import annotations

from pathlib import Path

import pytest
from filelock import FileLock
from generated_trees import shared_folder


@pytest.fixture(scope="session")
def generated_densepose(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """DensePose-COCO of six pictures of 128 px: four for training, one each for the others; tests must not write."""
    from hcmoco_bench.synth.densepose import write_densepose
    from hcmoco_bench.synth.photographs.photo_set import PhotoOptions

    folder = shared_folder(tmp_path_factory, worker_id)
    with FileLock(folder / "densepose.lock"):
        return write_densepose(folder / "densepose", PhotoOptions(images=6, seed=3, long_side=128))
