"""The task `rgb_parsing`: 25 classes (24 body parts and background) from RGB, on Human3.6M or NTURGBD-Parsing-4K."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from hcmoco_bench.modality import Modality
from hcmoco_bench.store.manifest import MANIFEST_FILE
from hcmoco_bench.tasks.core.record import Download, SplitRecord, TaskRecord
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.parsing.depth import CHANCE, HCMOCO, NTU_DOWNLOADS, NTU_SPLITS
from hcmoco_bench.tasks.parsing.protocols import BAD_INPUT, PARSING_CHANGES, PREDICTIONS, RGB_PARSING_PROTOCOLS
from hcmoco_bench.tasks.parsing.settings import RgbParsingSettings
from hcmoco_bench.tasks.parsing.task import ParsingTask

HUMAN36M_STORE = "human36m"
HUMAN36M = (
    "Catalin Ionescu, Dragos Papava, Vlad Olaru, Cristian Sminchisescu: Human3.6M: Large Scale Datasets and Predictive "
    "Methods for 3D Human Sensing in Natural Environments, TPAMI 2014"
)


class RgbParsing(ParsingTask[RgbParsingSettings]):
    """Parsing from RGB; the defaults are the paper's for Human3.6M."""

    modality: ClassVar[Modality] = "rgb"
    settings: ClassVar[type[FinetuneSettings]] = RgbParsingSettings
    record: ClassVar[TaskRecord] = TaskRecord(
        id="rgb_parsing",
        version=2,
        changes=PARSING_CHANGES,
        title="Human parsing from RGB",
        data="a prepared Human3.6M store (hcmoco-bench prepare human36m), or an NTU store with part masks",
        splits=(
            SplitRecord(name="train", rule="Human3.6M: every 25th frame of subjects 1, 5, 6, 7 and 8", size=62668),
            SplitRecord(name="test", rule="Human3.6M: every 25th frame of subjects 9 and 11", size=22144),
            *(split.model_copy(update={"rule": f"NTU: {split.rule}"}) for split in NTU_SPLITS),
        ),
        protocols=RGB_PARSING_PROTOCOLS,
        main_score="miou",
        unit="%",
        chance=CHANCE,
        citation=f"{HCMOCO}; {HUMAN36M}",
        downloads=(
            Download(
                what="Human3.6M: videos, and part labels MySegmentsMat/PartLabels",
                where="http://vision.imar.ro/human3.6m/",
                put="any folder; then run hcmoco-bench prepare human36m --root DIR",
            ),
            *NTU_DOWNLOADS,
        ),
        predictions=PREDICTIONS,
        bad_input=BAD_INPUT,
    )

    def default_data(self, home: Path) -> dict[str, Any]:
        """The store that `prepare human36m` makes in the home folder, or else the one of `prepare ntu`."""
        store = home / HUMAN36M_STORE
        return {"stores": (str(store),)} if (store / MANIFEST_FILE).is_file() else super().default_data(home)
