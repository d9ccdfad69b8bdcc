"""The tables of DensePose's authors: read once, converted to a file that is mapped into memory.

Users download `SMPL_subdiv.mat`, `SMPL_SUBDIV_TRANSFORM.mat` and `Pdist_matrix.pkl` (script `get_eval_data.sh` of
https://github.com/facebookresearch/DensePose); their license does not allow handing them on.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.metrics.densepose.array_pickle import read_array_pickle
from hcmoco_bench.metrics.densepose.body_charts import BodyCharts
from hcmoco_bench.metrics.densepose.geodesic_file import read_geodesics, read_source, write_geodesics
from hcmoco_bench.metrics.densepose.geodesics import Geodesics, number_of_points
from hcmoco_bench.runtime.progress import Progress, no_progress

CHARTS: Final = "SMPL_subdiv.mat"
POINTS: Final = "SMPL_SUBDIV_TRANSFORM.mat"
DISTANCES: Final = "Pdist_matrix.pkl"
CONVERTED: Final = "densepose_geodesics.safetensors"

_FILES: Final = (CHARTS, POINTS, DISTANCES)
_BLOCK: Final = 1 << 24


def open_geodesics(folder: Path, *, converted: Path | None = None, progress: Progress = no_progress) -> Geodesics:
    """Geodesic distances from the authors' tables; converted on first use (once, needs memory for all distances).

    The converted file knows the SHA-256 of what it was made from, and is made again when a table has changed; the
    tables themselves may be deleted once it is there.

    Args:
        folder: Holds the three tables, or the converted file, or both.
        converted: The converted file; `densepose_geodesics.safetensors` in the folder if not given.
        progress: Told about hashing and conversion.

    Raises:
        DataError: If a table is missing (`tables_missing`), damaged (`table_unreadable`, `pickle_unreadable`), names
            what is not read from pickles (`pickle_refused`), or they do not fit each other (`geodesics_wrong`).
        StoreError: If the converted file cannot be written.
    """
    target = converted or folder / CONVERTED
    missing = [name for name in _FILES if not (folder / name).is_file()]
    if target.is_file() and (missing or _is_current(target, folder, progress)):
        return read_geodesics(target)
    if missing:
        raise DataError(
            f"{folder}: {', '.join(missing)} missing; download DensePose's evaluation data (get_eval_data.sh of its "
            "authors) into this folder",
            kind="tables_missing",
            file=str(folder),
        )
    convert_tables(folder, target, progress=progress)
    return read_geodesics(target)


def convert_tables(folder: Path, target: Path, *, progress: Progress = no_progress) -> None:
    """Convert the three tables of a folder; raises as `open_geodesics` does."""
    source = {name: _stamp(folder / name) | {"sha256": _sha256(folder / name, progress)} for name in _FILES}
    charts = _matlab(folder / CHARTS, ("Part_ID_subdiv", "U_subdiv", "V_subdiv"))
    point = _matlab(folder / POINTS, ("index",))["index"].astype(np.int64) - 1
    arrays = read_array_pickle(folder / DISTANCES)
    if "Pdist_matrix" not in arrays:
        raise DataError(
            f"{folder / DISTANCES}: has no array Pdist_matrix; take the file of the DensePose authors",
            kind="pickle_unreadable",
            file=str(folder / DISTANCES),
        )
    distances = arrays["Pdist_matrix"].reshape(-1)
    body = BodyCharts.of(charts["Part_ID_subdiv"], charts["U_subdiv"], charts["V_subdiv"])
    Geodesics(body, point, distances)  # raises if they do not fit
    number_of_points(distances)
    write_geodesics(
        target,
        body,
        point,
        _blocks(distances, progress),
        n_distances=distances.size,
        dtype="F64" if distances.dtype.itemsize == 8 else "F32",
        source=source,
    )


def _blocks(distances: NDArray[Any], progress: Progress) -> Iterator[NDArray[Any]]:
    for start in range(0, distances.size, _BLOCK):
        yield distances[start : start + _BLOCK]
        progress("converting distances", min(start + _BLOCK, distances.size), distances.size)


def _is_current(target: Path, folder: Path, progress: Progress) -> bool:
    known = read_source(target)
    for name in _FILES:
        entry = dict(known.get(name, {}))
        sha256 = entry.pop("sha256", None)
        # An unchanged size and date save reading gigabytes; otherwise the content decides.
        if entry != _stamp(folder / name) and sha256 != _sha256(folder / name, progress):
            return False
    return True


def _stamp(path: Path) -> dict[str, Any]:
    status = path.stat()
    return {"bytes": status.st_size, "modified_ns": status.st_mtime_ns}


def _sha256(path: Path, progress: Progress) -> str:
    return file_sha256(path, progress=lambda done, size: progress(f"hashing {path.name}", done, size))


def _matlab(path: Path, names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    try:
        content = loadmat(path, variable_names=names)
        found = {name: np.asarray(content[name]).reshape(-1) for name in names}
    except KeyError as error:
        raise _unreadable(path, f"it has no {error}") from error
    except (OSError, ValueError, TypeError, IndexError, NotImplementedError, MatReadError, MemoryError) as error:
        raise _unreadable(path, str(error) or type(error).__name__) from error
    for name, values in found.items():
        if values.dtype.kind not in "biuf" or values.size == 0 or not np.isfinite(values).all():
            raise _unreadable(path, f"{name} is not an array of finite numbers")
    return found


def _unreadable(path: Path, why: str) -> DataError:
    return DataError(
        f"{path}: not a MATLAB file of DensePose's evaluation ({why}); fetch it again",
        kind="table_unreadable",
        file=str(path),
    )
