"""Nearest vertices, distances, the converted file, and distances computed on a mesh."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from densepose_people import make_body
from numpy.typing import NDArray
from safetensors.numpy import load_file
from scipy.spatial.distance import cdist, squareform

from hcmoco_bench.errors import DataError
from hcmoco_bench.metrics.densepose import BodyCharts, Geodesics, mesh_geodesics
from hcmoco_bench.metrics.densepose.geodesic_file import read_geodesics, read_source, write_geodesics


def store(path: Path, body: Geodesics) -> None:
    blocks = np.array_split(body.condensed, 3)
    write_geodesics(
        path, body.charts, body.point, blocks, n_distances=body.condensed.size, dtype="F64", source={"made": "here"}
    )


def plain_nearest(charts: BodyCharts, part: NDArray[np.int64], uv: NDArray[np.float64]) -> NDArray[np.int64]:
    found = np.full(len(part), -1)
    places = np.stack([charts.u, charts.v], axis=1)
    for place, number in enumerate(part):
        vertices = np.flatnonzero(charts.part == number)
        if len(vertices):
            found[place] = vertices[cdist(uv[place : place + 1], places[vertices]).argmin()]
    return found


class TestNearest:
    @pytest.mark.parametrize("per_part", [1, 5, 300])
    def test_is_what_cdist_finds(self, per_part: int) -> None:
        rng = np.random.default_rng(per_part)
        # On a grid, so that many points lie just between vertices, and some vertices on each other.
        part, places = np.repeat([1, 2, 24], per_part), rng.integers(0, 12, (3 * per_part, 2)) / 11
        charts = BodyCharts.of(part, places[:, 0], places[:, 1])
        points, asked = rng.integers(0, 23, (400, 2)) / 22, rng.choice([0, 1, 2, 3, 24, 25], 400)
        expected = plain_nearest(charts, asked, points)
        np.testing.assert_array_equal(charts.nearest(asked, points[:, 0], points[:, 1]), expected)
        assert (expected[np.isin(asked, [0, 3, 25])] == -1).all()

    def test_of_8_bit_coordinates(self) -> None:
        charts = make_body(60).charts
        iuv = np.random.default_rng(0).integers(0, 256, (3, 500)).astype(np.uint8)
        iuv[0] = np.arange(500) % 27
        expected = plain_nearest(charts, iuv[0].astype(np.int64), iuv[1:].T / 255.0)
        for _ in range(2):  # the table, once filled and once found
            np.testing.assert_array_equal(charts.nearest_quantized(iuv), expected)

    @pytest.mark.parametrize(
        ("part", "u"), [([0], [0.5]), ([25], [0.5]), ([1.5], [0.5]), ([1], [np.nan]), ([], []), ([1, 2], [0.5])]
    )
    def test_charts_that_are_none(self, part: list[float], u: list[float]) -> None:
        with pytest.raises(DataError, match="body charts") as caught:
            BodyCharts.of(np.array(part), np.array(u), np.array(u))
        assert caught.value.kind == "charts_wrong"


class TestBetween:
    def test_is_the_square_table(self) -> None:
        body = make_body()
        n = body.n_points
        low, high = np.tril_indices(n, -1)
        square = np.zeros((n, n))
        square[low, high] = square[high, low] = body.condensed
        first, second = np.random.default_rng(0).integers(0, len(body.charts), (2, 10, 50))
        np.testing.assert_array_equal(body.between(first, second), square[body.point[first], body.point[second]])

    def test_no_vertex_is_infinitely_far(self) -> None:
        body = make_body()
        found = body.between(np.array([-1, 0, -1, 3]), np.array([0, -1, -1, 3]))
        np.testing.assert_array_equal(found, [np.inf, np.inf, np.inf, 0.0])

    def test_parts_that_do_not_fit(self) -> None:
        body = make_body()
        for point, condensed in (
            (body.point[:-1], body.condensed),
            (body.point + 1, body.condensed),
            (body.point - 1, body.condensed),
            (body.point, body.condensed[:-1]),
            (body.point, squareform(np.zeros((3, 3)))),
        ):
            with pytest.raises(DataError, match="different bodies") as caught:
                Geodesics(body.charts, point, condensed)
            assert caught.value.kind == "geodesics_wrong"


class TestFile:
    def test_comes_back_mapped(self, tmp_path: Path) -> None:
        body, path = make_body(), tmp_path / "body.safetensors"
        store(path, body)
        found = read_geodesics(path)
        np.testing.assert_array_equal(found.condensed, body.condensed)
        np.testing.assert_array_equal(found.point, body.point)
        np.testing.assert_array_equal(found.charts.table, body.charts.table)
        assert (found.charts.table >= 0).all()  # looked up, not computed again
        assert isinstance(found.condensed.base, np.memmap)
        assert read_source(path) == {"made": "here"}

    def test_any_reader_of_safetensors_opens_it(self, tmp_path: Path) -> None:
        body, path = make_body(7), tmp_path / "body.safetensors"
        write_geodesics(
            path,
            body.charts,
            body.point,
            [body.condensed.astype(np.float32)[:-1], body.condensed[-1:]],
            n_distances=body.condensed.size,
            source={},
        )
        arrays = load_file(path)
        np.testing.assert_array_equal(arrays["condensed"], body.condensed.astype(np.float32))
        np.testing.assert_array_equal(arrays["vertex_u"], body.charts.u)

    def test_truncated_damaged_and_foreign_files(self, tmp_path: Path) -> None:
        body, path = make_body(3), tmp_path / "body.safetensors"
        store(path, body)
        whole = path.read_bytes()
        for content in (
            b"",
            whole[:5],
            whole[:300],
            whole[:-1],
            b"\xff" * 4000,
            whole.replace(b"geodesics-1", b"geodesics-9"),
        ):
            path.write_bytes(content)
            with pytest.raises(DataError, match="delete it") as caught:
                read_geodesics(path)
            assert caught.value.kind == "geodesics_unreadable"

    @pytest.mark.parametrize("distance", [-0.1, np.nan, np.inf])
    def test_impossible_distances_are_not_written(self, tmp_path: Path, distance: float) -> None:
        body = make_body(3)
        body.condensed[4] = distance
        with pytest.raises(DataError, match="negative or not finite"):
            store(tmp_path / "body.safetensors", body)
        assert not list(tmp_path.iterdir())

    def test_written_by_two_at_once(self, tmp_path: Path) -> None:
        path = tmp_path / "body.safetensors"
        bodies = [make_body(3) for _ in range(3)]
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda body: store(path, body), bodies))
        np.testing.assert_array_equal(read_geodesics(path).condensed, bodies[0].condensed)
        assert [one.name for one in tmp_path.iterdir()] == [path.name]


def sheet(n: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """A flat square of n x n vertices, in which distances along the surface are straight."""
    y, x = np.mgrid[:n, :n]
    vertices = np.stack([x.ravel(), y.ravel(), np.zeros(n * n)], axis=1) / (n - 1)
    corner = (y[:-1, :-1] * n + x[:-1, :-1]).ravel()
    faces = [corner, corner + 1, corner + n + 1], [corner, corner + n + 1, corner + n]
    return vertices, np.concatenate([np.stack(one, axis=1) for one in faces])


class TestMesh:
    charts = BodyCharts.of(np.array([1, 24]), np.zeros(2), np.zeros(2))
    point = np.array([0, 8])

    def test_exact_distances_on_a_sheet_are_straight(self) -> None:
        vertices, faces = sheet(6)
        found = mesh_geodesics(vertices, faces, self.charts, self.point, method="exact")
        np.testing.assert_allclose(self.square(found), cdist(vertices, vertices), atol=1e-6)

    def test_the_heat_method_comes_near(self) -> None:
        vertices, faces = sheet(15)
        found = self.square(mesh_geodesics(vertices, faces, self.charts, self.point))
        assert np.abs(found - cdist(vertices, vertices)).max() < 0.1
        assert np.abs(found - cdist(vertices, vertices)).mean() < 0.02

    def test_a_folded_sheet_is_as_wide_as_a_flat_one(self) -> None:
        vertices, faces = sheet(6)
        folded = vertices.copy()
        folded[:, 0], folded[:, 2] = np.minimum(vertices[:, 0], 0.4), np.maximum(vertices[:, 0] - 0.4, 0.0)
        flat, bent = (mesh_geodesics(one, faces, self.charts, self.point, method="exact") for one in (vertices, folded))
        np.testing.assert_allclose(bent.condensed, flat.condensed, atol=1e-6)

    def test_is_kept_in_a_file_until_the_mesh_changes(self, tmp_path: Path) -> None:
        vertices, faces = sheet(4)
        path, calls = tmp_path / "sheet.safetensors", []

        def make(scale: float) -> Geodesics:
            def note(label: str, done: int, total: int | None) -> None:
                calls.append(done)

            return mesh_geodesics(scale * vertices, faces, self.charts, self.point, converted=path, progress=note)

        first = make(1.0).condensed.copy()
        assert calls == list(range(1, 17))
        np.testing.assert_array_equal(make(1.0).condensed, first)
        assert len(calls) == 16
        np.testing.assert_allclose(make(2.0).condensed, 2 * first, rtol=1e-4)
        assert len(calls) == 32

    def test_meshes_that_are_none(self) -> None:
        vertices, faces = sheet(4)
        broken = vertices.copy()
        broken[3] = np.nan
        for points, triangles, message in (
            (vertices[:, :2], faces, "shape"),
            (vertices, faces[:0], "shape"),
            (vertices, faces + 1, "vertices 1 to 16 of 16"),
            (broken, faces, "not finite"),
            (np.concatenate([vertices, vertices]), np.concatenate([faces, faces + 16]), "2 pieces"),
            (np.concatenate([vertices, vertices[:1]]), faces, "2 pieces"),
        ):
            with pytest.raises(DataError, match=message) as caught:
                mesh_geodesics(points, triangles, self.charts, self.point)
            assert caught.value.kind == "mesh_wrong"

    @staticmethod
    def square(body: Geodesics) -> NDArray[np.float64]:
        found = np.zeros((body.n_points, body.n_points))
        low, high = np.tril_indices(body.n_points, -1)
        found[low, high] = found[high, low] = body.condensed
        return found
