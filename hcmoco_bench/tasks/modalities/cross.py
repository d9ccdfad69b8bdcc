"""The task `cross_modality`: labels with one modality, tests on the other, on NTURGBD-Parsing-4K."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from hcmoco_bench.data.ntu_store import Hidden
from hcmoco_bench.modality import Modality
from hcmoco_bench.tasks.core.record import TaskRecord
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.modalities.protocols import SHARED_EMBEDDING_PROTOCOLS, WITHOUT_PROTOCOLS
from hcmoco_bench.tasks.modalities.settings import CrossModalitySettings
from hcmoco_bench.tasks.modalities.task import CHANCE, CHANGES, SPLITS, SharedEmbeddingParsing
from hcmoco_bench.tasks.parsing.depth import HCMOCO, NTU_DOWNLOADS
from hcmoco_bench.tasks.parsing.protocols import BAD_INPUT, PREDICTIONS

_MODALITIES: dict[str, tuple[Modality, Modality]] = {"rgb_to_depth": ("rgb", "depth"), "depth_to_rgb": ("depth", "rgb")}


class CrossModality(SharedEmbeddingParsing[CrossModalitySettings]):
    """The head learns from dense embeddings of the source and is tested on the target's (the paper's section 3.5)."""

    settings: ClassVar[type[FinetuneSettings]] = CrossModalitySettings
    fixed_by_training: ClassVar[frozenset[str]] = SharedEmbeddingParsing.fixed_by_training | {"direction"}
    record: ClassVar[TaskRecord] = TaskRecord(
        id="cross_modality",
        version=2,
        changes=CHANGES,
        title="Human parsing across modalities",
        data=(
            "two prepared NTU stores: labeled frames (prepare ntu --set parsing4k --annotations MASKS) and unlabeled "
            "pairs (prepare ntu --set pretrain). Training reads the 2-D joints and part labels of the labeled frames, "
            "but never their target modality"
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
            "registered), and a pre-training that has read what is hidden here."
        ),
    )

    def sources(self, config: CrossModalitySettings) -> tuple[Modality, ...]:
        """See `SharedEmbeddingParsing.sources`."""
        return (self._direction(config)[0],)

    def image(self, config: CrossModalitySettings) -> Modality:
        """The target modality."""
        return self._direction(config)[1]

    def hidden(self, config: CrossModalitySettings) -> Hidden:
        """The target modality."""
        return self._direction(config)[1]

    def variant(self, config: CrossModalitySettings, *, own: bool = True) -> str:
        """The direction."""
        return config.direction

    def variants(self, protocol: str) -> frozenset[str]:
        """Both directions."""
        return frozenset(_MODALITIES)

    def variant_settings(self, variant: str) -> Mapping[str, Any]:
        """The direction."""
        return {"direction": variant}

    def setting(self, config: CrossModalitySettings) -> str:
        """See `SharedEmbeddingParsing.setting`."""
        source, target = self._direction(config)
        return f"labels learned with {source}, tested on {target}; {target} of labelled frames hidden in training"

    def _direction(self, config: CrossModalitySettings) -> tuple[Modality, Modality]:
        return _MODALITIES[config.direction]
