"""Encoders behind one interface: an image in, a pyramid of feature maps out."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, Literal

import timm
from timm.layers.format import Format
from timm.models import FeatureInfo
from torch import Tensor, nn

from hcmoco_bench.errors import UsageError
from hcmoco_bench.modality import Modality
from hcmoco_bench.models.backbone_weights import load_backbone_weights
from hcmoco_bench.models.hrnet import RAW_HRNETS, Fusion, create_raw_hrnet

LARGEST_STRIDE_WANTED = 4
"""Maps finer than stride 4 are not part of the pyramid: the dense embedding lives at stride 4."""


class Encoder(nn.Module):
    """A timm backbone as a pyramid.

    Attributes:
        name: The timm name it was made from.
        channels: Channels of each map, finest first.
        strides: Input pixels per cell of each map, never falling; the first is 4 where the backbone has such a map.
        backbone: The timm network; its parameter names are what published weights use.
    """

    def __init__(self, name: str, backbone: nn.Module) -> None:
        super().__init__()
        self.name = name
        self.backbone = backbone
        info = backbone.feature_info
        if not isinstance(info, FeatureInfo):
            raise UsageError(f"backbone {name!r} does not describe its features; choose another")
        strides, channels = info.reduction(), info.channels()
        self._levels = [level for level, stride in enumerate(strides) if stride >= LARGEST_STRIDE_WANTED]
        self.strides: tuple[int, ...] = tuple(int(strides[level]) for level in self._levels)
        self.channels: tuple[int, ...] = tuple(int(channels[level]) for level in self._levels)
        self._channels_last = getattr(backbone, "output_fmt", Format.NCHW) == Format.NHWC

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Features of a batch.

        Args:
            image: (B, 3, H, W) float, normalized; depth comes with its one channel repeated.

        Returns:
            One (B, C, h, w) map per entry of `channels`, finest first; h = ceil(H / stride).
        """
        maps = self.backbone(image)
        chosen = [maps[level] for level in self._levels]
        if self._channels_last:
            chosen = [features.permute(0, 3, 1, 2) for features in chosen]
        return tuple(chosen)


def create_encoder(
    name: str,
    *,
    weights: Path | Literal["imagenet"] | None = None,
    modality: Modality | None = None,
    fusion: Fusion = "bilinear",
    image_size: int | None = None,
) -> Encoder:
    """Make an encoder.

    `hrnet_w18`, `hrnet_w18_small`, `hrnet_w32` and `hrnet_w48` give their four raw branches (W18: 18, 36, 72, 144
    channels at strides 4 to 32), as published; any other name is a timm backbone with `features_only`.

    Args:
        name: A timm name, e.g. `hrnet_w18`, `resnet50`, `convnext_tiny`; a tag (`resnet50.a1_in1k`) picks the Hub
            weights that `imagenet` loads.
        weights: None for timm's initial weights (drawn from torch's generator); `imagenet` for timm's weights on the
            Hub; or a file (published HRNet, HCMoCo, timm, an export of this package; see `models/weights.py`).
        modality: Which encoder to take from a checkpoint that holds two.
        fusion: How a raw HRNet adds its branches; see `create_raw_hrnet`.
        image_size: Side of the square input in px; needed only by backbones built for one size (Swin, ViT).

    Raises:
        UsageError: If timm does not know the name (near matches are listed) or gives no features for it.
        DataError: If the weights cannot be read or do not fit.
        HubError: If `imagenet` weights cannot be fetched.
    """
    check_backbone_name(name)
    if name.partition(".")[0] in RAW_HRNETS:
        backbone = create_raw_hrnet(name, fusion=fusion)
    else:
        backbone = _features_only(name, image_size)
    encoder = Encoder(name, backbone)
    if weights is not None:
        load_backbone_weights(backbone, name, weights, modality=modality)
    return encoder


def check_backbone_name(name: str) -> None:
    """Raise UsageError, with near matches, unless timm knows this name."""
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        known = timm.list_models()
        near = difflib.get_close_matches(architecture, known, n=5, cutoff=0.6)
        hint = f"did you mean {', '.join(near)}?" if near else f"timm has {len(known)}, e.g. {', '.join(RAW_HRNETS)}"
        raise UsageError(f"backbone {name!r} is not a timm model; {hint}")
    if tag and not timm.is_model_pretrained(name):
        tags = [full.partition(".")[2] for full in timm.list_pretrained(f"{architecture}.*")]
        raise UsageError(f"backbone {name!r}: {architecture} has no weights tagged {tag!r}; it has {', '.join(tags)}")


def _features_only(name: str, image_size: int | None) -> nn.Module:
    options: dict[str, Any] = {}
    configuration = timm.get_pretrained_cfg(name, allow_unregistered=True)
    if image_size is not None and configuration is not None and configuration.fixed_input_size:
        options["img_size"] = image_size
    try:
        backbone: nn.Module = timm.create_model(name, features_only=True, **options)
    except (RuntimeError, AttributeError, TypeError, AssertionError) as error:
        raise UsageError(f"backbone {name!r} gives no pyramid of features (timm: {error}); choose another") from error
    return backbone
