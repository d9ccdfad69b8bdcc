"""One map moves everything: whatever the crop, a joint stays on its pixel of every modality."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcmoco_bench.body import joint_set, part_table
from hcmoco_bench.data.crop_joints import crop_joints, crop_joints3d
from hcmoco_bench.data.crops import box_around, center_scale, jittered_person, random_square, whole_person
from hcmoco_bench.data.transforms import Crop

WIDTH, HEIGHT = 200, 160
COLUMNS, LINES = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))

crops = st.builds(
    lambda x, y, side, size, rotation, flip: (
        Crop.of_square((x, y), side, size, rotation=rotation).flipped()
        if flip
        else Crop.of_square((x, y), side, size, rotation=rotation)
    ),
    x=st.floats(0, WIDTH),
    y=st.floats(0, HEIGHT),
    side=st.floats(15, 500),
    size=st.integers(16, 96),
    rotation=st.sampled_from([0.0, 0.0, 90.0, 7.3, -31.0, 60.0]),
    flip=st.booleans(),
)


def into_image(crop: Crop, xy: np.ndarray) -> np.ndarray:
    return (xy - crop.matrix[:, 2]) @ np.linalg.inv(crop.matrix[:, :2]).T


@settings(max_examples=150, deadline=None)
@given(crop=crops, x=st.floats(0, WIDTH - 1), y=st.floats(0, HEIGHT - 1))
def test_a_joint_stays_on_its_pixel(crop: Crop, x: float, y: float) -> None:
    place = crop.points([[x, y]])
    if not crop.inside(place)[0]:
        return
    column, line = np.round(place[0]).astype(int)
    # Every px of the crop knows the px of the image that it shows.
    depth = crop.depth((LINES * WIDTH + COLUMNS + 1).astype(np.uint16))
    mask = crop.mask(np.ones((HEIGHT, WIDTH), bool))
    source = into_image(crop, np.array([column, line], float))
    # cv2 rounds places to 1/32 px.
    slack = 0.05
    if (source < -0.5 + slack).any() or (source > np.array([WIDTH, HEIGHT]) - 0.5 - slack).any():
        return
    assert mask[line, column]
    shown = np.array(divmod(int(depth[line, column]) - 1, WIDTH)[::-1])
    assert np.abs(shown - source).max() <= 0.5 + slack
    assert np.linalg.norm(source - (x, y)) <= np.sqrt(0.5) / crop.scale + 1e-6
    ramp = np.stack([COLUMNS, LINES, np.zeros_like(LINES)], axis=-1).astype(np.uint8)
    inside = (source >= 0).all() and (source <= (WIDTH - 1, HEIGHT - 1)).all()
    if inside:
        assert np.abs(crop.rgb(ramp)[line, column, :2].astype(float) - source).max() <= 0.5 + slack


@settings(max_examples=50, deadline=None)
@given(crop=crops)
def test_what_is_outside_of_the_image_is_nothing(crop: Crop) -> None:
    corners = np.array([[x, y] for y in range(crop.height) for x in range(crop.width)], float)
    source = into_image(crop, corners).reshape(crop.height, crop.width, 2)
    outside = ((source < -1.1) | (source > np.array([WIDTH, HEIGHT]) + 0.1)).any(axis=-1)
    ones = np.ones((HEIGHT, WIDTH), np.uint8)
    assert not crop.depth(ones.astype(np.uint16))[outside].any()
    assert not crop.parts(ones)[outside].any()
    assert not crop.mask(ones.astype(bool))[outside].any()
    assert not crop.rgb(np.dstack([ones] * 3))[outside].any()


@settings(max_examples=50, deadline=None)
@given(crop=crops, seed=st.integers(0, 99))
def test_a_flip_swaps_sides_of_joints_and_parts(crop: Crop, seed: int) -> None:
    rng = np.random.default_rng(seed)
    flip = joint_set("mpii16").flip
    xy, known = rng.uniform(0, 150, (16, 2)), rng.random(16) < 0.7
    there, known_there = crop.joints(xy, known, flip)
    back, known_back = crop.flipped().joints(xy, known, flip)
    mirrored = back * (-1, 1) + (crop.width - 1, 0)
    assert np.allclose(there, mirrored[flip])
    assert np.array_equal(known_there, known_back[flip])
    twice = crop.flipped().flipped()
    assert np.allclose(twice.matrix, crop.matrix)
    assert twice.mirrors == crop.mirrors


def test_a_flip_swaps_part_labels() -> None:
    table = part_table()
    parts = np.zeros((40, 40), np.uint8)
    parts[10:30, 5:15], parts[10:30, 20:30] = table.index("left thigh"), table.index("head")
    crop = Crop.of_square((19.5, 19.5), 40, 40)
    assert np.array_equal(crop.parts(parts), parts)
    mirrored = crop.flipped().parts(parts)
    assert (mirrored[10:30, 25:35] == table.index("right thigh")).all()
    assert (mirrored[10:30, 10:20] == table.index("head")).all()
    assert sorted(np.unique(mirrored)) == sorted([0, table.index("right thigh"), table.index("head")])


def test_a_square_by_hand() -> None:
    """A square of 10 px from 20 to 29 doubles: its first px, 20, becomes px 0 and 1, so its center lies between."""
    crop = Crop.of_square((24.5, 24.5), 10, 20)
    assert np.allclose(crop.points([[20, 20], [29, 29], [24.5, 24.5]]), [[0.5, 0.5], [18.5, 18.5], [9.5, 9.5]])
    assert crop.scale == pytest.approx(2.0)
    assert crop.inside(np.array([[0, 0], [19, 19], [-0.1, 5], [5, 19.1]])).tolist() == [True, True, False, False]
    turned = Crop.of_square((10, 10), 20, 20, rotation=90)
    # The square turns clockwise: what lies to the right of the middle in the image is now above it.
    assert np.allclose(turned.points([[15, 10]]), [[9.5, 4.5]])


@settings(max_examples=60, deadline=None)
@given(x=st.floats(50, 400), y=st.floats(50, 400), side=st.floats(50, 500), flip=st.booleans(), seed=st.integers(0, 99))
def test_intrinsics_project_to_where_the_crop_has_the_pixel(
    x: float, y: float, side: float, flip: bool, seed: int
) -> None:
    crop = Crop.of_square((x, y), side, 160)
    crop = crop.flipped() if flip else crop
    points = np.random.default_rng(seed).uniform((-1, -1, 1), (1, 1, 4), (20, 3))
    fx, fy, cx, cy = 365.0, 367.0, 256.0, 210.0
    pixels = np.column_stack([fx * points[:, 0] / points[:, 2] + cx, fy * points[:, 1] / points[:, 2] + cy])
    moved = crop.intrinsics(fx, fy, cx, cy)
    assert moved is not None
    world = points * (-1, 1, 1) if flip else points
    again = moved[:2] * world[:, :2] / world[:, 2:] + moved[2:]
    assert np.allclose(again, crop.points(pixels))


def test_a_rotated_crop_has_no_intrinsics() -> None:
    assert Crop.of_square((0, 0), 10, 10, rotation=5).intrinsics(1, 1, 0, 0) is None


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_the_crop_of_a_reduced_image_is_that_of_the_whole(factor: int) -> None:
    columns, lines = np.meshgrid(np.arange(480), np.arange(320))
    waves = 128 + 60 * np.sin(columns / 25.0) + 60 * np.cos(lines / 25.0)
    image = np.dstack([waves.astype(np.uint8)] * 3)
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 100])
    flags = {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}[factor]
    reduced = cv2.imdecode(data, flags)
    crop = Crop.of_square((240, 160), 250, 250 // factor, rotation=20)
    difference = np.abs(crop.of_reduced(factor).rgb(reduced).astype(float) - crop.rgb(image))
    assert difference.mean() < 1.0
    # Half a px off would be seen.
    off = crop.of_reduced(factor).matrix.copy()
    off[:, 2] += 0.5
    missed = Crop(off, crop.width, crop.height).rgb(reduced)
    assert np.abs(missed.astype(float) - crop.rgb(image)).mean() > 1.5 * difference.mean()


def test_random_squares_are_as_published() -> None:
    rng = np.random.default_rng(0)
    box = np.array([200.0, 100.0, 260.0, 300.0])
    sides, middles = [], []
    for _ in range(4000):
        crop = random_square(box, 512, 424, 320, rng)
        assert crop.is_upright
        assert not crop.mirrors
        sides.append(320 / crop.scale)
        middles.append(into_image(crop, np.array([159.5, 159.5])))
    area = np.square(sides) / (512 * 424)
    assert area.min() >= 0.08
    assert np.max(sides) <= 424
    # Uniform in area: quartiles of what remains of 0.08..1.2 when no side is longer than 424.
    largest = 424**2 / (512 * 424)
    assert np.quantile(area, [0.25, 0.5, 0.75]) == pytest.approx(
        0.08 + (largest - 0.08) * np.array([0.25, 0.5, 0.75]), abs=0.025
    )
    middles = np.array(middles)
    assert (middles >= box[:2] - 1e-6).all()
    assert (middles <= box[2:] + 1e-6).all()
    assert np.median(middles, axis=0) == pytest.approx((230, 200), abs=6)


def test_jittered_persons_lie_around_the_whole_person() -> None:
    rng = np.random.default_rng(0)
    box = np.array([200.0, 100.0, 260.0, 300.0])
    plain = whole_person(box, 320)
    crops = [jittered_person(box, 320, rng) for _ in range(4000)]
    assert all(crop.is_upright and not crop.mirrors for crop in crops)
    sides = np.array([plain.scale / crop.scale for crop in crops])  # 1 is the whole person's
    assert np.median(sides) == pytest.approx(1, abs=0.01)
    assert np.log(sides).std() == pytest.approx(0.15, abs=0.01)
    middles = np.array([into_image(crop, np.array([159.5, 159.5])) for crop in crops])
    moved = (middles - (230, 200)) / (250 * sides[:, None])
    assert np.abs(moved.mean(axis=0)).max() < 0.005
    assert moved.std(axis=0) == pytest.approx((0.075, 0.075), abs=0.005)
    inside = [
        ((crop.points(box.reshape(2, 2)) > -0.5) & (crop.points(box.reshape(2, 2)) < 319.5)).all() for crop in crops
    ]
    assert np.mean(inside) > 0.6


def test_jitter_of_photographs_is_as_published() -> None:
    rng = np.random.default_rng(1)
    crops = [center_scale(np.array([300.0, 200.0]), 1.5, 256, rng, flip=0.25) for _ in range(4000)]
    for crop in crops[:50]:
        assert np.allclose(crop.points([[300, 200]]), 127.5)
    factor = np.array([256 / crop.scale / 300 for crop in crops])
    assert factor.min() == pytest.approx(0.75)
    assert factor.max() == pytest.approx(1.25)
    assert np.mean((factor > 0.7501) & (factor < 1.2499)) == pytest.approx(0.683, abs=0.03)
    angle = np.array([np.degrees(np.arctan2(abs(crop.matrix[0, 1]), abs(crop.matrix[0, 0]))) for crop in crops])
    assert np.mean(angle > 0) == pytest.approx(0.6, abs=0.03)
    assert angle.max() <= 60 + 1e-6
    assert np.mean([crop.mirrors for crop in crops]) == pytest.approx(0.25, abs=0.03)
    plain = center_scale(np.array([300.0, 200.0]), 1.5, 256, None, flip=1.0)
    assert plain.scale == pytest.approx(256 / 300)
    assert plain.is_upright
    assert not plain.mirrors


def test_the_whole_person_is_inside() -> None:
    points = np.array([[100.0, 50.0], [180.0, 300.0], [-20.0, 900.0]])
    box = box_around(points, 512, 424)
    assert box.tolist() == [0.0, 50.0, 180.0, 423.0]
    crop = whole_person(box, 160)
    assert crop.inside(crop.points(box.reshape(2, 2))).all()
    assert 160 / crop.scale == pytest.approx(1.25 * 373)
    one = whole_person(box_around(points[:1], 512, 424), 160)
    assert np.isfinite(one.matrix).all()


@given(side=st.floats(20, 200), angle=st.floats(-180, 180), mirrored=st.booleans(), seed=st.integers(0, 100))
@settings(max_examples=60, deadline=None)
def test_joints_in_meters_belong_to_the_world_that_the_crop_shows(
    side: float, angle: float, mirrored: bool, seed: int
) -> None:
    """A pinhole projects them onto the joints of the crop, also if that is rotated or mirrored."""
    rng = np.random.default_rng(seed)
    xyz = rng.uniform((-1, -1, 2), (1, 1, 4), (16, 3))
    focal, center = 150.0, np.array([90.0, 70.0])

    def image_of(points: np.ndarray) -> np.ndarray:
        return np.column_stack([points[:, 0], -points[:, 1]]) * focal / points[:, 2:]

    crop = Crop.of_square(rng.uniform(40, 120, 2), side, 96, rotation=angle)
    crop = crop.flipped() if mirrored else crop
    is_known = rng.random(16) < 0.8
    joints3d, valid = crop_joints3d(xyz, is_known, "mpii16", crop)
    joints, _ = crop_joints(image_of(xyz) + center, is_known, "mpii16", crop)
    projected = image_of(joints3d.numpy().astype(float)[valid]) * crop.scale + crop.points([center])
    assert np.allclose(projected, joints.numpy()[valid], atol=2e-3)
    assert int(valid.sum()) == int(is_known.sum())
    assert np.allclose(joints3d[valid][:, 2].sum(), xyz[is_known][:, 2].sum())
    assert not joints3d[~valid].any()


def test_a_mirrored_crop_shows_a_mirrored_body() -> None:
    xyz = np.zeros((16, 3))
    xyz[0], xyz[5] = (0.5, 1.0, 3.0), (-0.25, 0.75, 2.0)
    known = np.ones(16, bool)
    crop = Crop.of_square((50, 50), 60, 120)
    upright, _ = crop_joints3d(xyz, known, "mpii16", crop)
    assert np.array_equal(upright.numpy(), xyz.astype(np.float32))
    mirrored, _ = crop_joints3d(xyz, known, "mpii16", crop.flipped())
    # The right ankle (0) and the left one (5) change places.
    assert mirrored[0].tolist() == [0.25, 0.75, 2.0]
    assert mirrored[5].tolist() == [-0.5, 1.0, 3.0]


@pytest.mark.parametrize(("known", "place"), [("root", 6), ("some", None), ("none", None)])
def test_unknown_joints_lie_where_they_say_nothing(known: str, place: Any) -> None:
    xy = np.random.default_rng(3).uniform(20, 80, (16, 2))
    is_known = np.ones(16, bool)
    is_known[[2, 9]] = False
    if known != "root":
        is_known[6] = False
    if known == "none":
        is_known[:] = False
    xy[~is_known] = np.nan
    crop = Crop.of_square((50, 50), 60, 120)
    joints, visible = crop_joints(xy, is_known, "mpii16", crop)
    moved = crop.points(xy)
    assert np.isfinite(joints.numpy()).all()
    assert np.allclose(joints[is_known].numpy(), moved[is_known], atol=1e-3)
    assert np.array_equal(visible.numpy()[is_known], crop.inside(moved)[is_known])
    assert not visible.numpy()[~is_known].any()
    expected = {"root": moved[6], "some": moved[is_known].mean(axis=0) if is_known.any() else 0, "none": 59.5}[known]
    assert np.allclose(joints[~is_known].numpy(), expected, atol=1e-3)
