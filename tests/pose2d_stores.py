"""Small stores of generated photographs for the 2-D pose task, made once per test run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from generated_trees import shared_folder

from hcmoco_bench.prepare.keypoints import prepare_keypoints

FILE = "annotations/person_keypoints_val2017.json"
CROWD, NOBODY, SMALL, EMPTY = 901, 902, 903, 50
"""Ids of annotations that are added to the validation images, and of an image without people."""


def harder_coco(generated: Path, root: Path) -> Path:
    """Generated COCO whose validation images also have a crowd, somebody without joints, a small person, and nobody."""
    shutil.copytree(generated, root)
    content: dict[str, Any] = json.loads((root / FILE).read_text())
    image, person = content["images"][0], content["annotations"][0]
    x, y, width, height = person["bbox"]
    small = [
        value if number % 3 == 2 or not person["keypoints"][3 * (number // 3) + 2] else 5 + value // 8
        for number, value in enumerate(person["keypoints"])
    ]
    added = person | {"image_id": image["id"]}
    content["images"].append(image | {"id": EMPTY, "file_name": f"{EMPTY:012d}.jpg"})
    shutil.copy(root / "val2017" / image["file_name"], root / "val2017" / f"{EMPTY:012d}.jpg")
    content["annotations"] += [
        added | {"id": CROWD, "iscrowd": 1, "bbox": [0.0, 0.0, 40.0, 40.0], "area": 1600.0},
        added
        | {"id": NOBODY, "keypoints": [0] * 51, "num_keypoints": 0, "bbox": [50.0, 50.0, 20.0, 30.0], "area": 300.0},
        added | {"id": SMALL, "keypoints": small, "bbox": [5 + x / 8, 5 + y / 8, width / 8, height / 8], "area": 90.0},
    ]
    (root / FILE).write_text(json.dumps(content))
    return root


@pytest.fixture(scope="session")
def coco_root(generated_coco: Path, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """See `harder_coco`; tests must not write."""
    folder = shared_folder(tmp_path_factory, worker_id) / "pose2d-coco"
    with FileLock(f"{folder}.lock"):
        return folder if folder.is_dir() else harder_coco(generated_coco, folder)


@pytest.fixture(scope="session")
def coco_store(coco_root: Path, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The store of `coco_root`."""
    folder = shared_folder(tmp_path_factory, worker_id)
    with FileLock(folder / "pose2d-coco-store.lock"):
        return prepare_keypoints("coco", coco_root, folder / "pose2d-coco-store").store.path


@pytest.fixture(scope="session")
def mpii_store(generated_mpii: Path, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The store of `generated_mpii`."""
    folder = shared_folder(tmp_path_factory, worker_id)
    with FileLock(folder / "pose2d-mpii-store.lock"):
        return prepare_keypoints("mpii", generated_mpii, folder / "pose2d-mpii-store").store.path
