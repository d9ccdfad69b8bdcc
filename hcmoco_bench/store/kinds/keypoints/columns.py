"""The columns of a store of annotated photographs, and those of its versions 1 and 2."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from hcmoco_bench.store.columns import IMAGE

_POINTS: Final = pa.list_(pa.list_(pa.float32()))
_PERSON_1: Final = [
    ("person_id", pa.string()),
    ("joints", _POINTS),
    ("state", pa.list_(pa.uint8())),
    ("center", pa.list_(pa.float32())),
    ("scale", pa.float32()),
]

_PERSON_2: Final = [*_PERSON_1, ("area", pa.float64()), ("iscrowd", pa.bool_())]
_BOX: Final = pa.list_(pa.float64())

PERSON: Final = pa.struct([*_PERSON_2, ("box", _BOX), ("head_box", _BOX), ("place", pa.int64())])
"""One person to learn from, and to score.

`joints` (J, 2) px (x, y) from 0, whole numbers at pixel centers, 0 where not annotated; `state` (J,): 0 not annotated,
1 annotated but hidden, 2 seen, at least one of them not 0; `center` (2,) px and `scale` (side over 200 px) of the
person's square; `area` px^2 of the person's outline, null where the data set states none; `iscrowd`: false; `box` (4,)
x, y, width, height as annotated, px, with edges between pixels, null where the data set states none; `head_box` (4,)
px x0, y0, x1, y1 of opposite corners of the head's box, from 0, by whose diagonal MPII's PCKh measures; null where none
is stated; `place`: number of the person in the annotation file, from 0, which is the order of other programs' arrays.
"""

_IGNORED_2: Final = [
    ("person_id", pa.string()),
    ("joints", _POINTS),
    ("state", pa.list_(pa.uint8())),
    ("box", _BOX),
    ("area", pa.float64()),
    ("iscrowd", pa.bool_()),
]

IGNORED: Final = pa.struct([*_IGNORED_2, ("place", pa.int64())])
"""One annotation that is neither learned from nor has to be found: a crowd, or a person without annotated joints.

Scoring needs them all the same: whoever is found there is no mistake. `box` (4,) x, y, width, height as annotated,
px, with edges between pixels; null where the data set states none. The other columns are those of `PERSON`.
"""

_IMAGE_COLUMNS_1: Final = [
    pa.field("image_id", pa.string(), nullable=False),
    pa.field("image", IMAGE),
    pa.field("width", pa.int32(), nullable=False),
    pa.field("height", pa.int32(), nullable=False),
]

SCHEMA: Final = pa.schema(
    [
        *_IMAGE_COLUMNS_1,
        pa.field("people", pa.list_(PERSON)),
        pa.field("ignored", pa.list_(IGNORED)),
        pa.field("number", pa.int64()),
    ]
)
"""One row an image. `image`: the source's own file, byte for byte. An empty list of `people` marks an image that
training skips and scoring sees: whoever is found in it is a mistake, except where somebody is `ignored`. `number`: the
annotations' own id of the image, by which other programs' results name it; null where it has none."""

SCHEMA_2: Final = pa.schema(
    [
        *_IMAGE_COLUMNS_1,
        pa.field("people", pa.list_(pa.struct(_PERSON_2))),
        pa.field("ignored", pa.list_(pa.struct(_IGNORED_2))),
    ]
)
"""Version 2: without boxes of people and of heads, and without numbers."""

SCHEMA_1: Final = pa.schema([*_IMAGE_COLUMNS_1, pa.field("people", pa.list_(pa.struct(_PERSON_1)))])
"""Version 1: images with people to learn from alone, without areas and crowds."""


def image_id(name: str) -> str:
    """The key of an image from its file's name, with or without folders and suffix."""
    return Path(name).stem


def upgraded_table(table: pa.Table) -> pa.Table:
    """A table of some columns of version 1 or 2 in the form of today; what was not kept then is null."""
    added = ["ignored", "number"] if "people" in table.column_names else []
    names = [*table.column_names, *(name for name in added if name not in table.column_names)]
    return pa.Table.from_pylist(table.to_pylist(), pa.schema([SCHEMA.field(name) for name in names]))


def people_counts(row: Mapping[str, Any]) -> dict[str, int]:
    """Whether a row counts as an image with people to learn from (`images`), and how many these are (`people`)."""
    people = len(row["people"] or ())
    return {"images": int(people > 0), "people": people}
