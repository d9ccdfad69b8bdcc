"""The authors' tables: read without running anything, converted once, converted again when they change."""

from __future__ import annotations

import os
import pickle
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from densepose_people import make_body
from scipy.io import savemat

from hcmoco_bench.errors import DataError
from hcmoco_bench.metrics.densepose import Geodesics, open_geodesics
from hcmoco_bench.metrics.densepose.array_pickle import read_array_pickle
from hcmoco_bench.metrics.densepose.published_tables import CHARTS, CONVERTED, DISTANCES, POINTS


def write_tables(folder: Path, body: Geodesics) -> None:
    """The three files, in the shapes of the published ones."""
    charts = body.charts
    names = {"Part_ID_subdiv": charts.part, "U_subdiv": charts.u, "V_subdiv": charts.v}
    savemat(folder / CHARTS, {name: np.asarray(one, np.float64)[:, None] for name, one in names.items()})
    savemat(folder / POINTS, {"index": (body.point + 1)[:, None]})
    distances = body.condensed.astype(np.float32)[:, None]
    (folder / DISTANCES).write_bytes(pickle.dumps({"Pdist_matrix": distances}, protocol=2))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tables(tmp_path, make_body(3))
    return tmp_path


class TestConversion:
    def test_gives_the_tables(self, folder: Path) -> None:
        found, body = open_geodesics(folder), make_body(3)
        np.testing.assert_array_equal(found.condensed, body.condensed.astype(np.float32))
        np.testing.assert_array_equal(found.point, body.point)
        np.testing.assert_array_equal(found.charts.part, body.charts.part)
        np.testing.assert_array_equal(found.charts.v, body.charts.v)

    def test_is_done_once_and_outlives_the_tables(self, folder: Path) -> None:
        open_geodesics(folder)
        before = (folder / CONVERTED).stat().st_mtime_ns
        os.utime(folder / DISTANCES)  # another date, the same content
        open_geodesics(folder)
        for name in (CHARTS, POINTS, DISTANCES):
            (folder / name).unlink()
        assert open_geodesics(folder).n_points == make_body(3).n_points
        assert (folder / CONVERTED).stat().st_mtime_ns == before

    def test_is_done_again_when_a_table_has_changed(self, folder: Path) -> None:
        open_geodesics(folder)
        other = make_body(3, seed=1)
        write_tables(folder, other)
        np.testing.assert_array_equal(open_geodesics(folder).condensed, other.condensed.astype(np.float32))

    def test_by_two_at_once_elsewhere(self, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
        target = tmp_path_factory.mktemp("converted") / "body.safetensors"
        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(lambda _: open_geodesics(folder, converted=target), range(2)))
        assert all(np.array_equal(one.condensed, found[0].condensed) for one in found)
        assert [one.name for one in target.parent.iterdir()] == [target.name]
        assert not (folder / CONVERTED).exists()

    def test_says_what_is_missing(self, folder: Path) -> None:
        (folder / POINTS).unlink()
        with pytest.raises(DataError, match=f"{POINTS} missing; download") as caught:
            open_geodesics(folder)
        assert caught.value.kind == "tables_missing"

    @pytest.mark.parametrize("name", [CHARTS, POINTS])
    @pytest.mark.parametrize("content", [b"", b"MATLAB", "cut"])
    def test_damaged_mat_files(self, folder: Path, name: str, content: bytes | str) -> None:
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: len(whole) // 2] if isinstance(content, str) else content)
        with pytest.raises(DataError, match=name) as caught:
            open_geodesics(folder)
        assert caught.value.kind == "table_unreadable"

    def test_mat_files_with_other_content(self, folder: Path) -> None:
        savemat(folder / POINTS, {"other": np.ones(3)})
        with pytest.raises(DataError, match="'index'"):
            open_geodesics(folder)
        savemat(folder / POINTS, {"index": np.array(["a", "b"])})
        with pytest.raises(DataError, match="index is not an array of finite numbers"):
            open_geodesics(folder)
        savemat(folder / POINTS, {"index": np.ones(5)})
        with pytest.raises(DataError, match="different bodies"):
            open_geodesics(folder)

    def test_a_pickle_without_the_distances(self, folder: Path) -> None:
        (folder / DISTANCES).write_bytes(pickle.dumps({"other": np.ones(3)}))
        with pytest.raises(DataError, match="has no array Pdist_matrix"):
            open_geodesics(folder)


class Calls:
    """Pickles to a call of a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.called = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.called


def python2(name: bytes, values: np.ndarray[Any, Any]) -> bytes:
    """What Python 2 writes for {name: values}: array memory as text of one byte a letter."""
    raw = values.tobytes()
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR"
    shape = b"(" + b"".join(b"J" + struct.pack("<i", side) for side in values.shape) + b"t"
    dtype = b"cnumpy\ndtype\n(U\x02" + values.dtype.str[1:].encode() + b"K\x00K\x01tR"
    dtype += b"(K\x03U\x01" + values.dtype.str[:1].encode() + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    text = b"T" + struct.pack("<i", len(raw)) + raw
    return b"\x80\x02}U" + bytes([len(name)]) + name + array + b"(K\x01" + shape + dtype + b"\x89" + text + b"tbs."


class TestPickle:
    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    @pytest.mark.parametrize(
        "values",
        [
            np.linspace(0, 1, 7, dtype=np.float32)[:, None],
            np.arange(6, dtype=">f8").reshape(2, 3),
            np.asfortranarray(np.arange(6).reshape(2, 3)),
            np.zeros((0, 2)),
            np.array([True, False]),
        ],
    )
    def test_arrays_come_back(self, tmp_path: Path, protocol: int, values: np.ndarray[Any, Any]) -> None:
        path = tmp_path / "arrays.pkl"
        path.write_bytes(pickle.dumps({"values": values, "note": "text", "n": 3}, protocol=protocol))
        found = read_array_pickle(path)
        assert list(found) == ["values"]
        np.testing.assert_array_equal(found["values"], values)

    def test_arrays_of_python_2(self, tmp_path: Path) -> None:
        path, values = tmp_path / "arrays.pkl", np.linspace(0, 9, 300, dtype=np.float32)[:, None]
        path.write_bytes(python2(b"Pdist_matrix", values))
        np.testing.assert_array_equal(pickle.loads(path.read_bytes(), encoding="latin1")["Pdist_matrix"], values)
        np.testing.assert_array_equal(read_array_pickle(path)["Pdist_matrix"], values)

    @pytest.mark.parametrize(
        "content",
        [
            Calls(os.system, "touch hacked"),
            Calls(eval, "open('hacked', 'w')"),
            Calls(getattr, Path, "home"),
            Calls(np.save, "hacked", 1),
            Calls(np.fromfile, "/etc/hostname"),
            {"Pdist_matrix": np.ones(3), "also": Calls(Path.touch, Path("hacked"))},
            {"Pdist_matrix": np.array([None, "object"])},
            {"Pdist_matrix": np.zeros(2, "f4,i4")},
        ],
    )
    def test_anything_else_is_refused_and_not_run(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Any
    ) -> None:
        path = tmp_path / "arrays.pkl"
        path.write_bytes(pickle.dumps(content))
        monkeypatch.chdir(tmp_path)
        with pytest.raises(DataError, match=r"asks for .*only numpy arrays are read from pickles") as caught:
            read_array_pickle(path)
        assert caught.value.kind == "pickle_refused"
        assert [one.name for one in tmp_path.iterdir()] == [path.name]

    def test_the_known_names_cannot_be_changed(self, tmp_path: Path) -> None:
        path = tmp_path / "arrays.pkl"
        path.write_bytes(b"cnumpy\ndtype\n}U\x04codeU\x02f8sb.")
        with pytest.raises(DataError, match="asks for a state of a Name"):
            read_array_pickle(path)

    @pytest.mark.parametrize(
        "content",
        [
            pickle.dumps([np.ones(3)]),
            pickle.dumps({"values": np.ones(300)})[:900],
            b"",
            b"not a pickle",
            python2(b"v", np.ones(4, np.float32)).replace(b"(J\x04", b"(J\x05"),
            b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f.",
        ],
    )
    def test_what_is_not_a_dictionary_of_arrays(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "arrays.pkl"
        path.write_bytes(content)
        with pytest.raises(DataError, match="not a whole pickled dictionary of arrays") as caught:
            read_array_pickle(path)
        assert caught.value.kind == "pickle_unreadable"

    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"cannot be read \(No such file"):
            read_array_pickle(tmp_path / "none.pkl")
