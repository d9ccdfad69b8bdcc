"""Human3.6M's videos: chosen frames in the order they are shown, counted from 0."""

from __future__ import annotations

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
        DataError: `video_unreadable`, or `video_too_short` where the video ends, or is damaged, before a frame asked
            for; the frames before are yielded first.
    """
    if any(b <= a for a, b in zip([-1, *frames], frames, strict=False)):
        raise UsageError(f"frames to decode must increase from 0, got {list(frames)[:10]}")
    left = list(reversed(frames))
    shown = 0
    with _opened(path) as (container, stream):
        if left:
            try:
                for image in container.decode(stream):
                    if shown == left[-1]:
                        yield left.pop(), to_rgb(image)
                        if not left:
                            break
                    shown += 1
            except (av.FFmpegError, EOFError):
                pass  # damaged: what is missing is said below
    if left:
        raise VideoTooShortError(str(path), left[-1], shown)


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
