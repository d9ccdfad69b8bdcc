"""Small generated people with Anny bodies, made once per test run and shared by all tests and all workers."""

from __future__ import annotations

from pathlib import Path

import pytest
from filelock import FileLock
from generated_trees import shared_folder


@pytest.fixture(scope="session")
def generated_shape(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Three people, one of them for testing, of three images each, 96 px high; tests must not write."""
    from hcmoco_bench.synth.shape import ShapeOptions, write_shape

    folder = shared_folder(tmp_path_factory, worker_id)
    with FileLock(folder / "shape.lock"):
        return write_shape(folder / "shape", ShapeOptions(clips=3, seed=3, images=3, long_side=96))
