"""Lengths of recordings: the rule by which they belong together, and how AVI files say theirs."""

from __future__ import annotations

import contextlib
import io
import itertools
import zipfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.ntu import Asset, count_frames
from hcmoco_bench.sources.ntu.avi_extent import video_extent
from hcmoco_bench.sources.ntu.clip_folder import ClipFolder
from hcmoco_bench.sources.ntu.extents import MOST_APART, Extent, out_of_step

NAMES = ("rgb", "depth", "skeleton")


def whole(*lengths: int) -> dict[str, Extent]:
    return {name: Extent(length, length) for name, length in zip(NAMES, lengths, strict=False)}


@pytest.mark.parametrize("clip", [40, 103, 300])
@pytest.mark.parametrize("errors", list(itertools.product([-1, 0, 1], repeat=3)))
def test_a_frame_more_or_less_in_each_file_is_in_step(clip: int, errors: tuple[int, ...]) -> None:
    assert out_of_step(whole(*(clip + error for error in errors))) == frozenset()


@pytest.mark.parametrize(
    ("lengths", "wrong"),
    [
        ((20, 40, 40), {"rgb"}),  # 15 frames a second
        ((80, 40, 41), {"rgb"}),  # 60
        ((32, 40, 39), {"rgb"}),  # the first 8 were cut off
        ((37, 40, 40), {"rgb"}),
        ((40, 20, 40), {"depth"}),
        ((40, 41, 25), {"skeleton"}),
        ((20, 40, 60), set(NAMES)),
        ((38, 40, 42), set(NAMES)),  # both ends agree with the middle and not with each other
        ((20, 40), {"rgb", "depth"}),
        ((40,), set()),
        ((), set()),
    ],
)
def test_the_one_that_two_others_contradict_is_wrong(lengths: tuple[int, ...], wrong: set[str]) -> None:
    assert out_of_step(whole(*lengths)) == wrong


@given(st.lists(st.integers(1, 60), min_size=3, max_size=3), st.permutations(NAMES))
def test_the_rule_does_not_depend_on_the_order(lengths: list[int], names: list[str]) -> None:
    before = {name: Extent(length, length) for name, length in zip(NAMES, lengths, strict=True)}
    wrong = out_of_step(before)
    assert out_of_step({name: before[name] for name in names}) == wrong
    believed = [length for name, length in zip(NAMES, lengths, strict=True) if name not in wrong]
    assert not believed or max(believed) - min(believed) <= MOST_APART
    assert bool(wrong) == (max(lengths) - min(lengths) > MOST_APART)


def test_an_open_end_contradicts_by_being_longer_alone() -> None:
    subset = Extent(17, 3, open_end=True)
    assert out_of_step(whole(40) | {"depth": subset, "skeleton": Extent(40, 40)}) == frozenset()
    doubled = Extent(80, 79, open_end=True)
    assert out_of_step(whole(40) | {"depth": doubled, "skeleton": Extent(40, 40)}) == {"depth"}
    assert out_of_step(whole(40) | {"depth": doubled}) == {"rgb", "depth"}


def test_depth_by_names() -> None:
    content = ClipFolder()
    content.see([f"MDepth-{number:08d}.png" for number in (1, 2, 4)])
    assert content.extent == Extent(4, 3, open_end=True)
    content.see(["MDepth-00000003.png", ".hidden", "MDepth-00000003 (1).png"])
    assert content.extent == Extent(4, 4)
    assert content.extent.whole
    assert content.others == 1
    assert not ClipFolder().extent.whole


def video(n_frames: int, *, codec: str = "mpeg4", size: int = 64, frame_rate: int = 30, b_frames: int = 0) -> bytes:
    out = io.BytesIO()
    rng = np.random.default_rng(0)
    with av.open(out, "w", format="avi") as container:
        stream = container.add_stream(codec, rate=Fraction(frame_rate))
        stream.width = stream.height = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.max_b_frames = b_frames
        for _ in range(n_frames):
            image = av.VideoFrame.from_ndarray(rng.integers(0, 255, (size, size, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(image.reformat(format=stream.pix_fmt)))
        container.mux(stream.encode(None))
    return out.getvalue()


@pytest.mark.parametrize("codec", ["mpeg4", "libx264", "mjpeg", "rawvideo"])
@pytest.mark.parametrize("b_frames", [0, 2])
def test_images_are_counted_as_ffmpeg_counts_them(tmp_path: Path, codec: str, b_frames: int) -> None:
    for frames in (1, 2, 37):
        path = tmp_path / f"{frames}.avi"
        path.write_bytes(video(frames, codec=codec, b_frames=b_frames if codec in ("mpeg4", "libx264") else 0))
        assert video_extent(Asset(path)) == Extent(frames, frames)
        assert count_frames(Asset(path)) == frames


@pytest.mark.parametrize("share", [0.4, 0.7, 0.95])
def test_a_video_that_is_cut_off_is_as_long_as_it_promises(tmp_path: Path, share: float) -> None:
    data = video(40)
    path = tmp_path / "cut.avi"
    left = data[: int(share * len(data))]
    for content in (left + bytes(len(data) - len(left)), left):  # preallocated and never filled, or cut off
        path.write_bytes(content)
        found = video_extent(Asset(path))
        assert (found.length, found.whole) == (40, False)
        assert 0 < found.present < 40
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("cut.avi", left)
    assert video_extent(Asset(tmp_path / "x.zip", "cut.avi")) == Extent(40, count_frames(Asset(path)))


def test_a_video_cut_off_before_its_first_image(tmp_path: Path) -> None:
    data = video(40)
    path = tmp_path / "cut.avi"
    path.write_bytes(data[: data.index(b"movi") + 200])
    assert video_extent(Asset(path)) == Extent(40, 0)


def test_what_follows_a_whole_video_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "padded.avi"
    path.write_bytes(video(12) + bytes(5000))
    assert video_extent(Asset(path)) == Extent(12, 12)


def test_a_video_whose_writer_died_has_an_open_end(tmp_path: Path) -> None:
    data = bytearray(video(12))
    place = data.index(b"strh") + 8 + 32
    assert data[place] == 12
    data[place] = 0
    path = tmp_path / "x.avi"
    path.write_bytes(data[: len(data) * 2 // 3])
    found = video_extent(Asset(path))
    assert found.open_end
    assert 0 < found.length == found.present < 12


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFF\0\0\0\0AVI ", b"text " * 500, bytes(3000)])
def test_no_video(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.avi"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        video_extent(Asset(path))
    assert caught.value.kind == "video_unreadable"


@given(st.binary(max_size=400), st.integers(0, 4000))
def test_any_bytes_end(tmp_path_factory: pytest.TempPathFactory, noise: bytes, place: int) -> None:
    data = bytearray(WHOLE)
    data[place : place + len(noise)] = noise
    path = tmp_path_factory.mktemp("noise") / "x.avi"
    path.write_bytes(data)
    with contextlib.suppress(DataError):
        found = video_extent(Asset(path))
        assert 0 <= found.present <= found.length


WHOLE = video(3)


@pytest.mark.real
def test_the_real_video(real_files: Path) -> None:
    asset = Asset(real_files / "ntu" / "S001C001P001R001A001_rgb.avi")
    assert video_extent(asset) == Extent(count_frames(asset), count_frames(asset))
