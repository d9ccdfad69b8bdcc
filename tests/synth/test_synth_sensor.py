"""The depth sensor: how large its errors are, where it is blind, and what of the room it leaves in."""

from __future__ import annotations

import numpy as np
import pytest

from hcmoco_bench.synth.kinect.people import DepthView
from hcmoco_bench.synth.kinect.raycast import Box
from hcmoco_bench.synth.kinect.sensor import DepthSensor, true_depth

BOX = Box(100, 60, 240, 300)


def _view(z=3.0, albedo=0.4, facing=1.0, rim=40):
    """A flat card in front of the camera that leaves a rim of the box free."""
    shape = (BOX.height, BOX.width)
    body = np.zeros(shape, bool)
    body[rim:-rim, rim:-rim] = True
    fill = [np.where(body, value, 0).astype(np.float32) for value in (z, albedo, facing)]
    part = np.where(body, 5, 0).astype(np.uint8)
    return DepthView(BOX, fill[0], part, (part > 0).astype(np.uint8), fill[1], fill[2])


def _frames(view, n=40, room=4.2, seed=0):
    sensor = DepthSensor(np.full((424, 512), room, np.float32), np.random.default_rng(seed))
    return np.stack([sensor.measure(view) for _ in range(n)])


def _inner(frames):
    rows, columns = BOX.slices
    return frames[:, rows, columns][:, 50:-50, 50:-50].astype(float)


def test_without_noise_depth_is_rounded_truth():
    view = _view(z=2.3456)
    image = true_depth(view)
    assert image.dtype == np.uint16
    assert image.shape == (424, 512)
    assert set(np.unique(image)) == {0, 2346}
    np.testing.assert_array_equal(image[BOX.slices] > 0, view.part > 0)
    assert not true_depth(None).any()


def test_noise_is_unbiased_small_and_grows_with_the_square_of_the_distance():
    deviations = []
    for z in (2.0, 3.0, 4.0):
        values = _inner(_frames(_view(z=z)))
        values[values == 0] = np.nan
        assert np.isnan(values).mean() < 0.02
        assert np.nanmean(values) == pytest.approx(1000 * z, abs=4)
        # The slow error over the image is the same in every frame; noise is what changes.
        deviations.append(float(np.nanmean(np.nanstd(values, axis=0))))
    # Real Kinect v2: one to a few millimeters up to four meters.
    assert 1.0 < deviations[0] < 4.0
    assert 3.0 < deviations[2] < 10.0
    low, middle, high = deviations
    assert (high - low) / (middle - low) == pytest.approx((16 - 4) / (9 - 4), rel=0.15)


def test_dark_and_grazing_surfaces_drop_out():
    plain = (_inner(_frames(_view())) == 0).mean()
    dark = (_inner(_frames(_view(albedo=0.02))) == 0).mean()
    grazing = (_inner(_frames(_view(facing=0.12))) == 0).mean()
    assert plain < 0.01
    assert 0.02 < dark < 0.5
    assert 0.1 < grazing < 0.7


def test_edges_are_ragged_and_the_mask_is_a_little_generous():
    view = _view()
    frames = _frames(view)[:, BOX.slices[0], BOX.slices[1]]
    body = view.part > 0
    # Never further than two pixels from the body.
    far = np.ones_like(body)
    far[38:-38, 38:-38] = False
    assert (frames[:, far] == 0).all()
    border = ~body & ~far
    # In the border the room behind is kept in most frames.
    assert 0.3 < (frames[:, border] > 4000).mean() < 0.95
    rim = body.copy()
    rim[41:-41, 41:-41] = False
    lost, inside = (frames[:, rim] == 0).mean(), (frames[:, body & ~rim] == 0).mean()
    assert lost > 0.1 > 10 * inside
    assert np.std((frames[:, rim] == 0).mean(axis=0)) < 0.2


def test_beyond_its_range_it_sees_nothing():
    assert not _inner(_frames(_view(z=4.7), n=2, room=5.5)).any()
    # A room without a back wall: nothing but the card.
    frames = _frames(_view(), n=3, room=np.inf)
    assert frames.any()
    assert frames.max() < 3300


def test_nobody_in_view():
    empty = DepthView(BOX, *[np.zeros((BOX.height, BOX.width), kind) for kind in "fBBff"])
    assert not _frames(empty, n=1).any()
    assert not _frames(None, n=1).any()


def test_the_same_generator_gives_the_same_frames():
    np.testing.assert_array_equal(_frames(_view(), n=3, seed=5), _frames(_view(), n=3, seed=5))
    assert (_frames(_view(), n=1, seed=5) != _frames(_view(), n=1, seed=6)).any()


def test_a_frame_does_not_depend_on_who_was_seen_before():
    room = np.full((424, 512), 4.0, np.float32)
    one, other = (DepthSensor(room, np.random.default_rng(3)) for _ in range(2))
    one.measure(_view())
    other.measure(None)
    np.testing.assert_array_equal(one.measure(_view()), other.measure(_view()))
