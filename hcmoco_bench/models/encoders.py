"""Encoders by name: those that are registered, and every timm backbone that gives a pyramid of features."""

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
from hcmoco_bench.models.encoder import ENCODERS, Encoder, make_registered
from hcmoco_bench.models.hrnet import RAW_HRNETS, Fusion, create_raw_hrnet
from hcmoco_bench.models.weight_files import read_checkpoint, state_dict_in
from hcmoco_bench.models.weights import REGISTERED_PREFIXES, find_network, load_weights

LARGEST_STRIDE_WANTED = 4
"""Maps finer than stride 4 are not part of the pyramid: the dense embedding lives at stride 4."""


class TimmEncoder(Encoder):
    """A timm backbone as a pyramid; its first map has stride 4 where the backbone has such a map.

    Attributes:
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

    def forward(
        self, image: Tensor, intrinsics: Tensor | None = None, foreground: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """See `Encoder.forward`; intrinsics and foreground play no part."""
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
    image_size: int | tuple[int, int] | None = None,
) -> Encoder:
    """Make an encoder.

    Names that are registered come first (see `register_encoder`; this package registers `pointnet`). `hrnet_w18`,
    `hrnet_w18_small`, `hrnet_w32` and `hrnet_w48` give their four raw branches (W18: 18, 36, 72, 144 channels at
    strides 4 to 32), as published; any other name is a timm backbone with `features_only`.

    Args:
        name: A registered name, or a timm name, e.g. `hrnet_w18`, `resnet50`, `convnext_tiny`, where a tag
            (`resnet50.a1_in1k`) picks the Hub weights that `imagenet` loads.
        weights: None for initial weights (drawn from torch's generator); `imagenet` for ImageNet weights, timm's from
            the Hub; or a file (published HRNet, HCMoCo, timm, an export of this package; see `models/weights.py`).
        modality: Which encoder to take from a checkpoint that holds two.
        fusion: How a raw HRNet adds its branches; see `create_raw_hrnet`.
        image_size: Side of the square input in px, or its height and width; needed only by backbones built for one
            size (Swin, ViT).

    Raises:
        UsageError: If the name is unknown (near matches are listed), timm gives no features for it, or `imagenet` is
            asked of a registered encoder without such weights.
        DataError: If the weights cannot be read or do not fit.
        HubError: If `imagenet` weights cannot be fetched.
    """
    if name in ENCODERS:
        registered = make_registered(name, max(image_size) if isinstance(image_size, tuple) else image_size)
        if weights is not None:
            _load_registered(registered, weights, modality)
        return registered
    check_backbone_name(name)
    if name.partition(".")[0] in RAW_HRNETS:
        backbone = create_raw_hrnet(name, fusion=fusion)
    else:
        backbone = _features_only(name, image_size)
    encoder = TimmEncoder(name, backbone)
    if weights is not None:
        load_backbone_weights(backbone, name, weights, modality=modality)
    return encoder


def check_backbone_name(name: str) -> None:
    """Raise UsageError, with near matches, unless an encoder of this name is registered or timm knows it."""
    if name in ENCODERS:
        return
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        known = [*ENCODERS.names(), *timm.list_models()]
        near = difflib.get_close_matches(architecture, known, n=5, cutoff=0.6)
        hint = f"did you mean {', '.join(near)}?" if near else f"there are {len(known)}, e.g. {', '.join(RAW_HRNETS)}"
        raise UsageError(f"backbone {name!r} is neither a timm model nor a registered encoder; {hint}")
    if tag and not timm.is_model_pretrained(name):
        tags = [full.partition(".")[2] for full in timm.list_pretrained(f"{architecture}.*")]
        raise UsageError(f"backbone {name!r}: {architecture} has no weights tagged {tag!r}; it has {', '.join(tags)}")


def weights_license(name: str) -> str:
    """License of the weights that `imagenet` loads for an encoder; empty where it is unknown or there are none."""
    if name in ENCODERS:
        return ENCODERS.get(name).weights_license
    configuration = timm.get_pretrained_cfg(name, allow_unregistered=True)
    return (configuration.license or "") if configuration is not None else ""


def _load_registered(encoder: Encoder, weights: Path | Literal["imagenet"], modality: Modality | None) -> None:
    if weights == "imagenet":
        load = ENCODERS.get(encoder.name).load_imagenet
        if load is None:
            raise UsageError(
                f"there are no ImageNet weights of {encoder.name}; use --init scratch or a file of weights"
            )
        load(encoder)
        return
    file = str(weights)
    state = state_dict_in(read_checkpoint(weights), file=file)
    found = find_network(encoder, state, modality=modality, candidates=REGISTERED_PREFIXES, file=file)
    load_weights(encoder, found.own(), file=file)


def _features_only(name: str, image_size: int | tuple[int, int] | None) -> nn.Module:
    options: dict[str, Any] = {}
    configuration = timm.get_pretrained_cfg(name, allow_unregistered=True)
    if image_size is not None and configuration is not None and configuration.fixed_input_size:
        options["img_size"] = image_size
    try:
        backbone: nn.Module = timm.create_model(name, features_only=True, **options)
    except (RuntimeError, AttributeError, TypeError, AssertionError) as error:
        raise UsageError(f"backbone {name!r} gives no pyramid of features (timm: {error}); choose another") from error
    return backbone
