"""Masks against pycocotools and scipy, and run lengths that are damaged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from scipy.ndimage import gaussian_filter, zoom

from hcmoco_bench.errors import DataError
from hcmoco_bench.metrics.densepose.person_mask import (
    annotation_mask,
    box_overlaps,
    mask_overlaps,
    place_mask,
    resample_mask,
)
from hcmoco_bench.metrics.densepose.run_lengths import decode_union

SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 9))


def encoded(mask: NDArray[np.bool_], form: str) -> dict[str, Any]:
    found = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    if form == "list":
        flat = mask.T.ravel()
        changes = np.flatnonzero(np.diff(flat.astype(int), prepend=0))
        return {"size": list(mask.shape), "counts": np.diff([0, *changes, flat.size]).tolist()}
    return {"size": list(mask.shape), "counts": found["counts"].decode() if form == "text" else found["counts"]}


class TestRunLengths:
    @given(SHAPES.flatmap(lambda shape: st.lists(arrays.arrays(bool, shape), min_size=1, max_size=4)))
    @settings(max_examples=80, deadline=None)
    def test_are_what_pycocotools_encodes(self, masks: list[NDArray[np.bool_]]) -> None:
        for form in ("text", "bytes", "list"):
            np.testing.assert_array_equal(decode_union([encoded(mask, form) for mask in masks]), np.any(masks, axis=0))

    def test_of_long_runs(self) -> None:
        rng = np.random.default_rng(0)
        masks = [gaussian_filter(rng.standard_normal((480, 640)), scale) > 0.01 for scale in (1, 6, 40)]
        np.testing.assert_array_equal(decode_union([encoded(mask, "text") for mask in masks]), np.any(masks, axis=0))

    def test_as_lists(self) -> None:
        mask = {"size": [2, 3], "counts": [1, 2, 3]}
        assert decode_union([mask]).tolist() == [[False, True, False], [True, False, False]]
        other = {"size": [2, 3], "counts": [0, 1, 0, 0, 5]}
        assert decode_union([mask, other])[0, 0]

    @pytest.mark.parametrize(
        "counts",
        [
            "",
            "zzzz",
            "P",
            "ooooooooooooooo",
            "\x00",
            "`k4`0",
            "é",
            b"\xff",
            [7],
            [-1, 8, 2],
            [4, 4],
            [],
            "`" * 40,
            None,
        ],
    )
    def test_that_are_damaged(self, counts: Any) -> None:
        with pytest.raises((ValueError, TypeError)):
            decode_union([{"size": [3, 3], "counts": counts}])

    @given(st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=12))
    @settings(max_examples=200, deadline=None)
    def test_any_text_is_read_or_refused(self, text: str) -> None:
        try:
            found = decode_union([{"size": [5, 4], "counts": text}])
        except ValueError:
            return
        assert found.shape == (5, 4)
        np.testing.assert_array_equal(found, decode_union([encoded(found, "text")]))

    def test_of_different_sizes(self) -> None:
        masks = [encoded(np.ones(shape, bool), "text") for shape in ((3, 3), (3, 4))]
        with pytest.raises(ValueError, match="masks of sizes"):
            decode_union(masks)


class TestResampling:
    def test_is_zoom_to_the_last_pixel(self) -> None:
        rng = np.random.default_rng(0)
        for number in range(60):
            mask = gaussian_filter(rng.standard_normal((256, 256)), rng.uniform(1, 12)) > 0
            size = rng.integers(1, 300, 2) if number % 2 else rng.uniform(1, 300, 2)
            expected = zoom(mask.astype(float), size / 256, order=1, prefilter=False) > 0.5
            np.testing.assert_array_equal(resample_mask(mask, (size[0], size[1])), expected)

    @given(SHAPES.flatmap(lambda shape: arrays.arrays(bool, shape)), st.tuples(st.integers(1, 30), st.integers(1, 30)))
    @settings(max_examples=60, deadline=None)
    def test_of_small_masks(self, mask: NDArray[np.bool_], size: tuple[int, int]) -> None:
        factors = np.array(size) / mask.shape
        expected = zoom(mask.astype(float), factors, order=1, prefilter=False) > 0.5
        np.testing.assert_array_equal(resample_mask(mask, size), expected)


class TestOverlaps:
    @pytest.mark.parametrize("seed", range(5))
    def test_are_pycocotools(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        size = (60, 80)
        boxes = np.concatenate([rng.uniform(-40, 80, (9, 2)), rng.uniform(0, 60, (9, 2))], axis=1)
        boxes[0] = [300, 5, 20, 20]  # beside the image
        crowd = rng.random(4) < 0.5
        pixels = [rng.random((max(int(h), 1), max(int(w), 1))) < 0.7 for _, _, w, h in boxes]
        masks = [place_mask(one, box, size) for one, box in zip(pixels, boxes, strict=True)]
        images = []
        for mask in masks:
            image = np.zeros(size, np.uint8)
            height, width = mask.pixels.shape
            image[mask.top : mask.top + height, mask.left : mask.left + width] = mask.pixels
            assert mask.area == image.sum()
            images.append(coco_mask.encode(np.asfortranarray(image)))
        expected = coco_mask.iou(images[4:], images[:4], crowd.tolist())
        np.testing.assert_allclose(mask_overlaps(masks[4:], masks[:4], crowd), expected, rtol=0, atol=1e-15)
        expected = coco_mask.iou(boxes[4:], boxes[:4], crowd.tolist())
        np.testing.assert_allclose(box_overlaps(boxes[4:], boxes[:4], crowd), expected, rtol=0, atol=1e-15)

    def test_a_mask_keeps_its_place(self) -> None:
        mask = place_mask(np.ones((4, 6), np.bool_), (-2.7, 3.9, 6.0, 4.0), (100, 100))
        assert (mask.left, mask.top, mask.pixels.shape, mask.area) == (0, 3, (4, 3), 12)


class TestAnnotations:
    def test_masks_of_parts_fill_the_box(self) -> None:
        left = np.zeros((256, 256), np.bool_)
        left[:, :128] = True
        found = annotation_mask([encoded(left, "text"), [], []], (10, 20, 40, 30), (100, 100))
        assert (found.left, found.top, found.area) == (10, 20, 600)
        assert found.pixels[:, :20].all()

    def test_polygons_and_encoded_images(self) -> None:
        square = [[10, 10, 20, 10, 20, 20, 10, 20]]
        polygon = annotation_mask(square, (10, 10, 10, 10), (50, 60))
        image = annotation_mask(encoded(polygon.pixels, "list"), (10, 10, 10, 10), (50, 60))
        assert polygon.area == image.area == 100
        np.testing.assert_array_equal(polygon.pixels, image.pixels)

    @pytest.mark.parametrize("entry", [None, [], [[], []]])
    def test_none_is_empty(self, entry: Any) -> None:
        assert annotation_mask(entry, (0, 0, 5, 5), (50, 50)).area == 0

    @pytest.mark.parametrize(
        "entry",
        [
            [{"size": [256, 256], "counts": "zz"}],
            [{"counts": "zz"}],
            {"size": [3, 3], "counts": [9]},
            [[1, 2, 3, 4]],
            [[1, 2, 3, 4, 5, float("nan")]],
            [["a", "b"]],
            3,
        ],
    )
    def test_damaged_ones_are_refused(self, entry: Any) -> None:
        with pytest.raises(DataError, match="cannot be decoded") as caught:
            annotation_mask(entry, (0, 0, 5, 5), (50, 50))
        assert caught.value.kind == "mask_unreadable"
