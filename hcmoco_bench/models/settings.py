"""Settings of how the networks of images begin and keep their statistics, in pre-training and fine-tuning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final

from pydantic import Field

from hcmoco_bench.runtime.settings import Added, Published, Settings, TrainingOnly


class NetworkSettings(Settings):
    """How the encoders of images, and the heads of parsing, begin and keep their statistics."""

    section: ClassVar[str] = "Networks"

    batch_norm_momentum: Annotated[float, Field(gt=0, le=1), TrainingOnly(), Added()] = 0.1
    """Share of a batch's statistics in the running statistics of batch norm, in encoders of images and in the head of
    parsing."""
    initial_std: Annotated[float | None, Field(gt=0), TrainingOnly(), Added()] = None
    """Standard deviation of the normal distribution from which convolutions start: those of encoders of images without
    first weights, and those of the head of parsing; none keeps the distributions of timm and PyTorch."""


PUBLISHED_HRNET: Final[Mapping[str, Published]] = {
    "batch_norm_momentum": Published(
        0.01,
        "With 0.01 the running statistics lag hundreds of steps behind the weights, which harms short runs and small "
        "data.",
    ),
    "initial_std": Published(
        0.001,
        "Weights this small shrink the signal from layer to layer, so that a network from scratch depends on batch "
        "norm to start at all; the distributions of timm and PyTorch are scaled to each layer's width.",
    ),
}
"""How HRNet-Semantic-Segmentation, which HCMoCo and its A2J copy, sets up its networks (`lib/models/seg_hrnet.py`)."""
