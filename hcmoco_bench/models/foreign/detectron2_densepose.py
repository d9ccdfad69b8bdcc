"""detectron2's DensePose: an R-CNN with an HRNet and HRFPN, and chart heads."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Final

import torch
from torch import Tensor

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.modality import Modality
from hcmoco_bench.models.foreign.backbones import backbone_setting
from hcmoco_bench.models.foreign.format import ForeignFormat, Network
from hcmoco_bench.models.foreign.prefixes import reversed_prefixes, under_prefix, with_other_prefix

_BOTTOM_UP: Final = "backbone.bottom_up."
_ENCODER: Final = "encoder.backbone."
_NAMES: Final = {
    "neck.enlarge.": "backbone.interp_conv.",
    "neck.reduce.": "backbone.reduction_pooling_conv.",
    "neck.smooth.": "backbone.fpn_conv.",
    "proposals.head.conv.": "proposal_generator.rpn_head.conv.",
    "proposals.head.objectness.": "proposal_generator.rpn_head.objectness_logits.",
    "proposals.head.deltas.": "proposal_generator.rpn_head.anchor_deltas.",
    "people.box_head.fc6.": "roi_heads.box_head.fc1.",
    "people.box_head.fc7.": "roi_heads.box_head.fc2.",
    "people.box_predictor.scores.": "roi_heads.box_predictor.cls_score.",
    "people.box_predictor.deltas.": "roi_heads.box_predictor.bbox_pred.",
    "decoder.predictor.": "roi_heads.decoder.predictor.",
    "decoder.levels.": "roi_heads.decoder.",
    "densepose.coarse.": "roi_heads.densepose_predictor.ann_index_lowres.",
    "densepose.fine.": "roi_heads.densepose_predictor.index_uv_lowres.",
    "densepose.u.": "roi_heads.densepose_predictor.u_lowres.",
    "densepose.v.": "roi_heads.densepose_predictor.v_lowres.",
    _ENCODER: _BOTTOM_UP,
}
"""This package's prefix to detectron2's."""

_BODY: Final = re.compile(r"densepose\.body\.(\d+)\.")
_PUBLISHED_BODY: Final = re.compile(r"roi_heads\.densepose_head\.body_conv_fcn(\d+)\.")
_SCORES: Final = "people.box_predictor.scores."
_DELTAS: Final = "people.box_predictor.deltas."
_RAW_PIXELS: Final = 30.0
"""Variance after the first convolution, over the square of its weights, between what images of unit deviation give
(0.1 to 5 in the median over the channels) and what images in 0..255 give (58 squared times as much)."""

_DEVIATION: Final = "pixel_std"
_OTHER_NETWORKS: Final = (
    ("roi_heads.densepose_head.ASPP.convs.0.0.weight", "its head is DeepLabV3"),
    ("roi_heads.densepose_predictor.sigma_2_lowres.weight", "it estimates confidences"),
    ("roi_heads.densepose_predictor.embed_lowres.weight", "it predicts continuous surface embeddings"),
)


class Detectron2DensePose(ForeignFormat):
    """The state dict as `model`; the person is class 0 there and the background last, here the background is first."""

    name: ClassVar[str] = "detectron2-densepose"
    program: ClassVar[str] = "detectron2's DensePose with HRFPN"
    files: ClassVar[str] = "`model_final.pth`, `model_<iteration>.pth`, and `.pkl` as in the model zoo"
    network: ClassVar[Network | None] = "densepose"
    encoders: ClassVar[Mapping[str, Modality | None]] = {_BOTTOM_UP: None}
    ignored: ClassVar[tuple[str, ...]] = ("pixel_mean", _DEVIATION, "proposal_generator.anchor_generator.")
    takes: ClassVar[str] = "the whole network"
    leaves: ClassVar[str] = (
        "optimizer, scheduler, iteration, author, and the tables of anchors and pixels of old versions"
    )
    source: ClassVar[str] = (
        "https://github.com/facebookresearch/detectron2, projects/DensePose/densepose/modeling: hrnet.py, hrfpn.py, "
        "roi_heads/, predictors/chart.py"
    )

    def recognizes(self, names: Collection[str]) -> bool:
        """See `ForeignFormat.recognizes`."""
        heads = any(name.startswith("roi_heads.densepose_") for name in names)
        return heads and "proposal_generator.rpn_head.conv.weight" in names and self.has_neck(names)

    def has_neck(self, names: Collection[str]) -> bool:
        """Whether the feature pyramid is that of this format."""
        return "backbone.fpn_conv.0.weight" in names

    def settings(self, state: Mapping[str, Tensor]) -> dict[str, Any]:
        """See `ForeignFormat.settings`; the sizes of the network, and the form in which it takes images.

        The form is told from the deviation by which images are divided, which old versions of detectron2 save, or else
        from the statistics of the first batch norm: behind images in 0..255 (detectron2's default, BGR minus the mean)
        its variance is some 3,000 times that behind images of unit deviation (RGB).
        """
        for name, why in _OTHER_NETWORKS:
            if name in state:
                raise DataError(
                    f"this DensePose model cannot be scored here: {why}; chart heads of plain convolutions can",
                    kind="weights_foreign",
                )
        known = backbone_setting(under_prefix(state, _BOTTOM_UP))
        known["decoder"] = any(name.startswith("roi_heads.decoder.") for name in state)
        known["levels"] = sum(1 for name in state if re.fullmatch(r"backbone\.fpn_conv\.\d+\.weight", name))
        known["convolutions"] = sum(1 for name in state if _PUBLISHED_BODY.match(name) and name.endswith("weight"))
        sizes = {
            "width": ("backbone.fpn_conv.0.weight", 0),
            "box_width": ("roi_heads.box_head.fc1.weight", 0),
            "decoder_width": ("roi_heads.decoder.predictor.weight", 1),
            "head_width": ("roi_heads.densepose_head.body_conv_fcn1.weight", 0),
            "coarse_channels": ("roi_heads.densepose_predictor.ann_index_lowres.weight", 1),
        }
        known |= {name: state[key].shape[axis] for name, (key, axis) in sizes.items() if key in state}
        return known | _pixels(state)

    def from_published(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See `ForeignFormat.from_published`; the names of a `DensePoseRCNN`.

        detectron2 has no box corrections for the background; those here are zeros.
        """
        renamed = {}
        for published, value in self.kept(state).items():
            name = self.own_name(published)
            if name.startswith(_SCORES):
                value = value.flip(0)
            elif name.startswith(_DELTAS):
                value = torch.cat([torch.zeros_like(value), value])
            renamed[name] = value
        return renamed

    def to_published(self, state: Mapping[str, Tensor]) -> dict[str, Any]:
        """See `ForeignFormat.to_published`; what `MODEL.WEIGHTS` names."""
        renamed = {}
        for name, value in state.items():
            if name.startswith(_SCORES):
                value = value.flip(0)
            elif name.startswith(_DELTAS):
                value = value[len(value) // 2 :]
            renamed[self.published_name(name)] = value
        return {"model": renamed}

    def own_name(self, name: str) -> str:
        """This package's name of a weight of detectron2's; one that is unknown stays as it is."""
        body = _PUBLISHED_BODY.match(name)
        if body:
            return f"densepose.body.{int(body[1]) - 1}.{name[body.end() :]}"
        return with_other_prefix(name, reversed_prefixes(_NAMES)) or name

    def published_name(self, name: str) -> str:
        """detectron2's name of a weight.

        Raises:
            UsageError: If detectron2's DensePose has no such weight.
        """
        body = _BODY.match(name)
        if body:
            return f"roi_heads.densepose_head.body_conv_fcn{int(body[1]) + 1}.{name[body.end() :]}"
        published = with_other_prefix(name, _NAMES)
        if published is not None:
            return published
        raise UsageError(f"weight {name} has no place in detectron2's DensePose")


def _pixels(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Whether the first layer has seen normalized RGB or detectron2's BGR in 0..255; nothing if it cannot be told."""
    if _DEVIATION in state:
        return {"pixels": "bgr" if float(state[_DEVIATION].max()) == 1 else "rgb"}
    weight, variance = state.get(f"{_BOTTOM_UP}conv1.weight"), state.get(f"{_BOTTOM_UP}bn1.running_var")
    if weight is None or variance is None:
        return {}
    power = variance.float() / weight.float().square().sum(dim=(1, 2, 3)).clamp_min(1e-12)
    return {"pixels": "bgr" if float(power.median()) > _RAW_PIXELS else "rgb"}
