"""DensePose's division of the body: 24 charts for point annotations, 14 parts for masks."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from hcmoco_bench.body.annotation_files import read_table
from hcmoco_bench.errors import LabelError

_STRICT = ConfigDict(frozen=True, extra="forbid")


class FinePart(BaseModel):
    """One chart.

    Attributes:
        name: What it covers.
        coarse: The mask part that it lies in, 1..14.
        partner: The chart on the other side of the body, 1..24; itself on the midline.
    """

    model_config = _STRICT
    name: str
    coarse: int = Field(ge=1, le=14)
    partner: int = Field(ge=1, le=24)


class DensePoseParts(BaseModel):
    """All parts; index 0 is background in both divisions, so part i is at position i - 1.

    Attributes:
        coarse: Names of the 14 mask parts.
        fine: The 24 charts.
    """

    model_config = _STRICT
    coarse: tuple[str, ...] = Field(min_length=14, max_length=14)
    fine: tuple[FinePart, ...] = Field(min_length=24, max_length=24)

    @model_validator(mode="after")
    def _check_partners(self) -> DensePoseParts:
        if any(self.fine[part.partner - 1].partner != i for i, part in enumerate(self.fine, 1)):
            raise ValueError("left/right partners must be mutual")
        return self

    @property
    def coarse_of_fine(self) -> NDArray[np.uint8]:
        """(25,) uint8 mask part of each chart; 0 of background."""
        return np.array([0, *(part.coarse for part in self.fine)], np.uint8)

    @property
    def flip(self) -> NDArray[np.uint8]:
        """(25,) uint8 chart that each chart becomes when the image is mirrored."""
        return np.array([0, *(part.partner for part in self.fine)], np.uint8)

    @property
    def coarse_flip(self) -> NDArray[np.uint8]:
        """(15,) uint8 mask part that each mask part becomes when the image is mirrored."""
        flip = np.zeros(15, np.uint8)
        flip[self.coarse_of_fine] = self.coarse_of_fine[self.flip]
        return flip

    def index(self, name: str) -> int:
        """Index 1..24 of a chart's name; raises LabelError for an unknown name."""
        names = [part.name for part in self.fine]
        if name not in names:
            raise LabelError(f"DensePose part {name!r} is unknown; there are {', '.join(names)}")
        return names.index(name) + 1


@cache
def densepose_parts() -> DensePoseParts:
    """The packaged table (`annotations/densepose.toml`), read once."""
    return DensePoseParts.model_validate(read_table("densepose.toml"))
