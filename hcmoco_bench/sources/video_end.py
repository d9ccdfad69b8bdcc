"""Videos that end, or are damaged, before a frame that is asked for."""

from __future__ import annotations

from hcmoco_bench.errors import DataError


class VideoTooShortError(DataError):
    """Kind `video_too_short`.

    Args:
        file: The video, as the user knows it.
        frame: The frame asked for, counted as the data set counts them.
        shown: How many frames can be read.

    Attributes:
        shown: See above.
    """

    def __init__(self, file: str, frame: int, shown: int) -> None:
        super().__init__(
            f"{file}: frame {frame} is asked for, but the video ends or is damaged after {shown} frames; compare its "
            "size with the published one, and extract or download it again if they differ",
            kind="video_too_short",
            file=file,
        )
        self.shown = shown

    def for_frame(self, frame: int) -> VideoTooShortError:
        """The same of a later frame, which is missing as well."""
        return VideoTooShortError(self.file, frame, self.shown)


def of_frame(error: DataError, frame: int) -> DataError:
    """An error of a video as it concerns one of the frames that are missing."""
    return error.for_frame(frame) if isinstance(error, VideoTooShortError) else error
