"""The encoder of a task's model: from a checkpoint, a weight file, ImageNet, or from scratch."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from hcmoco_bench.errors import UsageError
from hcmoco_bench.modality import Modality
from hcmoco_bench.models.encoder import Encoder
from hcmoco_bench.models.encoders import create_encoder
from hcmoco_bench.models.first_weights import named_weights, start_network
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.core.starting_point import pretrained_backbone


def task_encoder(
    config: FinetuneSettings, modality: Modality, *, fresh: bool, size: tuple[int, int] | None = None
) -> Encoder:
    """The encoder that a run's settings ask for: `backbone`, with the weights of `ckpt`, or else of `init`.

    Args:
        config: The settings.
        modality: Modality whose encoder is taken from a checkpoint that has several.
        fresh: Whether to load weights at all.
        size: Height and width of the input, px; None for squares of `image_size`.

    Raises:
        UsageError: If the backbone is unknown, or not that of the checkpoint.
        DataError: If weights cannot be read or do not fit.
        HubError: If ImageNet weights cannot be fetched.
    """
    weights = _weights(config, modality) if fresh else None
    encoder = create_encoder(config.backbone, weights=weights, modality=modality, image_size=size or config.image_size)
    if encoder.input == "image":
        start_network(encoder, config, drawn=weights is None)
    return encoder


def _weights(config: FinetuneSettings, modality: Modality) -> Path | Literal["imagenet"] | None:
    if config.ckpt is not None:
        trained = pretrained_backbone(Path(config.ckpt), modality)
        if trained not in (None, config.backbone):
            raise UsageError(
                f"{config.ckpt}: its {modality} encoder is a {trained}, not a {config.backbone}; leave --backbone out, "
                "or give another checkpoint"
            )
        return Path(config.ckpt)
    return named_weights(config.init)
