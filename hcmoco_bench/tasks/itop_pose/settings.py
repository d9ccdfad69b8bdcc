"""Settings of the ITOP task, with the defaults of A2J's paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final

from pydantic import Field

from hcmoco_bench.data.itop_crops import Warp
from hcmoco_bench.models.a2j import HEAD_WIDTH
from hcmoco_bench.models.settings import PUBLISHED_HRNET
from hcmoco_bench.runtime.settings import Added, Location, Published, TrainingOnly
from hcmoco_bench.tasks.core.settings import FinetuneSettings

_FALLS: Final = (
    "The authors tell their scheduler each epoch's number after the epoch has ended, so that the rate falls one epoch "
    "later than A2J's paper says."
)


class ItopSettings(FinetuneSettings):
    """A fine-tuning on ITOP."""

    section: ClassVar[str] = "ITOP pose"
    defaults: ClassVar[Mapping[str, Any]] = {
        "image_size": 288,
        "batch_size": 12,
        "eval_batch_size": 12,
        "epochs": 50,
        "optimizer": "adam",
        "lr": 3.5e-4,
        "weight_decay": 1e-4,
        "schedule": "step",
        "step_epochs": 10.0,
        "step_factor": 0.2,
    }

    published: ClassVar[Mapping[str, Published]] = {
        **PUBLISHED_HRNET,
        "protocol": Published(
            "published", "The authors remove all depth behind the deepest true joint before they test, which leaks it."
        ),
        "choose": Published("best", "The authors choose the best epoch on the test split, which leaks it."),
        "init": Published(
            "scratch", "The authors begin from ImageNet or from their pre-training only where a weight file is given."
        ),
        "schedule": Published("multistep", _FALLS),
        "milestones": Published((11.0, 21.0, 31.0, 41.0), _FALLS),
    }

    boxes: Annotated[str | None, Location()] = None
    """Folder with the boxes of people for the protocol published: bounding_box_depth_train.pkl and
    itop_side_bndbox_test.mat of the authors, or boxes_train.csv and boxes_test.csv of your own (columns
    id,x0,y0,x1,y1); none takes the boxes of the true joints, which leaks."""
    training_warp: Annotated[
        Warp,
        TrainingOnly(),
        Added(),
        Published(
            "published",
            "Bilinear depth mixes with the mean at outlines, which scoring never shows, and draws of whole pixels and "
            "degrees leave the largest ones out.",
        ),
    ] = "nearest"
    """How training crops are cut: nearest warps the depth map once, by real numbers, and takes nearest pixels;
    published resizes the box first and then warps it bilinearly, by whole pixels and degrees."""
    head_width: int = Field(default=HEAD_WIDTH, ge=8)
    """Channels of the convolutions in A2J's heads."""
    augmentation: float = Field(default=1.0, ge=0, le=1)
    """Strength with which training crops are moved, turned and scaled, as a share of the published 10 px, 15 degrees
    and factors of 0.5 to 1.5; less suits short runs."""
