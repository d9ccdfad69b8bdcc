"""Damaged videos: no image that looks wrong passes for a good one, and good ones are not lost."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.frame import PictureType
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.human36m import decode_frames as decode_human36m
from hcmoco_bench.sources.ntu import Asset
from hcmoco_bench.sources.ntu import decode_frames as decode_ntu
from hcmoco_bench.sources.video_images import images_in_order
from hcmoco_bench.sources.video_packets import packet_reader

SIZE = (320, 192)
N_FRAMES = 24

VIDEOS: dict[str, tuple[str, str, dict[str, str]]] = {
    "one key frame": ("avi", "libx264", {"g": "250", "bf": "3", "x264-params": "b-pyramid=normal:b-adapt=0"}),
    "no images out of order": ("avi", "libx264", {"g": "250", "bf": "0"}),
    "Huffman codes": ("avi", "libx264", {"g": "250", "bf": "2", "x264-params": "cabac=0:b-adapt=0"}),
    "open groups": ("mp4", "libx264", {"g": "7", "bf": "3", "x264-params": "open-gop=1:b-adapt=0:scenecut=0"}),
    "slices": ("mp4", "libx264", {"g": "8", "bf": "2", "x264-params": "slices=3:b-adapt=0:scenecut=0"}),
    "mpeg4": ("mp4", "mpeg4", {"g": "8"}),
    "mpeg4 out of order": ("avi", "mpeg4", {"g": "12", "bf": "2"}),
    "mjpeg": ("avi", "mjpeg", {}),
}


def scene(number: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """A smooth random pattern that moves and turns."""
    width, height = size
    noise = np.random.default_rng(0).integers(0, 256, (height // 4, width // 4, 3), np.uint8)
    turned = cv2.warpAffine(
        cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC),
        cv2.getRotationMatrix2D((width / 2, height / 2), 4 * number, 1.0),
        size,
        borderMode=cv2.BORDER_REFLECT,
    )
    return np.asarray(turned, np.uint8)


def write_video(path: Path, kind: str, size: tuple[int, int] = SIZE) -> Path:
    form, codec, options = VIDEOS[kind]
    with av.open(str(path), "w", format=form) as container:
        # With its macroblock tree, x264 writes other bytes in every process.
        steady = {"x264-params": ":".join(["mbtree=0", *filter(None, [options.get("x264-params")])])}
        extra = {"crf": "20", "threads": "1"} | steady if codec == "libx264" else {"qscale": "3"}
        stream = container.add_stream(codec, rate=30, options=options | extra)
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.time_base = Fraction(1, 30)
        if codec == "mpeg4":
            stream.codec_context.gop_size = int(options["g"])
        for number in range(N_FRAMES):
            image = av.VideoFrame.from_ndarray(scene(number, size), "rgb24").reformat(format=stream.pix_fmt)
            container.mux(stream.encode(image))
        container.mux(stream.encode())
    return path


def form(kind: str) -> str:
    return VIDEOS[kind][0]


def packets(path: Path, kind: str) -> list[tuple[int, int]]:
    """Position and size of each packet."""
    with av.open(str(path), format=form(kind)) as container:
        return [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]


def plain_decode(path: Path, kind: str) -> list[tuple[NDArray[np.uint8], int, bool]]:
    """Image, type and whether it is a key frame, by PyAV's own loop."""
    with av.open(str(path), format=form(kind)) as container:
        return [(f.to_ndarray(format="rgb24"), int(f.pict_type), f.key_frame) for f in container.decode(video=0)]


def decode(path: Path, kind: str) -> list[tuple[NDArray[np.uint8], int, bool]]:
    """Image, packet and whether it is said to be damaged."""
    with av.open(str(path), format=form(kind)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        images = images_in_order(stream, readable(container))
        return [(one.image.to_ndarray(format="rgb24"), one.packet, one.damaged) for one in images]


def readable(container: av.container.InputContainer) -> Iterator[av.Packet]:
    try:
        yield from (packet for packet in container.demux(video=0) if packet.size)
    except av.FFmpegError:
        return


def looks_wrong(found: NDArray[np.uint8], right: NDArray[np.uint8]) -> bool:
    return bool((np.abs(found.astype(int) - right) > 30).mean() > 0.002)


@pytest.fixture(scope="module", params=VIDEOS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def video(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / f"x.{form(kind)}", kind)


DAMAGES: dict[str, Callable[[random.Random, int], bytes]] = {
    "16 zeros": lambda draws, left: b"\0" * min(16, left),
    "zeros to the end": lambda draws, left: b"\0" * left,
    "16 wrong bytes": lambda draws, left: draws.randbytes(min(16, left)),
    "wrong bytes to the end": lambda draws, left: draws.randbytes(left),
}


def test_videos_are_the_same_bytes_each_time(video: Path, kind: str, tmp_path: Path) -> None:
    """So that what the damages below are allowed to do is the same in each run."""
    assert write_video(tmp_path / video.name, kind).read_bytes() == video.read_bytes()


def test_a_whole_video_is_not_damaged(video: Path, kind: str) -> None:
    plain = plain_decode(video, kind)
    found = decode(video, kind)
    assert len(found) == len(plain) == N_FRAMES
    for (image, _, damaged), (right, _, _) in zip(found, plain, strict=True):
        np.testing.assert_array_equal(image, right)
        assert not damaged
    assert sorted(packet for _, packet, _ in found) == list(range(N_FRAMES))


@pytest.mark.parametrize("kind", [kind for kind in VIDEOS if kind != "mjpeg"])
def test_hardly_a_wrong_image_passes_and_those_before_the_damage_are_kept(kind: str, tmp_path: Path) -> None:
    """Zeros never pass. Other wrong bytes may decode to as many blocks, in images as small as these now and then."""
    video = write_video(tmp_path / f"x.{form(kind)}", kind)
    draws = random.Random(kind)
    data, places = video.read_bytes(), packets(video, kind)
    right = [image for image, _, _ in plain_decode(video, kind)]
    order = [packet for _, packet, _ in decode(video, kind)]
    passed = dict.fromkeys(DAMAGES, 0)
    for victim in [0, 1, N_FRAMES - 1, *draws.sample(range(2, N_FRAMES - 1), 3)]:
        start, size = places[victim]
        for damage, wrong_bytes in DAMAGES.items():
            at = start + draws.randrange(size // 5, size // 2)
            wrong = wrong_bytes(draws, start + size - at)
            (tmp_path / "y").write_bytes(data[:at] + wrong + data[at + len(wrong) :])
            found = decode(tmp_path / "y", kind)
            passed[damage] += any(
                not bad and looks_wrong(image, whole) for (image, _, bad), whole in zip(found, right, strict=False)
            )
            # What was decoded before the damage, and not held back behind it, is good.
            before = max(next(place for place, packet in enumerate(order) if packet >= victim) - 3, 0)
            assert [bad for _, _, bad in found[:before]] == [False] * before
    assert (passed["16 zeros"], passed["zeros to the end"]) == (0, 0)
    assert sum(passed.values()) <= 2


def flip_first_image_after(path: Path, kind: str, target: Path, wanted: Callable[[int, bool], bool]) -> int:
    """Damage the first image of a sort (type, key) shown after the first so that it is decoded and marked."""
    plain, ours = plain_decode(path, kind), decode(path, kind)
    place = next(i for i, (_, sort, key) in enumerate(plain) if i and wanted(sort, key))
    start, size = packets(path, kind)[ours[place][1]]
    data = path.read_bytes()
    for at in range(start + size // 2, start + size - 1):
        target.write_bytes(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
        found = decode(target, kind)
        if len(found) == N_FRAMES and found[place][2]:
            return place
    raise AssertionError("no byte of this image makes a difference")


def test_an_image_that_none_builds_on_is_damaged_alone(tmp_path: Path) -> None:
    for kind in ("one key frame", "mpeg4 out of order"):
        path = write_video(tmp_path / f"x.{form(kind)}", kind)
        data = path.read_bytes()
        reader = packet_reader(*_codec(path, kind))
        places = packets(path, kind)
        # An image that no other builds on: the packet itself says so in H.264, its type does in MPEG-4.
        free = {
            place
            for place, ((_, packet, _), (_, sort, _)) in enumerate(
                zip(decode(path, kind), plain_decode(path, kind), strict=True)
            )
            if sort == PictureType.B
            and reader(data[places[packet][0] : places[packet][0] + places[packet][1]]).reference is not True
        }
        number = iter(range(N_FRAMES))
        place = flip_first_image_after(path, kind, tmp_path / "y", lambda sort, key: next(number) + 1 in free)  # noqa: B023
        found = decode(tmp_path / "y", kind)
        assert [i for i, (_, _, bad) in enumerate(found) if bad] == [place]


def _codec(path: Path, kind: str) -> tuple[str, bytes | None]:
    with av.open(str(path), format=form(kind)) as container:
        context = container.streams.video[0].codec_context
        return context.codec.name, context.extradata


@pytest.mark.parametrize("kind", ["slices", "mpeg4", "open groups"])
def test_damage_ends_with_the_next_key_frame(kind: str, tmp_path: Path) -> None:
    path = write_video(tmp_path / f"x.{form(kind)}", kind)
    place = flip_first_image_after(path, kind, tmp_path / "y", lambda sort, key: sort == PictureType.P)
    plain, found = plain_decode(path, kind), decode(tmp_path / "y", kind)
    following = next(i for i, (_, _, key) in enumerate(plain) if i > place and key)
    assert all(bad for _, _, bad in found[place:following])
    assert not any(bad for _, _, bad in found[following:])
    for (image, _, bad), (right, _, _) in zip(found, plain, strict=True):
        assert bad or not looks_wrong(image, right)


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_human36m_names_the_frames_and_keeps_the_others(codec: str, tmp_path: Path) -> None:
    kind = "slices" if codec == "libx264" else "mpeg4"
    path = write_video(tmp_path / "x.mp4", kind)
    start, size = packets(path, kind)[0]
    data = path.read_bytes()
    path.write_bytes(data[: start + size // 2] + b"\0" * 16 + data[start + size // 2 + 16 :])
    frames = decode_human36m(path, [0, 3, 7, 8, 20])
    assert [next(frames)[0], next(frames)[0]] == [8, 20]
    with pytest.raises(DataError, match=r"x\.mp4: frames 0, 3, 7 are damaged") as caught:
        next(frames)
    assert (caught.value.kind, caught.value.file) == ("video_damaged", str(path))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A video of the size that NTU has, of a kind; each is made once."""
    made: dict[str, Path] = {}

    def video(kind: str) -> Path:
        if kind not in made:
            made[kind] = write_video(tmp_path_factory.mktemp("large") / "x_rgb.avi", kind, (1920, 1080))
        return made[kind]

    return video


@pytest.mark.parametrize("asked", [[1], [1, 9], [2, 5, 14], list(range(1, N_FRAMES + 1))])
def test_ntu_names_the_frames(asked: list[int], large: Callable[[str], Path], tmp_path: Path) -> None:
    kind = "one key frame"
    path = Path(shutil.copy(large(kind), tmp_path / "x_rgb.avi"))
    start, size = packets(path, kind)[0]
    data = path.read_bytes()
    path.write_bytes(data[: start + size // 3] + b"\0" * 16 + data[start + size // 3 + 16 :])
    with pytest.raises(DataError, match=r"x_rgb\.avi: frame.* damaged") as caught:
        list(decode_ntu(Asset(path), asked))
    assert (caught.value.kind, caught.value.file) == ("video_damaged", str(path))


def test_a_damaged_chunk_header_ends_the_count(large: Callable[[str], Path], tmp_path: Path) -> None:
    """The reader of AVI goes on with the next chunk, and every later image would have the number of the one before."""
    kind = "no images out of order"
    path = large(kind)
    right = dict(decode_ntu(Asset(path), range(1, N_FRAMES + 1)))
    data = path.read_bytes()
    for victim in (0, 1, 9, N_FRAMES - 1):
        start = packets(path, kind)[victim][0]
        (tmp_path / "y_rgb.avi").write_bytes(data[: start - 8] + b"\0" * 8 + data[start:])
        found: dict[int, NDArray[np.uint8]] = {}
        with pytest.raises(DataError) as caught:
            found.update(decode_ntu(Asset(tmp_path / "y_rgb.avi"), range(1, N_FRAMES + 1)))
        assert caught.value.kind in ("video_too_short", "video_damaged")
        for frame, image in found.items():
            np.testing.assert_array_equal(image, right[frame])


def test_what_a_packet_tells_of_itself() -> None:
    by_start_code = packet_reader("h264", b"\0\0\0\1gd\0")
    picture = b"\0\0\0\1\x65" + bytes(range(1, 200))
    assert by_start_code(picture) == by_start_code(picture + b"\0\0") == by_start_code(b"\0\0\1\x09\xf0" + picture)
    assert (by_start_code(picture).sound, by_start_code(picture).reference) == (True, True)
    assert by_start_code(picture.replace(b"\x65", b"\x01", 1)).reference is False
    assert by_start_code(picture + b"\0\0\3\1" + picture).sound
    for wrong in (b"\0" * 16, b"\0\0\0\7", b"\0\0\2", b"\0\0\3\4"):
        assert not by_start_code(picture + wrong + b"\xff").sound
    assert not by_start_code(picture + b"\0" * 16).sound
    assert not by_start_code(b"\0" * 40).sound

    by_length = packet_reader("h264", b"\1d\0\x28\xff")
    unit = picture[4:]
    framed = len(unit).to_bytes(4, "big") + unit
    assert by_length(framed + framed).sound
    for wrong in (framed[:-1], framed + b"\0", (7).to_bytes(4, "big") + unit, framed[:60] + b"\0\0\1" + framed[63:]):
        assert not by_length(wrong).sound

    mpeg4 = packet_reader("mpeg4", None)
    assert mpeg4(b"\0\0\1\xb6" + bytes(range(1, 90)) + b"\0\0\1\xb6\7").sound
    assert not mpeg4(b"\0\0\1\xb6" + b"\7" * 50 + b"\0" * 5 + b"\7" * 50).sound
    assert packet_reader("another", None)(b"\0" * 100).sound
