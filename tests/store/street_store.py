"""A kind of store as another package would add it: frames of streets with part labels, and counts without images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import cv2
import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure
from pydantic import Field

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.hashing import fingerprint
from hcmoco_bench.files.images import encode_png, encode_rgb
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.store.arrays.frames import FrameArrays, decode_frame
from hcmoco_bench.store.columns import IMAGE, Row
from hcmoco_bench.store.kind import Capabilities, StoreKind
from hcmoco_bench.store.manifest import StoreManifest
from hcmoco_bench.store.plan import PlannedShard, ShardReport, StorePlan
from hcmoco_bench.store.prepare import Prepared, prepare_store
from hcmoco_bench.store.shards import cut_shards
from hcmoco_bench.store.splits import SplitIds

SCHEMA = pa.schema(
    [
        pa.field("sample_id", pa.string(), nullable=False),
        pa.field("street", pa.string(), nullable=False),
        pa.field("rgb", IMAGE),
        pa.field("parts", IMAGE),
    ]
)


class StreetManifest(StoreManifest):
    """A manifest with one field of its own."""

    kind: Literal["test-streets"] = "test-streets"
    side: int = Field(ge=1)


class StreetKind(StoreKind[StreetManifest]):
    """Square frames; the gray of a frame is its number."""

    name: ClassVar[str] = "test-streets"
    title: ClassVar[str] = "Streets"
    maker: ClassVar[str] = "`street-maker`"
    manifest_model = StreetManifest
    noun: ClassVar[str] = "view"
    row_group: ClassVar[int] = 2

    def schema(self, manifest: StreetManifest) -> pa.Schema:
        return SCHEMA

    def capabilities(self, manifest: StreetManifest) -> Capabilities:
        return Capabilities(rgb="rgb", parts=True, group="street", generated=True)

    def decode(self, row: Mapping[str, Any]) -> FrameArrays:
        return decode_frame(row)

    def row_failures(self, row: Mapping[str, Any], manifest: StreetManifest) -> Iterator[str]:
        height = cv2.imdecode(np.frombuffer(row["rgb"]["bytes"], np.uint8), cv2.IMREAD_COLOR).shape[0]
        if height != manifest.side:
            yield f"is {height} px high, not {manifest.side}"

    def class_weights(self, manifest: StreetManifest) -> Any:
        return np.full(25, 3, np.float32)


class DrawnKind(StreetKind):
    """The same with a sheet of its own."""

    name: ClassVar[str] = "test-drawn-streets"

    def figure(self, rows: Sequence[Mapping[str, Any]], manifest: StreetManifest) -> Figure:
        return Figure(figsize=(len(rows), 7))


@dataclass(frozen=True)
class StreetRows:
    """Frames of some numbers; those of `missing` cannot be made."""

    numbers: tuple[int, ...]
    side: int
    missing: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.numbers)

    def rows(self, report: ShardReport) -> Iterator[Row]:
        for number in self.numbers:
            if number in self.missing:
                error = DataError("the street is closed", kind="street_closed", file="map")
                report.problems.append(Problem.from_error(street_id(number), error))
                continue
            rgb = np.full((self.side, self.side, 3), number, np.uint8)
            parts = np.full((self.side, self.side), number % 25, np.uint8)
            yield {
                "sample_id": street_id(number),
                "street": f"street {number % 2}",
                "rgb": {"bytes": encode_rgb(rgb, 95), "path": f"{number}.jpg"},
                "parts": {"bytes": encode_png(parts), "path": f"{number}.png"},
            }


def street_id(number: int) -> str:
    return f"view-{number:03d}"


def street_plan(*, side: int = 32, missing: tuple[int, ...] = ()) -> StorePlan:
    """Seven frames for training, two for testing; every second one of training is a selection."""
    numbers = {"train": tuple(range(7)), "test": (7, 8)}
    ids = {split: tuple(map(street_id, of_split)) for split, of_split in numbers.items()}
    splits = {split: SplitIds.of(f"the {split} side", found) for split, found in ids.items()}
    return StorePlan(
        sha256=fingerprint(["test-streets", side, *missing]),
        schema=SCHEMA,
        splits=splits | {"train_half": SplitIds.of("every second", ids["train"][::2])},
        declaration="test-streets",
        fields={"side": side},
        shards=[
            PlannedShard(file, StreetRows(tuple(cut), side, missing))
            for split, of_split in numbers.items()
            for file, cut in cut_shards(split, of_split, 3)
        ],
    )


def prepare_streets(out: Path, *, overwrite: bool = False, **options: Any) -> Prepared[StreetManifest]:
    return prepare_store(StreetKind(), street_plan(**options), out, overwrite=overwrite)
