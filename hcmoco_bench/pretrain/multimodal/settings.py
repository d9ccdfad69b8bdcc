"""Settings of methods that compare RGB, depth and keypoints, in pieces that methods and tasks combine."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from hcmoco_bench.data.ntu_store import Crops, Hidden
from hcmoco_bench.data.sample import Joints
from hcmoco_bench.pretrain.settings import PretrainSettings, TwoStages
from hcmoco_bench.runtime.settings import Paper, Settings


class EmbeddingSettings(Settings):
    """What is embedded, and how."""

    section: ClassVar[str] = "Embeddings"

    joints: Annotated[Joints, Paper()] = "mpii16"
    """Joint set of the keypoints: mpii16 (NTU with MPII), shared13 (NTU with COCO), or coco17 (COCO alone)."""
    crops: Annotated[Crops, Paper()] = "square"
    """Crops of NTU samples: `square`, random squares as published, or `person`, the whole person with a little jitter,
    which suits small data and short runs."""
    dim: Annotated[int, Field(ge=1), Paper()] = 128
    """Length of the embeddings."""


class ContrastSettings(Settings):
    """The comparison of embeddings."""

    section: ClassVar[str] = "Contrast"

    temperature: Annotated[float, Field(gt=0), Paper()] = 0.07
    """Temperature of all terms."""


class SampleLevelSettings(ContrastSettings):
    """The comparison of whole samples with a memory bank."""

    negatives: Annotated[Annotated[int, Field(ge=1)] | Literal["batch"], Paper()] = 16_384
    """Negatives per anchor at the sample level, drawn from the memory bank; or `batch`, the rest of the batch, without
    a memory bank, which suits small data and short runs."""
    bank_momentum: Annotated[float, Field(ge=0, lt=1), Paper()] = 0.5
    """Share of the old entry that stays when the memory bank is updated."""

    def without_effect(self) -> frozenset[str]:
        """See `Settings.without_effect`."""
        return super().without_effect() | ({"bank_momentum"} if self.negatives == "batch" else frozenset())


class DenseTermSettings(Settings):
    """The comparison of pixels."""

    section: ClassVar[str] = "Dense term"

    dense: Annotated[Literal["soft", "hard"], Paper()] = "soft"
    """Targets of the dense term: soft (falling off with distance) or hard (the same cell alone)."""
    points: Annotated[int, Field(ge=1), Paper()] = 400
    """Pixels sampled per image in the dense term."""


class MultimodalSettings(EmbeddingSettings, TwoStages, PretrainSettings):
    """What all methods of the family share; the defaults are those of the HCMoCo paper."""

    section: ClassVar[str] = "Modalities"
    defaults: ClassVar[dict[str, Any]] = {
        "batch_size": 224,
        "optimizer": "sgd",
        "lr": 0.03,
        "momentum": 0.9,
        "weight_decay": 1e-4,
        "schedule": "cosine",
        "final_lr": 0.001,
    }

    depth_backbone: str | None = None
    """Encoder of depth; an encoder of points, such as `pointnet`, takes depth as points. None takes `backbone`."""
    hide: tuple[Hidden, ...] = ()
    """For each of `stores`, in their order, the modality that is not read: rgb, depth or nothing; empty hides nothing.
    To test on depth a model that learned from RGB labels, hide depth from the start."""

    @model_validator(mode="after")
    def _check_hide(self) -> MultimodalSettings:
        if self.hide and len(self.hide) != len(self.stores):
            raise ValueError(
                f"hide has {len(self.hide)} entries for {len(self.stores)} stores; give one for each, e.g. "
                'hide=["depth", "nothing"]'
            )
        return self

    def hidden(self) -> tuple[Hidden, ...]:
        """What is hidden of each store."""
        if self.hide:
            return self.hide
        return tuple("nothing" for _ in self.stores)
