"""Fixtures of the tests of `prepare`: small raw trees written by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

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
