"""Frames for parsing: image and labels move together, sides swap in the mirror, and regions fit back into frames."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hcmoco_bench.body import part_table
from hcmoco_bench.data.framing import SCALES, Region, random_region_crop, region_crop, region_of
from hcmoco_bench.data.parsing import ParsingBatch, ParsingSample, collate_parsing


def test_regions_by_hand() -> None:
    assert region_of("fit", 512, 424) == Region(0, 0, 512, 512)
    assert region_of("stretch", 512, 424) == Region(0, 0, 512, 424)
    measured = np.zeros((424, 512), np.bool_)
    assert region_of("person", 512, 424, measured) == Region(0, 0, 512, 512)
    measured[100:200, 300:340] = True
    region = region_of("person", 512, 424, measured)
    assert region.width == region.height == 110
    assert (region.left, region.top) == (265, 95)
    measured[:] = False
    measured[3, 5] = True
    assert region_of("person", 512, 424, measured).width == 32


def test_the_whole_region_fills_the_crop() -> None:
    crop = region_crop(Region(0, 0, 512, 424), 64)
    corners = crop.points([[-0.5, -0.5], [511.5, 423.5]])
    assert corners.ravel().tolist() == pytest.approx([-0.5, -0.5, 63.5, 63.5])
    middle = region_crop(Region(-10, 20, 40, 40), 80)
    assert middle.points([[9.5, 39.5]]).ravel().tolist() == pytest.approx([39.5, 39.5])


@given(seed=st.integers(0, 10_000), corner=st.booleans())
@settings(max_examples=40, deadline=None)
def test_random_crops_stay_in_their_bounds(seed: int, corner: bool) -> None:
    region = Region(0, 0, 512, 424)
    crop = random_region_crop(region, 64, np.random.default_rng(seed), corner=corner)
    ends = crop.points([[-0.5, -0.5], [511.5, 423.5]])
    (left, right), (top, bottom) = np.sort(ends.T)
    scale = (right - left) / 64
    assert any(scale == pytest.approx(known) for known in SCALES)
    assert bottom - top == pytest.approx(right - left)
    if scale >= 1:
        assert left <= -0.5 + 1e-9
        assert right >= 63.5 - 1e-9
    elif corner:
        assert top == pytest.approx(-0.5)
        assert (right if crop.mirrors else left) == pytest.approx(63.5 if crop.mirrors else -0.5)
    else:
        assert left >= -0.5 - 1e-9
        assert right <= 63.5 + 1e-9


def test_a_mirrored_crop_swaps_sides_and_moves_with_the_image() -> None:
    table = part_table()
    label = np.zeros((40, 40), np.uint8)
    label[10:20, 5:10] = table.index("left hand")
    depth = np.where(label > 0, 2000, 0).astype(np.uint16)
    seen = set()
    for seed in range(20):
        crop = random_region_crop(Region(0, 0, 40, 40), 40, np.random.default_rng(seed), corner=False)
        parts, moved = crop.parts(label), crop.depth(depth)
        assert ((parts > 0) == (moved > 0)).all()
        found = set(np.unique(parts).tolist()) - {0}
        assert found <= {table.index("right hand" if crop.mirrors else "left hand")}
        seen.add(crop.mirrors)
    assert seen == {True, False}


def batch_of(*samples: ParsingSample) -> ParsingBatch:
    return collate_parsing(samples, len(samples))


def test_a_mirrored_batch_sees_the_mirrored_world() -> None:
    depth = torch.rand(1, 6, 8)
    sample = ParsingSample(
        "a", None, depth, torch.tensor([10.0, 10.0, 2.0, 3.0]), torch.zeros(6, 8), Region(0, 0, 8, 6)
    )
    batch = batch_of(sample, sample)
    mirrored = batch.mirrored()
    assert mirrored.depth is not None
    assert torch.equal(mirrored.depth, torch.stack([depth, depth]).flip(-1))
    assert mirrored.intrinsics[0].tolist() == [10.0, 10.0, 5.0, 3.0]
    assert torch.equal(mirrored.mirrored().intrinsics, batch.intrinsics)
