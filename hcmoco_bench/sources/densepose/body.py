"""The surface that charts belong to, where it is free: written beside generated annotations as `densepose_body.npz`.

DensePose-COCO's own body is not free; its tables are downloaded by the user, and `metrics.densepose` reads them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.zip_errors import NPZ_ERRORS
from hcmoco_bench.sources.densepose.layout import BODY_FILE, FOLDERS


@dataclass(frozen=True, eq=False)
class ChartedBody:
    """A body's surface and its chart.

    Attributes:
        vertices: (N, 3) float64 meters.
        faces: (F, 3) int64 indices of `vertices`.
        vertex_part: (D,) int64 fine part 1..24 of every chart vertex; a vertex on a border has several.
        vertex_u: (D,) float64 U in 0..1.
        vertex_v: (D,) float64 V in 0..1.
        vertex_to_unique: (D,) int64 index of `vertices`.
    """

    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]
    vertex_part: NDArray[np.int64]
    vertex_u: NDArray[np.float64]
    vertex_v: NDArray[np.float64]
    vertex_to_unique: NDArray[np.int64]


def find_body(root: Path) -> Path | None:
    """The body's file below a data set's folder; None if there is none, as with DensePose-COCO itself."""
    found = (root / folder / BODY_FILE for folder in FOLDERS)
    return next((path for path in found if path.is_file()), None)


def read_body(path: Path) -> ChartedBody:
    """Read a charted body.

    Raises:
        DataError: Kind `body_unreadable`: missing, damaged, or not such a file.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            body = ChartedBody(**{field.name: arrays[field.name] for field in fields(ChartedBody)})
    except NPZ_ERRORS as error:
        raise _unreadable(path, f"{type(error).__name__}: {error}") from error
    _check(body, path)
    return body


def _check(body: ChartedBody, path: Path) -> None:
    number, charted = len(body.vertices), len(body.vertex_part)
    columns: list[NDArray[Any]] = [body.vertex_part, body.vertex_u, body.vertex_v, body.vertex_to_unique]
    if body.vertices.shape != (number, 3) or body.faces.ndim != 2 or body.faces.shape[1] != 3:
        raise _unreadable(path, f"vertices {body.vertices.shape} and faces {body.faces.shape}, not (N, 3) and (F, 3)")
    if any(column.shape != (charted,) for column in columns) or not charted:
        raise _unreadable(path, "the chart's columns differ in length, or are empty")
    for name, values, low, high in (
        ("faces", body.faces, 0, number - 1),
        ("vertex_to_unique", body.vertex_to_unique, 0, number - 1),
        ("vertex_part", body.vertex_part, 1, 24),
        ("vertex_u", body.vertex_u, 0, 1),
        ("vertex_v", body.vertex_v, 0, 1),
    ):
        if not (values.min() >= low and values.max() <= high):
            raise _unreadable(path, f"{name} has values outside of {low}..{high}")


def _unreadable(path: Path, why: str) -> DataError:
    return DataError(
        f"{path}: not a charted body ({why}); generate it again with `hcmoco-bench synth densepose`",
        kind="body_unreadable",
        file=str(path),
    )
