"""HCMoCo's own pre-training checkpoints: encoders, SemGCN, heads and mappers, and the memory bank."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Final

from torch import Tensor

from hcmoco_bench.errors import UsageError
from hcmoco_bench.modality import Modality
from hcmoco_bench.models.foreign.backbones import backbone_setting
from hcmoco_bench.models.foreign.format import ForeignFormat, Network
from hcmoco_bench.models.foreign.prefixes import reversed_prefixes, under_prefix, with_other_prefix

_NAMES: Final = {
    "encoder1.": "rgb_encoder.backbone.",
    "encoder2.": "depth_encoder.backbone.",
    "encoder3.": "keypoint_encoder.",
    "head1.0.": "global_mappers.rgb.projection.",
    "head2.0.": "global_mappers.depth.projection.",
    "head3.0.": "keypoint_mapper.projection.",
    "encoder1_linear.": "dense_mappers.rgb.projection.",
    "encoder2_linear.": "dense_mappers.depth.projection.",
}
"""Published prefix to this package's; the second stage alone has `encoder1_linear` and `encoder2_linear`."""

_BANK: Final = {"memory_1": "bank_rgb", "memory_2": "bank_depth", "memory_3": "bank_keypoints"}
_POINTS: Final = "encoder2.SA_modules."
_OF_POINTS: Final = ("encoder2.", "head2.", "encoder2_linear.")
"""Networks that belong to PointNet++ where that is the depth encoder."""


class PublishedHCMoCo(ForeignFormat):
    """Two HRNets, SemGCN, and what maps them to embeddings; the memory bank lies beside them as `contrast`."""

    name: ClassVar[str] = "hcmoco"
    program: ClassVar[str] = "HCMoCo (PyContrast)"
    files: ClassVar[str] = "`ckpt_epoch_<N>.pth`, `current.pth`"
    network: ClassVar[Network | None] = "multimodal"
    encoders: ClassVar[Mapping[str, Modality | None]] = {"encoder1.": "rgb", "encoder2.": "depth"}
    takes: ClassVar[str] = (
        "`pretrain`: both HRNets, SemGCN, the heads, the dense mappers of the second stage, and the memory bank where "
        "its size fits; `finetune`: the encoder of the task's modality"
    )
    leaves: ClassVar[str] = (
        "optimizer, epoch, `opt`, `amp`, the momentum encoder; of a run with PointNet++, the networks of depth"
    )
    source: ClassVar[str] = (
        "https://github.com/hongfz16/HCMoCo, pycontrast: networks/build_backbone.py (CMC3HRNetSGCNSingleHead), "
        "networks/SGCN/sem_gcn.py, memory/mem_bank.py (CMCMem3), learning/contrast_trainer.py (save)"
    )

    def recognizes(self, names: Collection[str]) -> bool:
        """See `ForeignFormat.recognizes`."""
        return any(name.startswith("encoder1.") for name in names) and any(
            name.startswith("encoder3.gconv") for name in names
        )

    def settings(self, state: Mapping[str, Tensor]) -> dict[str, Any]:
        """See `ForeignFormat.settings`; the backbone and the length of the embeddings."""
        known = backbone_setting(under_prefix(state, "encoder1."))
        head = state.get("head1.0.weight")
        return known if head is None else known | {"dim": len(head)}

    def from_published(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See `ForeignFormat.from_published`; the names of a `MultiModalModel`."""
        points = any(name.startswith(_POINTS) for name in state)
        return {
            with_other_prefix(name, _NAMES) or name: value
            for name, value in self.kept(state).items()
            if not (points and name.startswith(_OF_POINTS))
        }

    def to_published(self, state: Mapping[str, Tensor]) -> dict[str, Any]:
        """See `ForeignFormat.to_published`; what HCMoCo's own code continues from, once the memory bank is added."""
        back = reversed_prefixes(_NAMES)
        renamed = {f"module.{with_other_prefix(name, back) or name}": value for name, value in state.items()}
        if "module.encoder1.transition1.0.0.weight" not in renamed:
            raise UsageError("HCMoCo has no backbones but HRNets; use a pre-training with an HRNet")
        return {"model": renamed}

    def objective(self, checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
        """See `ForeignFormat.objective`; the memory bank, (rows, dim) by `bank_rgb`, `bank_depth`, `bank_keypoints`."""
        contrast = checkpoint.get("contrast")
        if not isinstance(contrast, Mapping):
            return {}
        return {
            own: contrast[published] for published, own in _BANK.items() if isinstance(contrast.get(published), Tensor)
        }

    def objective_to_published(self, state: Mapping[str, Tensor]) -> dict[str, Any]:
        """See `ForeignFormat.objective_to_published`."""
        return {"contrast": {published: state[own] for published, own in _BANK.items() if own in state}}
