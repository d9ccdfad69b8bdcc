"""ResNets as Caffe and detectron2 build them: the stride of a stage is in its first 1x1 convolution."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import timm
from torch import Tensor, nn

from hcmoco_bench.models.encoder import Encoder, EncoderFactory

_STAGES: Final = ("layer2", "layer3", "layer4")


class CaffeResNet(Encoder):
    """A bottleneck ResNet with the stride in the 1x1 convolution (He et al., CVPR 2016, in its first form).

    timm and torchvision have it in the 3x3 convolution. The parameters are the same, the features are not, so weights
    that were trained one way, such as detectron2's MSRA models, need a network that is built that way.

    Args:
        name: timm's name of the ResNet, `resnet50` or deeper.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = f"{name}_caffe"
        backbone: Any = timm.create_model(name, features_only=True, out_indices=(1, 2, 3, 4))
        for stage in _STAGES:
            block = backbone[stage][0]
            block.conv1.stride, block.conv2.stride = block.conv2.stride, block.conv1.stride
        self.backbone: nn.Module = backbone
        self.channels: tuple[int, ...] = tuple(backbone.feature_info.channels())
        self.strides: tuple[int, ...] = tuple(backbone.feature_info.reduction())

    def forward(
        self, image: Tensor, intrinsics: Tensor | None = None, foreground: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """See `Encoder.forward`; intrinsics and foreground play no part."""
        return tuple(self.backbone(image))


def _make(name: str, image_size: int | None) -> CaffeResNet:
    return CaffeResNet(name)


RESNET50: Final = EncoderFactory(make=partial(_make, "resnet50"))
RESNET101: Final = EncoderFactory(make=partial(_make, "resnet101"))
"""Registered as `resnet50_caffe` and `resnet101_caffe`; there are no ImageNet weights of theirs but detectron2's."""
