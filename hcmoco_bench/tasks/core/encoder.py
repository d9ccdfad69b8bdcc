"""The encoder of a task's model: from a pre-training checkpoint, a weight file, ImageNet, or from scratch."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from torch import nn

from hcmoco_bench.errors import UsageError
from hcmoco_bench.modality import Modality
from hcmoco_bench.models.encoders import create_encoder
from hcmoco_bench.models.weights import load_weights, read_checkpoint
from hcmoco_bench.pretrain.build import POINTNET
from hcmoco_bench.tasks.core.checkpoints import pretrained_settings
from hcmoco_bench.tasks.core.config import FinetuneConfig


def task_encoder(config: FinetuneConfig, modality: Modality, *, fresh: bool) -> nn.Module:
    """The encoder that a run's settings ask for: `backbone`, with the weights of `ckpt`, or else of `init`.

    `pointnet` gives a `PointNetEncoder`, every other name an `Encoder`.

    Args:
        config: The settings.
        modality: Which of a pre-training's encoders.
        fresh: Whether to load weights at all.

    Raises:
        UsageError: If the backbone is unknown, or not that of the checkpoint.
        DataError: If weights cannot be read or do not fit.
        HubError: If ImageNet weights cannot be fetched.
    """
    weights = _weights(config, modality) if fresh else None
    if config.backbone != POINTNET:
        return create_encoder(config.backbone, weights=weights, modality=modality, image_size=config.image_size)
    from hcmoco_bench.models.pointnet import PointNetEncoder

    encoder = PointNetEncoder()
    if weights == "imagenet":
        raise UsageError("pointnet takes points, and there are no such ImageNet weights; use --init scratch")
    if weights is not None:
        load_weights(encoder, read_checkpoint(weights), prefix=f"{modality}_encoder.", file=str(weights))
    return encoder


def _weights(config: FinetuneConfig, modality: Modality) -> Path | Literal["imagenet"] | None:
    if config.ckpt is not None:
        settings = pretrained_settings(Path(config.ckpt))
        trained = (settings.depth_backbone if modality == "depth" else None) or settings.backbone
        if trained != config.backbone:
            raise UsageError(
                f"{config.ckpt}: its {modality} encoder is a {trained}, not a {config.backbone}; leave --backbone out, "
                "or give another checkpoint"
            )
        return Path(config.ckpt)
    if config.init == "scratch":
        return None
    return "imagenet" if config.init == "imagenet" else Path(config.init)
