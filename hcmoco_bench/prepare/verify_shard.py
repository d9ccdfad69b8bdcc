"""Check one shard: its bytes against the manifest, and every row of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hcmoco_bench.body import part_table
from hcmoco_bench.errors import DataError
from hcmoco_bench.files.images import decode_image
from hcmoco_bench.prepare.manifest import ShardEntry
from hcmoco_bench.prepare.schema import N_JOINTS, image_names, name_columns, store_schema
from hcmoco_bench.prepare.verification import ANOTHER_FILE, Failure, is_entry
from hcmoco_bench.sources.ntu.layout import DEPTH_SIZE
from hcmoco_bench.sources.ntu.names import SampleId

_SIZE = (DEPTH_SIZE[1], DEPTH_SIZE[0])


@dataclass(frozen=True)
class ShardCheck:
    """A shard to check, and what must be true of it; picklable.

    Attributes:
        path: The file.
        entry: What the manifest says about it.
        parts: Whether the store has masks.
        depth: Whether the store has depth.
    """

    path: Path
    entry: ShardEntry
    parts: bool
    depth: bool


def check_shard(check: ShardCheck) -> tuple[list[str], list[Failure]]:
    """Check hash, size, schema, number of rows and every row; returns the sample ids and what is wrong."""
    name = check.path.name
    ids: list[str] = []
    failures: list[Failure] = []
    try:
        if not is_entry(check.path, check.entry):
            failures.append(Failure(name, "", ANOTHER_FILE))
        with pq.ParquetFile(check.path) as file:
            wanted = store_schema(parts=check.parts)
            if not file.schema_arrow.equals(wanted):
                failures.append(Failure(name, "", f"has columns {file.schema_arrow.names}, not {wanted.names}"))
                return ids, failures
            if file.metadata.num_rows != check.entry.rows:
                reason = f"has {file.metadata.num_rows} rows, the manifest says {check.entry.rows}"
                failures.append(Failure(name, "", reason))
            for group in range(file.num_row_groups):
                for row in file.read_row_group(group).to_pylist():
                    ids.append(row["sample_id"])
                    failures += [Failure(name, row["sample_id"], reason) for reason in _row_failures(row, check)]
    except (OSError, pa.ArrowException) as error:
        failures.append(Failure(name, "", f"cannot be read: {error}"))
    return ids, failures


def _row_failures(row: dict[str, Any], check: ShardCheck) -> Iterator[str]:
    try:
        sample = SampleId.parse(row["sample_id"])
    except DataError as error:
        yield str(error)
        return
    for column, number in name_columns(sample).items():
        if row[column] != number:
            yield f"column {column} is {row[column]}, the id says {number}"
    names = image_names(sample)
    yield from _image_failures(row["rgb"], "rgb", names["rgb"], np.dtype(np.uint8), (*_SIZE, 3))
    if check.depth:
        yield from _image_failures(row["depth"], "depth", names["depth"], np.dtype(np.uint16), _SIZE)
    elif row["depth"] is not None:
        yield "has depth in a store made without"
    if check.parts:
        yield from _image_failures(row["parts"], "parts", names["parts"], np.dtype(np.uint8), _SIZE)
    for place, body in enumerate(row["bodies"]):
        yield from (f"body {place}: {reason}" for reason in _body_failures(body))
    alignment = row["alignment"]
    residual = alignment["residual_px"]
    if alignment["mode"] not in ("homography", "registered"):
        yield f"alignment mode is {alignment['mode']!r}"
    if residual is None or not 0 <= residual < np.inf:
        yield f"alignment residual is {residual}"


def _image_failures(
    image: dict[str, Any] | None, column: str, name: str, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> Iterator[str]:
    if image is None:
        yield f"{column} is missing"
        return
    if image["path"] != name:
        yield f"{column} is called {image['path']}, not {name}"
    try:
        array = decode_image(image["bytes"], source=column)
    except DataError as error:
        yield str(error)
        return
    if array.shape != shape or array.dtype != dtype:
        yield f"{column} is {array.dtype} {array.shape}, not {dtype} {shape}"
    elif column == "parts" and int(array.max()) >= len(part_table()):
        yield f"parts holds class {array.max()}, there are 0..{len(part_table()) - 1}"
    elif column == "depth" and not array.any():
        yield "depth has not one measured pixel"


def _body_failures(body: dict[str, Any]) -> Iterator[str]:
    for column, size in (("joints_xyz", 3), ("joints_depth", 2), ("joints_color", 2)):
        lengths = {len(joint) for joint in body[column]}
        if len(body[column]) != N_JOINTS or lengths != {size}:
            yield f"{column} is not ({N_JOINTS}, {size})"
    if len(body["tracking"]) != N_JOINTS or max(body["tracking"]) > 2:
        yield f"tracking is not {N_JOINTS} states 0..2"
