"""Procrustes against scipy and brute force, and on points that do not fix a rotation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import optimize, spatial

from hcmoco_bench.errors import DataError
from hcmoco_bench.metrics import procrustes

Array = NDArray[np.float64]


def rms(source: Array, target: Array, **options: Any) -> Array:
    moved = procrustes(source, target, **options).apply(source)
    return np.sqrt(((moved - target) ** 2).sum(2).mean(1))


def points(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).normal(size=shape)


def rotations(seed: int, n: int) -> Array:
    return spatial.transform.Rotation.random(n, rng=np.random.default_rng(seed)).as_matrix()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(4, 12), st.floats(-5, 5))
def test_a_similarity_is_found_again(seed: int, n_points: int, size: float) -> None:
    source, turn = points(seed, 3, n_points, 3), rotations(seed, 3)
    rng = np.random.default_rng(seed)
    factor, shift = 10.0 ** rng.uniform(-3, 3, 3), 10**size * rng.normal(size=(3, 3))
    target = factor[:, None, None] * source @ turn.swapaxes(1, 2) + shift[:, None]
    found = procrustes(source, target)
    np.testing.assert_allclose(found.rotation, turn, atol=1e-6)
    np.testing.assert_allclose(found.scale, factor, rtol=1e-6)
    np.testing.assert_allclose(found.apply(source), target, rtol=1e-9, atol=1e-9 * 10 ** max(size, 0))


def test_rotations_are_scipys() -> None:
    source, target = points(0, 20, 8, 3), points(1, 20, 8, 3)
    found = procrustes(source, target, scale=False)
    for i in range(20):
        a, b = source[i] - source[i].mean(0), target[i] - target[i].mean(0)
        expected, distance = spatial.transform.Rotation.align_vectors(b, a)
        np.testing.assert_allclose(found.rotation[i], expected.as_matrix(), atol=1e-9)
        assert rms(source, target, scale=False)[i] * 8**0.5 == pytest.approx(distance)


def test_with_reflections_the_distance_is_scipys() -> None:
    source, target = points(2, 20, 9, 3), points(3, 20, 9, 3)
    for i, found in enumerate(rms(source, target, reflection=True)):
        spread = np.sqrt(((target[i] - target[i].mean(0)) ** 2).sum())
        _, _, disparity = spatial.procrustes(target[i], source[i])
        assert found == pytest.approx(spread * np.sqrt(disparity / 9))


def test_no_other_similarity_is_nearer() -> None:
    source, target = points(4, 2, 6, 3), points(5, 2, 6, 3)

    def distance(parameters: Array, i: int) -> float:
        turn = spatial.transform.Rotation.from_rotvec(parameters[:3]).as_matrix()
        return float(((np.exp(parameters[3]) * source[i] @ turn.T + parameters[4:] - target[i]) ** 2).sum())

    for i, found in enumerate(rms(source, target)):
        starts = points(i, 6, 7)
        best = min(optimize.minimize(distance, start, (i,)).fun for start in starts)
        assert found**2 * 6 == pytest.approx(best, rel=1e-6)


def test_a_mirror_image_is_not_the_same_shape() -> None:
    source = points(6, 10, 9, 3)
    mirrored = source * [-1, 1, 1]
    found = procrustes(source, mirrored)
    np.testing.assert_allclose(np.linalg.det(found.rotation), 1)
    assert rms(source, mirrored).min() > 0.05
    assert rms(source, mirrored, reflection=True).max() < 1e-12
    np.testing.assert_allclose(np.linalg.det(procrustes(source, mirrored, reflection=True).rotation), -1)


class TestDegenerate:
    def test_points_that_all_coincide(self) -> None:
        one, spread = np.full((1, 5, 3), [0.1, 2.2, -3.3]), points(7, 1, 5, 3)
        found = procrustes(one, spread)
        assert (found.scale, np.linalg.det(found.rotation)) == (1, 1)
        np.testing.assert_allclose(found.apply(one), np.broadcast_to(spread.mean(1), (1, 5, 3)), atol=1e-12)
        np.testing.assert_allclose(procrustes(spread, one).apply(spread), one, atol=1e-12)
        np.testing.assert_allclose(procrustes(one, one + 1).apply(one), one + 1, atol=1e-12)

    @pytest.mark.parametrize("far", [0.0, 1e6])
    def test_points_on_a_line(self, far: float) -> None:
        places = points(8, 1, 6, 1)
        a, b = places * [1.0, 2, -1] + far, 3 * places * [0.5, 0.1, 2] - 7
        assert rms(a, b)[0] < 1e-9 * max(far, 1)
        np.testing.assert_allclose(np.linalg.det(procrustes(a, b).rotation), 1)
        # Upside down, too: a line turns over without a mirror.
        assert rms(a, -b)[0] < 1e-9 * max(far, 1)

    def test_points_on_a_plane_turn_over_without_a_mirror(self) -> None:
        flat = points(9, 4, 7, 3) * [1, 1, 0]
        assert rms(flat, flat * [-1, 1, 1]).max() < 1e-12

    @pytest.mark.parametrize("n_points", [1, 2])
    def test_one_or_two_points_fit_exactly(self, n_points: int) -> None:
        assert rms(points(10, 5, n_points, 3), points(11, 5, n_points, 3)).max() < 1e-12

    def test_very_small_and_very_large_points(self) -> None:
        a, b = points(12, 2, 6, 3), points(13, 2, 6, 3)
        expected = rms(a, b)
        for unit in (1e-120, 1e120):
            np.testing.assert_allclose(rms(unit * a, b), expected, rtol=1e-9)
            np.testing.assert_allclose(rms(a, unit * b), unit * expected, rtol=1e-9)

    def test_no_sets_and_no_points(self) -> None:
        for shape in ((0, 5, 3), (2, 0, 3)):
            empty = np.zeros(shape)
            assert procrustes(empty, empty).apply(empty).shape == shape


class TestValid:
    def test_only_valid_points_count(self) -> None:
        source, target = points(14, 4, 9, 3), points(15, 4, 9, 3)
        valid = np.random.default_rng(0).random((4, 9)) > 0.3
        bad = np.where(valid[:, :, None], source, np.nan)
        found = procrustes(bad, target, valid)
        for i in range(4):
            alone = procrustes(source[i : i + 1, valid[i]], target[i : i + 1, valid[i]])
            np.testing.assert_allclose(found.rotation[i], alone.rotation[0], atol=1e-12)
            np.testing.assert_allclose(found.translation[i], alone.translation[0], atol=1e-12)

    def test_a_set_without_any_keeps_its_place(self) -> None:
        source = points(16, 1, 5, 3)
        np.testing.assert_array_equal(procrustes(source, 2 * source, np.zeros((1, 5), bool)).apply(source), source)

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_what_is_not_finite_is_refused(self, bad: float) -> None:
        source, target = points(17, 4, 5, 3), points(18, 4, 5, 3)
        target[2, 1, 0] = bad
        with pytest.raises(DataError, match=r"rows 2 \(1 in all\)") as caught:
            procrustes(source, target)
        assert caught.value.kind == "points_not_finite"

    def test_shapes_that_do_not_fit_are_refused(self) -> None:
        with pytest.raises(DataError, match="cannot be brought onto"):
            procrustes(points(0, 2, 5, 3), points(0, 2, 4, 3))
