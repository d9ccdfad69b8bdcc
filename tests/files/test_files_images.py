"""Images survive encoding: depth and parts exactly, also for other decoders; RGB nearly."""

from __future__ import annotations

import io
import struct
import zlib
from typing import get_args

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.image_error import ImageError
from hcmoco_bench.files.images import (
    Reduction,
    decode_image,
    decode_rgb,
    decode_unchanged,
    encode_png,
    encode_rgb,
)


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


def scene() -> np.ndarray:
    """(48, 80, 3) uint8 RGB, smooth, all channels and corners different."""
    y, x = np.mgrid[:48, :80]
    return np.stack([x * 3, y * 5, 240 - x - y], axis=-1).astype(np.uint8)


def pillow(rgb: np.ndarray, form: str, **options: object) -> bytes:
    content = io.BytesIO()
    Image.fromarray(rgb).save(content, form, **options)
    return content.getvalue()


@pytest.mark.parametrize("form", ["png", "bmp"])
def test_rgb_without_loss_is_what_another_program_wrote(form: str) -> None:
    data = pillow(scene(), form)
    for given_as in (data, memoryview(data), np.frombuffer(data, np.uint8)):
        np.testing.assert_array_equal(decode_rgb(given_as), scene())


def test_gray_and_palettes_become_rgb() -> None:
    gray = scene()[..., 0]
    np.testing.assert_array_equal(decode_rgb(pillow(gray, "png")), np.repeat(gray[..., None], 3, axis=2))
    content = io.BytesIO()
    Image.fromarray(scene()).quantize(16).save(content, "png")
    with Image.open(io.BytesIO(content.getvalue())) as image:
        np.testing.assert_array_equal(decode_rgb(content.getvalue()), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_pixels_stay_where_the_file_has_them(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned, plain = (pillow(scene(), "jpeg", quality=95, **more) for more in ({"exif": exif}, {}))
    for reduced in get_args(Reduction):
        np.testing.assert_array_equal(decode_rgb(turned, reduced=reduced), decode_rgb(plain, reduced=reduced))


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_reduced_images_are_averages(factor: Reduction) -> None:
    found = decode_rgb(pillow(scene(), "jpeg", quality=100, subsampling=0), reduced=factor)
    blocks = scene().reshape(48 // factor, factor, 80 // factor, factor, 3).mean(axis=(1, 3))
    assert found.shape == blocks.shape
    assert np.abs(found - blocks).max() < 4


def test_reading_for_training_and_for_looking_gives_the_same_pixels() -> None:
    data = encode_rgb(np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8), 90)
    buffer = np.frombuffer(data, np.uint8)
    np.testing.assert_array_equal(decode_rgb(data), cv2.imdecode(buffer, cv2.IMREAD_COLOR)[..., ::-1])
    np.testing.assert_array_equal(decode_rgb(data), decode_image(data, source="x"))


def test_unchanged_keeps_type_and_channels() -> None:
    depth = np.array([[0, 1, 65535]], np.uint16)
    found = decode_unchanged(encode_png(depth))
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, depth)
    np.testing.assert_array_equal(decode_unchanged(pillow(scene(), "png")), scene()[..., ::-1])


def absurd() -> bytes:
    """A PNG of a few bytes that claims 100,000 x 100,000 px."""
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0),
        b"IDAT": zlib.compress(b""),
        b"IEND": b"",
    }
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks.items()
    )


@pytest.mark.parametrize("data", [b"", b"x", b"\xff\xd8\xff\xe0", absurd()])
def test_every_decoder_raises_its_one_error(data: bytes) -> None:
    for decode in (decode_rgb, decode_unchanged):
        with pytest.raises(ImageError) as caught:
            decode(data)
        assert caught.value.kind == "unreadable"
