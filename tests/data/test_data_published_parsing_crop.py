"""The published training crop of parsing: where its pixels are from, and what it does to outlines."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from hcmoco_bench.body import part_table
from hcmoco_bench.data.published_parsing_crop import PublishedCrop, published_parsing_crop

WIDTH, HEIGHT, SIZE, IGNORE = 160, 120, 96, 255


def frame() -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    """A body 2 m away: a left part at the left, a right one at the right."""
    depth, label = np.zeros((HEIGHT, WIDTH), np.uint16), np.zeros((HEIGHT, WIDTH), np.uint8)
    depth[30:90, 40:120] = 2000
    label[30:90, 40:80], label[30:90, 80:120] = left_part(), part_table().flip[left_part()]
    return depth, label


def left_part() -> int:
    return int(np.flatnonzero(part_table().flip != np.arange(len(part_table())))[0])


def crops(number: int = 40) -> list[PublishedCrop]:
    depth, label = frame()
    return [
        published_parsing_crop(depth, label, SIZE, np.random.default_rng(seed), ignore=IGNORE) for seed in range(number)
    ]


def test_pixels_are_where_the_crop_says() -> None:
    corners = np.array([[39.5, 29.5], [119.5, 89.5]])
    for one in crops():
        expected = np.sort(one.crop.points(corners), axis=0)
        rows, columns = np.nonzero((one.label != 0) & (one.label != IGNORE))
        if not len(rows):
            continue
        found = np.array([[columns.min(), rows.min()], [columns.max(), rows.max()]]) + np.array([[-0.5], [0.5]])
        # nearest pixels twice: at most a pixel of the frame and one of the crop off
        assert np.abs(found - expected.clip(-0.5, SIZE - 0.5)).max() <= 2.0 + one.crop.scale


def test_sides_swap_with_the_image() -> None:
    seen = set()
    for one in crops():
        mirrored = one.crop.mirrors
        seen.add(mirrored)
        columns = {part: np.nonzero(one.label == part)[1] for part in (left_part(), part_table().flip[left_part()])}
        left, right = columns.values()
        if len(left) and len(right):
            assert left.max() < right.min(), "the part at the left of the image is a left one in both"
    assert seen == {False, True}


def test_beside_the_frame_is_black_and_ignored() -> None:
    smaller = 0
    for one in crops():
        ignored = one.label == IGNORE
        assert not one.image[ignored].any()
        if ignored.any():
            smaller += 1
            rows, columns = (~ignored).any(axis=1), (~ignored).any(axis=0)
            assert rows[0]
            assert columns[0]
            assert (ignored == ~(rows[:, None] & columns[None])).all(), "the frame is not in the upper left corner"
    assert 0 < smaller < 40


def test_depth_mixes_with_nothing_at_outlines_and_rgb_does_not_touch_it() -> None:
    mixed = [((one.image > 0) & (one.image < 2000)).any() for one in crops()]
    assert any(mixed)
    depth, label = frame()
    rgb = np.repeat((depth > 0)[..., None].astype(np.uint8) * 200, 3, axis=2)
    one = published_parsing_crop(rgb, label, SIZE, np.random.default_rng(3), ignore=IGNORE)
    assert one.image.shape == (SIZE, SIZE, 3)
    assert one.image.max() == 200


@pytest.mark.parametrize("seed", range(3))
def test_crops_depend_on_the_generator_alone(seed: int) -> None:
    depth, label = frame()
    first, second = (
        published_parsing_crop(depth, label, SIZE, np.random.default_rng(seed), ignore=IGNORE) for _ in range(2)
    )
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.label, second.label)
    assert np.array_equal(first.crop.matrix, second.crop.matrix)
