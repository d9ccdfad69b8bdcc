"""HRNet with its four branches as output, fused as in the published segmentation and pre-training networks."""

from __future__ import annotations

from typing import Final, Literal

import timm
import torch
from timm.models.hrnet import HighResolutionModule
from torch import Tensor, nn
from torch.nn import functional

from hcmoco_bench.errors import UsageError

RAW_HRNETS = ("hrnet_w18", "hrnet_w18_small", "hrnet_w32", "hrnet_w48")
"""The timm names whose raw branches are used; all other names give timm's own pyramid."""

Fusion = Literal["bilinear", "nearest"]


class _SizedFusion(HighResolutionModule):
    """timm's module, with branches of lower resolution brought to the size of the one that they are added to.

    timm enlarges by a factor, which fails for sides that are no multiple of 32: half of an odd number of cells, rounded
    up and doubled, is one cell too many.
    """

    def forward(self, x: list[Tensor]) -> list[Tensor]:
        branches = [branch(features) for branch, features in zip(self.branches, x, strict=True)]
        fused = []
        for i, layers in enumerate(self.fuse_layers):
            size, total = branches[i].shape[-2:], None
            for j, (layer, features) in enumerate(zip(layers, branches, strict=True)):
                part = self._enlarged(layer, features, size) if j > i else layer(features)
                total = part if total is None else total + part
            fused.append(self.fuse_act(total))
        return fused

    def _enlarged(self, layers: nn.Module, features: Tensor, size: torch.Size) -> Tensor:
        raise NotImplementedError


class _BilinearFusion(_SizedFusion):
    """The fusion of HRNet-Semantic-Segmentation: low resolutions are enlarged bilinearly, to size."""

    def _enlarged(self, layers: nn.Module, features: Tensor, size: torch.Size) -> Tensor:
        convolution, norm, _ = layers.children()
        return functional.interpolate(norm(convolution(features)), size=size, mode="bilinear", align_corners=False)


class _NearestFusion(_SizedFusion):
    """The fusion of detectron2's DensePose: enlarged by the factor, and what is too much at the end is cut off."""

    def _enlarged(self, layers: nn.Module, features: Tensor, size: torch.Size) -> Tensor:
        enlarged: Tensor = layers(features)
        return enlarged[:, :, : size[0], : size[1]]


_FUSIONS: Final[dict[Fusion, type[_SizedFusion]]] = {"bilinear": _BilinearFusion, "nearest": _NearestFusion}


def create_raw_hrnet(name: str, *, fusion: Fusion = "bilinear") -> nn.Module:
    """An HRNet without head whose outputs are the stem and the four branches (strides 2, 4, 8, 16, 32).

    Names and shapes of all its parameters are those of the published HRNet (`hrnetv2_w18_imagenet_pretrained.pth` and
    its sisters), so published weights load as they are. What differs between the published programs is how a
    branch of lower resolution is enlarged before the sum:

    - `bilinear`: HRNet-Semantic-Segmentation, HCMoCo and its A2J (`F.interpolate(..., mode="bilinear")`);
    - `nearest`: HRNet-Image-Classification, timm, HigherHRNet and detectron2's DensePose.

    Args:
        name: One of `RAW_HRNETS`, with or without a timm tag.
        fusion: How the sum is formed; the parameters are the same.
    """
    network: nn.Module = timm.create_model(name, features_only=True, feature_location="")
    set_fusion(network, fusion)
    return network


def set_fusion(network: nn.Module, fusion: Fusion) -> None:
    """Change how the HRNets inside a network add their branches; its parameters stay.

    Raises:
        UsageError: If there is no such fusion.
    """
    if fusion not in _FUSIONS:
        raise UsageError(f"fusion {fusion!r} is not known; use 'bilinear' (published) or 'nearest' (timm, detectron2)")
    for module in network.modules():
        if isinstance(module, HighResolutionModule) and module.num_branches > 1:
            # timm takes no fusion as an option; the class holds no state of its own, so the module just changes it
            module.__class__ = _FUSIONS[fusion]


def fusion_in(network: nn.Module) -> Fusion:
    """How the HRNets inside a network add their branches; timm's own modules do it by nearest neighbor."""
    return "bilinear" if any(isinstance(module, _BilinearFusion) for module in network.modules()) else "nearest"
