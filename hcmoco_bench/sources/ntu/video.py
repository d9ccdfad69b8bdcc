"""NTU videos: exactly the frames asked for, decoded no further than the last of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.sources.file_kinds import LOOKED_AT, advice
from hcmoco_bench.sources.ntu.assets import Asset
from hcmoco_bench.sources.ntu.h264_order import coded_images, shown_order
from hcmoco_bench.sources.ntu.layout import COLOR_SIZE
from hcmoco_bench.sources.video_colors import to_rgb
from hcmoco_bench.sources.video_end import VideoTooShortError
from hcmoco_bench.sources.video_images import (
    DecodedImage,
    DecodedImages,
    frames_damaged,
    images_in_order,
    whole_packets,
)

_CHUNK_HEADER = 8
"""Bytes of an AVI chunk before its data."""

_SMALL = 64 * 2**20
"""Largest file, bytes, of which all packets are held in memory."""


def decode_frames(asset: Asset, frames: Sequence[int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Decode some frames of a video as RGB; arguments and errors as `decode_images`.

    Yields:
        Frame number and (1080, 1920, 3) uint8 RGB. An untagged video is taken as BT.601 with limited range.
    """
    for frame, image in decode_images(asset, frames):
        yield frame, to_rgb(image)


def decode_images(asset: Asset, frames: Sequence[int]) -> Iterator[tuple[int, VideoFrame]]:
    """Decode some frames of a video, in the colors that it has.

    Frames are counted in the order they are shown, from 1, never by time stamps, which AVI does not have for images
    shown out of order. Images up to the last one asked for are decoded, on one thread, because they build on those
    before (those that no other builds on are left out where the stream says which they are).

    Args:
        asset: The video, plain or in an archive.
        frames: Frame numbers from 1, strictly increasing.

    Yields:
        Frame number and image, 1920x1080 px.

    Raises:
        UsageError: If the frame numbers are not strictly increasing from 1.
        DataError: `video_unreadable`, `video_wrong_size`, or `video_too_short` where the video ends, or is damaged,
            before a frame asked for; `video_damaged` where frames asked for, or images that they build on, have errors.
            All other frames are yielded first. Also the kinds of `Asset.open`.
    """
    if any(b <= a for a, b in zip([0, *frames], frames, strict=False)):
        raise UsageError(f"frames to decode must increase from 1, got {list(frames)[:10]}")
    if not frames:
        return
    left = deque(frames)
    with _opened(asset) as (container, stream):
        _check_size(asset, stream.codec_context.width, stream.codec_context.height)
        if not _says_what_is_necessary(container, stream):
            yield from _decode_all(asset, container, stream, left)
            return
        damaged = []
        for found in _necessary_images(container, stream, frames):
            _check_size(asset, found.image.width, found.image.height)
            frame = left.popleft()
            if found.damaged:
                damaged.append(frame)
            else:
                yield frame, found.image
    if left:
        with _opened(asset) as (container, stream):
            yield from _decode_all(asset, container, stream, left, damaged)
    elif damaged:
        raise frames_damaged(asset, damaged)


def _decode_all(
    asset: Asset, container: InputContainer, stream: VideoStream, frames: Iterable[int], damaged: Iterable[int] = ()
) -> Iterator[tuple[int, VideoFrame]]:
    """Decode every image up to the last one asked for, and count; `damaged` ones were found already."""
    left = deque(frames)
    wrong = list(damaged)
    shown = 0
    for found in images_in_order(stream, _listed_packets(container, stream)):
        shown += 1
        if shown < left[0]:
            continue
        left.popleft()
        _check_size(asset, found.image.width, found.image.height)
        if found.damaged:
            wrong.append(shown)
        else:
            yield shown, found.image
        if not left:
            break
    if wrong:
        raise frames_damaged(asset, wrong, left)
    if left:
        raise VideoTooShortError(str(asset), left[0], shown)


def count_frames(asset: Asset) -> int:
    """Count a video's images without decoding them: those that a video in good order shows.

    Raises:
        DataError: `video_unreadable` and the kinds of `Asset.open`.
    """
    with _opened(asset) as (container, stream):
        return sum(1 for _ in _listed_packets(container, stream))


@contextmanager
def _opened(asset: Asset) -> Iterator[tuple[InputContainer, VideoStream]]:
    with asset.open() as file:
        try:
            # The format is fixed: guessing would let a file of another kind (a playlist) open further files.
            # Frames are counted, so the frame rate need not be probed, for which some 20 images would be decoded.
            container = av.open(file, mode="r", format="avi", options={"fpsprobesize": "0"})
        except (av.FFmpegError, EOFError, ValueError) as error:
            raise _unreadable(asset, str(error)) from error
        with container:
            if not container.streams.video:
                raise _unreadable(asset, "it has no video stream")
            stream = container.streams.video[0]
            if stream.codec_context is None:
                raise _unreadable(asset, "its codec is unknown")
            stream.codec_context.thread_count = 1
            stream.thread_type = "NONE"
            yield container, stream


def _listed_packets(container: InputContainer, stream: VideoStream) -> Iterator[Any]:
    """Yield packets up to the end of the file or the first one that is cut off, unreadable or not where it should be.

    Where a chunk's header is damaged, the next chunk that looks like one is read, and one image would be missing in
    the count; the file's index tells.
    """
    listed = iter([entry.pos + _CHUNK_HEADER for entry in stream.index_entries if entry.size])
    for packet in whole_packets(container, stream):
        if packet.pos not in (None, next(listed, packet.pos)):
            return
        yield packet


def _says_what_is_necessary(container: InputContainer, stream: VideoStream) -> bool:
    """Whether it pays to read which images no other builds on: without those shown out of order there are none."""
    decoder = stream.codec_context
    return decoder.codec.name == "h264" and bool(decoder.has_b_frames) and container.size <= _SMALL


def _necessary_images(container: InputContainer, stream: VideoStream, frames: Sequence[int]) -> Iterator[DecodedImage]:
    """Yield the images asked for, decoding only what they build on.

    Ends early, perhaps before the first, as soon as it is not certain which images these are.
    """
    decoder = stream.codec_context
    packets = list(_listed_packets(container, stream))
    images = coded_images(decoder.extradata, map(bytes, packets))
    order = None if images is None else shown_order(images)
    if images is None or order is None or len(packets) != stream.frames or frames[-1] > len(packets):
        return
    wanted = {order[frame - 1] for frame in frames}
    fed = [i for i in range(max(wanted) + 1) if images[i].reference or i in wanted]
    among = set(fed)
    expected = (i for i in order if i in among)
    decoded = DecodedImages(stream)
    try:
        for i in (*fed, None):
            if i is None:
                decoded.flush()
            else:
                decoded.feed(packets[i], i)
            for found in decoded.ready():
                if found.packet != next(expected, None):
                    return
                if found.packet in wanted:
                    yield found
    except (av.FFmpegError, EOFError):
        return


def _check_size(asset: Asset, width: int, height: int) -> None:
    if (width, height) != COLOR_SIZE:
        raise DataError(
            f"{asset}: {width}x{height} px, but NTU videos have {COLOR_SIZE[0]}x{COLOR_SIZE[1]}; "
            "give the published videos, not resized ones",
            kind="video_wrong_size",
            file=str(asset),
        )


def _unreadable(asset: Asset, why: str) -> DataError:
    with asset.open() as file:
        what = advice(file.read(LOOKED_AT), "AVI video")
    return DataError(
        f"{asset}: not a readable AVI video ({why}); {what}",
        kind="video_unreadable",
        file=str(asset),
    )
