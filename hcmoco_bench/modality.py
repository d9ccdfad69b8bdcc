"""The kinds of image that encoders take."""

from __future__ import annotations

from typing import Literal, TypeAlias

Modality: TypeAlias = Literal["rgb", "depth"]
"""Which image of a frame, and which of the two encoders."""
