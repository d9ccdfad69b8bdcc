"""detectron2's DensePose on a ResNet with FPN: the models of its model zoo."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Final

from torch import Tensor

from hcmoco_bench.errors import UsageError
from hcmoco_bench.modality import Modality
from hcmoco_bench.models.foreign.backbones import backbone_of
from hcmoco_bench.models.foreign.detectron2_densepose import Detectron2DensePose
from hcmoco_bench.models.foreign.prefixes import under_prefix

_STEM: Final = "backbone.bottom_up.stem."
_LATERAL: Final = "backbone.fpn_lateral2.weight"
_ENCODER: Final = "encoder.backbone."
_STAGE: Final = re.compile(r"backbone\.bottom_up\.res(\d)\.(\d+)\.(conv(\d)|shortcut)\.(norm\.)?(\w+)")
_OWN_STAGE: Final = re.compile(r"encoder\.backbone\.layer(\d)\.(\d+)\.(conv|bn|downsample\.)(\d)\.(\w+)")
_FPN: Final = re.compile(r"backbone\.fpn_(lateral|output)(\d)\.(\w+)")
_OWN_FPN: Final = re.compile(r"neck\.pyramid\.(inner|layer)_blocks\.(\d)\.0\.(\w+)")
_BLOCKS: Final = {"lateral": "inner", "output": "layer"}
_DECODER: Final = re.compile(r"roi_heads\.decoder\.p(\d)\.(.+)")
_OWN_DECODER: Final = re.compile(r"decoder\.levels\.p(\d)\.(.+)")
_FIRST_STAGE: Final = 2
"""Number of detectron2's stage and level of stride 4, which are the first ones here."""


class Detectron2FPN(Detectron2DensePose):
    """Stages and levels are counted from 2 there, from 1 here; batch norms are frozen there and have no counters."""

    name: ClassVar[str] = "detectron2-densepose-fpn"
    program: ClassVar[str] = "detectron2's DensePose with a ResNet and FPN (the model zoo)"
    files: ClassVar[str] = "`model_final_<hash>.pkl`, `model_final.pth`"
    encoders: ClassVar[Mapping[str, Modality | None]] = {}

    def has_neck(self, names: Collection[str]) -> bool:
        """See `Detectron2DensePose.has_neck`."""
        return _LATERAL in names

    def settings(self, state: Mapping[str, Tensor]) -> dict[str, Any]:
        """See `ForeignFormat.settings`; where the file does not say otherwise, images are BGR, as in the zoo."""
        known = super().settings(state)
        own = self.from_published(state)
        found = backbone_of(under_prefix(own, _ENCODER))
        known |= {} if found is None else {"backbone": f"{found}_caffe"}
        known["levels"] = 1 + sum(1 for name in state if re.fullmatch(r"backbone\.fpn_output\d\.weight", name))
        return known | {"neck": "fpn", "width": len(state[_LATERAL])} | {"pixels": known.get("pixels", "bgr")}

    def own_name(self, name: str) -> str:
        """See `Detectron2DensePose.own_name`."""
        if name.startswith(f"{_STEM}conv1."):
            rest = name.removeprefix(f"{_STEM}conv1.")
            return _ENCODER + (rest.replace("norm.", "bn1.") if rest.startswith("norm.") else f"conv1.{rest}")
        stage, fpn, decoder = _STAGE.fullmatch(name), _FPN.fullmatch(name), _DECODER.fullmatch(name)
        if stage:
            number, block, layer, convolution, norm, last = stage.groups()
            if layer == "shortcut":
                part = f"downsample.{1 if norm else 0}"
            else:
                part = f"{'bn' if norm else 'conv'}{convolution}"
            return f"{_ENCODER}layer{int(number) - _FIRST_STAGE + 1}.{block}.{part}.{last}"
        if fpn:
            return f"neck.pyramid.{_BLOCKS[fpn[1]]}_blocks.{int(fpn[2]) - _FIRST_STAGE}.0.{fpn[3]}"
        if decoder:
            return f"decoder.levels.p{int(decoder[1]) - _FIRST_STAGE + 1}.{decoder[2]}"
        return super().own_name(name)

    def published_name(self, name: str) -> str:
        """See `Detectron2DensePose.published_name`."""
        stem = name.removeprefix(_ENCODER)
        if stem != name and stem.startswith(("conv1.", "bn1.")):
            return _STEM + (stem if stem.startswith("conv1.") else stem.replace("bn1.", "conv1.norm."))
        stage, fpn, decoder = _OWN_STAGE.fullmatch(name), _OWN_FPN.fullmatch(name), _OWN_DECODER.fullmatch(name)
        if stage:
            number, block, kind, place, last = stage.groups()
            if kind == "downsample.":
                part = f"shortcut.{'norm.' if place == '1' else ''}"
            else:
                part = f"conv{place}.{'norm.' if kind == 'bn' else ''}"
            return f"backbone.bottom_up.res{int(number) + _FIRST_STAGE - 1}.{block}.{part}{last}"
        if fpn:
            blocks = {own: published for published, own in _BLOCKS.items()}
            return f"backbone.fpn_{blocks[fpn[1]]}{int(fpn[2]) + _FIRST_STAGE}.{fpn[3]}"
        if decoder:
            return f"roi_heads.decoder.p{int(decoder[1]) + _FIRST_STAGE - 1}.{decoder[2]}"
        if name.startswith((_ENCODER, "neck.")):
            raise UsageError(f"weight {name} has no place in detectron2's DensePose with FPN")
        return super().published_name(name)

    def to_published(self, state: Mapping[str, Tensor]) -> dict[str, Any]:
        """See `ForeignFormat.to_published`; without the counters of batch norm, which frozen ones do not have."""
        return super().to_published({k: v for k, v in state.items() if not k.endswith("num_batches_tracked")})
