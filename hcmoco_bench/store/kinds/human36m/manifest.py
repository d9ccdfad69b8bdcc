"""The manifest and the columns of a Human3.6M store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import pyarrow as pa
from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from hcmoco_bench.store.columns import IMAGE
from hcmoco_bench.store.manifest import SHA256_PATTERN, DeclaredSplit, StoreManifest

LICENSE_HUMAN36M: Final = "Pixels from Human3.6M: for academic research only, not to be redistributed (http://vision.imar.ro/human3.6m/eula.php)."

SCHEMA: Final = pa.schema(
    [
        pa.field("sample_id", pa.string(), nullable=False),
        pa.field("subject", pa.int32(), nullable=False),
        pa.field("action", pa.string(), nullable=False),
        pa.field("camera", pa.string(), nullable=False),
        pa.field("frame", pa.int32(), nullable=False),
        pa.field("rgb", IMAGE),
        pa.field("parts", IMAGE),
    ]
)
"""One row a frame, counted from 0. `rgb`: JPEG in the video's size; `parts`: 8-bit PNG of class indices, as large."""

JOINTS: Final = "h36m17"
"""Joint set of `pose`."""

MOST_OFF: Final = 0.1
"""Largest distance of a joint's projection from its pixel, as a share of the focal length."""

POSE: Final = pa.struct(
    [
        ("joints", pa.list_(pa.list_(pa.float64()))),
        ("pixels", pa.list_(pa.list_(pa.float64()))),
        ("intrinsics", pa.list_(pa.float64())),
    ]
)
"""The pose of the person.

`joints` (17, 3) meters in the camera's coordinates (x right in the image, y down, z forward); `pixels` (17, 2) px
(x, y) of `rgb`, as published; `intrinsics` (4) fx, fy, cx, cy px of the pinhole camera that comes nearest to them.
"""

POSE_SCHEMA: Final = SCHEMA.append(pa.field("pose", POSE))
"""The columns of a store of recordings with positions of joints; `pose` is null in frames that have none."""

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class Human36mSource(BaseModel):
    """Where the pixels come from; `generated` decides whether they may be handed on."""

    model_config = _FROZEN
    dataset: Literal["human36m"] = "human36m"
    generated: bool
    license: str = Field(validation_alias=AliasChoices("license", "licence"), serialization_alias="licence")


class Human36mChoice(BaseModel):
    """What the store was asked to be; everything here changes its bytes.

    Attributes:
        every: Stride in frames: frames 0, `every`, 2 `every`, ... are used.
        jpeg_quality: JPEG quality of the stored RGB.
        rows_per_shard: Rows at which a shard is closed; recordings are not divided.
    """

    model_config = _FROZEN
    every: int = Field(ge=1)
    jpeg_quality: int = Field(ge=1, le=100)
    rows_per_shard: int = Field(ge=1)


class Human36mManifest(StoreManifest):
    """The whole manifest.

    Attributes:
        kind: Name of the kind.
        source: Data set and license.
        options: What was asked for.
        recordings: Number of videos that were used.
        parts: True: every row has part labels.
        poses: Whether there is a column `pose`; the file says it only where it is so, as stores without it always were.
    """

    schema_version: Literal[1] = Field(default=1, alias="schema")
    kind: Literal["human36m"] = "human36m"
    source: Human36mSource
    options: Human36mChoice
    recordings: int = Field(ge=0)
    splits: Mapping[str, DeclaredSplit]
    parts: Literal[True] = True
    splits_sha256: str = Field(pattern=SHA256_PATTERN)
    poses: bool = False

    @model_serializer(mode="wrap")
    def _without_poses(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = write(self)
        return fields if self.poses else {name: value for name, value in fields.items() if name != "poses"}
