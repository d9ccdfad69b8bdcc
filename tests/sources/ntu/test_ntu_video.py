from __future__ import annotations

import itertools
import subprocess
import sys
import zipfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.sources.ntu import Asset, count_frames, decode_frames

WIDTH, HEIGHT = 1920, 1080
N_FRAMES = 23
CELL = 64

# Key frame distance, images shown out of order, and references between them: what decoders can get wrong.
CODECS = {
    "h264 one key frame": ("libx264", {"g": "250", "bf": "3", "x264-params": "b-pyramid=normal:b-adapt=0"}),
    "h264 key frames": ("libx264", {"g": "6", "bf": "2", "x264-params": "b-adapt=0"}),
    "h264 open groups": ("libx264", {"g": "7", "bf": "3", "x264-params": "open-gop=1:b-adapt=0:scenecut=0"}),
    "h264 in order": ("libx264", {"g": "5", "bf": "0"}),
    "mpeg4": ("mpeg4", {"g": "8"}),
    "mpeg4 out of order": ("mpeg4", {"g": "12", "bf": "2"}),
}


def numbered_image(number: int, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """An image that shows its number in binary as large squares, red for one and blue for zero."""
    image = np.full((height, width, 3), 60, np.uint8)
    image[height // 2 :, : 20 * number + 20] = (90, 160, 110)
    for bit in range(6):
        image[:CELL, bit * CELL : (bit + 1) * CELL] = (200, 30, 30) if number >> bit & 1 else (30, 30, 200)
    return image


def shown_number(image: NDArray[np.uint8]) -> int:
    centers = image[CELL // 2, CELL // 2 : 6 * CELL : CELL].astype(int)
    assert (np.abs(centers[:, 0] - centers[:, 2]) > 100).all()
    return sum(1 << bit for bit, (red, _, blue) in enumerate(centers) if red > blue)


def write_avi(
    path: Path,
    codec: str,
    options: dict[str, str],
    *,
    n_frames: int = N_FRAMES,
    size: tuple[int, int] = (WIDTH, HEIGHT),
) -> Path:
    extra = {"preset": "ultrafast"} if codec == "libx264" else {"qscale": "3"}
    with av.open(str(path), "w", format="avi") as container:
        stream = container.add_stream(codec, rate=30, options=extra | options)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 30)
        if codec == "mpeg4":
            stream.codec_context.gop_size = int(options["g"])
        for number in range(1, n_frames + 1):
            frame = av.VideoFrame.from_ndarray(numbered_image(number, *size), format="rgb24")
            for packet in stream.encode(frame.reformat(format="yuv420p")):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return path


def plain_decode(path: Path) -> list[NDArray[np.uint8]]:
    """All images by PyAV's own loop, with its own threads, guesses and conversion."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.fixture(scope="module", params=CODECS)
def avi(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_avi(tmp_path_factory.mktemp("video") / "S001C001P001R001A001_rgb.avi", *CODECS[request.param])


@pytest.fixture(scope="module")
def reordered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_avi(tmp_path_factory.mktemp("video") / "x_rgb.avi", *CODECS["h264 one key frame"])


def test_test_videos_are_of_many_kinds(tmp_path: Path) -> None:
    key_frames, reorders = set(), set()
    for codec, options in CODECS.values():
        with av.open(str(write_avi(tmp_path / "x.avi", codec, options))) as container:
            stream = container.streams.video[0]
            key_frames.add(sum(packet.is_keyframe for packet in container.demux(stream) if packet.size))
            reorders.add(stream.codec_context.has_b_frames)
    assert len(key_frames) >= 4
    assert reorders == {False, True}


def test_all_frames_and_every_single_one(avi: Path) -> None:
    plain = plain_decode(avi)
    assert count_frames(Asset(avi)) == len(plain) == N_FRAMES
    together = dict(decode_frames(Asset(avi), range(1, N_FRAMES + 1)))
    assert [shown_number(image) for image in together.values()] == list(range(1, N_FRAMES + 1)) == list(together)
    for number in range(1, N_FRAMES + 1):
        ((found, image),) = decode_frames(Asset(avi), [number])
        assert found == number
        np.testing.assert_array_equal(image, together[number])
        assert (image.shape, image.dtype) == ((HEIGHT, WIDTH, 3), np.uint8)
        # The same image as libswscale makes, up to its rounding and its way of enlarging chroma.
        assert np.abs(image.astype(int) - plain[number - 1]).mean() < 2


def test_rgb_order_and_bt601_limited_range(avi: Path) -> None:
    ((_, image),) = decode_frames(Asset(avi), [1])
    np.testing.assert_allclose(image[CELL // 2, CELL // 2], (200, 30, 30), atol=12)
    np.testing.assert_allclose(image[CELL // 2, CELL + CELL // 2], (30, 30, 200), atol=12)
    np.testing.assert_allclose(image[200, 1000], (60, 60, 60), atol=4)


def test_an_archive_gives_the_same(avi: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "nturgbd_rgb_s001.zip", "w") as archive:
        archive.write(avi, f"nturgb+d_rgb/{avi.name}")
    member = Asset(tmp_path / "nturgbd_rgb_s001.zip", f"nturgb+d_rgb/{avi.name}")
    assert count_frames(member) == N_FRAMES
    for (n, one), (m, other) in zip(decode_frames(member, [2, 9]), decode_frames(Asset(avi), [2, 9]), strict=True):
        assert n == m
        np.testing.assert_array_equal(one, other)


@pytest.mark.real
def test_real_video_frame_by_frame(real_files: Path) -> None:
    path = real_files / "ntu" / "S001C001P001R001A001_rgb.avi"
    plain = []
    with av.open(str(path)) as container:
        plain += [frame.to_ndarray(format="yuv420p") for frame in container.decode(video=0)]
    assert count_frames(Asset(path)) == len(plain)
    for start in range(7):
        frames = range(start + 1, len(plain) + 1, 7)
        decoded = list(decode_frames(Asset(path), frames))
        assert [number for number, _ in decoded] == list(frames)
        for number, image in decoded:
            np.testing.assert_array_equal(image, cv2.cvtColor(plain[number - 1], cv2.COLOR_YUV2RGB_I420))


@pytest.mark.real
def test_real_video_cut_anywhere_never_shows_a_wrong_frame(real_files: Path, tmp_path: Path) -> None:
    path = real_files / "ntu" / "S001C001P001R001A001_rgb.avi"
    data = path.read_bytes()
    whole = {number: image.sum() for number, image in decode_frames(Asset(path), range(1, 104))}
    for end in np.random.default_rng(0).integers(20_000, len(data) * 3 // 4, 5):
        (tmp_path / "cut_rgb.avi").write_bytes(data[:end])
        check_cut(tmp_path / "cut_rgb.avi", 103, lambda number, image: image.sum() == whole[number])


def check_cut(path: Path, n_frames: int, is_right: Callable[[int, NDArray[np.uint8]], bool]) -> int:
    frames = decode_frames(Asset(path), range(1, n_frames + 1))
    shown = 0
    with pytest.raises(DataError) as caught:  # noqa: PT012 - what comes before the error counts too
        for number, image in frames:
            shown += 1
            assert number == shown
            assert is_right(number, image)
    assert caught.value.kind in ("video_too_short", "video_unreadable")
    assert caught.value.file == str(path)
    if shown:
        assert f"after {shown} frames" in str(caught.value)
    return shown


def test_cut_anywhere_never_shows_a_wrong_frame(avi: Path, tmp_path: Path) -> None:
    data = avi.read_bytes()
    movie = data.index(b"movi")
    index = data.rindex(b"idx1")
    shown = set()
    for end in np.linspace(movie, index - 8, 25).astype(int):
        (tmp_path / "cut_rgb.avi").write_bytes(data[:end])
        shown.add(check_cut(tmp_path / "cut_rgb.avi", N_FRAMES, lambda number, image: shown_number(image) == number))
    assert len(shown) > 8


def test_cut_between_two_images_does_not_count_what_was_held_back(reordered: Path, tmp_path: Path) -> None:
    with av.open(str(reordered)) as container:
        ends = [packet.pos + packet.size for packet in container.demux(video=0) if packet.size]
    data = reordered.read_bytes()
    for end in ends[4:-1]:
        (tmp_path / "cut_rgb.avi").write_bytes(data[:end])
        check_cut(tmp_path / "cut_rgb.avi", N_FRAMES, lambda number, image: shown_number(image) == number)


def test_a_lost_index_does_no_harm(avi: Path, tmp_path: Path) -> None:
    data = avi.read_bytes()
    (tmp_path / "x_rgb.avi").write_bytes(data[: data.rindex(b"idx1")])
    numbers = [shown_number(image) for _, image in decode_frames(Asset(tmp_path / "x_rgb.avi"), range(1, N_FRAMES + 1))]
    assert numbers == list(range(1, N_FRAMES + 1))


def test_too_short_comes_after_what_exists(avi: Path) -> None:
    frames = decode_frames(Asset(avi), [3, N_FRAMES, N_FRAMES + 1, N_FRAMES + 30])
    assert [number for number, _ in itertools.islice(frames, 2)] == [3, N_FRAMES]
    with pytest.raises(DataError, match=rf"frame {N_FRAMES + 1} .* after {N_FRAMES} frames") as caught:
        next(frames)
    assert (caught.value.kind, caught.value.file) == ("video_too_short", str(avi))


def test_nothing_asked_for_opens_nothing(tmp_path: Path) -> None:
    assert list(decode_frames(Asset(tmp_path / "missing_rgb.avi"), [])) == []


@pytest.mark.parametrize("frames", [[0], [-1, 2], [2, 2], [3, 1]])
def test_frames_must_increase_from_one(frames: list[int], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="increase from 1"):
        list(decode_frames(Asset(tmp_path / "x_rgb.avi"), frames))


def test_stopping_early_closes_the_file(avi: Path, tmp_path: Path) -> None:
    copy = tmp_path / "x_rgb.avi"
    copy.write_bytes(avi.read_bytes())
    frames = decode_frames(Asset(copy), [1, 5])
    next(frames)
    frames.close()  # type: ignore[attr-defined]
    opened = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    assert copy not in opened


@pytest.mark.parametrize(
    "data",
    [b"", b"RIFF", b"\0" * 5000, b"not a video at all " * 400, b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n"],
    ids=["empty", "beginning", "zeros", "text", "playlist"],
)
def test_no_video_is_unreadable(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x_rgb.avi"
    path.write_bytes(data)
    for read in (lambda: list(decode_frames(Asset(path), [1])), lambda: count_frames(Asset(path))):
        with pytest.raises(DataError, match=r"x_rgb\.avi: not a readable AVI") as caught:
            read()
        assert (caught.value.kind, caught.value.file) == ("video_unreadable", str(path))


def test_sound_without_images_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "x_rgb.avi"
    with av.open(str(path), "w", format="avi") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    with pytest.raises(DataError, match="no video stream") as caught:
        count_frames(Asset(path))
    assert caught.value.kind == "video_unreadable"


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        list(decode_frames(Asset(tmp_path / "x_rgb.avi"), [1]))
    assert caught.value.kind == "file_missing"


def test_another_size_is_refused(tmp_path: Path) -> None:
    path = write_avi(tmp_path / "x_rgb.avi", "mpeg4", {"g": "8"}, n_frames=3, size=(960, 540))
    with pytest.raises(DataError, match="960x540") as caught:
        list(decode_frames(Asset(path), [1]))
    assert caught.value.kind == "video_wrong_size"


def test_a_wiped_image_ends_the_video_before_the_count_goes_wrong(avi: Path, tmp_path: Path) -> None:
    with av.open(str(avi)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    data = avi.read_bytes()
    for victim in range(4, N_FRAMES - 1, 3):
        start, size = packets[victim].pos, packets[victim].size
        (tmp_path / "x_rgb.avi").write_bytes(data[:start] + b"\0" * size + data[start + size :])
        check_cut(tmp_path / "x_rgb.avi", N_FRAMES, lambda number, image: shown_number(image) == number)


def test_damage_inside_never_crashes(reordered: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    data = np.frombuffer(reordered.read_bytes(), np.uint8)
    for _ in range(6):
        damaged = data.copy()
        damaged[rng.integers(0, len(data), 300)] = rng.integers(0, 256, 300)
        (tmp_path / "x_rgb.avi").write_bytes(damaged.tobytes())
        try:
            frames = [number for number, _ in decode_frames(Asset(tmp_path / "x_rgb.avi"), [1, 8, 20])]
        except DataError:
            continue
        assert frames == [1, 8, 20]


def test_no_noise_on_standard_error(reordered: Path, tmp_path: Path) -> None:
    (tmp_path / "x_rgb.avi").write_bytes(reordered.read_bytes()[: reordered.stat().st_size // 2])
    code = (
        "from pathlib import Path; from hcmoco_bench.sources.ntu import Asset, decode_frames\n"
        f"try: list(decode_frames(Asset(Path({str(tmp_path / 'x_rgb.avi')!r})), range(1, 20)))\n"
        "except Exception as error: print(error.kind)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("video_too_short\n", "")
