"""Images survive encoding: depth and parts exactly, also for other decoders; RGB nearly."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.images import decode_image, encode_png, encode_rgb


@given(st.integers(0, 2**32 - 1), st.sampled_from([np.uint8, np.uint16]), st.integers(1, 40), st.integers(1, 40))
def test_png_is_exact_for_two_decoders(seed: int, dtype: type, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    array = rng.integers(0, np.iinfo(dtype).max, (height, width), dtype, endpoint=True)
    array[rng.random((height, width)) < 0.5] = 0
    data = encode_png(array)
    found = decode_image(data, source="x")
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, array)
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode in ("L", "I;16")
        np.testing.assert_array_equal(np.asarray(image), array)
    assert encode_png(array.copy()) == data


def test_jpeg_keeps_the_order_of_the_channels() -> None:
    rgb = np.zeros((64, 64, 3), np.uint8)
    rgb[:, :, 0], rgb[:, :32, 1] = 200, 100
    data = encode_rgb(rgb, 95)
    assert np.abs(decode_image(data, source="x").astype(int) - rgb)[:, 8:24].max() <= 4
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "JPEG"
        assert np.abs(np.asarray(image).astype(int) - rgb)[:, 8:24].max() <= 4


@pytest.mark.parametrize("data", [b"", b"x", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_image_is_an_error(data: bytes) -> None:
    with pytest.raises(DataError, match="depth of S1") as caught:
        decode_image(data, source="depth of S1")
    assert caught.value.kind == "image_unreadable"
