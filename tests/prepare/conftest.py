"""Fixtures of the tests of `prepare`: small raw trees written by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from prepare_raw_tree import CLIPS, TEST, TRAIN, RawTree, write_video


@pytest.fixture(scope="session")
def handmade_video(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    folder = tmp_path_factory.mktemp("videos")

    def video(n_frames: int) -> Path:
        path = folder / f"{n_frames}.avi"
        if not path.exists():
            write_video(path, n_frames)
        return path

    return video


@pytest.fixture
def raw_tree(tmp_path: Path, handmade_video: Callable[[int], Path]) -> RawTree:
    """An empty raw tree; use `add_clip` and `write_lists`."""
    return RawTree(tmp_path / "raw", handmade_video)


@pytest.fixture
def small_tree(raw_tree: RawTree) -> RawTree:
    """Four clips on three rigs; four samples to train and four to test, all good."""
    for clip in CLIPS:
        raw_tree.add_clip(clip, samples=[int(s[-3:]) for s in (*TRAIN, *TEST) if s.startswith(clip)])
    raw_tree.write_lists(TRAIN, TEST)
    return raw_tree


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
