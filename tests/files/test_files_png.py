"""PNG files from elsewhere: what is accepted, with which values, and what is refused before decoding."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from hcmoco_bench.files.image_error import ImageError
from hcmoco_bench.files.png import (
    PngHeader,
    check_png_whole,
    decode_depth,
    decode_labels,
    decode_rgb_png,
    read_png_header,
)

SIZE = (5, 3)

Decoder = Callable[[bytes], NDArray[Any]]

labels = partial(decode_labels, expected="labels are 8 bit", size=SIZE)
depth = partial(decode_depth, expected="depth is 16 bit", size=SIZE)
rgb = partial(decode_rgb_png, expected="pixels are rgb")
EVERY: list[Decoder] = [labels, depth, rgb]


def png(image: Image.Image, **options: object) -> bytes:
    content = io.BytesIO()
    image.save(content, "png", **options)
    return content.getvalue()


def values(dtype: type = np.uint8, channels: tuple[int, ...] = ()) -> NDArray[Any]:
    return np.random.default_rng(0).integers(
        0, np.iinfo(dtype).max, (SIZE[1], SIZE[0], *channels), dtype, endpoint=True
    )


def paletted(indices: NDArray[np.uint8]) -> Image.Image:
    image = Image.new("P", SIZE)
    image.putdata(indices.ravel().tolist())
    image.putpalette(np.random.default_rng(1).integers(0, 256, 768).tolist())
    return image


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def raw_png(width: int, height: int, bit_depth: int, color: int, pixels: bytes) -> bytes:
    """A PNG file put together by hand: `pixels` are rows as the standard writes them, filter byte first."""
    header = struct.pack(">IIBBBBB", width, height, bit_depth, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def test_labels_are_gray_values_or_palette_indices() -> None:
    np.testing.assert_array_equal(labels(png(Image.fromarray(values()))), values())
    for bits in (1, 2, 4, 8):
        indices = (values().astype(int) % 2**bits).astype(np.uint8)
        data = png(paletted(indices), bits=bits)
        assert read_png_header(data) == PngHeader(SIZE, bits, "palette")
        np.testing.assert_array_equal(labels(data), indices)


def test_gray_of_fewer_bits_is_taken_only_when_asked_for() -> None:
    data = raw_png(4, 1, 2, 0, bytes([0, 0b00011011]))
    with pytest.raises(ImageError, match="4x1 px, 2 bit gray, but labels are 8 bit") as caught:
        labels(data)
    assert caught.value.kind == "wrong_type"
    # The standard: values are stretched over the whole range, so that the largest stays white.
    found = decode_labels(data, expected="labels", stretched=True)
    np.testing.assert_array_equal(found, [[0, 85, 170, 255]])
    np.testing.assert_array_equal(
        decode_labels(raw_png(8, 1, 1, 0, bytes([0, 0b10000001])), expected="labels", stretched=True),
        [[255, 0, 0, 0, 0, 0, 0, 255]],
    )


def test_depth_and_rgb_keep_every_value() -> None:
    found = depth(png(Image.fromarray(values(np.uint16))))
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, values(np.uint16))
    np.testing.assert_array_equal(depth(raw_png(5, 3, 16, 0, (b"\0" + b"\x01\x02" * 5) * 3)), np.full((3, 5), 258))
    np.testing.assert_array_equal(rgb(png(Image.fromarray(values(channels=(3,))))), values(channels=(3,)))


FORMS = {
    "gray": Image.fromarray(values()),
    "palette": paletted(values()),
    "gray of 16 bit": Image.fromarray(values(np.uint16)),
    "rgb": Image.fromarray(values(channels=(3,))),
    "rgba": Image.fromarray(values(channels=(4,))),
    "gray with alpha": Image.fromarray(values(channels=(2,)), "LA"),
}


@pytest.mark.parametrize(
    ("decode", "taken"), [(labels, {"gray", "palette"}), (depth, {"gray of 16 bit"}), (rgb, {"rgb"})]
)
def test_every_other_type_is_refused(decode: Decoder, taken: set[str]) -> None:
    for name in FORMS.keys() - taken:
        with pytest.raises(ImageError, match=r"px, .* bit .*, but ") as caught:
            decode(png(FORMS[name]))
        assert caught.value.kind == "wrong_type"


@pytest.mark.parametrize(("decode", "bit_depth"), [(labels, 8), (depth, 16)])
def test_size_is_judged_before_decoding(decode: Decoder, bit_depth: int) -> None:
    for width, height in ((3, 5), (100_000, 100_000), (2**31 - 1, 2**31 - 1)):
        with pytest.raises(ImageError, match=f"{width}x{height} px, .*, but it must have 5x3 px") as caught:
            decode(raw_png(width, height, bit_depth, 0, b""))
        assert caught.value.kind == "wrong_size"


def test_absurd_sizes_are_refused_where_any_size_is_taken() -> None:
    for decode, color in ((partial(decode_labels, expected="x"), 0), (rgb, 2)):
        with pytest.raises(ImageError) as caught:
            decode(raw_png(100_000, 100_000, 8, color, b""))
        assert caught.value.kind == "unreadable"


@pytest.mark.parametrize("form", ["gray", "gray of 16 bit", "rgb"])
def test_cut_off_and_damaged_files(form: str) -> None:
    decode = {"gray": labels, "gray of 16 bit": depth, "rgb": rgb}[form]
    whole = png(FORMS[form])
    check_png_whole(whole)
    damaged = bytearray(whole)
    damaged[-20] ^= 1
    for data in (*(whole[:end] for end in range(len(whole))), bytes(damaged), b"text" * 50):
        with pytest.raises(ImageError) as caught:
            decode(data)
        assert caught.value.kind == "unreadable"


@pytest.mark.parametrize(("bit_depth", "color", "decode"), [(8, 0, labels), (16, 0, depth), (8, 2, rgb)])
def test_pixels_that_end_too_early_behind_right_checksums(bit_depth: int, color: int, decode: Decoder) -> None:
    with pytest.raises(ImageError) as caught:
        decode(raw_png(5, 3, bit_depth, color, b"\0" * 3))
    assert caught.value.kind == "unreadable"
