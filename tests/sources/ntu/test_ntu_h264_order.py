"""Images left out of decoding change nothing: what is asked for is bit by bit what full decoding gives."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from hcmoco_bench.sources.ntu import video as video_module
from hcmoco_bench.sources.ntu.assets import Asset
from hcmoco_bench.sources.ntu.h264_order import coded_images, shown_order
from hcmoco_bench.sources.ntu.video import decode_frames

N = 48


def write_h264(path: Path, parameters: str, n_frames: int = N) -> Path:
    """An AVI of moving noise, coded with the given parameters of x264."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (1080 // 8, 1920 // 8 + 2 * n_frames, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    try:
        with av.open(str(path), "w", format="avi") as container:
            stream = container.add_stream("libx264", rate=Fraction(30))
            stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
            stream.options = {"preset": "ultrafast", "x264-params": f"{parameters}:qp=35"}
            for frame in range(n_frames):
                image = np.ascontiguousarray(noise[:, 7 * frame : 7 * frame + 1920])
                image[:, :, 0] = frame * 5
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(stream.encode(None))
    except ValueError as error:  # av.codec.UnknownCodecError
        pytest.skip(f"this build of PyAV has no x264: {error}")
    return path


STREAMS = {
    "pyramid": "bframes=5:b-pyramid=normal:b-adapt=0:keyint=20:ref=4",
    "strict pyramid, open": "bframes=3:b-pyramid=strict:b-adapt=0:keyint=15:open-gop=1",
    "plain B": "bframes=2:b-pyramid=none:b-adapt=1:keyint=250",
    "no B": "bframes=0:keyint=12",
    "slices": "bframes=3:slices=4:b-adapt=0",
    "interlaced": "bframes=2:tff=1:b-adapt=0",
}


def full_order(path: Path) -> list[int]:
    """Decoding indices in shown order, as the decoder gives them when it decodes everything."""
    shown = []
    with av.open(str(path), format="avi") as container:
        decoder = container.streams.video[0].codec_context
        packets = [packet for packet in container.demux(video=0) if packet.size]
        for i, packet in enumerate(packets):
            packet.pts = i
            shown += [image.pts for image in decoder.decode(packet)]
        return shown + [image.pts for image in decoder.decode(None)]


def check(path: Path, monkeypatch: pytest.MonkeyPatch, choices: list[list[int]]) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(video_module, "_SMALL", -1)  # decode everything
        last = max(max(choice) for choice in choices)
        whole = dict(decode_frames(Asset(path), range(1, last + 1)))
    for choice in choices:
        found = list(decode_frames(Asset(path), choice))
        assert [frame for frame, _ in found] == choice
        for frame, image in found:
            np.testing.assert_array_equal(image, whole[frame])


@pytest.mark.parametrize("name", STREAMS)
def test_coded_streams(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_h264(tmp_path / "x.avi", STREAMS[name])
    with av.open(str(path), format="avi") as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
        images = coded_images(container.streams.video[0].codec_context.extradata, packets)
    if images is not None:
        assert shown_order(images) == full_order(path)
    assert (images is None) == (name in ("no B", "interlaced"))
    check(path, monkeypatch, [[1], [N], [24], [2, 3, 4], [15, 45], [7, 8, 30, 31, 48], list(range(1, N + 1, 9))])


@pytest.mark.real
def test_the_real_video(real_files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = (real_files / "ntu").glob("*.avi")
    with av.open(str(path), format="avi") as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
        images = coded_images(container.streams.video[0].codec_context.extradata, packets)
    assert images is not None
    assert shown_order(images) == full_order(path)
    assert 0.2 < np.mean([not image.reference for image in images]) < 0.8
    check(path, monkeypatch, [[1], [52], [15, 45, 75], [2, 3, 4, 5], [60, 103]])


def test_damaged_streams_say_nothing(tmp_path: Path) -> None:
    path = write_h264(tmp_path / "x.avi", STREAMS["pyramid"], 12)
    with av.open(str(path), format="avi") as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
        extradata = container.streams.video[0].codec_context.extradata
    assert coded_images(extradata, packets) is not None
    for broken in (b"", b"\0" * 100, b"\xff" * 100, b"\0\0\1", b"\0\0\1\x65", packets[5][:6], packets[3] + packets[4]):
        assert coded_images(extradata, [*packets[:5], broken, *packets[6:]]) is None
    assert coded_images(None, packets[1:]) is None or extradata
    doubled = coded_images(extradata, [*packets[:5], packets[4]])
    assert doubled is None or shown_order(doubled) is None
