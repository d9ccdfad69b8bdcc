"""HCMoCo's A2J with an HRNet, for ITOP."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Final

from torch import Tensor

from hcmoco_bench.errors import UsageError
from hcmoco_bench.modality import Modality
from hcmoco_bench.models.a2j import HEAD_DEPTH
from hcmoco_bench.models.foreign.backbones import backbone_setting
from hcmoco_bench.models.foreign.format import ForeignFormat, Network
from hcmoco_bench.models.foreign.prefixes import under_prefix

_ENCODER, _BACKBONE = "encoder.backbone.", "Backbone."
_HEADS: Final = {
    "classificationModel": "weight_head",
    "regressionModel": "offset_head",
    "DepthRegressionModel": "depth_head",
}
_LAYERS: Final = {
    **{f"conv{number + 1}": str(3 * number) for number in range(HEAD_DEPTH)},
    **{f"bn{number + 1}": str(3 * number + 1) for number in range(HEAD_DEPTH)},
    "output": str(3 * HEAD_DEPTH),
}
"""Position of each published layer in an `AnchorHead`."""

_PUBLISHED: Final = re.compile(rf"({'|'.join(_HEADS)})\.({'|'.join(_LAYERS)})\.(\w+)")
_OWN: Final = re.compile(rf"({'|'.join(_HEADS.values())})\.(\d+)\.(\w+)")
_OFFSETS: Final = f"offset_head.{_LAYERS['output']}."


class PublishedA2J(ForeignFormat):
    """HRNet as `Backbone` and three heads; an anchor's offset is published as (y, x) and is (x, y) here."""

    name: ClassVar[str] = "a2j"
    program: ClassVar[str] = "HCMoCo's A2J with an HRNet"
    files: ClassVar[str] = "`net_<epoch>_wetD_<accuracy>.pth`"
    network: ClassVar[Network | None] = "a2j"
    encoders: ClassVar[Mapping[str, Modality | None]] = {_BACKBONE: None}
    takes: ClassVar[str] = "`Backbone` and the three heads"
    leaves: ClassVar[str] = "nothing"
    source: ClassVar[str] = "https://github.com/hongfz16/HCMoCo, A2J: model.py (A2J_HRNet_model), anchor.py, main.py"

    def recognizes(self, names: Collection[str]) -> bool:
        """See `ForeignFormat.recognizes`."""
        return "classificationModel.output.weight" in names

    def settings(self, state: Mapping[str, Tensor]) -> dict[str, Any]:
        """See `ForeignFormat.settings`; the backbone and the width of the heads."""
        known = backbone_setting(under_prefix(state, _BACKBONE))
        first = state.get("classificationModel.conv1.weight")
        return known if first is None else known | {"head_width": len(first)}

    def from_published(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See `ForeignFormat.from_published`; the names of an `A2J`."""
        renamed = {}
        for name, value in self.kept(state).items():
            head = _PUBLISHED.fullmatch(name)
            if head is not None:
                name = f"{_HEADS[head[1]]}.{_LAYERS[head[2]]}.{head[3]}"
            elif name.startswith(_BACKBONE):
                name = _ENCODER + name.removeprefix(_BACKBONE)
            renamed[name] = _swapped(value) if name.startswith(_OFFSETS) else value
        return renamed

    def to_published(self, state: Mapping[str, Tensor]) -> dict[str, Any]:
        """See `ForeignFormat.to_published`."""
        heads = {own: published for published, own in _HEADS.items()}
        layers = {own: published for published, own in _LAYERS.items()}
        renamed = {}
        for name, value in state.items():
            head = _OWN.fullmatch(name)
            if head is not None:
                published = f"{heads[head[1]]}.{layers[head[2]]}.{head[3]}"
            elif name.startswith(_ENCODER):
                published = _BACKBONE + name.removeprefix(_ENCODER)
            else:
                raise UsageError(f"weight {name} has no place in the published A2J, which has HRNets alone")
            renamed[published] = _swapped(value) if name.startswith(_OFFSETS) else value
        return renamed


def _swapped(value: Tensor) -> Tensor:
    """Weights or biases of the offsets with the two coordinates of each anchor and joint exchanged."""
    return value.reshape(-1, 2, *value.shape[1:]).flip(1).reshape(value.shape)
