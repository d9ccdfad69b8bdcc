"""Decoded images of a video in the order they are shown, each with whether it is damaged.

A decoder conceals what it cannot read and marks the image. The images that build on a marked one look just as wrong
and bear no mark: they are those decoded after it and shown before, or with, the next image that builds on none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import av
from av.container import InputContainer
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.video_packets import PacketFacts, packet_reader

_LONGEST_WAIT: Final = 17
"""Packets after which a decoder has given an image out (H.264 holds back 16 at most), or never will."""


@dataclass(frozen=True)
class DecodedImage:
    """An image as the decoder gives it out.

    Attributes:
        image: The image.
        packet: Number of its packet among those that were fed.
        damaged: Whether its data, or that of an image it builds on, has errors.
    """

    image: VideoFrame
    packet: int
    damaged: bool


class DecodedImages:
    """A decoder that is fed with packets. Images are ready in the order they are shown, some packets later.

    Attributes:
        fed: Number of packets that hold an image to be shown.
        decoded: Number of images that the decoder gave out.
    """

    def __init__(self, stream: VideoStream) -> None:
        self._decoder = stream.codec_context
        if self._decoder.codec.name == "h264":
            # Data that is left over at the end of an image is an error.
            self._decoder.options = {"err_detect": "aggressive"}
        self._read = packet_reader(self._decoder.codec.name, self._decoder.extradata)
        self._facts: dict[int, PacketFacts] = {}  # of packets whose image did not come out yet
        self._held: deque[tuple[VideoFrame, int, bool]] = deque()
        self._damaged: list[int] = []  # packets of damaged images that others may build on
        self._keys: list[int] = []  # packets of images that were shown and build on none
        self.fed = self.decoded = 0

    def feed(self, packet: Any, number: int) -> None:
        """Decode a packet.

        Args:
            packet: The packet.
            number: Its number; numbers increase.

        Raises:
            av.FFmpegError: If the packet cannot be decoded at all.
        """
        # The decoder hands a packet's time stamp on to its image, and so says itself which one it shows.
        packet.pts = number
        if not packet.is_discard:
            self.fed += 1
            self._facts[number] = self._read(bytes(packet))
        self._take(self._decoder.decode(packet))
        for waiting in [n for n in self._facts if n < number - _LONGEST_WAIT]:
            del self._facts[waiting]

    def flush(self) -> None:
        """Decode what the decoder holds back; nothing can be fed after it."""
        with suppress(av.FFmpegError, EOFError):  # what was decoded before stays right
            self._take(self._decoder.decode(None))
        self._facts.clear()

    def ready(self, certain: int | None = None) -> Iterator[DecodedImage]:
        """Take out the images of which it is known whether those that were decoded before them are damaged.

        Args:
            certain: Leave in the images that the decoder gave out after so many in total.
        """
        uncertain = 0 if certain is None else self.decoded - certain
        while len(self._held) > uncertain and min(self._facts, default=self._held[0][1]) >= self._held[0][1]:
            image, number, damaged = self._held.popleft()
            if image.key_frame and image.pict_type == PictureType.I:
                self._keys.append(number)
            yield DecodedImage(image, number, damaged or self._builds_on_damage(number))

    def _builds_on_damage(self, number: int) -> bool:
        """Whether an image builds on a damaged one, or on one that the stream does not hold."""
        since = max((key for key in self._keys if key <= number), default=None)
        return since is None or any(since <= one < number for one in self._damaged)

    def _take(self, images: list[VideoFrame]) -> None:
        for image in images:
            number = self.decoded if image.pts is None else image.pts
            self.decoded += 1
            facts = self._facts.pop(number, PacketFacts(sound=True))
            damaged = image.is_corrupt or not facts.sound
            needed = image.pict_type != PictureType.B if facts.reference is None else facts.reference
            if damaged and needed:
                self._damaged.append(number)
            self._held.append((image, number, damaged))


def whole_packets(container: InputContainer, stream: VideoStream) -> Iterator[Any]:
    """Yield packets up to the end of the file or the first one that is cut off or unreadable."""
    try:
        for packet in container.demux(stream):
            if packet.is_corrupt:
                return
            if packet.size:
                yield packet
    except (av.FFmpegError, EOFError):
        return


def images_in_order(stream: VideoStream, packets: Iterable[Any]) -> Iterator[DecodedImage]:
    """Decode a stream, ending before the first image that may not be the next one.

    Args:
        stream: The stream.
        packets: Its packets, up to the first one that is cut off or cannot be read.
    """
    decoder = stream.codec_context
    images = DecodedImages(stream)
    certain = read = 0
    try:
        for number, packet in enumerate(packets):
            images.feed(packet, number)
            # A damaged packet may give no image and no error; all images after it would count one too few.
            if images.fed - images.decoded > decoder.reorder_depth:
                break
            certain, read = images.decoded, number + 1
            yield from images.ready()
        else:
            # A decoder holds images back to put them in order. When the file was cut off, those between may be among
            # the lost ones, and the held ones would be counted as the wrong frames.
            if read >= stream.frames or not decoder.reorder_depth:
                certain = images.fed
    except (av.FFmpegError, EOFError):
        pass  # the images before are right
    images.flush()
    yield from images.ready(certain)


def frames_damaged(file: object, damaged: Sequence[int], missing: Iterable[int] = ()) -> DataError:
    """The error for frames that cannot be trusted.

    Args:
        file: The video.
        damaged: Frames asked for that are damaged, or build on damaged images.
        missing: Frames asked for that were not reached besides.
    """
    lost = list(missing)
    also = f", and frame {lost[0]} is not reached" if lost else ""
    return DataError(
        f"{file}: {_named(damaged)} damaged, or built on damaged images{also}; compare the video's size with the "
        "published one, and extract or download it again",
        kind="video_damaged",
        file=str(file),
    )


def _named(frames: Sequence[int]) -> str:
    shown = ", ".join(map(str, frames[:5])) + (f" and {len(frames) - 5} more" if len(frames) > 5 else "")
    return f"frame {shown} is" if len(frames) == 1 else f"frames {shown} are"
