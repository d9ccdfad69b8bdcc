"""Small generated ITOP files, made once per test run and shared by all workers of pytest-xdist."""

from __future__ import annotations

from pathlib import Path

import pytest
from filelock import FileLock
from generated_trees import shared_folder


@pytest.fixture(scope="session")
def generated_itop(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Three people, one of them for testing, of two performances each and six frames a performance; read only."""
    from hcmoco_bench.synth.itop.itop_files import ItopOptions, write_itop

    folder = shared_folder(tmp_path_factory, worker_id)
    with FileLock(folder / "itop.lock"):
        write_itop(folder / "itop", ItopOptions(clips=3, frames=8, seed=5))
    return folder / "itop"
