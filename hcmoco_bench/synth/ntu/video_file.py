"""Writes videos as data sets have them: H.264, 4:2:0, in AVI (NTU) or MP4; the same images give the same bytes."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Literal

import av
import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.sources.ntu.layout import COLOR_SIZE, FRAME_RATE

_OPTIONS = {
    # One thread and no CPU-dependent choices: the bytes must not depend on the machine's load or cores.
    "threads": "1",
    "preset": "ultrafast",
    "crf": "21",
    "g": "60",
}


class VideoFile:
    """A video file being written; use as a context manager.

    Args:
        path: Where to.
        size: Width and height, px, even.
        container: Format of the file.
        rate: Frames a second.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int] = COLOR_SIZE,
        *,
        container: Literal["avi", "mp4"] = "avi",
        rate: int = FRAME_RATE,
    ) -> None:
        self._container = av.open(str(path), "w", format=container, container_options={"fflags": "+bitexact"})
        stream = self._container.add_stream("libx264", rate=rate, options=dict(_OPTIONS))
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        self._stream = stream

    def add(self, planes: NDArray[np.uint8]) -> None:
        """Add a frame given as I420 planes (H * 3 / 2, W), BT.601, limited range."""
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        self._container.mux(self._stream.encode(frame))

    def __enter__(self) -> VideoFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._container.mux(self._stream.encode())
        self._container.close()
