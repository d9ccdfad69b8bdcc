"""The truth beside a tree: against an independent projection, against images, and its bad inputs."""

from __future__ import annotations

import numpy as np
import pytest

from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.ntu.depth import read_depth
from hcmoco_bench.sources.ntu.masks import MaskFolder, read_mask
from hcmoco_bench.sources.ntu.names import ClipName, SampleId
from hcmoco_bench.sources.ntu.tree import scan
from hcmoco_bench.synth.kinect.cameras import KinectPair, Pinhole, look_at
from hcmoco_bench.synth.kinect.raycast import Surface
from hcmoco_bench.synth.ntu.truth import color_visibility, read_cameras, read_truth


def test_truth_covers_exactly_the_labeled_pixels(noiseless_tree):
    masks = MaskFolder.open(noiseless_tree.masks)
    for name, clip in scan([noiseless_tree.root]).clips.items():
        for frame in (1, 9):
            truth = read_truth(noiseless_tree.truth, name, frame)
            assert truth.color_xy.shape == (424, 512, 2)
            assert truth.color_xy.dtype == np.float32
            parts = read_mask(masks.find(SampleId(name, frame)))
            np.testing.assert_array_equal(np.isfinite(truth.color_xy[..., 0]), parts > 0)
            np.testing.assert_array_equal(truth.z > 0, parts > 0)
            assert not truth.visible[parts == 0].any()
            depth = read_depth(clip.depth.frame(frame))
            np.testing.assert_array_equal(np.round(truth.z * 1000), depth)


def test_positions_are_those_of_the_true_cameras(noiseless_tree):
    name = min(scan([noiseless_tree.root]).clips)
    truth = read_truth(noiseless_tree.truth, name, 1)
    kinect = read_cameras(noiseless_tree.truth)[str(name.rig)]
    row, column = np.argwhere(truth.z > 0)[100]
    z = float(truth.z[row, column])
    # By hand, in the color camera's own space.
    x = (column - kinect.depth.cx) / kinect.depth.fx * z
    y = (kinect.depth.cy - row) / kinect.depth.fy * z
    rotation, offset = kinect.color_from_depth[:, :3], kinect.color_from_depth[:, 3]
    cx, cy, cz = rotation @ [x, y, z] + offset
    expected = [kinect.color.cx + kinect.color.fx * cx / cz, kinect.color.cy - kinect.color.fy * cy / cz]
    assert truth.color_xy[row, column] == pytest.approx(expected, abs=1e-3)


def test_most_points_are_visible_and_hidden_ones_are_at_occlusions(noiseless_tree):
    shares = []
    for name in scan([noiseless_tree.root]).clips:
        truth = read_truth(noiseless_tree.truth, name, 5)
        person = truth.z > 0
        inside = (truth.color_xy[..., 1] >= -0.5) & (truth.color_xy[..., 1] < 1079.5)
        assert not truth.visible[person & ~inside].any()
        shares.append(truth.visible[person & inside].mean())
    assert min(shares) > 0.8
    assert 0.95 < np.mean(shares) < 1.0


def test_visibility_by_hand():
    # Both cameras look along z; the color camera stands 0.5 m to the right of the mirrored image.
    pinhole = Pinhole(100.0, 100.0, 50.0, 50.0, 101, 101)
    shift = np.concatenate([np.eye(3), [[-0.5], [0.0], [0.0]]], axis=1)
    kinect = KinectPair(pinhole, pinhole, shift, look_at([0, 0, 0], [0, 0, -1]))
    # In camera space x is to the left of one who looks along -z in the world: world x = -camera x, world z = -camera z.
    board = np.array([[-0.3, -1, -1], [-0.2, -1, -1], [-0.2, 1, -1], [-0.3, 1, -1]], np.float32)
    people = Surface(board, np.array([[0, 1, 2], [0, 2, 3]], np.int32), "cpu")
    nothing = Surface(board + np.float32(50), np.array([[0, 1, 2]], np.int32), "cpu")
    pixels = np.array([[50, 50], [60, 50], [50, 50]])
    # (0, 0, 2): behind the board as seen from x = 0.5; (0.2, 0, 2): seen past it; (0, 0, 0.4): out of the image.
    seen = color_visibility(kinect, pixels, np.array([2.0, 2.0, 0.4]), people, nothing)
    assert seen.tolist() == [False, True, False]
    assert color_visibility(kinect, pixels, np.array([2.0, 2.0, 0.4]), nothing, people).tolist() == [False, True, False]
    assert color_visibility(kinect, pixels, np.array([2.0, 2.0, 0.4]), nothing, nothing).tolist() == [True, True, False]


def test_missing_truth_is_an_error_that_says_what_to_do(noiseless_tree, tmp_path):
    clip = min(scan([noiseless_tree.root]).clips)
    for folder, name, frame in (
        (tmp_path, clip, 1),
        (noiseless_tree.truth, ClipName.parse("S001C001P001R001A001"), 1),
        (noiseless_tree.truth, clip, 0),
        (noiseless_tree.truth, clip, 13),
    ):
        with pytest.raises(DataError) as caught:
            read_truth(folder, name, frame)
        assert caught.value.kind == "truth_missing"
        assert str(folder) in str(caught.value)
    (tmp_path / "cameras.json").write_text("{}}")
    with pytest.raises(DataError, match=r"cameras\.json"):
        read_cameras(tmp_path)
