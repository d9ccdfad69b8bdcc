"""Crops of people with bodies: what a crop shows is where the body of the crop is projected."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from hcmoco_bench.data.sample import Draw
from hcmoco_bench.data.shape_crops import (
    PeopleWithBodies,
    ShapeCrops,
    body_in_crop,
    collate_shapes,
    mirrored_rotations,
    person_crop,
    random_crop,
)
from hcmoco_bench.errors import DataError

# A made-up skeleton: trunk, and an arm on each side with a forearm.
PARENTS = (-1, 0, 1, 0, 3)
OFFSETS = np.array([[0, 0, 0], [0.2, 0.5, 0], [0.3, 0.02, 0.1], [-0.2, 0.5, 0], [-0.3, 0.02, 0.1]], np.float64)
FLIP = np.array([0, 3, 4, 1, 2])


def heads(rotations: np.ndarray, root: np.ndarray) -> np.ndarray:
    """(P, 3) joints of the made-up skeleton, and a hand beyond each forearm, in the space of the camera."""
    turns, places = [rotations[0]], [root]
    for bone, parent in enumerate(PARENTS[1:], 1):
        places.append(places[parent] + turns[parent] @ OFFSETS[bone])
        turns.append(turns[parent] @ rotations[bone])
    hands = [places[bone] + turns[bone] @ [sign * 0.2, 0.0, 0.05] for bone, sign in ((2, 1), (4, -1))]
    return np.array([*places, *hands])


@pytest.fixture
def people(tmp_path: Path) -> PeopleWithBodies:
    rng = np.random.default_rng(0)
    images = []
    for row in range(3):
        images.append(tmp_path / f"{row}.png")
        cv2.imwrite(str(images[-1]), rng.integers(0, 255, (80, 60, 3), dtype=np.uint8))
    return PeopleWithBodies(
        ids=("a", "b", "c"),
        images=tuple(images),
        boxes=np.array([[10.0, 8, 30, 60], [0, 0, 60, 80], [20, 20, 10, 12]]),
        intrinsics=np.array([[70.0, 72, 29.5, 39.5]] * 3),
        rotations=Rotation.random(15, random_state=1).as_matrix().reshape(3, 5, 3, 3),
        shape=rng.normal(0, 1, (3, 4)),
        root=np.array([[0.1, -0.1, 3.0], [0.0, 0.2, 2.5], [-0.2, 0.0, 4.0]]),
        model=np.array([0, 1, 0]),
        flip=FLIP,
    )


def project(points: np.ndarray, projection: np.ndarray) -> np.ndarray:
    homogeneous = points @ projection.T
    return homogeneous[:, :2] / homogeneous[:, 2:]


@pytest.mark.parametrize("seed", range(6))
def test_the_body_of_a_crop_is_where_the_crop_shows_it(people: PeopleWithBodies, seed: int) -> None:
    rng = np.random.default_rng(seed)
    row = seed % 3
    crop = random_crop(people.boxes[row], 64, rng, flip=float(seed % 2), strength=1.0)
    assert crop.mirrors == bool(seed % 2)
    fx, fy, cx, cy = people.intrinsics[row]
    before = heads(people.rotations[row], people.root[row])
    pixels = project(before, np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]))
    rotations, root, projection = body_in_crop(people, row, crop)
    np.testing.assert_allclose(np.linalg.det(rotations), 1)
    after = heads(rotations, root)
    order = [*FLIP, 6, 5] if crop.mirrors else list(range(7))
    np.testing.assert_allclose(project(after, projection)[order], crop.points(pixels), atol=1e-9)
    # Nothing else changes: depths, and distances between joints.
    np.testing.assert_allclose(after[order, 2], before[:, 2])
    np.testing.assert_allclose(
        np.linalg.norm(after[order] - after[order][:1], axis=1), np.linalg.norm(before - before[:1], axis=1)
    )


def test_twice_mirrored_is_as_before(people: PeopleWithBodies) -> None:
    once = mirrored_rotations(people.rotations, FLIP)
    assert not np.allclose(once, people.rotations)
    np.testing.assert_allclose(mirrored_rotations(once, FLIP), people.rotations)


def test_scoring_crops_do_not_change_and_training_crops_depend_on_the_draw(people: PeopleWithBodies) -> None:
    still = ShapeCrops(people, 32, train=False)
    assert all(torch.equal(still[Draw(1, epoch)].rgb, still[1].rgb) for epoch in range(3))
    np.testing.assert_allclose(still[0].rotations, people.rotations[0], atol=1e-6)
    moving = ShapeCrops(people, 32, train=True, color_noise=0.4, seed=2)
    again = ShapeCrops(people, 32, train=True, color_noise=0.4, seed=2)
    assert torch.equal(moving[Draw(1, 3, 1)].rgb, again[Draw(1, 3, 1)].rgb)
    assert not torch.equal(moving[Draw(1, 3, 1)].rgb, moving[Draw(1, 4, 1)].rgb)
    calm = ShapeCrops(people, 32, train=True, flip=0.0, strength=0.0)
    assert torch.equal(calm[Draw(2, 5)].rgb, still[2].rgb)
    torch.testing.assert_close(calm[Draw(2, 5)].projection, still[2].projection)


def test_a_batch_says_where_points_are_in_the_crop(people: PeopleWithBodies) -> None:
    data = ShapeCrops(people, 32, train=False)
    batch = collate_shapes([data[row] for row in range(3)])
    assert (len(batch), batch.sample_ids, batch.model.tolist()) == (3, ("a", "b", "c"), [0, 1, 0])
    points = torch.tensor([[[0.1, -0.2, 3.0], [0.0, 0.1, 2.0]]] * 3)
    places = batch.places(points)
    crop = person_crop(people.boxes[1], 32)
    wanted = crop.points(np.array([[0.1 / 3, -0.2 / 3], [0.0, 0.05]]) * [70, 72] + [29.5, 39.5])
    # -1 is the left edge of the first pixel, 1 the right one of the last.
    np.testing.assert_allclose(places[1], 2 * (wanted + 0.5) / 32 - 1, atol=1e-5)
    with pytest.raises(ValueError, match="at least one"):
        collate_shapes([])


@pytest.mark.parametrize("content", [None, b"", b"no image"])
def test_images_that_cannot_be_read(people: PeopleWithBodies, content: bytes | None) -> None:
    if content is None:
        people.images[1].unlink()
    else:
        people.images[1].write_bytes(content)
    data = ShapeCrops(people, 32, train=False)
    assert data[0].sample_id == "a"
    with pytest.raises(DataError, match=r"1\.png") as caught:
        data[1]
    assert caught.value.kind == "image_unreadable"
    with pytest.raises(IndexError):
        data[3]


def test_boxes_of_no_size_still_give_a_crop(people: PeopleWithBodies) -> None:
    flat = replace(people, boxes=np.zeros((3, 4)))
    assert ShapeCrops(flat, 32, train=False)[0].rgb.shape == (3, 32, 32)
