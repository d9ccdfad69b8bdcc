"""In which order the images of an H.264 stream are shown, and which of them no other image builds on.

Read from the slice headers (ITU-T H.264, 7.3 and 8.2.1) without decoding an image. An image that no other one builds
on need not be decoded unless it is wanted: in NTU's videos that is every third.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_HIGH_PROFILES = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244})
_SLICE, _IDR_SLICE, _SPS = 1, 5, 7
_HEADER_BYTES = 64
"""More than a slice header up to the image order count takes."""


@dataclass(frozen=True)
class CodedImage:
    """One packet's image.

    Attributes:
        sequence: Number of IDR images up to it; images of one sequence are shown before those of the next.
        order: Image order count within the sequence: what is smaller is shown earlier.
        reference: Whether other images may build on it.
    """

    sequence: int
    order: int
    reference: bool


def coded_images(extradata: bytes | None, packets: Iterable[bytes]) -> list[CodedImage] | None:
    """Read the order of all images of a stream in Annex B form.

    Args:
        extradata: What the container says about the stream; may hold the parameter sets.
        packets: The packets in decoding order, one image each.

    Returns:
        One entry a packet; None if the stream uses anything that is not known here (interlacing, image order of type
        1 or 2, several parameter sets, ...) or is damaged. Then nothing can be said and everything must be decoded.
    """
    try:
        return _Reader().read(extradata or b"", packets)
    except (_UnknownStreamError, IndexError):
        return None


def shown_order(images: list[CodedImage]) -> list[int] | None:
    """Index of each shown image in decoding order; None if two images claim one place."""
    order = sorted(range(len(images)), key=lambda i: (images[i].sequence, images[i].order))
    places = {(image.sequence, image.order) for image in images}
    return order if len(places) == len(images) else None


class _UnknownStreamError(Exception):
    pass


class _Bits:
    """Bits of a unit without its emulation prevention bytes; IndexError at the end."""

    def __init__(self, unit: bytes) -> None:
        payload = unit[1:].replace(b"\0\0\x03", b"\0\0")
        self._bits = "".join(f"{byte:08b}" for byte in payload)
        self._at = 0

    def fixed(self, count: int) -> int:
        if self._at + count > len(self._bits):
            raise IndexError
        value = int(self._bits[self._at : self._at + count] or "0", 2)
        self._at += count
        return value

    def exponential(self) -> int:
        """An unsigned Exp-Golomb number."""
        one = self._bits.index("1", self._at) if "1" in self._bits[self._at :] else len(self._bits)
        zeros = one - self._at
        self._at = one
        return self.fixed(zeros + 1) - 1


@dataclass(frozen=True)
class _Parameters:
    frame_num_bits: int
    order_bits: int


class _Reader:
    def __init__(self) -> None:
        self._parameters: _Parameters | None = None
        self._sequence = 0
        self._high = self._low = 0  # of the image order of the last reference image

    def read(self, extradata: bytes, packets: Iterable[bytes]) -> list[CodedImage]:
        self._read_parameters(extradata)
        return [self._image(packet) for packet in packets]

    def _read_parameters(self, data: bytes) -> None:
        for unit in _units(data):
            if unit[0] & 31 == _SPS:
                self._use(_parse_parameters(unit))

    def _use(self, parameters: _Parameters) -> None:
        if self._parameters not in (None, parameters):
            raise _UnknownStreamError
        self._parameters = parameters

    def _image(self, packet: bytes) -> CodedImage:
        found: CodedImage | None = None
        for unit in _units(packet):
            kind = unit[0] & 31
            if kind == _SPS:
                self._use(_parse_parameters(unit))
            elif kind in (_SLICE, _IDR_SLICE):
                if found is not None:
                    if _Bits(unit[:8]).exponential() == 0:
                        raise _UnknownStreamError  # a second image in the packet
                    continue
                found = self._first_slice(unit, idr=kind == _IDR_SLICE)
            elif 2 <= kind <= 4:
                raise _UnknownStreamError  # data partitioning
        if found is None:
            raise _UnknownStreamError
        return found

    def _first_slice(self, unit: bytes, *, idr: bool) -> CodedImage:
        parameters = self._parameters
        if parameters is None:
            raise _UnknownStreamError
        bits = _Bits(unit[:_HEADER_BYTES])
        if bits.exponential() != 0:
            raise _UnknownStreamError  # does not begin with the image's first slice
        bits.exponential()  # slice type
        bits.exponential()  # image parameter set
        bits.fixed(parameters.frame_num_bits)
        if idr:
            bits.exponential()  # number of the IDR image
            self._sequence += 1
            self._high = self._low = 0
        low, span = bits.fixed(parameters.order_bits), 1 << parameters.order_bits
        high = self._high
        if low < self._low and self._low - low >= span // 2:
            high += span
        elif low > self._low and low - self._low > span // 2:
            high -= span
        reference = unit[0] >> 5 & 3 != 0
        if reference:
            self._high, self._low = high, low
        return CodedImage(self._sequence, high + low, reference)


def _parse_parameters(unit: bytes) -> _Parameters:
    bits = _Bits(unit)
    profile = bits.fixed(8)
    bits.fixed(16)
    bits.exponential()
    if profile in _HIGH_PROFILES:
        if bits.exponential() == 3:
            raise _UnknownStreamError  # 4:4:4, perhaps with separate planes
        bits.exponential()
        bits.exponential()
        if bits.fixed(2) & 1:
            raise _UnknownStreamError  # scaling matrices
    frame_num_bits = bits.exponential() + 4
    if bits.exponential() != 0:
        raise _UnknownStreamError  # another type of image order
    order_bits = bits.exponential() + 4
    bits.exponential()
    if bits.fixed(1):
        raise _UnknownStreamError  # gaps in the frame numbers
    bits.exponential()
    bits.exponential()
    if not bits.fixed(1):
        raise _UnknownStreamError  # interlaced
    return _Parameters(frame_num_bits, order_bits)


def _units(data: bytes) -> list[bytes]:
    """The units between start codes 0 0 1."""
    units = []
    start = data.find(b"\0\0\1")
    while start >= 0:
        following = data.find(b"\0\0\1", start + 3)
        unit = data[start + 3 : following if following >= 0 else len(data)]
        if unit:
            units.append(unit)
        start = following
    return units
