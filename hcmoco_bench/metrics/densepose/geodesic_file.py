"""The converted table: one safetensors file, written in blocks and mapped into memory when read."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.atomic import atomic_file
from hcmoco_bench.metrics.densepose.body_charts import BodyCharts
from hcmoco_bench.metrics.densepose.geodesics import Geodesics

FORMAT: Final = "hcmoco-bench-geodesics-1"
_TYPES: Final = {"F64": "<f8", "F32": "<f4", "I64": "<i8", "I32": "<i4", "U8": "|u1"}
_DISTANCES: Final = "condensed"
_LONGEST_HEADER: Final = 1 << 20


def write_geodesics(
    path: Path,
    charts: BodyCharts,
    point: NDArray[np.int64],
    blocks: Iterable[NDArray[Any]],
    *,
    n_distances: int,
    dtype: str = "F32",
    source: Mapping[str, Any],
) -> None:
    """Write a table atomically; two processes that write it at once both end with a whole file.

    Args:
        path: The file.
        charts: The body's charts; their table of nearest vertices is filled and stored.
        point: As in `Geodesics`.
        blocks: The condensed distances in order.
        n_distances: How many there are in all.
        dtype: `F32` or `F64`.
        source: What it was made from; plain JSON values.

    Raises:
        DataError: Kind `geodesics_wrong` if the blocks have another length, or a distance is negative or not finite.
        StoreError: If it cannot be written.
    """
    charts.fill()
    arrays: dict[str, NDArray[Any]] = {
        "vertex_u": charts.u.astype("<f8"),
        "vertex_v": charts.v.astype("<f8"),
        "vertex_point": point.astype("<i8"),
        "nearest": charts.table.astype("<i4"),
        "vertex_part": charts.part,
    }
    width = np.dtype(_TYPES[dtype]).itemsize
    header: dict[str, Any] = {
        "__metadata__": {"format": FORMAT, "source": json.dumps(source, sort_keys=True)},
        _DISTANCES: {"dtype": dtype, "shape": [n_distances], "data_offsets": [0, n_distances * width]},
    }
    # The widest types come first, so that each array begins at a multiple of its item size.
    end = -(-n_distances * width // 8) * 8
    if end > n_distances * width:
        header["padding"] = {"dtype": "U8", "shape": [end - n_distances * width]}
        header["padding"]["data_offsets"] = [n_distances * width, end]
    names = {np.dtype(value): name for name, value in _TYPES.items()}
    for name, array in arrays.items():
        header[name] = {"dtype": names[array.dtype], "shape": [array.size], "data_offsets": [end, end + array.nbytes]}
        end += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with atomic_file(path) as handle:
        handle.write(struct.pack("<Q", len(text)) + text)
        written = 0
        for block in blocks:
            distances = np.ascontiguousarray(block, _TYPES[dtype])
            if not np.isfinite(distances).all() or (distances < 0).any():
                raise _wrong(path, "a distance is negative or not finite")
            handle.write(distances.data)
            written += distances.size
        if written != n_distances:
            raise _wrong(path, f"{written} distances instead of {n_distances}")
        if "padding" in header:
            handle.write(bytes(header["padding"]["shape"][0]))
        for array in arrays.values():
            handle.write(array.data)


def read_geodesics(path: Path) -> Geodesics:
    """Map a written table; only what is looked up is read.

    Raises:
        DataError: Kind `geodesics_unreadable` if it is missing, truncated, or another file.
    """
    _, arrays = _open(path)
    charts = BodyCharts(
        arrays["vertex_part"].copy(),
        arrays["vertex_u"].copy(),
        arrays["vertex_v"].copy(),
        arrays["nearest"].copy(),
    )
    return Geodesics(charts, arrays["vertex_point"].copy(), arrays[_DISTANCES])


def read_source(path: Path) -> dict[str, Any]:
    """What a written table was made from; raises DataError as `read_geodesics` does."""
    return _open(path)[0]


def _open(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    try:
        size = path.stat().st_size
        with path.open("rb") as handle:
            length = int.from_bytes(handle.read(8), "little")
            if not 0 < length <= min(_LONGEST_HEADER, size):
                raise ValueError("its header is damaged")
            header = json.loads(handle.read(length))
        meta = header.pop("__metadata__")
        if meta["format"] != FORMAT:
            raise ValueError(f"its format is {meta['format']!r}, not {FORMAT!r}")
        arrays = {name: _array(path, entry, 8 + length, size) for name, entry in header.items()}
        if wanting := {_DISTANCES, "vertex_part", "vertex_u", "vertex_v", "vertex_point", "nearest"} - set(arrays):
            raise ValueError(f"{', '.join(sorted(wanting))} is missing")
        return json.loads(meta["source"]), arrays
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable(path, f"not a whole converted table: {error}") from error


def _array(path: Path, entry: Mapping[str, Any], start: int, size: int) -> NDArray[Any]:
    first, last = entry["data_offsets"]
    dtype = np.dtype(_TYPES[entry["dtype"]])
    (count,) = entry["shape"]
    if last - first != count * dtype.itemsize or start + last > size:
        raise ValueError("it is truncated")
    if count == 0:
        return np.zeros(0, dtype)
    # A plain array over the mapping: indexing a memmap costs more for each look-up.
    return np.asarray(np.memmap(path, dtype, mode="r", offset=start + first, shape=(count,)))


def _unreadable(path: Path, why: str) -> DataError:
    return DataError(
        f"{path}: cannot be used ({why}); delete it, it is made again from the tables it came from",
        kind="geodesics_unreadable",
        file=str(path),
    )


def _wrong(path: Path, what: str) -> DataError:
    return DataError(
        f"{path}: not written, {what}; check the tables it is made from", kind="geodesics_wrong", file=str(path)
    )
