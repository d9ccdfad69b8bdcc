"""Folders of pictures: every picture is found, shown as people see it, or named in a problem line."""

from __future__ import annotations

import io
import os
import pickle
import struct
import sys
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hcmoco_bench.data.picture_folder import PictureFolder
from hcmoco_bench.errors import DataError
from hcmoco_bench.files.image_error import ImageError
from hcmoco_bench.files.pictures import BACKGROUND, decode_picture, read_picture_header
from hcmoco_bench.files.problems import Problem

WIDTH, HEIGHT = 40, 24
LEFT, RIGHT = (200, 40, 30), (20, 60, 190)


def two_halves() -> Image.Image:
    """A red left half and a blue right half."""
    pixels = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    pixels[:, : WIDTH // 2], pixels[:, WIDTH // 2 :] = LEFT, RIGHT
    return Image.fromarray(pixels)


def noise(seed: int = 0, size: int = 64) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8))


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def decoded(folder: PictureFolder, row: int) -> np.ndarray:
    return folder.image(row).decode(1)


def names(folder: PictureFolder) -> list[str]:
    return [folder.image(row).sample_id for row in range(len(folder))]


def kinds(folder: PictureFolder) -> Counter[str]:
    return Counter(problem.kind for problem in folder.problems)


@pytest.mark.parametrize(
    ("name", "kind", "options"),
    [
        ("a.jpg", "JPEG", {"quality": 100, "subsampling": 0}),
        ("a.JPEG", "JPEG", {"quality": 100, "subsampling": 0, "progressive": True}),
        ("a.png", "PNG", {}),
        ("a.webp", "WEBP", {"lossless": True}),
        ("a.bmp", "BMP", {}),
        ("a.tiff", "TIFF", {}),
        ("a.tif", "TIFF", {"compression": "tiff_lzw"}),
        ("a.gif", "GIF", {}),
        ("a.ppm", "PPM", {}),
        ("a.jp2", "JPEG2000", {"irreversible": False}),
        ("no suffix", "JPEG", {"quality": 100, "subsampling": 0}),
        ("wrong.png", "JPEG", {"quality": 100, "subsampling": 0}),
    ],
)
def test_every_format_is_read_by_its_content(tmp_path: Path, name: str, kind: str, options: dict[str, Any]) -> None:
    (tmp_path / name).write_bytes(encoded(two_halves(), kind, **options))
    folder = PictureFolder(tmp_path)
    assert (len(folder), folder.problems) == (1, ())
    image = folder.image(0)
    assert (image.sample_id, image.width, image.height, image.within) == (name, WIDTH, HEIGHT, None)
    assert np.abs(image.decode(1).astype(int) - np.asarray(two_halves())).max() <= 6


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_upright_whatever_exif_says(tmp_path: Path, kind: str, orientation: int) -> None:
    """The file stores the pixels so that a viewer, which turns them, shows the two halves."""
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    shown = np.array(two_halves())
    shown[: HEIGHT // 2, : WIDTH // 2] = (250, 250, 250)  # one corner, so that no two orientations look alike
    stored = Image.fromarray(shown)
    stored = stored.transpose(undo[orientation]) if orientation > 1 else stored
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
    (tmp_path / "a").write_bytes(encoded(stored, kind, exif=exif, **options))
    image = PictureFolder(tmp_path).image(0)
    assert (image.width, image.height) == (WIDTH, HEIGHT)
    assert image.turned == (orientation > 1 and kind != "TIFF")
    assert np.abs(image.decode(1).astype(int) - shown).max() <= 12


def test_gray_cmyk_palette_alpha_and_16_bit_look_as_they_should(tmp_path: Path) -> None:
    rgb = two_halves()
    gray = np.asarray(rgb.convert("L"))
    transparent = rgb.convert("RGBA")
    transparent.putalpha(Image.fromarray(np.where(np.arange(WIDTH) < 20, 255, 0).astype(np.uint8)[None].repeat(24, 0)))
    palette = rgb.convert("P", palette=Image.Palette.ADAPTIVE, colors=2)
    files = {
        "1 gray.jpg": encoded(rgb.convert("L"), "JPEG", quality=100),
        "2 cmyk.jpg": encoded(rgb.convert("CMYK"), "JPEG", quality=100, subsampling=0),
        "3 palette.png": encoded(palette, "PNG"),
        "4 alpha.png": encoded(transparent, "PNG"),
        "5 gray 16 bit.png": encoded(Image.fromarray(gray.astype(np.uint16) * 257), "PNG"),
        "6 gray 16 bit.tif": encoded(Image.fromarray(gray.astype(np.uint16) * 257), "TIFF"),
        "7 rgb 16 bit.png": _png_of_16_bits(np.asarray(rgb)),
        "8 bilevel.png": encoded(Image.fromarray(gray > 90), "PNG"),
        "9 gray alpha.png": encoded(transparent.convert("LA"), "PNG"),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    folder = PictureFolder(tmp_path)
    assert (names(folder), folder.problems) == (list(files), ())
    shown = {name[0]: decoded(folder, row).astype(int) for row, name in enumerate(files)}
    three = np.repeat(gray[..., None], 3, 2).astype(int)
    for number in "156":
        assert np.abs(shown[number] - three).max() <= 1, number
    for number in "237":
        assert np.abs(shown[number] - np.asarray(rgb)).max() <= 6, number
    assert np.abs(shown["8"] - np.where(three > 90, 255, 0)).max() == 0
    for number, half in (("4", LEFT), ("9", three[0, 0])):
        assert np.abs(shown[number][:, :20] - half).max() <= 1, number
        assert (shown[number][:, 20:] == BACKGROUND).all(), number


def _png_of_16_bits(rgb: np.ndarray) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = rgb.shape[:2]
    lines = (rgb.astype(">u2") * 257).tobytes()
    step = len(lines) // height
    raw = b"".join(b"\0" + lines[row * step : (row + 1) * step] for row in range(height))
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def test_of_an_animation_the_first_image_is_used(tmp_path: Path) -> None:
    for kind in ("GIF", "WEBP", "PNG", "TIFF"):
        more = {"save_all": True, "append_images": [noise(1, 40).crop((0, 0, WIDTH, HEIGHT))]}
        options = {"lossless": True} if kind == "WEBP" else {}
        (tmp_path / f"a.{kind}").write_bytes(encoded(two_halves(), kind, **more, **options))
    folder = PictureFolder(tmp_path)
    assert len(folder) == 4
    for row in range(4):
        assert np.abs(decoded(folder, row).astype(int) - np.asarray(two_halves())).max() <= 6


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """Three good pictures among everything that a folder may hold."""
    good = encoded(noise(1), "JPEG", quality=95)
    png, webp, gif = (encoded(noise(2), kind) for kind in ("PNG", "WEBP", "GIF"))
    inner = tmp_path / "inner" / "deeper"
    inner.mkdir(parents=True)
    (tmp_path / "good.jpg").write_bytes(good)
    (inner / "also good.png").write_bytes(png)
    (inner / "with a trailer.jpg").write_bytes(encoded(noise(3), "JPEG") + b"a phone's own data" * 9)
    (tmp_path / "zero.jpg").write_bytes(b"")
    (tmp_path / "cut.jpg").write_bytes(good[: len(good) // 2])
    (tmp_path / "cut.png").write_bytes(png[: len(png) // 2])
    (tmp_path / "cut.webp").write_bytes(webp[: len(webp) // 2])
    (tmp_path / "cut.gif").write_bytes(gif[: len(gif) // 2])
    (tmp_path / "cut.bmp").write_bytes(encoded(noise(4), "BMP")[:4000])
    (tmp_path / "cut.tif").write_bytes(encoded(noise(4), "TIFF")[:4000])
    (tmp_path / "only its head.jpg").write_bytes(good[:12])
    (tmp_path / "page.jpg").write_bytes(b"<!doctype html><html>404</html>")
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(99))
    (tmp_path / "float.tif").write_bytes(encoded(Image.fromarray(np.ones((9, 9), np.float32)), "TIFF"))
    (tmp_path / "labels.json").write_text("{}")
    (tmp_path / "images.zip").write_bytes(b"PK\3\4" + bytes(99))
    header = b"IHDR" + struct.pack(">II", 60_000, 60_000) + png[24:29]
    (tmp_path / "bomb.png").write_bytes(png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:])
    (tmp_path / "harmed head.png").write_bytes(png[:18] + b"\7\7" + png[20:])
    (tmp_path / "copy of good.jpg").write_bytes(good)
    (tmp_path / "broken link.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / ".hidden.jpg").write_bytes(good)
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "__MACOSX" / "left.jpg").write_bytes(png)
    os.mkfifo(tmp_path / "pipe.jpg")
    return tmp_path


def test_nothing_good_is_lost_and_everything_bad_is_named(hostile: Path) -> None:
    reported: list[tuple[int, int | None]] = []
    folder = PictureFolder(hostile, progress=lambda label, done, total: reported.append((done, total)))
    assert names(folder) == ["copy of good.jpg", "inner/deeper/also good.png", "inner/deeper/with a trailer.jpg"]
    for row in range(3):
        assert decoded(folder, row).shape == (64, 64, 3)
    about = {problem.id: problem for problem in folder.problems}
    assert {name: about[name].kind for name in about if name} == {
        "good.jpg": "picture_repeated",
        "zero.jpg": "picture_unreadable",
        "cut.jpg": "picture_unreadable",
        "cut.png": "picture_unreadable",
        "cut.webp": "picture_unreadable",
        "cut.gif": "picture_unreadable",
        "cut.bmp": "picture_unreadable",
        "cut.tif": "picture_unreadable",
        "only its head.jpg": "picture_unreadable",
        "harmed head.png": "picture_unreadable",
        "page.jpg": "picture_other_format",
        "phone.heic": "picture_other_format",
        "float.tif": "picture_other_format",
        "bomb.png": "picture_too_large",
        "broken link.jpg": "picture_unreadable",
    }
    assert "2 files are not pictures (images.zip, labels.json)" in about[""].reason
    assert "same content as copy of good.jpg" in about["good.jpg"].reason
    for problem in folder.problems:
        assert str(hostile) in problem.reason
        assert Problem.from_json(problem.to_json()) == problem
    assert reported[-1][0] == reported[-1][1]


def test_a_folder_that_cannot_be_learned_from_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be listed"):
        PictureFolder(tmp_path / "absent")
    with pytest.raises(DataError, match="not one picture can be used"):
        PictureFolder(tmp_path)
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"1 picture_other_format; .*a\.jpg: it is not a picture") as error:
        PictureFolder(tmp_path)
    assert error.value.kind == "no_pictures"
    with pytest.raises(DataError, match="cannot be listed"):
        PictureFolder(tmp_path / "a.jpg")


def test_names_that_are_no_text_and_the_order_of_all(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path)
    for number, name in enumerate([b"b.jpg", b"\xff\xfe.jpg", "ü.jpg".encode(), b"a\n.jpg", b"sub/c.jpg"]):
        path = os.path.join(folder, name)  # noqa: PTH118 - bytes
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(encoded(noise(number, 16), "JPEG"))
    found = PictureFolder(tmp_path)
    assert names(found) == ["a\n.jpg", "b.jpg", "sub/c.jpg", "ü.jpg", "\\xff\\xfe.jpg"]
    again = pickle.loads(pickle.dumps(found))
    for row in range(5):
        assert np.array_equal(decoded(found, row), decoded(again, row))


def test_unreadable_files_and_folders_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "good.jpg").write_bytes(encoded(noise(), "JPEG"))
    (tmp_path / "locked.jpg").write_bytes(encoded(noise(1), "JPEG"))
    (tmp_path / "closed").mkdir()
    if os.geteuid():
        (tmp_path / "locked.jpg").chmod(0)
        (tmp_path / "closed").chmod(0)
    else:  # nothing is forbidden to root
        listing, opening = os.listdir, Path.open
        monkeypatch.setattr(os, "listdir", lambda path: _forbidden(listing, path, "closed"))
        monkeypatch.setattr(Path, "open", lambda self, mode="r": _forbidden(opening, self, "locked.jpg", mode))
    folder = PictureFolder(tmp_path)
    assert names(folder) == ["good.jpg"]
    assert kinds(folder) == {"picture_unreadable": 1, "folder_unreadable": 1}


def _forbidden(work: Any, path: Path, name: str, *rest: Any) -> Any:
    if Path(path).name == name:
        raise PermissionError(13, "Permission denied", str(path))
    return work(path, *rest)


def test_a_file_that_changes_during_a_run_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded(noise(), "JPEG"))
    folder = PictureFolder(tmp_path)
    path.write_bytes(encoded(noise(1), "JPEG", quality=40))
    with pytest.raises(DataError, match="when the run began") as error:
        folder.image(0)
    assert error.value.kind == "picture_changed"
    path.unlink()
    with pytest.raises(DataError, match="cannot be read any more"):
        folder.image(0)


def test_the_fingerprint_follows_names_and_sizes(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(noise(), "PNG"))
    first = PictureFolder(tmp_path).fingerprint
    assert PictureFolder(tmp_path).fingerprint == first
    (tmp_path / "b.png").write_bytes(encoded(noise(1), "PNG"))
    both = PictureFolder(tmp_path).fingerprint
    (tmp_path / "b.png").rename(tmp_path / "c.png")
    assert len({first, both, PictureFolder(tmp_path).fingerprint}) == 3


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
def test_damaged_bytes_give_an_image_or_an_image_error(tmp_path: Path, kind: str) -> None:
    """Nothing else may come out of a reader, whichever bytes are wrong."""
    data = encoded(noise(5, 32), kind)
    rng = np.random.default_rng(len(data))
    refused = 0
    for _ in range(25):
        harmed = bytearray(data)
        at = int(rng.integers(len(harmed)))
        harmed[at : at + 4] = rng.bytes(4)
        path = tmp_path / "a"
        path.write_bytes(harmed[: int(rng.integers(len(harmed)))] if rng.random() < 0.3 else harmed)
        try:
            header = read_picture_header(path)
            assert decode_picture(path.read_bytes(), header.orientation).dtype == np.uint8
        except ImageError:
            refused += 1
    assert refused


def test_reduced_decoding_keeps_every_pixel_in_its_place() -> None:
    smooth = noise(6, 16).resize((160, 96), Image.Resampling.BICUBIC)
    data = encoded(smooth, "JPEG", quality=98)
    for orientation in range(1, 9):
        whole = decode_picture(data, orientation)
        for factor in (2, 4, 8):
            small = decode_picture(data, orientation, reduced=factor)
            means = np.asarray(Image.fromarray(whole).reduce(factor)).astype(int)
            assert np.abs(small.astype(int) - means).mean() < 3


@pytest.mark.skipif(sys.platform != "linux", reason="counts the descriptors of /proc")
def test_no_file_stays_open(hostile: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    folder = PictureFolder(hostile)
    decoded(folder, 0)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
