"""The columns of an NTU store: one row a sample, the same for every executor and every machine."""

from __future__ import annotations

import pyarrow as pa

from hcmoco_bench.sources.ntu.names import SampleId
from hcmoco_bench.store.columns import IMAGE

BODY = pa.struct(
    [
        ("body_id", pa.int64()),
        ("joints_xyz", pa.list_(pa.list_(pa.float32()))),
        ("joints_depth", pa.list_(pa.list_(pa.float32()))),
        ("joints_color", pa.list_(pa.list_(pa.float32()))),
        ("tracking", pa.list_(pa.uint8())),
    ]
)
"""One tracked body.

`joints_xyz` (25, 3) meters in the depth camera's space (x right in the image, y up, z forward); `joints_depth`
(25, 2) px (x, y) in 512x424; `joints_color` (25, 2) px (x, y) in 1920x1080; `tracking` (25): 0 not tracked,
1 inferred, 2 tracked. Numbers that are not finite in the source stay so, with tracking 0.
"""

ALIGNMENT = pa.struct([("mode", pa.string()), ("residual_px", pa.float32())])
"""How the RGB came into the depth frame, and the rig's mean residual on held-out joints (px of 512x424)."""

NAME_COLUMNS = ("setup", "camera", "performer", "replication", "action", "frame")
"""The numbers of the sample id as columns of their own."""


def store_schema(*, parts: bool) -> pa.Schema:
    """The Arrow schema of a store's shards.

    Columns: `sample_id`; `setup`, `camera`, `performer`, `replication`, `action`, `frame` (int32, frame from 1);
    `rgb` (JPEG, 512x424, in the depth frame); `depth` (16-bit PNG, 512x424, millimeters, 0 = none; null in a store
    made without depth); `parts` (8-bit PNG of class indices 0..24; only with masks); `bodies` (main body first, may be
    empty); `alignment`.

    Args:
        parts: Whether the store has part masks.
    """
    fields = [pa.field("sample_id", pa.string(), nullable=False)]
    fields += [pa.field(name, pa.int32(), nullable=False) for name in NAME_COLUMNS]
    fields += [pa.field("rgb", IMAGE), pa.field("depth", IMAGE)]
    if parts:
        fields.append(pa.field("parts", IMAGE))
    fields += [pa.field("bodies", pa.list_(BODY)), pa.field("alignment", ALIGNMENT)]
    return pa.schema(fields)


def name_columns(sample: SampleId) -> dict[str, int]:
    """The values of `NAME_COLUMNS` for a sample."""
    clip = sample.clip
    numbers = (clip.setup, clip.camera, clip.performer, clip.replication, clip.action, sample.frame)
    return dict(zip(NAME_COLUMNS, numbers, strict=True))


def image_names(sample: SampleId) -> dict[str, str]:
    """File names of a sample's images, as in the published layout: `rgb`, `depth`, `parts`."""
    return {"rgb": f"{sample}.jpg", "depth": f"MDepth-{sample}.png", "parts": f"{sample}.png"}
