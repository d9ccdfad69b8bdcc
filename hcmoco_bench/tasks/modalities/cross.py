"""The task `cross_modality`: labels with one modality, tested on the other, NTURGBD-Parsing-4K."""

from __future__ import annotations

from typing import ClassVar, Literal

from hcmoco_bench.data.ntu_store import Hidden
from hcmoco_bench.modality import Modality
from hcmoco_bench.tasks.core.config import FinetuneConfig
from hcmoco_bench.tasks.core.record import TaskRecord
from hcmoco_bench.tasks.modalities.task import (
    CHANCE,
    JOINT_NATIVE,
    JOINT_PUBLISHED,
    JOINT_SPLITS,
    JointOptions,
    JointParsingTask,
)
from hcmoco_bench.tasks.parsing.depth import HCMOCO, NTU_DOWNLOADS
from hcmoco_bench.tasks.parsing.protocols import BAD_INPUT

_MODALITIES: dict[str, tuple[Modality, Modality]] = {"rgb_to_depth": ("rgb", "depth"), "depth_to_rgb": ("depth", "rgb")}


class CrossModalityOptions(JointOptions):
    """Settings of cross-modality supervision.

    Attributes:
        direction: The modality that labels are learned with, and the one that is tested.
    """

    direction: Literal["rgb_to_depth", "depth_to_rgb"] = "rgb_to_depth"


class CrossModality(JointParsingTask):
    """The head is trained on the source's dense embedding and tested on the target's (the paper's section 3.5)."""

    options: ClassVar[type[JointOptions]] = CrossModalityOptions
    record: ClassVar[TaskRecord] = TaskRecord(
        id="cross_modality",
        version=1,
        title="Human parsing across modalities",
        data=(
            "two prepared NTU stores: labeled frames (prepare ntu --set parsing4k --annotations MASKS) and unlabeled "
            "pairs (--set pretrain). The target modality of the labeled frames is not read by any training; 2-D "
            "joints and part labels are"
        ),
        splits=JOINT_SPLITS,
        protocols=(JOINT_NATIVE, JOINT_PUBLISHED),
        main_score="miou",
        unit="%",
        chance=CHANCE,
        citation=HCMOCO,
        downloads=NTU_DOWNLOADS,
        bad_input=(
            f"{BAD_INPUT} Errors too: a labeled store whose RGB was warped with the frames' depth (--align "
            "registered), and a pre-training that has read what is hidden here."
        ),
    )

    def sources(self, config: FinetuneConfig) -> tuple[Modality, ...]:
        """See `JointParsingTask.sources`."""
        return (self._direction(config)[0],)

    def image(self, config: FinetuneConfig) -> Modality:
        """The target."""
        return self._direction(config)[1]

    def hidden(self, config: FinetuneConfig) -> Hidden:
        """The target."""
        return self._direction(config)[1]

    def setting(self, config: FinetuneConfig) -> str:
        """See `JointParsingTask.setting`."""
        source, target = self._direction(config)
        return f"labels learned with {source}, tested on {target}; {target} of labeled frames hidden in training"

    def _direction(self, config: FinetuneConfig) -> tuple[Modality, Modality]:
        return _MODALITIES[CrossModalityOptions.model_validate(config.options).direction]
