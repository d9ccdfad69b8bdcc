"""Finding a person in a depth map: built scenes, where the answer is known, and generated ones."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from hcmoco_bench.data.person_finder import find_person
from hcmoco_bench.sources.itop import METRES_PER_PIXEL, open_itop

FOCAL, CENTER = 1 / METRES_PER_PIXEL, (160.0, 120.0)


def room(*, wall: float = 5.0, floor: float = -1.0) -> np.ndarray:
    """A wall, and a floor one meter below the camera."""
    depth = np.full((240, 320), wall, np.float32)
    below = np.arange(240) - CENTER[1]
    with np.errstate(divide="ignore"):
        distance = np.where(below > 0, -floor * FOCAL / below, np.inf)
    return np.minimum(depth, distance[:, None]).astype(np.float32)


def put(depth: np.ndarray, z: float, left: float, bottom: float, width: float, height: float) -> np.ndarray:
    """An upright board of that size in meters at distance z; returns where it is."""
    x = [CENTER[0] + FOCAL * side / z for side in (left, left + width)]
    y = [CENTER[1] - FOCAL * level / z for level in (bottom + height, bottom)]
    mask = np.zeros(depth.shape, bool)
    mask[max(0, round(y[0])) : max(0, round(y[1])), max(0, round(x[0])) : max(0, round(x[1]))] = True
    mask &= (depth == 0) | (depth > z)
    depth[mask] = z
    return mask


def test_a_board_like_a_person_before_a_wall() -> None:
    depth = room()
    person = put(depth, 3.0, -0.2, -1.0, 0.4, 1.7)
    put(depth, 2.8, 0.6, -1.0, 0.5, 0.5)  # a box on the floor
    found = find_person(depth, FOCAL, CENTER)
    assert found is not None
    assert (found.mask & person).sum() > 0.93 * person.sum()  # the lowest part is floor
    assert (found.mask & ~person).sum() < 0.02 * person.sum()
    assert (found.near, found.far) == pytest.approx((3.0, 3.0), abs=0.01)
    rows, columns = np.nonzero(person)
    np.testing.assert_allclose(found.box, [columns.min(), rows.min(), columns.max(), rows.max()], atol=8)


def test_the_nearer_of_two_alike() -> None:
    depth = room()
    put(depth, 3.6, 0.7, -1.0, 0.4, 1.7)
    near = put(depth, 2.6, -0.8, -1.0, 0.4, 1.7)
    found = find_person(depth, FOCAL, CENTER)
    assert found is not None
    assert (found.mask & near).sum() > 0.9 * found.mask.sum()


def test_pieces_that_touch_it_are_part_of_it() -> None:
    depth = room()
    put(depth, 3.0, -0.2, -1.0, 0.4, 1.7)
    arm = put(depth, 2.8, 0.2, 0.2, 0.5, 0.12)  # a jump of 20 cm at the shoulder
    found = find_person(depth, FOCAL, CENTER)
    assert found is not None
    assert (found.mask & arm).sum() > 0.8 * arm.sum()
    assert found.near < 2.9


@pytest.mark.parametrize("holes", [0.0, 0.1])
def test_noise_and_holes(holes: float) -> None:
    rng = np.random.default_rng(0)
    depth = room()
    person = put(depth, 3.0, -0.2, -1.0, 0.4, 1.7)
    depth += rng.normal(0, 0.012, depth.shape).astype(np.float32)
    depth[rng.random(depth.shape) < holes] = 0
    found = find_person(depth, FOCAL, CENTER)
    assert found is not None
    assert (found.mask & person).sum() > 0.85 * (person & (depth > 0)).sum()


def test_nobody_is_there() -> None:
    assert find_person(room(), FOCAL, CENTER) is None
    assert find_person(np.zeros((240, 320), np.float32), FOCAL, CENTER) is None
    one = np.zeros((240, 320), np.float32)
    one[100, 100] = 2
    assert find_person(one, FOCAL, CENTER) is None
    crumbs = room()
    put(crumbs, 2.0, 0.0, -1.0, 0.2, 0.2)
    assert find_person(crumbs, FOCAL, CENTER) is None


def test_generated_people_are_found(generated_itop: Path) -> None:
    for split in ("train", "test"):
        source = open_itop(generated_itop, split)
        with h5py.File(generated_itop / f"ITOP_side_{split}_labels.h5") as labels:
            people = labels["segmentation"][:][source.rows] >= 0
        for row in range(0, len(source), 3):
            found = find_person(source.depth(row), FOCAL, CENTER)
            assert found is not None
            assert (found.mask & people[row]).sum() > 0.75 * (found.mask | people[row]).sum()
            again = find_person(source.depth(row), FOCAL, CENTER)
            assert again is not None
            np.testing.assert_array_equal(again.mask, found.mask)
