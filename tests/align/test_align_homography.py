from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcmoco_bench.align import apply_homography, fit_homography
from hcmoco_bench.errors import CalibrationError

TRUE = np.array([[0.36, 0.005, -96.0], [0.003, 0.355, 8.0], [2e-5, 8e-6, 1.0]])


def exact_points(rng: np.random.Generator, n: int = 1500) -> tuple[np.ndarray, np.ndarray]:
    color = rng.uniform([300, 0], [1600, 1080], (n, 2))
    return color, cv2.perspectiveTransform(color[None], TRUE)[0]


def test_apply_is_opencvs_perspective_transform() -> None:
    color = np.random.default_rng(0).uniform(0, 1900, (50, 2))
    np.testing.assert_allclose(
        apply_homography(TRUE, color), cv2.perspectiveTransform(color[None], TRUE)[0], atol=1e-10
    )


def test_exact_points_give_the_exact_homography() -> None:
    color, depth = exact_points(np.random.default_rng(0))
    matrix, inliers = fit_homography(color, depth, rng=np.random.default_rng(0))
    np.testing.assert_allclose(matrix, TRUE, rtol=1e-6, atol=1e-9)
    assert inliers.all()


def test_noisy_points_give_opencvs_least_squares_homography() -> None:
    rng = np.random.default_rng(1)
    color, depth = exact_points(rng)
    depth += rng.normal(0, 0.3, depth.shape)
    matrix, _ = fit_homography(color, depth, rng=rng)
    reference, _ = cv2.findHomography(color, depth, 0)
    corners = np.array([[300.0, 0], [1600, 0], [300, 1080], [1600, 1080]])
    np.testing.assert_allclose(apply_homography(matrix, corners), apply_homography(reference, corners), atol=2e-3)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.0, 0.35))
def test_garbage_does_not_move_it(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    color, depth = exact_points(rng)
    clean, _ = fit_homography(color, depth, rng=np.random.default_rng(0))
    wrong = rng.random(len(color)) < share
    garbled = np.where(wrong[:, None], rng.uniform(0, [512, 424], depth.shape), depth)
    matrix, inliers = fit_homography(color, garbled, rng=np.random.default_rng(0))
    assert np.abs(apply_homography(matrix, color) - apply_homography(clean, color)).max() < 0.02
    assert inliers[~wrong].all()


def test_parallax_does_not_make_it_pick_one_plane() -> None:
    rng = np.random.default_rng(2)
    color, depth = exact_points(rng, 4000)
    depth[:, 0] += rng.uniform(-2.5, 2.5, len(depth))
    matrix, inliers = fit_homography(color, depth, rng=rng)
    assert inliers.all()
    assert np.abs(apply_homography(matrix, color) - apply_homography(TRUE, color)).max() < 0.3


def test_same_seed_same_bits() -> None:
    rng = np.random.default_rng(3)
    color, depth = exact_points(rng)
    depth += rng.normal(0, 1.0, depth.shape)
    first, second = (fit_homography(color, depth, rng=np.random.default_rng(7))[0] for _ in range(2))
    cv2.setRNGSeed(99)
    third, _ = fit_homography(color, depth, rng=np.random.default_rng(7))
    assert first.tobytes() == second.tobytes() == third.tobytes()


@pytest.mark.parametrize("n", [1, 3, 99])
def test_too_few_points(n: int) -> None:
    color, depth = exact_points(np.random.default_rng(0), n)
    with pytest.raises(CalibrationError, match=f"{n} tracked joints are too few") as caught:
        fit_homography(color, depth, rng=np.random.default_rng(0))
    assert caught.value.kind == "rig_too_few_points"


def test_no_points() -> None:
    with pytest.raises(CalibrationError, match="0 tracked joints are too few"):
        fit_homography(np.empty((0, 2)), np.empty((0, 2)), rng=np.random.default_rng(0))


@pytest.mark.parametrize("direction", [(0.0, 0.0), (1.0, 0.0), (0.6, 0.8)])
def test_points_on_a_spot_or_a_line(direction: tuple[float, float]) -> None:
    along = np.random.default_rng(0).uniform(0, 800, (500, 1)) * np.array(direction)
    color = np.array([600.0, 200.0]) + along
    with pytest.raises(CalibrationError, match="one spot or line") as caught:
        fit_homography(color, apply_homography(TRUE, color), rng=np.random.default_rng(0))
    assert caught.value.kind == "rig_too_few_points"


def test_points_without_a_law() -> None:
    rng = np.random.default_rng(0)
    color, depth = rng.uniform(0, [1920, 1080], (1000, 2)), rng.uniform(0, [512, 424], (1000, 2))
    with pytest.raises(CalibrationError, match=r"joints agree on one homography|no homography fits") as caught:
        fit_homography(color, depth, rng=rng)
    assert caught.value.kind == "rig_bad_fit"
