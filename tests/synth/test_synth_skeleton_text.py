"""The text of skeleton files: byte for byte as real ones, and readable again."""

import time

import numpy as np
import pytest

from hcmoco_bench.sources.ntu.skeleton import parse_skeleton
from hcmoco_bench.synth.kinect.skeleton_text import format_skeleton
from hcmoco_bench.synth.kinect.tracking import TrackedBody


def body(seed: int, body_id: int = 72057594037931648) -> TrackedBody:
    rng = np.random.default_rng(seed)
    return TrackedBody(
        body_id=body_id,
        attributes=np.array([0, 1, 2, 0, 3, 0, -0.1159187, 0.1413209, 2]),
        joints_xyz=rng.normal(0, 1, (25, 3)),
        joints_depth=rng.uniform(0, 500, (25, 2)),
        joints_color=rng.uniform(0, 1900, (25, 2)),
        orientation=rng.normal(0, 0.5, (25, 4)),
        tracking=rng.integers(1, 3, 25).astype(np.uint8),
    )


@pytest.mark.real
def test_real_files_are_reproduced_byte_for_byte(real_files):
    paths = sorted((real_files / "ntu").glob("*.skeleton"))
    assert paths
    for path in paths:
        data = path.read_bytes()
        real = parse_skeleton(data, source=path.name)
        frames = [
            [
                TrackedBody(
                    int(real.body_id[row]),
                    real.attributes[row].astype(np.float64),
                    real.joints_xyz[row],
                    real.joints_depth[row],
                    real.joints_color[row],
                    real.orientation[row],
                    real.tracking[row],
                )
                for row in real.at(frame)
            ]
            for frame in range(1, real.n_frames + 1)
        ]
        assert format_skeleton(frames) == data


def test_round_trip_through_the_parser():
    frames = [[body(0), body(1, 72057594037931999)], [], [body(2)]]
    skeleton = parse_skeleton(format_skeleton(frames), source="generated")
    assert skeleton.n_frames == skeleton.declared_frames == 3
    np.testing.assert_array_equal(skeleton.frame, [1, 1, 3])
    np.testing.assert_array_equal(skeleton.body_id, [72057594037931648, 72057594037931999, 72057594037931648])
    for row, one in enumerate([*frames[0], *frames[2]]):
        np.testing.assert_allclose(skeleton.joints_xyz[row], one.joints_xyz, rtol=1e-6)
        np.testing.assert_allclose(skeleton.joints_depth[row], one.joints_depth, rtol=1e-6)
        np.testing.assert_allclose(skeleton.joints_color[row], one.joints_color, rtol=1e-6)
        np.testing.assert_array_equal(skeleton.tracking[row], one.tracking)


def test_numbers_look_like_those_of_the_sdks_tools():
    one = body(0)
    one.joints_xyz[0] = [-7.257856e-05, 0.0001234567, -0.0]
    lines = format_skeleton([[one]]).split(b"\r\n")
    assert lines[:2] == [b"1", b"1"]
    assert lines[2] == b"72057594037931648 0 1 2 0 3 0 -0.1159187 0.1413209 2"
    assert lines[3] == b"25"
    assert lines[4].startswith(b"-7.257856E-05 0.0001234567 0 ")
    assert lines[-1] == b""


def test_no_frames_at_all():
    assert format_skeleton([]) == b"0\r\n"


def test_formatting_is_fast():
    frames = [[body(0)] for _ in range(200)]
    start = time.process_time()
    format_skeleton(frames)
    assert (time.process_time() - start) / 200 < 3e-3
