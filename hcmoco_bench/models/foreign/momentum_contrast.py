"""MoCo and LiftedCL: a query encoder beside a key encoder and queues."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Final

from torch import Tensor

from hcmoco_bench.modality import Modality
from hcmoco_bench.models.foreign.backbones import backbone_setting
from hcmoco_bench.models.foreign.format import ForeignFormat

QUERY: Final = "encoder_q."
"""What the names of the query encoder begin with."""

LIFTEDCL_HEADS: Final = {
    "mlp_invariant.": "invariant_head.",
    "conv_variant.": "equivariant_head.",
    "lifting.": "lifting.",
}
"""Heads inside LiftedCL's query encoder, and the networks of a pre-training by `liftedcl` that they are."""

HEADS: Final = (*LIFTEDCL_HEADS, "fc.")
"""Heads inside the query encoder: those of LiftedCL, and MoCo's."""


class MomentumContrast(ForeignFormat):
    """A ResNet with torchvision's names as `encoder_q`."""

    name: ClassVar[str] = "momentum-contrast"
    program: ClassVar[str] = "LiftedCL, MoCo"
    files: ClassVar[str] = "`checkpoint.pth.tar`, `checkpoint_<epoch>.pth.tar`"
    encoders: ClassVar[Mapping[str, Modality | None]] = {QUERY: None}
    ignored: ClassVar[tuple[str, ...]] = ("encoder_k.", "queue", *HEADS, *(QUERY + head for head in HEADS))
    takes: ClassVar[str] = (
        "the query encoder `encoder_q`; `pretrain --method liftedcl --init` also takes the heads `mlp_invariant`, "
        "`conv_variant` and `lifting` of LiftedCL"
    )
    leaves: ClassVar[str] = "`encoder_k`, the queues, `fc`, and otherwise the heads too; optimizer, epoch"
    source: ClassVar[str] = (
        "https://github.com/RichardChen20/LiftedCL, moco/adv_builder.py and moco/pose_res_adv.py; "
        "https://github.com/facebookresearch/moco, moco/builder.py"
    )

    def recognizes(self, names: Collection[str]) -> bool:
        """See `ForeignFormat.recognizes`."""
        return any(name.startswith(QUERY) for name in names)

    def settings(self, state: Mapping[str, Tensor]) -> dict[str, Any]:
        """See `ForeignFormat.settings`; the backbone."""
        return backbone_setting(self.from_published(state))

    def from_published(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See `ForeignFormat.from_published`; the names of timm's backbone."""
        return {name.removeprefix(QUERY): value for name, value in self.kept(state).items()}

    def to_published(self, state: Mapping[str, Tensor]) -> dict[str, Any]:
        """See `ForeignFormat.to_published`; the query encoder of a `checkpoint.pth.tar`."""
        return {"state_dict": {f"module.{QUERY}{name}": value for name, value in state.items()}}
