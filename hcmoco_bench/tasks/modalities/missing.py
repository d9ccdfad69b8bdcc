"""The task `missing_modality`: labels with RGB and depth, tests with one of them, on NTURGBD-Parsing-4K."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from hcmoco_bench.data.ntu_store import Hidden
from hcmoco_bench.modality import Modality
from hcmoco_bench.tasks.core.record import TaskRecord
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.modalities.protocols import SHARED_EMBEDDING_PROTOCOLS, WITHOUT_PROTOCOLS
from hcmoco_bench.tasks.modalities.settings import MissingModalitySettings
from hcmoco_bench.tasks.modalities.task import CHANCE, CHANGES, SPLITS, SharedEmbeddingParsing
from hcmoco_bench.tasks.parsing.depth import HCMOCO, NTU_DOWNLOADS
from hcmoco_bench.tasks.parsing.protocols import BAD_INPUT, PREDICTIONS


class MissingModality(SharedEmbeddingParsing[MissingModalitySettings]):
    """The head learns from the maximum of both dense embeddings and is tested on one (the paper's section 3.5)."""

    settings: ClassVar[type[FinetuneSettings]] = MissingModalitySettings
    record: ClassVar[TaskRecord] = TaskRecord(
        id="missing_modality",
        version=2,
        changes=CHANGES,
        title="Human parsing with a modality missing",
        data=(
            "two prepared NTU stores: labeled frames (prepare ntu --set parsing4k --annotations MASKS) and unlabeled "
            "pairs (prepare ntu --set pretrain). The test does not read the missing modality"
        ),
        splits=SPLITS,
        protocols=SHARED_EMBEDDING_PROTOCOLS,
        without_protocols=WITHOUT_PROTOCOLS,
        main_score="miou",
        unit="%",
        chance=CHANCE,
        citation=HCMOCO,
        downloads=NTU_DOWNLOADS,
        predictions=PREDICTIONS,
        bad_input=(
            f"{BAD_INPUT} Also errors: a labeled store whose RGB was warped with the depth of the frames (--align "
            "registered), and a pre-training that has read clips or people of the test split."
        ),
    )

    def sources(self, config: MissingModalitySettings) -> tuple[Modality, ...]:
        """Both modalities."""
        return ("rgb", "depth")

    def image(self, config: MissingModalitySettings) -> Modality:
        """The modality that is present."""
        return config.only

    def hidden(self, config: MissingModalitySettings) -> Hidden:
        """Nothing: the missing modality is missing only in the test."""
        return "nothing"

    def variant(self, config: MissingModalitySettings, *, own: bool = True) -> str:
        """Which modality is left, e.g. `only_depth`."""
        return f"only_{config.only}"

    def variants(self, protocol: str) -> frozenset[str]:
        """Either modality."""
        return frozenset({"only_rgb", "only_depth"})

    def variant_settings(self, variant: str) -> Mapping[str, Any]:
        """Which modality is left."""
        return {"only": variant.removeprefix("only_")}

    def setting(self, config: MissingModalitySettings) -> str:
        """See `SharedEmbeddingParsing.setting`."""
        return f"labels learned with RGB and depth together, tested with only {self.image(config)}"
