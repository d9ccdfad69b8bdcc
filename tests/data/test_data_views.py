"""Views show what their parameters say, are drawn as torchvision draws them, and depend on nothing but the draw."""

from __future__ import annotations

import pickle
from dataclasses import fields
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hcmoco_bench.prepare.keypoint_manifest import KeypointStore
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError
from scipy.stats import ks_2samp
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms import functional as pillow_functional
from torchvision.transforms.v2 import functional

from hcmoco_bench.data import (
    Draw,
    KeypointImagesDataset,
    MixedDataset,
    NtuStoreDataset,
    ViewOptions,
    appearance,
    collate,
    draw_views,
    make_loader,
)
from hcmoco_bench.data.appearance import blurred, jittered_color, random_appearance, shifted_hue
from hcmoco_bench.data.crops import person_region, square_region
from hcmoco_bench.data.framing import Region
from hcmoco_bench.data.views import random_region
from hcmoco_bench.errors import UsageError

PLAIN = {"jitter_probability": 0.0, "gray_probability": 0.0, "blur_probability": 0.0}
WIDTH, HEIGHT = 200, 160


def coordinate_image() -> np.ndarray:
    """Red is the column, green the row."""
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    return np.stack([x, y, np.full_like(x, 7)], axis=-1).astype(np.uint8)


def textured_image(seed: int = 0) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 256, (12, 15, 3), np.uint8)
    return np.asarray(Image.fromarray(small).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))


@given(seed=st.integers(0, 10_000), size=st.sampled_from([32, 96, 256]))
@settings(max_examples=40, deadline=None)
def test_crop_parameters_lead_back_to_the_pixels(seed: int, size: int) -> None:
    image = coordinate_image()
    within = Region(30, 20, 150, 120)
    for view in draw_views(image, ViewOptions(size=size, **PLAIN), np.random.default_rng(seed), within=within):
        left, top, width, height = view.region
        assert left >= 30
        assert top >= 20
        assert left + width <= 180
        assert top + height <= 140
        shown = view.image.float().numpy()
        # By hand: the px of a view, unmirrored, at its fraction of the region.
        place = np.arange(size)
        columns = left + (place + 0.5) * width / size - 0.5
        rows = top + (place + 0.5) * height / size - 0.5
        if view.flipped:
            columns = columns[::-1]
        # Near the region's edge the resized pixels have neighbors on one side only.
        inner = slice(size // 8, -(size // 8))
        assert np.abs(shown[0] - columns[None])[inner, inner].max() < 1.01
        assert np.abs(shown[1] - rows[:, None])[inner, inner].max() < 1.01
        # And the affine map says the same.
        here = view.crop.points(np.stack(np.meshgrid(columns, rows), axis=-1))
        there = np.stack(np.meshgrid(place, place), axis=-1)
        assert np.abs(here - there).max() < 1e-6
        assert view.crop.mirrors == view.flipped


def test_flipping_mirrors_the_finished_view() -> None:
    image = textured_image()
    never, always = (
        draw_views(image, ViewOptions(size=64, flip_probability=p), np.random.default_rng(5)) for p in (0.0, 1.0)
    )
    assert [view.flipped for view in never] == [False, False]
    assert [view.flipped for view in always] == [True, True]
    for one, other in zip(never, always, strict=True):
        assert one.region == other.region
        assert torch.equal(one.image.flip(-1), other.image)


def test_views_of_gray_images_have_three_equal_channels() -> None:
    gray = textured_image()[:, :, 0].copy()
    options = ViewOptions(size=48, number=3)
    flat, deep, colored = (
        draw_views(image, options, np.random.default_rng(1))
        for image in (gray, gray[:, :, None], np.repeat(gray[:, :, None], 3, axis=2))
    )
    for one, other, third in zip(flat, deep, colored, strict=True):
        assert one.image.shape == (3, 48, 48)
        assert torch.equal(one.image, other.image)
        assert torch.equal(one.image, third.image)
        assert int((one.image.int() - one.image[:1].int()).abs().max()) <= 1


@pytest.mark.parametrize("image", [np.zeros((8, 8, 2), np.uint8), np.zeros((8, 8), np.float32), np.zeros(8, np.uint8)])
def test_what_is_no_image_is_refused(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="must be"):
        draw_views(image, ViewOptions(), np.random.default_rng(0))


@pytest.mark.parametrize(
    "within", [Region(-1, 0, 5, 5), Region(0, 0, 201, 5), Region(0, 150, 5, 11), Region(3, 3, 0, 4)]
)
def test_regions_outside_the_image_are_refused(within: Region) -> None:
    with pytest.raises(ValueError, match="not inside"):
        draw_views(coordinate_image(), ViewOptions(), np.random.default_rng(0), within=within)


def test_only_the_generator_decides() -> None:
    image = textured_image()
    torch.manual_seed(0)
    one = draw_views(image, ViewOptions(size=48), np.random.default_rng(9))
    torch.manual_seed(1)
    other = draw_views(image, ViewOptions(size=48), np.random.default_rng(9))
    for first, second in zip(one, other, strict=True):
        assert torch.equal(first.image, second.image)
        assert (first.region, first.flipped) == (second.region, second.flipped)
    assert not torch.equal(one[0].image, one[1].image)


@pytest.mark.parametrize(("width", "height"), [(320, 240), (90, 400)])
def test_regions_are_distributed_as_torchvisions(width: int, height: int) -> None:
    options = ViewOptions()
    rng = np.random.default_rng(0)
    ours = np.array([random_region(width, height, options.scale, options.ratio, rng) for _ in range(4000)])
    torch.manual_seed(0)
    image = torch.zeros(3, height, width)
    theirs = np.array(
        [RandomResizedCrop.get_params(image, list(options.scale), list(options.ratio)) for _ in range(4000)]
    )[:, [1, 0, 3, 2]]
    statistics = {
        "left": (ours[:, 0], theirs[:, 0]),
        "top": (ours[:, 1], theirs[:, 1]),
        "width": (ours[:, 2], theirs[:, 2]),
        "height": (ours[:, 3], theirs[:, 3]),
        "area": (ours[:, 2] * ours[:, 3], theirs[:, 2] * theirs[:, 3]),
        "ratio": (ours[:, 2] / ours[:, 3], theirs[:, 2] / theirs[:, 3]),
    }
    for name, (mine, other) in statistics.items():
        assert ks_2samp(mine, other).pvalue > 0.001, name


@pytest.mark.parametrize(("width", "height"), [(1000, 40), (40, 1000), (300, 300)])
def test_what_never_fits_is_torchvisions_central_crop(width: int, height: int) -> None:
    """With areas of 99 to 100 % a long image has no region of these ratios; a square one may have."""
    region = random_region(width, height, (0.99, 1.0), (3 / 4, 4 / 3), np.random.default_rng(3))
    torch.manual_seed(3)
    top, left, h, w = RandomResizedCrop.get_params(torch.zeros(3, height, width), [0.99, 1.0], [3 / 4, 4 / 3])
    if width != height:
        assert region == Region(left, top, w, h)
    else:
        assert region.width * region.height >= 0.98 * width * height


def test_resizing_is_pillows_bilinear() -> None:
    """The release resizes with Pillow, which averages when it shrinks."""
    image = textured_image(4)
    for size in (40, 256):
        view = draw_views(
            image, ViewOptions(size=size, number=1, flip_probability=0.0, **PLAIN), np.random.default_rng(2)
        )[0]
        left, top, width, height = view.region
        box = (left, top, left + width, top + height)
        expected = np.asarray(Image.fromarray(image).crop(box).resize((size, size), Image.Resampling.BILINEAR))
        assert np.abs(view.image.permute(1, 2, 0).numpy().astype(int) - expected).max() <= 1


def small_image() -> torch.Tensor:
    return torch.from_numpy(textured_image()[::5, ::5].transpose(2, 0, 1).copy())


def test_jitter_stays_in_its_range() -> None:
    image = small_image()
    only = {"contrast": 0.0, "saturation": 0.0, "hue": 0.0}
    factors = [
        float(
            jittered_color(image, ViewOptions(**only), np.random.default_rng(seed)).float().mean()
            / image.float().mean()
        )
        for seed in range(80)
    ]
    assert 0.58 < min(factors) < 0.7
    # Bright pixels saturate, which keeps the mean below 1.4 times.
    assert 1.15 < max(factors) < 1.41
    # Without a range nothing changes but by rounding.
    none = jittered_color(image, ViewOptions(brightness=0, **only), np.random.default_rng(0))
    assert int((none.int() - image.int()).abs().max()) <= 1


def test_the_order_of_the_jitter_is_random(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["adjust_brightness", "adjust_contrast", "adjust_saturation", "shifted_hue"]
    made: list[str] = []
    for name in names:
        home = functional if name.startswith("adjust") else appearance
        monkeypatch.setattr(home, name, lambda image, amount, name=name: made.append(name) or image)
    image = torch.zeros(3, 4, 4, dtype=torch.uint8)
    orders = []
    for seed in range(200):
        made.clear()
        jittered_color(image, ViewOptions(), np.random.default_rng(seed))
        assert sorted(made) == sorted(names)
        orders.append(tuple(made))
    assert len(set(orders)) == 24


def test_each_change_is_made_as_often_as_it_should_be() -> None:
    image = small_image()
    none = {"jitter_probability": 0.0, "gray_probability": 0.0, "blur_probability": 0.0}
    for name, share in (("jitter_probability", 0.8), ("gray_probability", 0.2), ("blur_probability", 0.5)):
        options = ViewOptions(**(none | {name: share, "blur_sigma": (1.0, 2.0)}))
        changed = [
            not torch.equal(random_appearance(image, options, np.random.default_rng(seed)), image)
            for seed in range(300)
        ]
        assert abs(np.mean(changed) - share) < 0.09, name
    gray = random_appearance(image, ViewOptions(**(none | {"gray_probability": 1.0})), np.random.default_rng(0))
    assert torch.equal(gray, functional.rgb_to_grayscale(image, num_output_channels=3))
    mirrored = [
        draw_views(
            textured_image()[::5, ::5],
            ViewOptions(size=8, number=1, blur_sigma=(0.1, 1), **PLAIN),
            np.random.default_rng(s),
        )
        for s in range(300)
    ]
    assert abs(np.mean([views[0].flipped for views in mirrored]) - 0.5) < 0.09


@pytest.mark.parametrize("shift", [-0.1, -0.03, 0.05, 0.1, 0.5])
def test_hue_moves_as_in_pillow_and_torchvision(shift: float) -> None:
    image = textured_image()
    found = shifted_hue(torch.from_numpy(image.transpose(2, 0, 1).copy()), shift).permute(1, 2, 0).numpy().astype(int)
    pillow = np.asarray(pillow_functional.adjust_hue(Image.fromarray(image), shift)).astype(int)
    exact = functional.adjust_hue(torch.from_numpy(image.transpose(2, 0, 1).copy()), shift).permute(1, 2, 0).numpy()
    assert np.abs(found - pillow).mean() < 2.5
    # Eight bits of hue are as near to the exact shift as Pillow's.
    assert np.abs(found - exact).mean() <= np.abs(pillow - exact).mean() + 0.5
    assert np.abs(found - image).mean() > 4
    none = shifted_hue(torch.from_numpy(image.transpose(2, 0, 1).copy()), 0.001)
    assert np.array_equal(none.permute(1, 2, 0).numpy(), image)


@pytest.mark.parametrize("sigma", [0.1, 0.7, 2.0])
def test_the_blur_is_torchvisions(sigma: float) -> None:
    image = torch.from_numpy(textured_image().transpose(2, 0, 1).copy())
    kernel = 2 * int(np.ceil(3 * sigma)) + 1
    expected = functional.gaussian_blur(image, [kernel, kernel], [sigma, sigma])
    assert int((blurred(image, sigma).int() - expected.int()).abs().max()) <= 1


def test_a_blur_has_its_deviation() -> None:
    edge = torch.zeros(3, 41, 41, dtype=torch.uint8)
    edge[:, :, 20:] = 255
    # The slope of a blurred edge is the kernel.
    kernel = blurred(edge, 1.5).double()[0, 20].diff()
    x = torch.arange(40).double() - 19
    assert float((kernel * x).sum()) == pytest.approx(0, abs=0.5)
    assert float((kernel * x**2).sum() / kernel.sum()) == pytest.approx(1.5**2, rel=0.05)
    # And a tiny one leaves the image as it is.
    assert torch.equal(blurred(edge, 0.1), edge)


@pytest.mark.parametrize(
    "wrong",
    [
        {"scale": (0.5, 0.2)},
        {"scale": (0.2, 1.5)},
        {"ratio": (0.0, 1.0)},
        {"number": 0},
        {"flip_probability": 1.5},
        {"hue": 0.7},
        {"size": 16, "blur_sigma": (0.1, 8.0)},
        {"solarize": 0.2},
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ViewOptions(**wrong)


def test_published_settings_are_the_defaults() -> None:
    options = ViewOptions()
    assert (options.number, options.size, options.scale, options.ratio) == (2, 256, (0.2, 1.0), (0.75, 4 / 3))
    assert (options.brightness, options.contrast, options.saturation, options.hue) == (0.4, 0.4, 0.4, 0.1)
    assert (options.jitter_probability, options.gray_probability) == (0.8, 0.2)
    assert (options.blur_probability, options.blur_sigma, options.flip_probability) == (0.5, (0.1, 2.0), 0.5)


def test_squares_by_hand() -> None:
    # Px 10 to 19 are the square of side 10 around 14.5.
    assert square_region(np.array([14.5, 24.5]), 10.0, 100, 80) == Region(10, 20, 10, 10)
    assert square_region(np.array([0.0, 79.0]), 21.0, 100, 80) == Region(0, 69, 11, 11)
    assert square_region(np.array([-50.0, 10.0]), 20.0, 100, 80) == Region(0, 0, 100, 80)
    assert person_region(np.array([40.0, 20.0, 60.0, 60.0]), 100, 80) == Region(26, 16, 50, 50)


def test_a_dataset_gives_views_of_the_person_and_the_same_crops_as_without(parsing_store: Path) -> None:
    options = ViewOptions(size=64, number=3, **PLAIN)
    plain, viewed = NtuStoreDataset(parsing_store, size=48), NtuStoreDataset(parsing_store, size=48, views=options)
    whole = NtuStoreDataset(parsing_store, size=48, views=ViewOptions(size=64, region="image"))
    assert plain[0].views == ()
    seen_larger = False
    for row in range(len(plain)):
        for epoch in range(3):
            draw = Draw(row, epoch)
            one, other = plain[draw], viewed[draw]
            assert torch.equal(one.rgb, other.rgb)
            assert torch.equal(one.joints, other.joints)
            assert len(other.views) == 3
            known = plain.index.tracking[row] > 0
            low, high = plain.index.joints[row][known].min(axis=0), plain.index.joints[row][known].max(axis=0)
            reach = 0.2 * float((high - low).max()) + 4
            for view in other.views:
                left, top, width, height = view.region
                assert left >= max(low.mean() - 512, 0)
                assert left + width <= min(high[0] + (high - low).max() / 2 + reach, 512)
                assert top + height <= min(high[1] + reach, 424)
                assert top >= max(low[1] - reach, 0)
            seen_larger |= any(view.region.width > (high - low).max() * 1.3 for view in whole[draw].views)
    assert seen_larger
    again = pickle.loads(pickle.dumps(viewed))[Draw(1, 2)]
    for one, other in zip(viewed[Draw(1, 2)].views, again.views, strict=True):
        assert torch.equal(one.image, other.image)
    assert viewed[Draw(1, 2)].views[0].region != viewed[Draw(1, 2, 1)].views[0].region


@pytest.mark.parametrize("size", [320, 40])
def test_views_of_photographs_show_the_file(mpii_store: Path, size: int) -> None:
    """Whether the crop is decoded whole (320 px) or reduced (40 px), views are of the image in full resolution."""
    options = ViewOptions(size=100, number=1, flip_probability=0.0, **PLAIN)
    dataset = KeypointImagesDataset(mpii_store, size=size, views=options)
    store = KeypointStore.open(mpii_store)
    for row in range(len(dataset)):
        sample = dataset[Draw(row, 4)]
        view = sample.views[0]
        left, top, width, height = view.region
        # The person's square is 450 px around (290, 240).
        assert 65 <= left < left + width <= 516
        assert 15 <= top < top + height <= 466
        image = store.find(str(dataset.ids[row]).rsplit("_", 1)[0])["image"]["bytes"]
        with Image.open(BytesIO(image)) as file:
            part = file.convert("RGB").crop((left, top, left + width, top + height))
        expected = np.asarray(part.resize((100, 100), Image.Resampling.BILINEAR)).astype(int)
        assert np.abs(view.image.permute(1, 2, 0).numpy() - expected).mean() < 1.0


def test_views_are_batched_and_do_not_depend_on_workers(pretrain_store: Path, mpii_store: Path) -> None:
    options = ViewOptions(size=32)
    mixed = MixedDataset(
        [
            NtuStoreDataset(pretrain_store, size=24, views=options),
            KeypointImagesDataset(mpii_store, size=24, views=options),
        ]
    )
    draws = [Draw(0, 1), Draw(len(mixed) - 1, 1), Draw(1, 2)]
    runs = [list(make_loader(mixed, draws, batch_size=3, workers=workers)) for workers in (0, 1)]
    batch, other = runs[0][0], runs[1][0]
    assert len(batch.views) == 2
    for number, (views, same) in enumerate(zip(batch.views, other.views, strict=True)):
        for field in fields(views):
            assert torch.equal(getattr(views, field.name), getattr(same, field.name))
        for row, draw in enumerate(draws):
            view = mixed[draw].views[number]
            assert torch.equal(views.images[row], view.image)
            region = view.region
            assert views.boxes[row].tolist() == [region.top, region.left, region.height, region.width]
            assert bool(views.flipped[row]) == view.flipped
            assert np.allclose(views.matrices[row].numpy(), view.crop.matrix, atol=1e-3)
    moved = batch.to("meta")
    assert {tensor.device.type for views in moved.views for tensor in vars(views).values()} == {"meta"}


def test_views_that_cannot_be_given(pretrain_store: Path) -> None:
    with pytest.raises(UsageError, match="views are of RGB, which is hidden"):
        NtuStoreDataset(pretrain_store, views=ViewOptions(), hide="rgb")
    one = NtuStoreDataset(pretrain_store, size=24, views=ViewOptions(size=32))[0]
    other = NtuStoreDataset(pretrain_store, size=24)[0]
    with pytest.raises(ValueError, match="2 and 0 views"):
        collate([one, other])
    larger = NtuStoreDataset(pretrain_store, size=24, views=ViewOptions(size=48))[0]
    with pytest.raises(ValueError, match="differ in size"):
        collate([one, larger])
