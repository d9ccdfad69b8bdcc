from __future__ import annotations

import numpy as np
import pytest

from hcmoco_bench.align import RigPoints, rig_points
from hcmoco_bench.align.residuals import held_out
from hcmoco_bench.sources.ntu.names import ClipName, Rig
from hcmoco_bench.sources.ntu.skeleton import Skeleton

CLIP = ClipName.parse("S001C001P001R001A001")


def skeleton(records: int, *, seed: int = 0) -> Skeleton:
    """One body a frame, every joint tracked and inside both images."""
    rng = np.random.default_rng(seed)
    return Skeleton(
        declared_frames=records,
        n_frames=records,
        truncated=False,
        frame=np.arange(1, records + 1, dtype=np.int32),
        body_id=np.full(records, 72057594037931648),
        attributes=np.zeros((records, 9), np.float32),
        joints_xyz=rng.uniform([-1, -1, 2], [1, 1, 4], (records, 25, 3)).astype(np.float32),
        joints_depth=rng.uniform([0, 0], [511, 423], (records, 25, 2)).astype(np.float32),
        joints_color=rng.uniform([0, 0], [1919, 1079], (records, 25, 2)).astype(np.float32),
        orientation=np.zeros((records, 25, 4), np.float32),
        tracking=np.full((records, 25), 2, np.uint8),
    )


def test_all_tracked_joints_in_order_of_clip_frame_and_joint() -> None:
    first, second = skeleton(3), skeleton(2, seed=1)
    other = ClipName.parse("S001C001P002R001A001")
    points = rig_points(Rig(1, 1), [(CLIP, first), (other, second)], rng=np.random.default_rng(0))
    assert len(points) == 125
    assert points.clips == (CLIP, other)
    np.testing.assert_array_equal(points.clip, [0] * 75 + [1] * 50)
    np.testing.assert_array_equal(points.frame[:75], np.repeat([1, 2, 3], 25))
    np.testing.assert_array_equal(points.xyz[:75], first.joints_xyz.reshape(-1, 3))
    np.testing.assert_array_equal(points.color_xy[75:], second.joints_color.reshape(-1, 2))
    assert points.xyz.dtype == points.depth_xy.dtype == points.color_xy.dtype == np.float64


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tracking", 1),
        ("tracking", 0),
        ("joints_xyz", np.nan),
        ("joints_xyz", [0.1, 0.2, 0.0]),
        ("joints_xyz", [0.1, 0.2, -2.0]),
        ("joints_xyz", [0.1, 0.2, 40.0]),
        ("joints_depth", np.inf),
        ("joints_depth", [512.0, 100.0]),
        ("joints_depth", [100.0, -1.0]),
        ("joints_color", np.nan),
        ("joints_color", [1920.0, 100.0]),
        ("joints_color", [100.0, 1080.0]),
    ],
)
def test_a_joint_that_was_not_measured_does_not_count(field: str, value: object) -> None:
    clip = skeleton(2)
    getattr(clip, field)[1, 4] = value
    points = rig_points(Rig(1, 1), [(CLIP, clip)], rng=np.random.default_rng(0))
    assert len(points) == 49
    assert not (points.xyz == clip.joints_xyz[1, 4]).all(axis=1).any()
    assert np.isfinite(np.column_stack([points.xyz, points.depth_xy, points.color_xy])).all()


def test_nothing_to_use() -> None:
    nobody, unseen = skeleton(0), skeleton(4)
    unseen.joints_xyz[:] = np.nan
    rng = np.random.default_rng(0)
    assert len(rig_points(Rig(1, 1), [], rng=rng)) == 0
    points = rig_points(Rig(1, 1), [(CLIP, nobody), (CLIP, unseen)], rng=rng)
    assert points.xyz.shape == (0, 3)
    assert len(points.clips) == 2


def test_the_cap_draws_points_that_belong_together() -> None:
    clip = skeleton(100)
    points = rig_points(Rig(1, 1), [(CLIP, clip)], max_points=300, rng=np.random.default_rng(0))
    assert len(points) == 300
    every = np.concatenate([clip.joints_xyz, clip.joints_depth, clip.joints_color], axis=-1).reshape(-1, 7)
    drawn = np.column_stack([points.xyz, points.depth_xy, points.color_xy])
    assert {tuple(row) for row in drawn} <= {tuple(row) for row in every.astype(np.float64)}
    assert (np.diff(points.frame) >= 0).all()
    again = rig_points(Rig(1, 1), [(CLIP, clip)], max_points=300, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(points.xyz, again.xyz)


def points_of(sizes: list[int], frames: int = 30) -> RigPoints:
    clip = np.repeat(np.arange(len(sizes)), sizes).astype(np.int32)
    frame = np.concatenate([np.sort(np.arange(size) % frames) + 1 for size in sizes]).astype(np.int32)
    n = len(clip)
    return RigPoints(Rig(1, 1), np.ones((n, 3)), np.ones((n, 2)), np.ones((n, 2)), clip, frame, (CLIP,) * len(sizes))


def test_whole_clips_are_held_out() -> None:
    points = points_of([300] * 9)
    test = held_out(points, np.random.default_rng(0))
    assert 0.3 <= test.mean() <= 0.5
    for clip in range(9):
        assert test[points.clip == clip].all() or not test[points.clip == clip].any()


@pytest.mark.parametrize("sizes", [[900], [20, 2000], [2000, 20]])
def test_blocks_of_frames_are_held_out_where_clips_would_leave_too_little(sizes: list[int]) -> None:
    points = points_of(sizes)
    for seed in range(5):
        test = held_out(points, np.random.default_rng(seed))
        assert 0.2 <= test.mean() <= 0.5
        moments = points.clip * 1000 + points.frame
        assert not set(moments[test]) & set(moments[~test])


def test_one_frame_holds_nothing_out() -> None:
    assert not held_out(points_of([25], frames=1), np.random.default_rng(0)).any()
