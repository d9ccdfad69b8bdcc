"""Random changes of the colors of samples, so that an encoder cannot know a sample by its clothes and its lighting."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np

from hcmoco_bench.data.appearance import with_appearance
from hcmoco_bench.data.image_tensor import image_tensor
from hcmoco_bench.data.sample import COLOR_STREAM, Draw, Sample
from hcmoco_bench.data.views import ViewOptions, random_appearance

_HUE: Final = 0.25
"""Largest shift of the hue over the largest relative change of the rest, as in SimCLR (arXiv:2002.05709)."""


@dataclass(frozen=True)
class ColorJitter:
    """Changes brightness, contrast, saturation and hue in random order, with probability 0.8, as SimCLR does.

    Attributes:
        amount: Largest relative change of brightness, contrast and saturation, 0..1; the hue shifts by up to a quarter
            of it, as a fraction of the color circle.
        seed: Seed of the changes, which depend on it and on the draw alone.
    """

    amount: float
    seed: int

    def __call__(self, sample: Sample, draw: Draw) -> Sample:
        """The sample of a draw with other colors; one without RGB stays as it is."""
        if sample.rgb is None:
            return sample
        appearance = random_appearance(self._options, draw.generator(self.seed, stream=COLOR_STREAM))
        image = np.ascontiguousarray(sample.rgb.numpy().transpose(1, 2, 0))
        return replace(sample, rgb=image_tensor(with_appearance(image, appearance)))

    @cached_property
    def _options(self) -> ViewOptions:
        return ViewOptions(
            brightness=self.amount,
            contrast=self.amount,
            saturation=self.amount,
            hue=_HUE * self.amount,
            gray_probability=0,
            blur_probability=0,
        )
