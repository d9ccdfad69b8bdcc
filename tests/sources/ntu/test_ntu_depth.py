from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.ntu import Asset, read_depth


def scene() -> NDArray[np.uint16]:
    rng = np.random.default_rng(0)
    depth = np.zeros((424, 512), np.uint16)
    depth[100:380, 200:320] = rng.integers(1900, 4500, (280, 120))
    depth[0, 0] = 65535
    return depth


def png(image: NDArray[np.generic]) -> bytes:
    done, data = cv2.imencode(".png", image)
    assert done
    return data.tobytes()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def claim(width: int, height: int, bit_depth: int = 16, color: int = 0) -> bytes:
    """A PNG of a few bytes that claims any size."""
    header = struct.pack(">IIBBBBB", width, height, bit_depth, color, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 100)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def read(folder: Path, data: bytes) -> NDArray[np.uint16]:
    (folder / "MDepth-00000001.png").write_bytes(data)
    return read_depth(Asset(folder / "MDepth-00000001.png"))


def refusal(folder: Path, data: bytes) -> str:
    with pytest.raises(DataError, match=r"MDepth-00000001\.png: ") as caught:
        read(folder, data)
    assert caught.value.file == str(folder / "MDepth-00000001.png")
    return caught.value.kind


def test_every_millimeter_as_written(tmp_path: Path) -> None:
    depth = scene()
    buffer = io.BytesIO()
    Image.fromarray(depth).save(buffer, "png")
    for data in (png(depth), buffer.getvalue()):
        found = read(tmp_path, data)
        np.testing.assert_array_equal(found, depth)
        assert found.dtype == np.uint16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a/MDepth-00000001.png", png(depth))
    np.testing.assert_array_equal(read_depth(Asset(tmp_path / "x.zip", "a/MDepth-00000001.png")), depth)


def test_one_measured_pixel_is_not_empty(tmp_path: Path) -> None:
    depth = np.zeros((424, 512), np.uint16)
    assert refusal(tmp_path, png(depth)) == "depth_empty"
    depth[423, 511] = 1
    assert read(tmp_path, png(depth)).sum() == 1


def test_missing_frames_in_folders_and_archives(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a/MDepth-00000001.png", b"")
    for asset in (Asset(tmp_path / "MDepth-00000001.png"), Asset(tmp_path / "x.zip", "a/MDepth-00000002.png")):
        with pytest.raises(DataError) as caught:
            read_depth(asset)
        assert (caught.value.kind, caught.value.file) == ("depth_missing", str(asset))


def test_other_types(tmp_path: Path) -> None:
    wrong = [
        np.full((424, 512), 9, np.uint8),
        np.full((424, 512, 3), 9, np.uint8),
        np.full((424, 512, 3), 9, np.uint16),
        np.full((424, 512, 4), 9, np.uint8),
    ]
    assert {refusal(tmp_path, png(image)) for image in wrong} == {"depth_wrong_type"}


def test_other_sizes(tmp_path: Path) -> None:
    for shape in ((512, 424), (424, 511), (1, 1), (848, 1024)):
        assert refusal(tmp_path, png(np.full(shape, 9, np.uint16))) == "depth_wrong_size"


def test_absurd_claims_are_refused_before_decoding(tmp_path: Path) -> None:
    assert refusal(tmp_path, claim(100_000, 100_000)) == "depth_wrong_size"
    assert refusal(tmp_path, claim(2**31 - 1, 2**31 - 1)) == "depth_wrong_size"
    assert refusal(tmp_path, claim(100_000, 100_000, bit_depth=8, color=6)) == "depth_wrong_type"
    assert refusal(tmp_path, claim(512, 424, color=9)) == "depth_unreadable"


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"text" * 100, bytes(2000), b"\xff\xd8\xff\xe0JFIF" * 20])
def test_no_png(tmp_path: Path, data: bytes) -> None:
    assert refusal(tmp_path, data) == "depth_unreadable"


def test_pixels_that_end_too_early_behind_right_checksums(tmp_path: Path) -> None:
    assert refusal(tmp_path, claim(512, 424)) in ("depth_unreadable", "depth_empty")


def test_an_unreadable_file_and_archive(tmp_path: Path) -> None:
    (tmp_path / "MDepth-00000001.png").mkdir()
    (tmp_path / "x.zip").write_bytes(b"PK")
    kinds = []
    for asset in (Asset(tmp_path / "MDepth-00000001.png"), Asset(tmp_path / "x.zip", "y")):
        with pytest.raises(DataError) as caught:
            read_depth(asset)
        kinds.append(caught.value.kind)
    assert kinds == ["depth_unreadable", "zip_unreadable"]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_cut_or_flipped_anywhere_is_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    whole = png(scene())
    folder = tmp_path_factory.mktemp("depth")
    end = data.draw(st.integers(0, len(whole) - 1))
    assert refusal(folder, whole[:end]) == "depth_unreadable"
    damaged = bytearray(whole)
    damaged[data.draw(st.integers(33, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    assert refusal(folder, bytes(damaged)) == "depth_unreadable"
