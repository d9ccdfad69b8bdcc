"""The error of bytes that are not the image that they should be."""

from __future__ import annotations

from typing import Literal


class ImageError(Exception):
    """Bytes are not the image that they should be; whoever knows the file turns this into its own error.

    Attributes:
        kind: `unreadable`, `wrong_type` or `wrong_size`.
    """

    def __init__(self, why: str, *, kind: Literal["unreadable", "wrong_type", "wrong_size"] = "unreadable") -> None:
        super().__init__(why)
        self.kind = kind
