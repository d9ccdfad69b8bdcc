"""HDF5 files opened for reading, also while another program holds them open, and what helps when they cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py

_OLDER_MATLAB = b"MATLAB 5.0"


def open_hdf5(path: Path) -> Any:
    """An open `h5py.File`; raises OSError. Without a lock, which another program may hold or the disk may not have."""
    return h5py.File(path, "r", locking=False)


def hdf5_advice(path: Path, error: OSError) -> str:
    """What to do about an error of `open_hdf5` or of reading; to fetch the file again helps in the last case alone."""
    said = str(error)
    if isinstance(error, FileNotFoundError):
        return "check the path"
    if isinstance(error, (PermissionError, IsADirectoryError)):
        return "check its permissions"
    if "already open for" in said or "h5clear" in said:
        return (
            "another program writes it, or has ended without closing it: close that program, or run `h5clear -s` on "
            "the file if there is none"
        )
    if _begins_with(path, _OLDER_MATLAB):
        return "it is of an older format of MATLAB; save it with the option -v7.3"
    if "signature not found" in said:
        return "it is no HDF5 file; give the published one"
    return (
        "it is cut short or damaged: compare its size with the published one, and extract or download it again if they "
        "differ"
    )


def _begins_with(path: Path, mark: bytes) -> bool:
    try:
        with path.open("rb") as handle:
            return handle.read(len(mark)) == mark
    except OSError:
        return False
