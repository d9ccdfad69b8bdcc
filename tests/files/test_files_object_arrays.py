"""Arrays of objects in .npz files: read as numpy reads them, and nothing of a hostile one is run."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from hcmoco_bench.files.object_arrays import read_npz_objects
from hcmoco_bench.files.plain_pickle import PlainPickleError


def test_dictionaries_lists_and_arrays_come_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(n, 17, 3)).astype(np.float32) for n in (3, 5)]
    ragged = np.empty(2, object)
    ragged[:] = arrays
    value = {"S9": {"Directions 1": arrays, "Eating": ragged, "same": arrays[0]}}
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", positions_3d=value, plain=arrays[1], ids=np.array(["a", "b"]), ragged=ragged)
        found = read_npz_objects(tmp_path / "a.npz")
        with np.load(tmp_path / "a.npz", allow_pickle=True) as wanted:
            assert set(found) == set(wanted.files)
            assert found["ids"].tolist() == ["a", "b"]
            np.testing.assert_array_equal(found["plain"], arrays[1])
            theirs = wanted["positions_3d"].item()
        for action in ("Directions 1", "Eating"):
            for one, other in zip(found["positions_3d"]["S9"][action], theirs["S9"][action], strict=True):
                np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(found["positions_3d"]["S9"]["same"], arrays[0])
        assert [len(one) for one in found["ragged"]] == [3, 5]


class Hostile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("protocol", [2, 4])
def test_nothing_is_run(tmp_path: Path, protocol: int) -> None:
    marker, path = tmp_path / "run", tmp_path / "a.npz"
    array = np.empty((), object)
    array[()] = {"S9": Hostile(marker)}
    header = b"\x93NUMPY\x01\x00" + (70).to_bytes(2, "little")
    header += b"{'descr': '|O', 'fortran_order': False, 'shape': (), }".ljust(69) + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("positions_3d.npy", header + pickle.dumps(array, protocol))
    with pytest.raises(PlainPickleError, match="it asks for") as caught:
        read_npz_objects(path)
    assert caught.value.kind == "foreign"
    assert not marker.exists()


def test_damaged_files(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, positions_3d={"S9": [np.zeros((4, 17, 3))]})
    content = path.read_bytes()
    for bad in (b"", b"text", content[: len(content) // 2], content[:200] + bytes(100) + content[300:]):
        path.write_bytes(bad)
        with pytest.raises(PlainPickleError):
            read_npz_objects(path)
    with pytest.raises(PlainPickleError, match="No such file"):
        read_npz_objects(tmp_path / "none.npz")
    two = np.empty((2, 2), object)
    np.savez(path, a=two)
    with pytest.raises(PlainPickleError, match="of a shape that is not read"):
        read_npz_objects(path)
