"""What a packet of a video says about itself before it is decoded: whether its bytes can be right, and who needs it.

Decoders go on where bytes were lost: a stretch of zeros, as a download that broke off leaves, ends an image's data
early, and H.264's arithmetic decoder makes up the rest without a word. The standards forbid such bytes inside an
image (ISO/IEC 14496-10, 7.4.1, and 14496-2, 6.2.1: they would be taken for the beginning of another one).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

_SLICE, _IDR_SLICE = 1, 5
_START_CODE: Final = b"\0\0\1"
_MOST_ZEROS: Final = 16
"""Zeros that may follow an image in its packet: the standards allow some, and a lost stretch is longer."""


@dataclass(frozen=True)
class PacketFacts:
    """What the bytes of a packet tell.

    Attributes:
        sound: False if they cannot be what an encoder wrote.
        reference: False if no other image builds on this one; None if only the decoded image tells.
    """

    sound: bool
    reference: bool | None = None


PacketReader: TypeAlias = Callable[[bytes], PacketFacts]


def packet_reader(codec: str, extradata: bytes | None) -> PacketReader:
    """What reads the packets of a stream.

    Args:
        codec: FFmpeg's name of the codec.
        extradata: What the container says about the stream.
    """
    if codec == "h264":
        header = extradata or b""
        length = (header[4] & 3) + 1 if len(header) > 4 and header[0] == 1 else 0
        return lambda packet: _read_h264(packet, length)
    if codec == "mpeg4":
        return lambda packet: PacketFacts(_ends_properly(packet) and not _has_lost_bytes(packet))
    return lambda packet: PacketFacts(sound=True)


def _read_h264(packet: bytes, length: int) -> PacketFacts:
    units = list(_units_by_length(packet, length) if length else _units_by_start_code(packet))
    slices = [unit.rstrip(b"\0") for unit in units if unit[:1] and unit[0] & 31 in (_SLICE, _IDR_SLICE)]
    sound = bool(slices) and all(map(_ends_properly, units)) and not any(map(_has_forbidden_bytes, slices))
    return PacketFacts(sound, any(unit[0] >> 5 & 3 for unit in slices) if slices else None)


def _units_by_length(packet: bytes, length: int) -> Iterator[bytes]:
    """The units of a packet behind their lengths; an empty one where a length is wrong."""
    position = 0
    while position < len(packet):
        end = position + length + int.from_bytes(packet[position : position + length], "big")
        yield packet[position + length : end] if end <= len(packet) else b""
        position = end


def _units_by_start_code(packet: bytes) -> Iterator[bytes]:
    start = packet.find(_START_CODE)
    while start >= 0:
        following = packet.find(_START_CODE, start + 3)
        yield packet[start + 3 : following if following >= 0 else len(packet)]
        start = following


def _ends_properly(data: bytes) -> bool:
    return 0 < len(data) < len(data.rstrip(b"\0")) + _MOST_ZEROS


def _has_lost_bytes(packet: bytes) -> bool:
    """Whether three zeros stand in MPEG-4 where no other image begins, nor the packet ends."""
    zeros = packet.find(b"\0\0\0")
    while zeros >= 0:
        behind = packet[zeros:].lstrip(b"\0")
        if behind[:1] not in (b"", b"\1"):
            return True
        zeros = packet.find(b"\0\0\0", len(packet) - len(behind))
    return False


def _has_forbidden_bytes(unit: bytes) -> bool:
    """Whether two zeros stand in H.264 before a 0, 1 or 2, or before a 3 that escapes nothing."""
    place = unit.find(b"\0\0\3")
    while place >= 0:
        if unit[place + 3 : place + 4] > b"\3":
            return True
        place = unit.find(b"\0\0\3", place + 3)
    return any(code in unit for code in (b"\0\0\0", _START_CODE, b"\0\0\2"))
