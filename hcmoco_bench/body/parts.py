"""The 24 body parts (and background) of NTURGBD-Parsing-4K and Human3.6M: ids, names, sides, colors, weights."""

from __future__ import annotations

from functools import cache, cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from hcmoco_bench.body.annotation_files import read_table
from hcmoco_bench.errors import LabelError

_UNKNOWN: Final = 255
"""Stands for the class of a label id that is not in the table."""


class Part(BaseModel):
    """One class of the part table.

    Attributes:
        raw: Label id in the published masks, 0..255.
        name: Name as published, lower case.
        partner: Raw id of the same part on the other side; None for parts on the midline.
        weight: Published class weight for training on NTU (dimensionless).
        color: RGB color for images, 0..255.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    raw: int = Field(ge=0, le=255)
    name: str
    partner: int | None = None
    weight: float = Field(gt=0)
    color: tuple[int, int, int]


class PartTable(BaseModel):
    """All classes in class order; the class index (0..24, 0 = background) is the position."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    part: tuple[Part, ...]

    @model_validator(mode="after")
    def _check_ids_and_partners(self) -> PartTable:
        raw = [part.raw for part in self.part]
        if len(set(raw)) != len(raw) or raw[0] != 0:
            raise ValueError("raw ids must be distinct and start with background 0")
        partner = {part.raw: part.partner for part in self.part if part.partner is not None}
        if any(partner.get(other) != one for one, other in partner.items()):
            raise ValueError("left/right partners must be mutual")
        return self

    def __len__(self) -> int:
        return len(self.part)

    @property
    def names(self) -> tuple[str, ...]:
        """Names in class order."""
        return tuple(part.name for part in self.part)

    @property
    def raw_ids(self) -> NDArray[np.uint8]:
        """(25,) uint8: raw label id of each class index."""
        return np.array([part.raw for part in self.part], np.uint8)

    @property
    def palette(self) -> NDArray[np.uint8]:
        """(25, 3) uint8 RGB color of each class index."""
        return np.array([part.color for part in self.part], np.uint8)

    @property
    def weights(self) -> NDArray[np.float32]:
        """(25,) float32 published training class weights."""
        return np.array([part.weight for part in self.part], np.float32)

    @property
    def flip(self) -> NDArray[np.uint8]:
        """(25,) uint8: the class that each class becomes when the image is mirrored."""
        index = {part.raw: i for i, part in enumerate(self.part)}
        return np.array([index[part.raw if part.partner is None else part.partner] for part in self.part], np.uint8)

    def index(self, name: str) -> int:
        """Class index of a part's name; raises LabelError for an unknown name."""
        if name not in self.names:
            raise LabelError(f"part {name!r} is not in the part table; it has {', '.join(self.names)}")
        return self.names.index(name)

    def encode(self, classes: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Map class indices (any shape, 0..24) to raw label ids."""
        if classes.size and int(classes.max()) >= len(self):
            raise LabelError(f"class index {int(classes.max())} is outside 0..{len(self) - 1}")
        return self.raw_ids[classes]

    def decode(self, raw: NDArray[np.uint8], *, source: str) -> NDArray[np.uint8]:
        """Map raw label ids (any shape) to class indices 0..24.

        Args:
            raw: Raw label ids.
            source: File named in the error message.

        Raises:
            LabelError: If an id is not in the table; names the file, each id and its pixel count.
        """
        # Of all ways to look up bytes, this is the fastest.
        found = raw.tobytes().translate(self._classes.tobytes())
        classes = np.frombuffer(bytearray(found), np.uint8).reshape(raw.shape)
        if classes.size and int(classes.max()) == _UNKNOWN:
            counts = np.bincount(raw.reshape(-1), minlength=256)
            unknown = [i for i in np.flatnonzero(counts) if self._classes[i] == _UNKNOWN]
            listed = ", ".join(f"id {i} ({counts[i]} px)" for i in unknown)
            raise LabelError(
                f"{source}: label ids that are not in the part table: {listed}; correct the mask",
                kind="mask_unknown_id",
                file=source,
            )
        return classes

    @cached_property
    def _classes(self) -> NDArray[np.uint8]:
        """(256,) uint8: class index of each raw label id."""
        classes = np.full(256, _UNKNOWN, np.uint8)
        classes[self.raw_ids] = np.arange(len(self), dtype=np.uint8)
        return classes


@cache
def part_table() -> PartTable:
    """The packaged part table (`annotations/parts.toml`), read once."""
    return PartTable.model_validate(read_table("parts.toml"))
