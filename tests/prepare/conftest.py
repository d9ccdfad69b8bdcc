"""Fixtures of the tests of `prepare`: small raw trees written by hand."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prepare_raw_tree import CLIPS, TEST, TRAIN, RawTree, write_video

from hcmoco_bench.align import rigs
from hcmoco_bench.align.calibration import RigFit
from hcmoco_bench.align.correspondences import RigPoints


@pytest.fixture(scope="session", autouse=True)
def _equal_joints_are_fitted_once() -> Iterator[None]:
    """Nearly all of these trees have the same three rigs; the fit of the same joints with the same seed is kept."""
    fits: dict[bytes, RigFit] = {}

    def fit_rig(points: RigPoints, *, seed: int) -> RigFit:
        key = pickle.dumps((points, seed))
        if key not in fits:
            fits[key] = whole(points, seed=seed)
        return fits[key]

    with pytest.MonkeyPatch.context() as patch:
        whole = rigs.fit_rig
        patch.setattr(rigs, "fit_rig", fit_rig)
        yield


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
