"""HRNet-Semantic-Segmentation, with which HCMoCo's parsing models were trained."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from torch import Tensor

from hcmoco_bench.errors import UsageError
from hcmoco_bench.modality import Modality
from hcmoco_bench.models.foreign.backbones import backbone_setting
from hcmoco_bench.models.foreign.format import ForeignFormat, Network

_ENCODER, _HEAD, _PUBLISHED_HEAD = "encoder.backbone.", "head.layers.", "last_layer."
_OF_HRNET = "transition1.0.0.weight"


class HRNetSegmentation(ForeignFormat):
    """HRNet with the names of its ImageNet weights, the head as `last_layer`, both inside `model`; a loss beside it."""

    name: ClassVar[str] = "hrnet-semantic-segmentation"
    program: ClassVar[str] = "HRNet-Semantic-Segmentation (HCMoCo's parsing)"
    files: ClassVar[str] = "`best.pth`, `final_state.pth`, `checkpoint.pth.tar`"
    network: ClassVar[Network | None] = "segmentation"
    encoders: ClassVar[Mapping[str, Modality | None]] = {"": None}
    ignored: ClassVar[tuple[str, ...]] = ("loss.",)
    heads: ClassVar[tuple[str, ...]] = (_PUBLISHED_HEAD,)
    takes: ClassVar[str] = "the HRNet and `last_layer`"
    leaves: ClassVar[str] = "the class weights of the loss, optimizer, epoch and `best_mIoU`"
    source: ClassVar[str] = (
        "https://github.com/hongfz16/HCMoCo, HRNet-Semantic-Segmentation: lib/models/seg_hrnet.py, lib/utils/utils.py "
        "(FullModel), tools/train.py"
    )

    def recognizes(self, names: Collection[str]) -> bool:
        """See `ForeignFormat.recognizes`."""
        return f"{_PUBLISHED_HEAD}0.weight" in names and _OF_HRNET in names

    def settings(self, state: Mapping[str, Tensor]) -> dict[str, Any]:
        """See `ForeignFormat.settings`; the backbone."""
        return backbone_setting(state)

    def from_published(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See `ForeignFormat.from_published`; the names of a `SegmentationNet`."""
        return {
            _HEAD + name.removeprefix(_PUBLISHED_HEAD) if name.startswith(_PUBLISHED_HEAD) else _ENCODER + name: value
            for name, value in self.kept(state).items()
        }

    def to_published(self, state: Mapping[str, Tensor]) -> dict[str, Any]:
        """See `ForeignFormat.to_published`; the content of `best.pth`, which `tools/test.py` reads."""
        if _ENCODER + _OF_HRNET not in state:
            raise UsageError("HRNet-Semantic-Segmentation has no backbones but HRNets; use a model with an HRNet")
        return {
            "model."
            + (_PUBLISHED_HEAD + name.removeprefix(_HEAD) if name.startswith(_HEAD) else encoder_name(name)): value
            for name, value in state.items()
        }


def encoder_name(name: str) -> str:
    """The published name of a weight of the encoder; raises UsageError for a weight of something else."""
    if not name.startswith(_ENCODER):
        raise UsageError(f"weight {name} has no place in the published network")
    return name.removeprefix(_ENCODER)
