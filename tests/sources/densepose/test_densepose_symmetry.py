"""The charts' mirror: the published file's form, what is refused, and the generated body's own symmetry."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from scipy.spatial import KDTree

from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.densepose.symmetry import (
    SYMMETRY_FILE,
    find_symmetry,
    generated_symmetry,
    read_symmetry,
)
from hcmoco_bench.synth.densepose.chart_mesh import chart_mesh


def write_tables(path: Path, *, parts: int = 24, side: int = 256) -> np.ndarray:
    """Random tables in MATLAB's form: a row of cells."""
    rng = np.random.default_rng(0)
    values = rng.random((2, parts, side, side))
    cells = np.empty((2, 1, parts), dtype=object)
    for axis in range(2):
        for part in range(parts):
            cells[axis, 0, part] = values[axis, part]
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"U_transforms": cells[0], "V_transforms": cells[1]})
    return values


def test_points_are_looked_up_by_v_and_u_of_their_own_chart(tmp_path: Path) -> None:
    values = write_tables(tmp_path / "UV_data" / SYMMETRY_FILE)
    path = find_symmetry(tmp_path)
    assert path is not None
    part, uv = read_symmetry(path).mirror(
        np.array([1, 3, 24], np.uint8), np.array([[0.0, 1.0], [0.5, 0.25], [1.0, 0.999]], np.float32)
    )
    assert part.tolist() == [1, 4, 23]
    expected = [[values[axis, p, v, u] for axis in range(2)] for p, u, v in ((0, 0, 255), (2, 127, 63), (23, 255, 254))]
    np.testing.assert_allclose(uv, expected, rtol=1e-6)


def test_without_the_file_there_is_none(tmp_path: Path) -> None:
    assert find_symmetry(tmp_path) is None


def test_damaged_or_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / SYMMETRY_FILE
    write_tables(path, parts=3, side=8)
    with pytest.raises(DataError, match="tables of shape"):
        read_symmetry(path)
    for content in (b"", path.read_bytes()[:200], b"no matlab file at all" * 20):
        path.write_bytes(content)
        with pytest.raises(DataError, match="fetch DensePose's UV_data again"):
            read_symmetry(path)
    savemat(path, {"other": np.zeros(3)})
    with pytest.raises(DataError, match="KeyError"):
        read_symmetry(path)
    with pytest.raises(DataError, match=r"none\.mat"):
        read_symmetry(tmp_path / "none.mat")


def test_the_generated_bodys_charts_are_mirrored_as_its_surface_is() -> None:
    mesh = chart_mesh()
    places = mesh.vertices[mesh.vertex_to_unique]
    inside = (np.abs(places[:, 0]) > 0.02) & ~np.isin(mesh.vertex_part, [1, 2])  # off the midline, where charts meet
    part = mesh.vertex_part[inside].astype(np.uint8)
    uv = np.stack([mesh.vertex_u, mesh.vertex_v], axis=1)[inside].astype(np.float32)
    mirrored_part, mirrored_uv = generated_symmetry().mirror(part, uv)
    distances = []
    for number in np.unique(mirrored_part):
        chart = mesh.vertex_part == number
        tree = KDTree(np.stack([mesh.vertex_u, mesh.vertex_v], axis=1)[chart])
        rows = mirrored_part == number
        nearest = places[chart][tree.query(mirrored_uv[rows])[1]]
        distances.append(np.linalg.norm(nearest - places[inside][rows] * [-1, 1, 1], axis=1))
    assert np.quantile(np.concatenate(distances), 0.95) < 0.05  # meters; vertices are 2 cm apart


def test_the_torso_is_its_own_partner() -> None:
    part, uv = generated_symmetry().mirror(np.array([1, 2], np.uint8), np.array([[0.2, 0.3], [1.0, 0.0]], np.float32))
    assert part.tolist() == [1, 2]
    np.testing.assert_allclose(uv, [[0.8, 0.3], [0.0, 0.0]], atol=0.005)
