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
    collate,
    draw_views,
    make_loader,
)
from hcmoco_bench.data.appearance import (
    CHANGES,
    Appearance,
    blurred,
    with_appearance,
    with_brightness,
    with_contrast,
    with_hue,
    with_saturation,
)
from hcmoco_bench.data.crops import person_region, square_region
from hcmoco_bench.data.framing import Region
from hcmoco_bench.data.views import make_view, plan_views, random_appearance, random_region
from hcmoco_bench.errors import UsageError
from hcmoco_bench.store.kinds.keypoints import KEYPOINTS

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


def small_image() -> np.ndarray:
    return np.ascontiguousarray(textured_image()[::5, ::5])


def channels_first(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))


def differences(image: np.ndarray, expected: torch.Tensor) -> np.ndarray:
    return np.abs(image.astype(int) - expected.permute(1, 2, 0).numpy().astype(int))


def test_jitter_stays_in_its_range_and_covers_it() -> None:
    options = ViewOptions(brightness=0.4, contrast=0.3, saturation=0.2, hue=0.1)
    drawn = [dict(random_appearance(options, np.random.default_rng(seed)).jitter) for seed in range(600)]
    for change, reach, middle in (
        ("brightness", 0.4, 1),
        ("contrast", 0.3, 1),
        ("saturation", 0.2, 1),
        ("hue", 0.1, 0),
    ):
        amounts = np.array([jitter[change] for jitter in drawn if jitter]) - middle
        uniform = np.random.default_rng(0).uniform(-reach, reach, 2000)
        assert np.abs(amounts).max() <= reach
        assert ks_2samp(amounts, uniform).pvalue > 0.001, change


def test_jitter_without_a_range_changes_nothing_but_by_rounding() -> None:
    still = ViewOptions(brightness=0, contrast=0, saturation=0, hue=0, jitter_probability=1, gray_probability=0)
    appearance = random_appearance(still.model_copy(update={"blur_probability": 0.0}), np.random.default_rng(0))
    assert np.abs(with_appearance(small_image(), appearance).astype(int) - small_image()).max() <= 1


def test_the_order_of_the_jitter_is_random() -> None:
    orders = [
        tuple(change for change, _ in random_appearance(ViewOptions(), np.random.default_rng(seed)).jitter)
        for seed in range(250)
    ]
    assert {len(order) for order in orders} == {0, len(CHANGES)}
    assert all(sorted(order) == sorted(CHANGES) for order in orders if order)
    assert len(set(orders) - {()}) == 24


@pytest.mark.parametrize("seed", range(6))
def test_changes_are_made_one_after_the_other_in_their_order(seed: int) -> None:
    """Against torchvision, which cuts off fractions after each change where ours rounds; later ones enlarge that."""
    image = textured_image(seed)
    jitter = random_appearance(ViewOptions(jitter_probability=1), np.random.default_rng(seed)).jitter
    expected = channels_first(image)
    for change, amount in jitter:
        expected = getattr(functional, f"adjust_{change}")(expected, amount)
    assert differences(with_appearance(image, Appearance(jitter)), expected).mean() < 3
    backwards = differences(with_appearance(image, Appearance(jitter[::-1])), expected).mean()
    assert differences(with_appearance(image, Appearance(jitter)), expected).mean() < backwards


@pytest.mark.parametrize("factor", [0.6, 0.93, 1.0, 1.21, 1.4])
def test_each_change_of_color_is_torchvisions(factor: float) -> None:
    image = textured_image(2)
    for change in (with_brightness, with_contrast, with_saturation):
        expected = getattr(functional, change.__name__.replace("with", "adjust"))(channels_first(image), factor)
        assert differences(change(image, factor), expected).max() <= 1, change.__name__


def test_gray_is_torchvisions_also_with_a_blur() -> None:
    image = textured_image(3)
    gray = functional.rgb_to_grayscale(channels_first(image), num_output_channels=3)
    assert differences(with_appearance(image, Appearance(gray=True)), gray).max() <= 1
    both = with_appearance(image, Appearance(gray=True, blur=1.3))
    assert both.shape == image.shape
    assert differences(both, functional.gaussian_blur(gray, [9, 9], [1.3, 1.3])).max() <= 2


def test_each_change_is_made_as_often_as_it_should_be() -> None:
    drawn = [random_appearance(ViewOptions(), np.random.default_rng(seed)) for seed in range(2000)]
    assert abs(np.mean([bool(one.jitter) for one in drawn]) - 0.8) < 0.03
    assert abs(np.mean([one.gray for one in drawn]) - 0.2) < 0.03
    sigmas = [one.blur for one in drawn if one.blur is not None]
    assert abs(len(sigmas) / len(drawn) - 0.5) < 0.04
    assert ks_2samp(sigmas, np.random.default_rng(1).uniform(0.1, 2.0, 2000)).pvalue > 0.001
    plans = [plan_views(50, 40, ViewOptions(number=1), np.random.default_rng(seed))[0] for seed in range(2000)]
    assert abs(np.mean([plan.flipped for plan in plans]) - 0.5) < 0.04


@pytest.mark.parametrize("shift", [-0.1, -0.03, 0.05, 0.1, 0.5])
def test_hue_moves_as_in_pillow_and_torchvision(shift: float) -> None:
    image = textured_image()
    found = with_hue(image, shift).astype(int)
    pillow = np.asarray(pillow_functional.adjust_hue(Image.fromarray(image), shift)).astype(int)
    exact = functional.adjust_hue(channels_first(image), shift).permute(1, 2, 0).numpy()
    assert np.abs(found - pillow).mean() < 2.5
    # Eight bits of hue are as near to the exact shift as Pillow's.
    assert np.abs(found - exact).mean() <= np.abs(pillow - exact).mean() + 0.5
    assert np.abs(found - image).mean() > 4
    assert np.array_equal(with_hue(image, 0.001), image)


@pytest.mark.parametrize("sigma", [0.1, 0.7, 2.0])
def test_the_blur_is_torchvisions(sigma: float) -> None:
    image = textured_image()
    kernel = 2 * int(np.ceil(3 * sigma)) + 1
    expected = functional.gaussian_blur(channels_first(image), [kernel, kernel], [sigma, sigma])
    assert differences(blurred(image, sigma), expected).max() <= 1
    assert np.array_equal(blurred(image[..., 0].copy(), sigma), blurred(image, sigma)[..., 0])


def test_a_blur_has_its_deviation() -> None:
    edge = np.zeros((41, 41, 3), np.uint8)
    edge[:, 20:] = 255
    # The slope of a blurred edge is the kernel.
    kernel = np.diff(blurred(edge, 1.5)[20, :, 0].astype(float))
    x = np.arange(40) - 19.0
    assert (kernel * x).sum() == pytest.approx(0, abs=0.5)
    assert (kernel * x**2).sum() / kernel.sum() == pytest.approx(1.5**2, rel=0.05)
    # And a tiny one leaves the image as it is.
    assert np.array_equal(blurred(edge, 0.1), edge)


def test_a_plan_on_a_grid_is_the_nearest_one_and_says_what_is_shown() -> None:
    """A view of an image decoded at a half shows what the same view of the whole image shows."""
    image = np.asarray(Image.fromarray(textured_image(5)).resize((811, 643), Image.Resampling.BICUBIC))
    small = np.asarray(Image.fromarray(image).reduce(2))
    for seed in range(20):
        (plan,) = plan_views(811, 643, ViewOptions(number=1, size=64, **PLAIN), np.random.default_rng(seed))
        on_grid = plan.on_grid(2, 811, 643)
        assert all(value % 2 == 0 for value in on_grid.region)
        assert np.abs(np.subtract(on_grid.region, plan.region)).max() <= 2
        whole, half = make_view(image, on_grid, 64), make_view(small, on_grid, 64, factor=2)
        assert half.region == whole.region
        assert (half.image.int() - whole.image.int()).abs().float().mean() < 0.6


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
    store = KEYPOINTS.open(mpii_store)
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
