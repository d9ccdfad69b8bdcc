"""JPEG files as people have them: whole ones are decoded as other programs do, damaged ones are refused in silence."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from hcmoco_bench.files.image_error import ImageError
from hcmoco_bench.files.images import decode_rgb, whole_image_size
from hcmoco_bench.files.jpeg import decode_jpeg, is_jpeg

SIZE = (301, 203)


def scene() -> NDArray[np.uint8]:
    """(203, 301, 3) uint8 RGB, smooth, with detail in every block."""
    noise = np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3).astype(np.float64)
    return ((smooth - smooth.mean()) * 6 + 128).clip(0, 255).astype(np.uint8)


def written(mode: str = "RGB", **options: object) -> bytes:
    content = io.BytesIO()
    Image.fromarray(scene()).convert(mode).save(content, "jpeg", **options)
    return content.getvalue()


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return written(exif=exif)


def with_thumbnail() -> bytes:
    """A file whose header holds a small image of its own, with its own end mark."""
    small = io.BytesIO()
    Image.fromarray(scene()).resize((60, 40)).save(small, "jpeg")
    segment = b"Exif\0\0" + small.getvalue()
    plain = written()
    return plain[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + plain[2:]


def patched(data: bytes, mark: bytes, offset: int, value: int) -> bytes:
    changed = bytearray(data)
    changed[data.index(mark) + offset] = value
    return bytes(changed)


WHOLE: dict[str, Callable[[], bytes]] = {
    "baseline": written,
    "progressive": lambda: written(progressive=True),
    "gray": lambda: written("L"),
    "gray with sampling factors of 2": lambda: patched(written("L"), b"\xff\xc0", 11, 0x22),
    "CMYK": lambda: written("CMYK"),
    "RGB": lambda: written(keep_rgb=True),
    "4:4:4": lambda: written(subsampling=0),
    "4:2:2": lambda: written(subsampling=1),
    "restart markers": lambda: written(restart_marker_blocks=3),
    "orientation": turned,
    "color profile": lambda: written(icc_profile=b"x" * 3000),
    "comment": lambda: written(comment=b"\xff\xd9 is no end here"),
    "thumbnail": with_thumbnail,
}
BEHIND: dict[str, Callable[[], bytes]] = {
    "zeros": lambda: b"\0" * 4096,
    "a line feed": lambda: b"\n",
    "a second image": lambda: written(quality=30),
    "a phone's film": lambda: b"MotionPhoto_Data" + random.Random(1).randbytes(20_000),
    "marks of other segments": lambda: b"\xff\xd8\xff\xe1\0\x04xx\xff\xda",
}


def by_opencv(data: bytes) -> NDArray[np.uint8]:
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), flags), np.uint8)


@pytest.mark.parametrize("kind", WHOLE)
def test_whole_files_are_what_opencv_makes_of_them(kind: str) -> None:
    data = WHOLE[kind]()
    assert is_jpeg(data)
    np.testing.assert_array_equal(decode_rgb(data), by_opencv(data))
    assert whole_image_size(data) == SIZE
    with Image.open(io.BytesIO(data)) as image:
        assert np.abs(decode_rgb(data).astype(int) - np.asarray(image.convert("RGB"))).mean() < 1.5


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("behind", BEHIND)
def test_what_lies_behind_the_end_changes_nothing(kind: str, behind: str) -> None:
    data = WHOLE[kind]()
    longer = data + BEHIND[behind]()
    np.testing.assert_array_equal(decode_rgb(longer), decode_rgb(data))
    assert whole_image_size(longer) == SIZE


@pytest.mark.parametrize("fill", [b"\0" * 500, b"\xff" * 500, b"\0"])
def test_padding_before_the_end_mark_changes_nothing(fill: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    for data in (written(), with_thumbnail(), written(progressive=True)):
        padded = data[:-2] + fill + data[-2:]
        np.testing.assert_array_equal(decode_rgb(padded), decode_rgb(data))
        np.testing.assert_array_equal(decode_rgb(padded + b"behind it"), decode_rgb(data))
        assert whole_image_size(padded) == SIZE
    assert capfd.readouterr() == ("", "")


def test_headers_that_decoders_warn_about_and_unusual_sampling(capfd: pytest.CaptureFixture[str]) -> None:
    plain = written(subsampling=0)
    np.testing.assert_allclose(decode_rgb(patched(plain, b"JFIF\0", 5, 2)), decode_rgb(plain), atol=4)
    # Cb with twice the columns of Y: nobody writes it, but it is a JPEG, of which the file's end comes too early.
    sampled = patched(patched(plain, b"\xff\xc0", 11, 0x11), b"\xff\xc0", 14, 0x21)
    assert decode_rgb(sampled).shape == (SIZE[1], SIZE[0], 3)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", WHOLE)
def test_cut_off_files_are_refused(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    data = WHOLE[kind]()
    lengths = random.Random(0).sample(range(2, len(data) - 1), 20)
    for length in (*lengths, 0, 1, 2, 3, len(data) - 1, len(data) - 2, len(data) - 3):
        for read in (decode_rgb, whole_image_size):
            with pytest.raises(ImageError):
                read(data[:length])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", WHOLE)
def test_blocks_of_zeros_are_refused(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    """What a download in several streams leaves when it breaks off."""
    data = WHOLE[kind]()
    scan = data.rindex(b"\xff\xda") + 14
    for first, end in ((scan, len(data)), (len(data) // 2, len(data) - 64), ((scan + len(data)) // 2, len(data) - 2)):
        damaged = data[:first] + b"\0" * (end - first) + data[end:]
        assert (by_opencv(damaged) != by_opencv(data)).any() if end < len(data) else True
        capfd.readouterr()  # OpenCV's warnings
        for read in (decode_rgb, whole_image_size):
            with pytest.raises(ImageError):
                read(damaged)
    assert capfd.readouterr() == ("", "")


def test_nearly_all_stretches_of_wrong_bytes_are_noticed(capfd: pytest.CaptureFixture[str]) -> None:
    """A JPEG has no checksum: a few stretches happen to decode to as many blocks as were there before."""
    draws = random.Random(3)
    seen = visible = 0
    for kind in ("baseline", "progressive", "4:4:4", "restart markers", "CMYK"):
        data = WHOLE[kind]()
        whole = decode_rgb(data).astype(int)
        scan = data.index(b"\xff\xda") + 14
        for _ in range(30):
            at, length = draws.randrange(scan, len(data) - 1002), draws.choice((200, 1000))
            damaged = data[:at] + draws.randbytes(length) + data[at + length :]
            try:
                found = decode_jpeg(damaged)
            except ImageError:
                seen += 1
                visible += 1
                continue
            visible += bool((np.abs(found - whole).max(axis=-1) > 30).mean() > 0.02)
    assert visible > 140
    assert seen >= 0.95 * visible
    assert capfd.readouterr() == ("", "")


def test_a_header_that_claims_an_absurd_size() -> None:
    data = bytearray(written())
    place = data.index(b"\xff\xc0") + 5
    data[place : place + 4] = b"\xff\xdc\xff\xdc"
    for read in (decode_rgb, whole_image_size):
        with pytest.raises(ImageError, match="its size is absurd"):
            read(bytes(data))


@pytest.mark.real
def test_real_photographs_are_whole(real_files: Path) -> None:
    paths = sorted(real_files.glob("*/*.jpg"))
    assert len(paths) > 5
    for path in paths:
        np.testing.assert_array_equal(decode_rgb(path.read_bytes()), by_opencv(path.read_bytes()))
