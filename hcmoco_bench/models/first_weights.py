"""How a network starts: the distribution of its first weights, and the momentum of its running statistics."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from hcmoco_bench.models.settings import NetworkSettings

NO_FILES: Final = ("scratch", "imagenet")
"""Words of the setting `init` for first weights that are not in a file of the user's."""


def named_weights(init: str) -> Path | Literal["imagenet"] | None:
    """The first weights that the setting `init` names, as `create_encoder` takes them; None if they are drawn."""
    if init == "scratch":
        return None
    return "imagenet" if init == "imagenet" else Path(init)


def start_network(module: nn.Module, settings: NetworkSettings, *, drawn: bool) -> None:
    """Prepare a network of images as the settings say.

    Args:
        module: An encoder of images, or a head.
        settings: The settings.
        drawn: Whether its first weights are drawn, instead of loaded.
    """
    set_batch_norm_momentum(module, settings.batch_norm_momentum)
    if drawn and settings.initial_std is not None:
        draw_normal_weights(module, settings.initial_std)


@torch.no_grad()
def draw_normal_weights(module: nn.Module, std: float) -> None:
    """Draw the weights of all 2-D convolutions from a normal distribution around 0; draws from torch's generator.

    Scale and shift of batch norm become 1 and 0. Biases of convolutions stay, as in the published HRNet
    (https://github.com/HRNet/HRNet-Semantic-Segmentation, `lib/models/seg_hrnet.py`, `init_weights`).

    Args:
        module: The network.
        std: Standard deviation; 0.001 in the published HRNet.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, std=std)
        elif isinstance(layer, _BatchNorm) and layer.affine:
            nn.init.ones_(layer.weight)
            nn.init.zeros_(layer.bias)


def set_batch_norm_momentum(module: nn.Module, momentum: float) -> None:
    """Set the share of a batch's statistics in the running statistics of every batch norm of a network."""
    for layer in module.modules():
        if isinstance(layer, _BatchNorm):
            layer.momentum = momentum
