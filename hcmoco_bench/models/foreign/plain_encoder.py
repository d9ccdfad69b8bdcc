"""An encoder under its own names: ImageNet weights, and what HCMoCo's and other tools cut out of checkpoints."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from torch import Tensor

from hcmoco_bench.modality import Modality
from hcmoco_bench.models.foreign.backbones import backbone_setting
from hcmoco_bench.models.foreign.format import ForeignFormat
from hcmoco_bench.models.foreign.momentum_contrast import HEADS


class PlainEncoder(ForeignFormat):
    """An HRNet or a ResNet without a prefix."""

    name: ClassVar[str] = "plain-encoder"
    program: ClassVar[str] = "HRNet-Image-Classification, torchvision, timm, HCMoCo's `transfer_ckpt.py`"
    files: ClassVar[str] = "`hrnetv2_w18_imagenet_pretrained.pth`, `resnet50-19c8e357.pth`, `model.safetensors`, ..."
    encoders: ClassVar[Mapping[str, Modality | None]] = {"": None}
    ignored: ClassVar[tuple[str, ...]] = HEADS
    takes: ClassVar[str] = "the encoder"
    leaves: ClassVar[str] = "the classification head, and the heads of LiftedCL and MoCo"
    source: ClassVar[str] = (
        "https://github.com/HRNet/HRNet-Image-Classification, lib/models/cls_hrnet.py; torchvision.models.resnet; "
        "https://github.com/hongfz16/HCMoCo, pycontrast/transfer_ckpt.py"
    )

    def recognizes(self, names: Collection[str]) -> bool:
        """See `ForeignFormat.recognizes`."""
        return "conv1.weight" in names and ("layer1.0.conv1.weight" in names)

    def settings(self, state: Mapping[str, Tensor]) -> dict[str, Any]:
        """See `ForeignFormat.settings`; the backbone."""
        return backbone_setting(state)

    def from_published(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See `ForeignFormat.from_published`; the names of timm's backbone, which are the same."""
        return self.kept(state)

    def to_published(self, state: Mapping[str, Tensor]) -> dict[str, Any]:
        """See `ForeignFormat.to_published`."""
        return dict(state)
