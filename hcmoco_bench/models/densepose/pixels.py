"""The form in which images reach the backbone of a DensePose model."""

from __future__ import annotations

from typing import Final, Literal

from torch import Tensor, nn

from hcmoco_bench.errors import UsageError

Pixels = Literal["rgb", "bgr"]

MEAN: Final = (123.675, 116.28, 103.53)
DEVIATION: Final = (58.395, 57.12, 57.375)
"""ImageNet's means and deviations of R, G and B in 0..255, as the images of this package are normalized."""


def set_pixels(encoder: nn.Module, pixels: Pixels) -> None:
    """Let an encoder see images in the form that its weights were trained on; its parameters stay.

    `rgb` is the form of this package: R, G, B, less ImageNet's mean and divided by its deviation. `bgr` is detectron2's
    default (`INPUT.FORMAT` BGR, `PIXEL_STD` 1): B, G, R in 0..255, less the mean alone. Both are 0 where the image is
    padded, and the second is a multiple of the first in each channel.

    Args:
        encoder: Of images (B, 3, H, W) float, normalized as `rgb` says.
        pixels: The form of the weights.

    Raises:
        UsageError: If there is no such form.
    """
    if pixels == "bgr":
        encoder.register_forward_pre_hook(_to_bgr)
    elif pixels != "rgb":
        raise UsageError(f"pixels {pixels!r} are not known; use rgb (normalized) or bgr (detectron2's default)")


def _to_bgr(module: nn.Module, arguments: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    image, *others = arguments
    return (image * image.new_tensor(DEVIATION)[:, None, None]).flip(1), *others
