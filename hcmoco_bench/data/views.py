"""Several randomly augmented views of one image, each with the region of the image that it shows.

The defaults are those of LiftedCL's release (https://github.com/RichardChen20/LiftedCL, commit 7c7902a). All randomness
comes from one NumPy generator, so that the views of a draw do not depend on the worker that makes them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Final, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor
from torch.nn.functional import interpolate

from hcmoco_bench.data.framing import Region, region_crop
from hcmoco_bench.data.image_tensor import image_tensor
from hcmoco_bench.data.record import TensorRecord
from hcmoco_bench.data.transforms import Crop

Probability = Annotated[float, Field(ge=0, le=1)]

BLUR_REACH: Final = 3
"""Half the width of the blur kernel over its standard deviation."""

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
    area = Region(0, 0, width, height) if within is None else within
    if min(area) < 0 or min(area[2:]) < 1 or area.left + area.width > width or area.top + area.height > height:
        raise ValueError(f"{area} is not inside an image of {width}x{height} px")
    return tuple(_draw_view(image, area, options, rng) for _ in range(options.number))


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


def _draw_view(image: NDArray[np.uint8], area: Region, options: ViewOptions, rng: np.random.Generator) -> View:
    # Only views need torchvision, which takes long to import.
    from hcmoco_bench.data.appearance import random_appearance

    drawn = random_region(area.width, area.height, options.scale, options.ratio, rng)
    region = drawn._replace(left=area.left + drawn.left, top=area.top + drawn.top)
    shown = image[region.top : region.top + region.height, region.left : region.left + region.width]
    view = random_appearance(_resized(shown, options.size), options, rng)
    flipped = bool(rng.random() < options.flip_probability)
    return View(view.flip(-1) if flipped else view, region, flipped)


def _resized(image: NDArray[np.uint8], size: int) -> Tensor:
    """(3, S, S) uint8, bilinear with antialiasing."""
    if image.shape[2:] == (3,):
        tensor = image_tensor(image)
    else:
        tensor = torch.from_numpy(np.ascontiguousarray(image.reshape(1, *image.shape[:2]))).expand(3, -1, -1)
    return interpolate(tensor[None], (size, size), mode="bilinear", antialias=True)[0]
