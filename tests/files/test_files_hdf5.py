"""HDF5 files are read while another program holds them open, and the advice fits what is wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from hcmoco_bench.files.hdf5 import hdf5_advice, open_hdf5

HOLD = """
import sys, h5py
with h5py.File(sys.argv[1], {mode!r}, libver="latest") as file:
    file.attrs.get("x")
    print("open", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["data"] = np.arange(1000)
    return tmp_path / "a.h5"


def advice(path: Path) -> str:
    with pytest.raises(OSError) as caught, open_hdf5(path):  # noqa: PT011 (h5py raises plain ones)
        pass
    return hdf5_advice(path, caught.value)


@pytest.mark.parametrize("mode", ["r", "r+"])
def test_a_file_that_another_program_holds_open(path: Path, mode: str) -> None:
    command = [sys.executable, "-c", HOLD.format(mode=mode), str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        with open_hdf5(path) as file:
            assert file["data"][-1] == 999
        holder.communicate()


def test_a_file_that_was_never_closed(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    code = "import os, sys, h5py; f = h5py.File(sys.argv[1], 'w', libver='latest'); f['x'] = 1; f.flush(); os._exit(0)"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    assert "h5clear -s" in advice(path)


def test_only_a_damaged_file_is_to_be_fetched_again(path: Path) -> None:
    whole = path.read_bytes()
    assert "check the path" in advice(path.with_name("none.h5"))
    assert "check its permissions" in advice(path.parent)
    path.write_bytes(b"MATLAB 5.0 MAT-file, Platform: GLNXA64".ljust(512))
    assert "-v7.3" in advice(path)
    path.write_bytes(b"hello")
    assert "no HDF5 file" in advice(path)
    path.write_bytes(whole[: len(whole) // 2])
    assert "download it again if they differ" in advice(path)
    assert hdf5_advice(path, PermissionError(13, "Permission denied")) == "check its permissions"
