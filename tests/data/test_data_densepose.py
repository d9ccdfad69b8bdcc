"""Images for DensePose: sizes, where people and points come to lie, mirroring, and what cannot be read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from pycocotools import mask as run_lengths

from hcmoco_bench.data.densepose import (
    TRAINING_SIDES,
    DensePoseImages,
    collate_densepose,
    transform_people,
)
from hcmoco_bench.data.sample import Draw
from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.densepose import DensePoseImage, DensePosePerson, SurfaceSamples
from hcmoco_bench.sources.densepose.symmetry import generated_symmetry

WIDTH, HEIGHT = 90, 60


def mask(left: int, right: int) -> dict[str, object]:
    square = np.zeros((256, 256), np.uint8, order="F")
    square[:, left:right] = 1
    return run_lengths.encode(square)


def surface() -> SurfaceSamples:
    # a right hand (2) in the left half of the box, a left hand (3) in the next quarter
    masks = [None, mask(0, 128), mask(128, 192), *([None] * 11)]
    return SurfaceSamples(
        xy=np.array([[0.25, 0.5], [0.6, 0.1], [0.5, 1.0]], np.float32),
        part=np.array([3, 4, 2], np.uint8),
        uv=np.array([[0.1, 0.2], [0.3, 0.4], [0.2, 0.9]], np.float32),
        masks=tuple(masks),
    )


def person(box: list[float], *, crowd: bool = False, annotated: bool = True, number: int = 1) -> DensePosePerson:
    return DensePosePerson(number, np.array(box, np.float32), 100.0, crowd, surface() if annotated else None)


@pytest.fixture
def image(tmp_path: Path) -> DensePoseImage:
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    rgb = np.stack([x * 2, y * 4, np.full_like(x, 9)], axis=-1).astype(np.uint8)
    path = tmp_path / "1.png"
    cv2.imwrite(str(path), rgb[..., ::-1])
    people = (person([10, 6, 50, 46]), person([40, 0, 60, 30], annotated=False, number=2))
    return DensePoseImage(12, path, (WIDTH, HEIGHT), people)


def test_a_image_for_scoring_has_the_asked_shorter_side(image: DensePoseImage) -> None:
    sample = DensePoseImages([image], 120, train=False)[0]
    assert sample.sample_id == "12"
    assert sample.rgb.shape == (3, 120, 180)
    assert sample.rgb.dtype == torch.uint8
    assert sample.scale == (2.0, 2.0)
    people = sample.people
    assert people.boxes.tolist() == [[20, 12, 100, 92], [80, 0, 120, 60]]
    assert people.annotated.tolist() == [True, False]
    assert people.segmentations.shape == (1, 256, 256)
    assert people.owner.tolist() == [0, 0, 0]
    torch.testing.assert_close(people.xy, torch.tensor([[40.0, 52.0], [68.0, 20.0], [60.0, 92.0]]))
    assert people.part.tolist() == [3, 4, 2]
    # the image's own content moved as its people did: red is 2 x, green 4 y
    at = sample.rgb[:, 52, 40].float() / torch.tensor([2.0, 4.0, 9.0]) * 2
    torch.testing.assert_close(at[:2], torch.tensor([40.0, 52.0]), atol=1.1, rtol=0)


def test_the_longer_side_is_limited(image: DensePoseImage) -> None:
    wide = replace(image, size=(WIDTH, HEIGHT))
    assert DensePoseImages([wide], 120, train=False)[0].rgb.shape[2] == 180
    thin = np.zeros((10, 90, 3), np.uint8)
    cv2.imwrite(str(image.path), thin)
    sample = DensePoseImages([replace(image, size=(90, 10))], 60, train=False)[0]
    assert sample.rgb.shape == (3, 11, 100)  # 60 x 1333 / 800 = 100


def test_mirroring_moves_pixels_points_sides_and_charts_together(image: DensePoseImage) -> None:
    plain = DensePoseImages([image], HEIGHT, train=False)[0]
    mirrored = transform_people(image.people, (1.0, 1.0), (WIDTH, HEIGHT), generated_symmetry())
    torch.testing.assert_close(mirrored.xy, torch.tensor([WIDTH, 0.0]) + plain.people.xy * torch.tensor([-1.0, 1.0]))
    assert mirrored.boxes.tolist() == [[40, 6, 80, 46], [30, 0, 50, 30]]
    assert mirrored.part.tolist() == [4, 3, 2]
    torch.testing.assert_close(mirrored.uv[:2], plain.people.uv[:2], atol=0.005, rtol=0)
    torch.testing.assert_close(mirrored.uv[2], torch.tensor([0.8, 0.9]), atol=0.005, rtol=0)
    coarse = mirrored.segmentations[0]
    assert coarse[0, :64].unique().tolist() == [0]
    assert coarse[0, 64:128].unique().tolist() == [2]
    assert coarse[0, 128:].unique().tolist() == [3]


def test_training_draws_sizes_and_mirrors_by_the_draw_alone(image: DensePoseImage) -> None:
    data = DensePoseImages([image], 100, train=True, symmetry=generated_symmetry(), seed=3)
    again = DensePoseImages([image], 100, train=True, symmetry=generated_symmetry(), seed=3)
    drawn = [data[Draw(0, epoch)] for epoch in range(24)]
    assert {sample.rgb.shape[1] for sample in drawn} <= {round(100 * side) for side in TRAINING_SIDES}
    assert len({sample.rgb.shape[1] for sample in drawn}) > 3
    mirrored = [sample.people.part.tolist() == [4, 3, 2] for sample in drawn]
    assert 4 < sum(mirrored) < 20
    for epoch in (23, 0, 5):
        one = again[Draw(0, epoch)]
        assert torch.equal(one.rgb, drawn[epoch].rgb)
        assert torch.equal(one.people.xy, drawn[epoch].people.xy)
    for sample, flipped in zip(drawn, mirrored, strict=True):
        rising = bool(sample.rgb[0, 5, 5] < sample.rgb[0, 5, -5])
        assert rising is not flipped


def test_without_tables_nothing_is_mirrored(image: DensePoseImage) -> None:
    data = DensePoseImages([image], 60, train=True, symmetry=None, flip=1.0)
    assert data[Draw(0, 1)].people.part.tolist() == [3, 4, 2]


def test_crowds_and_boxes_outside_are_left_out_and_points_keep_their_place(image: DensePoseImage) -> None:
    people = (
        person([0, 0, 30, 30], crowd=True, annotated=False),
        person([200, 10, 240, 40]),
        person([-20, 10, 20, 50], number=3),
    )
    placed = transform_people(people, (1.0, 1.0), (WIDTH, HEIGHT))
    assert placed.boxes.tolist() == [[0, 10, 20, 50]]
    assert placed.extents.tolist() == [[-20, 10, 20, 50]]
    torch.testing.assert_close(placed.xy[:, 0], torch.tensor([-10.0, 4.0, 0.0]))
    assert placed.segmentations.shape == (1, 256, 256)


def test_images_without_people_have_empty_tensors(image: DensePoseImage) -> None:
    sample = DensePoseImages([replace(image, people=())], 60, train=False)[0]
    assert sample.people.boxes.shape == (0, 4)
    assert sample.people.uv.shape == (0, 2)
    assert sample.people.segmentations.shape == (0, 256, 256)
    batch = collate_densepose([sample], 1)
    assert batch.people[0].annotated.shape == (0,)


def test_images_of_different_sizes_lie_at_the_upper_left(image: DensePoseImage) -> None:
    big, small = (DensePoseImages([image], side, train=False)[0] for side in (60, 30))
    tall = replace(small, rgb=torch.full((3, 70, 20), 7, dtype=torch.uint8))
    batch = collate_densepose(iter([big, tall]), 2)
    assert batch.rgb.shape == (2, 3, 70, 90)
    assert batch.sizes == ((60, 90), (70, 20))
    assert torch.equal(batch.rgb[0, :, :60], big.rgb)
    assert not batch.rgb[0, :, 60:].any()
    assert not batch.rgb[1, :, :, 20:].any()
    assert batch.to("cpu").sample_ids == ("12", "12")


def test_images_that_cannot_be_read_are_named(image: DensePoseImage, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="annotated as 91x60"):
        DensePoseImages([replace(image, size=(91, 60))], 60, train=False)[0]
    missing = replace(image, path=tmp_path / "none.jpg")
    with pytest.raises(DataError, match=r"none\.jpg.*fetch it again"):
        DensePoseImages([missing], 60, train=False)[0]
    for content in (b"", image.path.read_bytes()[:20]):
        image.path.write_bytes(content)
        with pytest.raises(DataError, match="cannot be read"):
            DensePoseImages([image], 60, train=False)[0]
