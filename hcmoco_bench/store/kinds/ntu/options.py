"""What an NTU store was asked to be; everything here changes its bytes, nothing else does."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from hcmoco_bench.store.columns import JPEG_QUALITY

SampleSet = Literal["parsing4k", "pretrain"]
AlignMode = Literal["homography", "registered"]


class PrepareOptions(BaseModel):
    """Options of `prepare ntu` that the store's content depends on.

    Attributes:
        set: `parsing4k`: the frames of the published lists; `pretrain`: one frame of `every` of every clip.
        every: Stride of `pretrain` in frames, >= 1; it plays no part in `parsing4k`.
        align: How RGB comes into the depth frame.
        rgb_only: Whether depth is left out; the column is null then, and the alignment is the homography.
        parts: Whether masks were given, that is whether the store has a `parts` column.
        seed: Seed of the calibration.
        rows_per_shard: Samples planned for one shard.
        jpeg_quality: JPEG quality of the stored RGB.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    set: SampleSet = "parsing4k"
    every: int = Field(default=30, ge=1)
    align: AlignMode = "homography"
    rgb_only: bool = False
    parts: bool = False
    seed: int = Field(default=0, ge=0)
    rows_per_shard: int = Field(default=128, ge=1)
    jpeg_quality: int = Field(default=JPEG_QUALITY, ge=1, le=100)
