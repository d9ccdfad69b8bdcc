"""The task `missing_modality`: labels with RGB and depth, tested with one of them, NTURGBD-Parsing-4K."""

from __future__ import annotations

from typing import ClassVar

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


class MissingModalityOptions(JointOptions):
    """Settings of missing modalities.

    Attributes:
        only: The modality that is there in the test; one training serves both (`eval --set only=rgb`).
    """

    only: Modality = "depth"


class MissingModality(JointParsingTask):
    """The head is trained on the maximum of both dense embeddings and tested on one (the paper's section 3.5)."""

    options: ClassVar[type[JointOptions]] = MissingModalityOptions
    record: ClassVar[TaskRecord] = TaskRecord(
        id="missing_modality",
        version=1,
        title="Human parsing with a modality missing",
        data=(
            "two prepared NTU stores: labeled frames (prepare ntu --set parsing4k --annotations MASKS) and unlabeled "
            "pairs (--set pretrain). The missing modality is not read in the test"
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
            "registered), and a pre-training that has read clips or people of the test split."
        ),
    )

    def sources(self, config: FinetuneConfig) -> tuple[Modality, ...]:
        """Both."""
        return ("rgb", "depth")

    def image(self, config: FinetuneConfig) -> Modality:
        """The one that is there."""
        return MissingModalityOptions.model_validate(config.options).only

    def hidden(self, config: FinetuneConfig) -> Hidden:
        """Nothing: what is missing is missing in the test."""
        return "nothing"

    def setting(self, config: FinetuneConfig) -> str:
        """See `JointParsingTask.setting`."""
        return f"labels learned with RGB and depth together, tested with only {self.image(config)}"
