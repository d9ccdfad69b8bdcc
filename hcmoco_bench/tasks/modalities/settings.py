"""Settings of the tasks that label pixels from embeddings which RGB and depth share, with the defaults of the paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field

from hcmoco_bench.modality import Modality
from hcmoco_bench.pretrain.multimodal.settings import (
    PUBLISHED_OVERLAP,
    PUBLISHED_SCHEDULE_AT,
    DenseTermSettings,
    EmbeddingSettings,
    InterSampleSettings,
    SampleLevelSettings,
)
from hcmoco_bench.runtime.settings import Added, Published, TrainingOnly
from hcmoco_bench.tasks.parsing.settings import ParsingSettings

NO_CONTRAST: Final = "none"


class SharedEmbeddingSettings(
    ParsingSettings, EmbeddingSettings, SampleLevelSettings, DenseTermSettings, InterSampleSettings
):
    """Settings of parsing from shared embeddings; joints and dim are those of the pre-training, if there is one."""

    section: ClassVar[str] = "Shared embeddings"
    defaults: ClassVar[Mapping[str, Any]] = {
        "image_size": 320,
        "batch_size": 180,
        "epochs": 100,
        "lr": 0.03,
        "momentum": 0.9,
        "weight_decay": 1e-4,
        "schedule": "cosine",
        "final_lr": 0.001,
    }

    published: ClassVar[Mapping[str, Published]] = {
        "protocol": Published(
            "leaky",
            "What the authors train on leaks what is tested. Their validation itself cannot be repeated, as it scores "
            "random crops.",
        ),
        "schedule_at": PUBLISHED_SCHEDULE_AT,
        "overlap": PUBLISHED_OVERLAP,
        "choose": Published("best", "The authors choose the best epoch on the test split, which leaks it."),
    }

    lists: Literal["v2", "v3"] = "v2"
    """Splits to use: v2 (the published lists, 1,963 frames each to train and to test) or v3 (the first fifth of both
    lists)."""
    framing: Literal["frame", "joints"] = "frame"
    """What fills the input in scoring: the whole frame, half as large again as training crops, or for small inputs the
    person: the square around the joints that the sensor tracked, as large as training crops (crops = person), or the
    whole frame if it tracked none. Outside of that square, background is predicted. Nothing of the labels is used."""
    contrastive: str = "hcmoco"
    """Method whose contrastive terms are learned beside the labels (hcmoco: all of its terms; cmc: the sample level),
    or none."""
    mixture: Annotated[
        Literal["equal", "proportional"],
        TrainingOnly(),
        Added(),
        Published(
            "proportional",
            "In proportion to size, two thousand labeled frames are a hundredth of the batches among the pairs of NTU, "
            "and a shared batch often has a handful of them.",
        ),
    ] = "equal"
    """Shares of the stores in what is drawn: equal, or proportional to their size."""
    parsing_weight: Annotated[float, Field(gt=0), TrainingOnly()] = 10.0
    """Weight of the cross entropy of the labels; the contrastive terms have weight 1."""
    overlap: Literal["leave_out", "keep"] = "leave_out"
    """What becomes of unlabeled pairs whose clip is in the labeled store, or whose performer is in its test split:
    leave_out, or keep, as the authors do; only some protocols allow keep."""


class CrossModalitySettings(SharedEmbeddingSettings):
    """Settings of cross-modality supervision."""

    direction: Literal["rgb_to_depth", "depth_to_rgb"] = "rgb_to_depth"
    """Modality that labels are learned with, and modality that is tested."""


class MissingModalitySettings(SharedEmbeddingSettings):
    """Settings of missing modalities."""

    only: Modality = "depth"
    """Modality that is present in the test; one training serves both (`eval --set only=rgb`)."""
