"""Check a row of an NTU store: ids, images, skeletons and alignment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body import part_table
from hcmoco_bench.errors import DataError
from hcmoco_bench.files.images import decode_image
from hcmoco_bench.sources.ntu.layout import DEPTH_SIZE
from hcmoco_bench.sources.ntu.names import SampleId
from hcmoco_bench.store.arrays.samples import N_JOINTS
from hcmoco_bench.store.kinds.ntu.columns import image_names, name_columns
from hcmoco_bench.store.kinds.ntu.manifest import NtuManifest

_SHAPE: Final = (DEPTH_SIZE[1], DEPTH_SIZE[0])


def ntu_row_failures(row: Mapping[str, Any], manifest: NtuManifest) -> Iterator[str]:
    """What is wrong with a row, a sentence each."""
    try:
        sample = SampleId.parse(row["sample_id"])
    except DataError as error:
        yield str(error)
        return
    for column, number in name_columns(sample).items():
        if row[column] != number:
            yield f"column {column} is {row[column]}, the id says {number}"
    names = image_names(sample)
    yield from _image_failures(row["rgb"], "rgb", names["rgb"], np.dtype(np.uint8), (*_SHAPE, 3))
    if not manifest.options.rgb_only:
        yield from _image_failures(row["depth"], "depth", names["depth"], np.dtype(np.uint16), _SHAPE)
    elif row["depth"] is not None:
        yield "has depth in a store made without"
    if manifest.parts:
        yield from _image_failures(row["parts"], "parts", names["parts"], np.dtype(np.uint8), _SHAPE)
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
        array: NDArray[Any] = decode_image(image["bytes"], source=column)
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
