"""Small generated data sets of photographs, made once per test run and shared by all tests and all workers."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from filelock import FileLock
from generated_trees import shared_folder


@pytest.fixture(scope="session")
def generated_densepose(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """DensePose-COCO of six images of 128 px: four for training, one each for the others; tests must not write."""
    from hcmoco_bench.synth.densepose import write_densepose
    from hcmoco_bench.synth.photographs.photo_set import PhotoOptions

    folder = shared_folder(tmp_path_factory, worker_id)
    with FileLock(folder / "densepose.lock"):
        return write_densepose(folder / "densepose", PhotoOptions(images=6, seed=3, long_side=128))


@pytest.fixture(scope="session")
def generated_coco(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """COCO of three images of 128 px, the last for validation; tests must not write."""
    from hcmoco_bench.synth.coco import write_coco
    from hcmoco_bench.synth.photographs.photo_set import PhotoOptions

    folder = shared_folder(tmp_path_factory, worker_id)
    with FileLock(folder / "coco.lock"):
        return write_coco(folder / "coco", PhotoOptions(images=3, seed=5, long_side=128))


@pytest.fixture(scope="session")
def generated_mpii(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """MPII of the same three images."""
    from hcmoco_bench.synth.mpii import write_mpii
    from hcmoco_bench.synth.photographs.photo_set import PhotoOptions

    folder = shared_folder(tmp_path_factory, worker_id)
    with FileLock(folder / "mpii.lock"):
        return write_mpii(folder / "mpii", PhotoOptions(images=3, seed=5, long_side=128))


@pytest.fixture(scope="session")
def generated_human36m(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Raw Human3.6M of two videos, subjects 1 and 9, 26 frames of 96 px; tests must not write."""
    from hcmoco_bench.synth.human36m import Human36mOptions, write_human36m

    folder = shared_folder(tmp_path_factory, worker_id)
    with FileLock(folder / "human36m.lock"):
        return write_human36m(folder / "human36m", Human36mOptions(clips=2, seed=1, frames=26, cameras=1, width=96))


@pytest.fixture(scope="session")
def human36m_store(generated_human36m: Path, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The store of `generated_human36m`: frames 0 and 25 of both videos."""
    from hcmoco_bench.prepare.human36m import prepare_human36m

    folder = shared_folder(tmp_path_factory, worker_id)
    with FileLock(folder / "human36m-store.lock"):
        return prepare_human36m(generated_human36m, folder / "human36m-store").store.path


@pytest.fixture(scope="session")
def pose_store(generated_human36m: Path, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The store of `generated_human36m` with every second frame: 13 of each video."""
    from hcmoco_bench.prepare.human36m import prepare_human36m

    folder = shared_folder(tmp_path_factory, worker_id)
    with FileLock(folder / "pose-store.lock"):
        return prepare_human36m(generated_human36m, folder / "pose-store", every=2).store.path


@pytest.fixture
def photograph_root(tmp_path: Path) -> Path:
    """Five images of MPII's form; the second has two people."""
    root = tmp_path / "mpii"
    (root / "images").mkdir(parents=True)
    (root / "annot").mkdir()
    rng = np.random.default_rng(0)
    entries = []
    for number in range(5):
        image = cv2.GaussianBlur(rng.integers(0, 255, (60, 80, 3), dtype=np.uint8), (0, 0), 5)
        cv2.imwrite(str(root / "images" / f"{number}.jpg"), image)
        person = {
            "image": f"{number}.jpg",
            "joints": rng.uniform(5, 50, (16, 2)).tolist(),
            "joints_vis": [1] * 16,
            "center": [40.0, 30.0],
            "scale": 0.2,
        }
        entries += [person] * (2 if number == 1 else 1)
    (root / "annot" / "train.json").write_text(json.dumps(entries))
    return root
