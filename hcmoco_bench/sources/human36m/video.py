"""Human3.6M's videos: chosen frames in the order they are shown, counted from 0."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.sources.file_kinds import LOOKED_AT, advice
from hcmoco_bench.sources.video_colors import to_rgb
from hcmoco_bench.sources.video_end import VideoTooShortError
from hcmoco_bench.sources.video_images import frames_damaged, images_in_order, whole_packets


def count_frames(path: Path) -> int:
    """Number of images that a video's header names, or else that are in it; nothing is decoded.

    Raises:
        DataError: Kind `video_unreadable`.
    """
    with _opened(path) as (container, stream):
        if stream.frames > 0:
            return stream.frames
        try:
            return sum(1 for packet in container.demux(stream) if packet.size)
        except (av.FFmpegError, EOFError) as error:
            raise _unreadable(path, str(error)) from error


def decode_frames(path: Path, frames: Sequence[int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Decode some frames of a video; nothing is decoded after the last of them.

    Args:
        path: The video.
        frames: Frame numbers from 0, strictly increasing.

    Yields:
        Frame number and (H, W, 3) uint8 RGB.

    Raises:
        UsageError: If the frame numbers are not strictly increasing from 0.
        DataError: `video_unreadable`; `video_too_short` where the video ends, or is damaged, before a frame asked for;
            `video_damaged` where frames asked for, or images that they build on, have errors. All other frames are
            yielded first.
    """
    if any(b <= a for a, b in zip([-1, *frames], frames, strict=False)):
        raise UsageError(f"frames to decode must increase from 0, got {list(frames)[:10]}")
    left = deque(frames)
    damaged = []
    shown = 0
    with _opened(path) as (container, stream):
        for found in images_in_order(stream, whole_packets(container, stream)) if left else ():
            if shown == left[0]:
                left.popleft()
                if found.damaged:
                    damaged.append(shown)
                else:
                    yield shown, to_rgb(found.image)
                if not left:
                    break
            shown += 1
    if damaged:
        raise frames_damaged(path, damaged, left)
    if left:
        raise VideoTooShortError(str(path), left[0], shown)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    try:
        # The format is fixed: guessing would let a file of another kind (a playlist) open further files.
        container = av.open(str(path), mode="r", format="mp4")
    except (av.FFmpegError, EOFError, ValueError, OSError) as error:
        raise _unreadable(path, str(error)) from error
    with container:
        if not container.streams.video or container.streams.video[0].codec_context is None:
            raise _unreadable(path, "it has no video that can be decoded")
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        stream.thread_type = "NONE"
        yield container, stream


def _unreadable(path: Path, why: str) -> DataError:
    try:
        with path.open("rb") as file:
            what = advice(file.read(LOOKED_AT), "MP4 video")
    except OSError as error:
        what = f"check its permissions and the disk ({error.strerror})"
    return DataError(
        f"{path}: not a readable MP4 video ({why}); {what}",
        kind="video_unreadable",
        file=str(path),
    )
