"""Settings of methods that compare RGB, depth and keypoints, in pieces that methods and tasks combine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field, model_validator

from hcmoco_bench.data.ntu_store import Crops, Hidden
from hcmoco_bench.data.sample import Joints
from hcmoco_bench.models.settings import PUBLISHED_HRNET
from hcmoco_bench.pretrain.settings import PretrainSettings, TwoStages
from hcmoco_bench.runtime.settings import Added, Paper, Published, Settings, TrainingOnly

PUBLISHED_SCHEDULE_AT: Final = Published(
    "epoch_end",
    "The authors' epochs count from 1 and each has one rate, so that the rate never has its base value and short runs "
    "fall in coarse steps.",
)
"""How the authors' trainers read their cosine (`pycontrast/learning/base_trainer.py`)."""


PUBLISHED_OVERLAP: Final = Published(
    "keep", "The authors train on all pairs, also those of labeled clips and of the test split's performers."
)
"""Which pairs the authors train on where frames are labeled too."""


class EmbeddingSettings(Settings):
    """What is embedded, and how."""

    section: ClassVar[str] = "Embeddings"

    joints: Annotated[Joints, Paper()] = "mpii16"
    """Joint set of the keypoints: mpii16 (NTU with MPII), shared13 (NTU with COCO), or coco17 (COCO alone)."""
    crops: Annotated[Crops, TrainingOnly(), Paper()] = "square"
    """Crops of NTU samples: `square`, random squares as published, or `person`, the whole person with a little jitter,
    which suits small data and short runs."""
    color_jitter: Annotated[float, Field(ge=0, le=1), TrainingOnly(), Added()] = 0.0
    """Largest relative change of brightness, contrast and saturation of RGB in training, made with probability 0.8; the
    hue shifts by up to a quarter of it. 0 leaves colors as they are, as published."""
    dim: Annotated[int, Field(ge=1), Paper()] = 128
    """Length of the embeddings."""
    absent_depth: Annotated[
        Literal["skip", "zeros"],
        TrainingOnly(),
        Added(),
        Published(
            "zeros",
            "Zeros bend the batch statistics of the depth encoder away from those of real depth, cost time, and move "
            "rows of the memory bank that stand for nothing.",
        ),
    ] = "skip"
    """What becomes of samples without depth: skip keeps them out of the depth encoder and of its memory bank; zeros
    sends zeros through the encoder and its batch norm, and lets the memory bank take the result in."""


class ContrastSettings(Settings):
    """The comparison of embeddings."""

    section: ClassVar[str] = "Contrast"

    temperature: Annotated[float, Field(gt=0), TrainingOnly(), Paper()] = 0.07
    """Temperature of all terms."""


class SampleLevelSettings(ContrastSettings):
    """The comparison of whole samples with a memory bank."""

    negatives: Annotated[Annotated[int, Field(ge=1)] | Literal["batch"], TrainingOnly(), Paper()] = 16_384
    """Negatives per anchor at the sample level, drawn from the memory bank; or `batch`, the rest of the batch, without
    a memory bank, which suits small data and short runs."""
    bank_momentum: Annotated[float, Field(ge=0, lt=1), TrainingOnly(), Paper()] = 0.5
    """Share of the old entry that stays when the memory bank is updated."""
    hidden_pairs: Annotated[
        Literal["present", "complete"],
        TrainingOnly(),
        Added(),
        Published(
            "complete",
            "A pair needs its own two modalities and no more; with a modality hidden, the authors' rule throws away "
            "every labeled frame at the sample level.",
        ),
    ] = "present"
    """Samples that count in the six pairs of the sample level while a store has a modality hidden: present, those that
    have both modalities of the pair; or complete, those that have RGB and depth, whatever the pair."""

    def without_effect(self) -> frozenset[str]:
        """See `Settings.without_effect`."""
        return super().without_effect() | ({"bank_momentum"} if self.negatives == "batch" else frozenset())


class DenseTermSettings(Settings):
    """The comparison of pixels."""

    section: ClassVar[str] = "Dense term"

    dense: Annotated[Literal["soft", "hard"], TrainingOnly(), Paper()] = "soft"
    """Targets of the dense term: soft (falling off with distance) or hard (the same cell alone)."""
    points: Annotated[int, Field(ge=1), TrainingOnly(), Paper()] = 400
    """Pixels sampled per image in the dense term."""


class InterSampleSettings(Settings):
    """The comparison of joints between samples."""

    section: ClassVar[str] = "Inter-sample term"

    inter_joints: Annotated[
        Literal["visible", "all"],
        TrainingOnly(),
        Added(),
        Published(
            "all",
            "Invisible joints all stand at pixel (0, 0) in the authors' data, so that their features, which show "
            "background, are pulled together; and maps of absent depth are among the negatives.",
        ),
    ] = "visible"
    """Joints that the term compares: visible, those that are visible in maps that are there, or all, whose sum is
    divided by their number."""
    inter_samples: Annotated[
        int | None,
        Field(ge=2),
        TrainingOnly(),
        Added(),
        Published(
            56,
            "Each of the authors' four GPUs compared its own 56 samples; comparing all samples of the step gives more "
            "positives and negatives, and the same loss on any number of GPUs.",
        ),
    ] = None
    """Samples that the term compares at a time, at most; each process compares its own. None compares all samples of
    the step, over all processes."""


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

    published: ClassVar[Mapping[str, Published]] = {
        **PUBLISHED_HRNET,
        "backbone": Published(
            "hrnet_w18.ms_in1k",
            "The authors start from hrnetv2_w18_imagenet_pretrained.pth, which are probably these weights; timm's "
            "default tag is a later and stronger training of the same network.",
        ),
        "schedule_at": PUBLISHED_SCHEDULE_AT,
        "overlap": PUBLISHED_OVERLAP,
    }

    depth_backbone: str | None = None
    """Encoder of depth; an encoder of points, such as `pointnet`, takes depth as points. None takes `backbone`."""
    hide: tuple[Hidden, ...] = ()
    """For each of `stores`, in their order, the modality that is not read: rgb, depth or nothing; empty hides nothing.
    To test on depth a model that learned from RGB labels, hide depth from the start."""

    keypoint_skeleton: Annotated[
        Literal["crop", "image"],
        Published(
            "image",
            "The skeleton of a turned photograph would stay upright, and unknown joints, which stand at (-1, -1), "
            "would decide its scale.",
        ),
    ] = "crop"
    """Joints of photographs (MPII, COCO) that the keypoint encoder sees: crop, as they stand in the crop, which may be
    turned; or image, as they stand in the photograph, with unknown joints at (-1, -1)."""

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


class SampleLevelRunSettings(SampleLevelSettings, MultimodalSettings):
    """What the settings of every run with a sample level have."""

    def compares_samples(self) -> bool:
        """Whether the run has the sample level."""
        return True

    def complete_pairs(self) -> bool:
        """Whether the pairs of the sample level count complete samples alone; see `hidden_pairs`."""
        return self.hidden_pairs == "complete" and any(hidden != "nothing" for hidden in self.hide)
