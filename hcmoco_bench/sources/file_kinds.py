"""What a file really is that cannot be read as what its name says, by its first bytes."""

from __future__ import annotations

from typing import Final

LOOKED_AT: Final = 64
"""Bytes from the start of a file that `advice` needs."""

_KINDS: Final = (
    (4, b"ftyp", "an MP4 video, or a MOV"),
    (0, b"\x1a\x45\xdf\xa3", "a Matroska or WebM video"),
    (8, b"AVI ", "an AVI video"),
    (0, b"\x00\x00\x01\xba", "an MPEG video"),
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"Rar!", "a rar archive"),
    (0, b"version https://git-lfs", "the pointer to a file in Git LFS"),
)
"""Where the mark is, the mark, and the kind."""


def advice(start: bytes, published: str) -> str:
    """What to do about an unreadable file; to fetch it again does not help if it is whole and of another kind.

    Args:
        start: Its first `LOOKED_AT` bytes, or all if there are fewer.
        published: The published form, e.g. `AVI video`.
    """
    for place, mark, kind in _KINDS:
        if start[place:].startswith(mark) and published not in kind:
            return f"it is {kind}; give the published {published}"
    if start.lstrip()[:1] == b"<":
        return "it is a web page, such as that of a failed login; download the file again"
    return f"compare its size with that of the published {published}, and extract or download it again if they differ"
