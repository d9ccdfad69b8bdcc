"""Several randomly augmented views of one image, each with the region of the image that it shows.

The defaults are those of LiftedCL's release (https://github.com/RichardChen20/LiftedCL, commit 7c7902a). All randomness
comes from one NumPy generator, so that the views of a draw do not depend on the worker that makes them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Final, Literal, Self

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor
from torch.nn.functional import interpolate

from hcmoco_bench.data.appearance import BLUR_REACH, CHANGES, Appearance, Change, with_appearance
from hcmoco_bench.data.framing import Region, region_crop
from hcmoco_bench.data.image_tensor import image_tensor
from hcmoco_bench.data.record import TensorRecord
from hcmoco_bench.data.transforms import Crop

Probability = Annotated[float, Field(ge=0, le=1)]

_TRIES: Final = 10
"""Attempts to draw a region that fits into the image, as in torchvision."""


class ViewOptions(BaseModel):
    """How to draw the views of an image, in the order in which each view is made.

    Attributes:
        number: Number of views of each image.
        size: Side of a view in px.
        region: Where views are taken from: the square around the `person`, or the whole `image`.
        scale: Smallest and largest area of a view's region, as a fraction of the person's or the image's area.
        ratio: Smallest and largest width of a view's region over its height.
        jitter_probability: Probability of changing brightness, contrast, saturation and hue, in random order.
        brightness: Largest relative change of brightness, 0..1.
        contrast: Largest relative change of contrast, 0..1.
        saturation: Largest relative change of saturation, 0..1.
        hue: Largest shift of the hue, as a fraction of the color circle, 0..0.5.
        gray_probability: Probability of removing color.
        blur_probability: Probability of a Gaussian blur.
        blur_sigma: Smallest and largest standard deviation of the blur in px of the view.
        flip_probability: Probability of mirroring left to right, after all other changes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int = Field(default=2, ge=1)
    size: int = Field(default=256, ge=8)
    region: Literal["person", "image"] = "person"
    scale: tuple[float, float] = (0.2, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    jitter_probability: Probability = 0.8
    brightness: float = Field(default=0.4, ge=0, le=1)
    contrast: float = Field(default=0.4, ge=0, le=1)
    saturation: float = Field(default=0.4, ge=0, le=1)
    hue: float = Field(default=0.1, ge=0, le=0.5)
    gray_probability: Probability = 0.2
    blur_probability: Probability = 0.5
    blur_sigma: tuple[float, float] = (0.1, 2.0)
    flip_probability: Probability = 0.5

    @model_validator(mode="after")
    def _check_ranges(self) -> Self:
        for name in ("scale", "ratio", "blur_sigma"):
            low, high = getattr(self, name)
            if not 0 < low <= high < math.inf:
                raise ValueError(f"{name} must be a smallest and a largest number above 0, not {low} and {high}")
        if self.scale[1] > 1:
            raise ValueError(f"scale {self.scale[1]} is larger than the whole image, 1")
        if math.ceil(BLUR_REACH * self.blur_sigma[1]) >= self.size:
            raise ValueError(f"blur_sigma {self.blur_sigma[1]} is too large for views of {self.size} px")
        return self


@dataclass(frozen=True, eq=False)
class View(TensorRecord):
    """One view of an image.

    Attributes:
        image: (3, S, S) uint8 RGB.
        region: Region of the original image that the view shows, before mirroring; px of that image.
        flipped: Whether the view is mirrored left to right.
    """

    image: Tensor
    region: Region
    flipped: bool

    @cached_property
    def crop(self) -> Crop:
        """The affine map from px of the original image to px of this view."""
        crop = region_crop(self.region, int(self.image.shape[-1]))
        return crop.flipped() if self.flipped else crop


@dataclass(frozen=True, eq=False)
class ViewBatch(TensorRecord):
    """One view of each of B samples.

    Attributes:
        images: (B, 3, S, S) uint8 RGB.
        boxes: (B, 4) float32, top, left, height and width of the region that each view shows, in px of its original
            image.
        flipped: (B,) bool, whether each view is mirrored left to right.
    """

    images: Tensor
    boxes: Tensor
    flipped: Tensor

    @property
    def matrices(self) -> Tensor:
        """(B, 2, 3) float32 affine maps from px (x, y, 1) of the original images to px of the views."""
        size = self.images.shape[-1]
        top, left, height, width = self.boxes.unbind(dim=1)
        across, down = size / width, size / height
        # The edge of a pixel lies half a px before its center.
        x = across * (0.5 - left) - 0.5
        y = down * (0.5 - top) - 0.5
        sign = torch.where(self.flipped, -1.0, 1.0)
        zero = torch.zeros_like(x)
        x = torch.where(self.flipped, size - 1 - x, x)
        rows = [torch.stack([sign * across, zero, x], dim=1), torch.stack([zero, down, y], dim=1)]
        return torch.stack(rows, dim=1)


@dataclass(frozen=True)
class PlannedView:
    """All that is random about a view; it is drawn before the image is decoded.

    Attributes:
        region: Region of the original image that the view shows; px of that image.
        appearance: Changes of color and sharpness.
        flipped: Whether the view is mirrored left to right.
    """

    region: Region
    appearance: Appearance
    flipped: bool

    def on_grid(self, factor: int, width: int, height: int) -> PlannedView:
        """This view with the nearest region of whole px of an image that is decoded at 1/factor of its size.

        Args:
            factor: How many times smaller the image is decoded.
            width: Width of the original image in px.
            height: Height of the original image in px.
        """
        left, across = _on_grid(self.region.left, self.region.width, factor, width)
        top, down = _on_grid(self.region.top, self.region.height, factor, height)
        return replace(self, region=Region(left, top, across, down))


def draw_views(
    image: NDArray[np.uint8], options: ViewOptions, rng: np.random.Generator, *, within: Region | None = None
) -> tuple[View, ...]:
    """Draw views of an image.

    Args:
        image: (H, W, 3) uint8 RGB, or gray as (H, W) or (H, W, 1); views of a gray image have three equal channels.
        options: How to draw them.
        rng: Source of all randomness.
        within: Region inside the image from which the views are taken; None for the whole image.

    Returns:
        `options.number` views. Their regions are in px of `image`, also with `within`.

    Raises:
        ValueError: If the image has another shape or type, or if `within` is not inside it.
    """
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or image.shape[2:] not in ((), (1,), (3,)):
        raise ValueError(f"an image for views must be (H, W, 3), (H, W, 1) or (H, W) uint8, not {image.shape}")
    height, width = image.shape[:2]
    plans = plan_views(width, height, options, rng, within=within)
    return tuple(make_view(image, plan, options.size) for plan in plans)


def plan_views(
    width: int, height: int, options: ViewOptions, rng: np.random.Generator, *, within: Region | None = None
) -> tuple[PlannedView, ...]:
    """Draw all that is random about the views of an image of the given size, px; see `draw_views`.

    Raises:
        ValueError: If `within` is not inside the image.
    """
    area = Region(0, 0, width, height) if within is None else within
    if min(area) < 0 or min(area[2:]) < 1 or area.left + area.width > width or area.top + area.height > height:
        raise ValueError(f"{area} is not inside an image of {width}x{height} px")
    return tuple(_plan_view(area, options, rng) for _ in range(options.number))


def make_view(image: NDArray[np.uint8], plan: PlannedView, size: int, *, factor: int = 1) -> View:
    """The view of an image that a plan describes.

    Args:
        image: (H, W, 3) uint8 RGB, or gray as (H, W) or (H, W, 1).
        plan: The plan; with a `factor` above 1, one of `PlannedView.on_grid`.
        size: Side of the view in px.
        factor: How many times smaller than the original the image is.
    """
    left, top, width, height = (value // factor for value in plan.region)
    shown = with_appearance(resized(image[top : top + height, left : left + width], size), plan.appearance)
    if plan.flipped:
        shown = np.asarray(cv2.flip(shown, 1), np.uint8)
    return View(image_tensor(shown), plan.region, plan.flipped)


def random_region(
    width: int, height: int, scale: tuple[float, float], ratio: tuple[float, float], rng: np.random.Generator
) -> Region:
    """A random region of an image with the distribution of torchvision's `RandomResizedCrop`.

    The area is uniform, the aspect ratio log-uniform, and the position uniform. If no region fits in ten attempts, the
    result is the largest central region whose aspect ratio is in the range.

    Args:
        width: Width of the image in px.
        height: Height of the image in px.
        scale: Smallest and largest area as a fraction of the image area.
        ratio: Smallest and largest width over height.
        rng: Source of randomness.
    """
    for _ in range(_TRIES):
        area = width * height * rng.uniform(*scale)
        aspect = math.exp(rng.uniform(math.log(ratio[0]), math.log(ratio[1])))
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < w <= width and 0 < h <= height:
            top = int(rng.integers(height - h + 1))
            left = int(rng.integers(width - w + 1))
            return Region(left, top, w, h)
    aspect = min(max(width / height, ratio[0]), ratio[1])
    w, h = min(width, max(round(height * aspect), 1)), min(height, max(round(width / aspect), 1))
    return Region((width - w) // 2, (height - h) // 2, w, h)


def _plan_view(area: Region, options: ViewOptions, rng: np.random.Generator) -> PlannedView:
    drawn = random_region(area.width, area.height, options.scale, options.ratio, rng)
    region = drawn._replace(left=area.left + drawn.left, top=area.top + drawn.top)
    appearance = random_appearance(options, rng)
    return PlannedView(region, appearance, bool(rng.random() < options.flip_probability))


def random_appearance(options: ViewOptions, rng: np.random.Generator) -> Appearance:
    """A random change of the appearance of a view; the changes of color come in random order, as in `ColorJitter`."""
    jitter = _random_jitter(options, rng) if rng.random() < options.jitter_probability else ()
    gray = bool(rng.random() < options.gray_probability)
    blur = float(rng.uniform(*options.blur_sigma)) if rng.random() < options.blur_probability else None
    return Appearance(jitter, gray, blur)


def _random_jitter(options: ViewOptions, rng: np.random.Generator) -> tuple[tuple[Change, float], ...]:
    amounts = [1 + rng.uniform(-reach, reach) for reach in (options.brightness, options.contrast, options.saturation)]
    amounts.append(rng.uniform(-options.hue, options.hue))
    return tuple((CHANGES[which], float(amounts[which])) for which in rng.permutation(len(CHANGES)).tolist())


def _on_grid(start: int, length: int, factor: int, limit: int) -> tuple[int, int]:
    """Start and length of the nearest range of multiples of a factor inside 0..limit."""
    first = min(round(start / factor), limit // factor - 1)
    last = min(max(round((start + length) / factor), first + 1), limit // factor)
    return first * factor, (last - first) * factor


def resized(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """An (H, W, 3), (H, W, 1) or (H, W) uint8 image as (S, S, 3) uint8, bilinear with antialiasing as in Pillow."""
    if image.shape[2:] != (3,):
        image = np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2RGB), np.uint8)
    if max(image.shape[:2]) <= size:  # nothing shrinks, so that there is nothing to average
        return np.asarray(cv2.resize(image, (size, size), interpolation=cv2.INTER_LINEAR), np.uint8)
    tensor = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None]
    smaller = interpolate(tensor, (size, size), mode="bilinear", antialias=True)
    return np.asarray(cv2.merge(list(smaller[0].numpy())), np.uint8)
