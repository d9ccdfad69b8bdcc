"""Random changes of the appearance of a view: color jitter, grayscale and blur."""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional

from hcmoco_bench.data.image_tensor import image_tensor
from hcmoco_bench.data.views import BLUR_REACH, ViewOptions


def random_appearance(image: Tensor, options: ViewOptions, rng: np.random.Generator) -> Tensor:
    """Change the appearance of an image at random; pixels stay where they are.

    Args:
        image: (3, H, W) uint8 RGB.
        options: Probabilities and strengths.
        rng: Source of randomness.

    Returns:
        (3, H, W) uint8 RGB.
    """
    if rng.random() < options.jitter_probability:
        image = jittered_color(image, options, rng)
    if rng.random() < options.gray_probability:
        image = functional.rgb_to_grayscale(image, num_output_channels=3)
    if rng.random() < options.blur_probability:
        image = blurred(image, float(rng.uniform(*options.blur_sigma)))
    return image


def jittered_color(image: Tensor, options: ViewOptions, rng: np.random.Generator) -> Tensor:
    """Change brightness, contrast, saturation and hue by random amounts, in random order, as `ColorJitter` does."""
    changes = (
        (functional.adjust_brightness, rng.uniform(1 - options.brightness, 1 + options.brightness)),
        (functional.adjust_contrast, rng.uniform(1 - options.contrast, 1 + options.contrast)),
        (functional.adjust_saturation, rng.uniform(1 - options.saturation, 1 + options.saturation)),
        (shifted_hue, rng.uniform(-options.hue, options.hue)),
    )
    for which in rng.permutation(len(changes)).tolist():
        change, amount = changes[which]
        image = change(image, float(amount))
    return image


def shifted_hue(image: Tensor, shift: float) -> Tensor:
    """Shift the hue of an image, with a hue of 8 bits as in Pillow, which the release uses.

    OpenCV takes an eighth of the time of torchvision's conversion in floating point.

    Args:
        image: (3, H, W) uint8 RGB.
        shift: Shift as a fraction of the color circle, -0.5..0.5.
    """
    steps = round(shift * 255)
    if steps == 0:
        return image
    hsv = cv2.cvtColor(np.ascontiguousarray(image.permute(1, 2, 0).numpy()), cv2.COLOR_RGB2HSV_FULL)
    hsv[..., 0] += np.uint8(steps % 256)
    return image_tensor(np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB_FULL), np.uint8))


def blurred(image: Tensor, sigma: float) -> Tensor:
    """Blur a (3, H, W) uint8 image with a Gaussian of the given standard deviation in px.

    OpenCV blurs in x and y one after the other, which takes a seventh of the time of torchvision's convolution.
    """
    kernel = 2 * math.ceil(BLUR_REACH * sigma) + 1
    channels = [cv2.GaussianBlur(channel, (kernel, kernel), sigma) for channel in image.numpy()]
    return torch.from_numpy(np.stack(channels))
