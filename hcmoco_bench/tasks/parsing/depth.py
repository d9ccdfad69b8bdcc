"""The task `depth_parsing`: 25 classes (24 body parts and background) from depth, on NTURGBD-Parsing-4K."""

from __future__ import annotations

from typing import ClassVar

from hcmoco_bench.modality import Modality
from hcmoco_bench.models.encoder import EncoderInput
from hcmoco_bench.sources.ntu.lists import official_splits
from hcmoco_bench.tasks.core.record import Download, SplitRecord, TaskRecord
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.parsing.protocols import BAD_INPUT, PARSING_CHANGES, PARSING_PROTOCOLS, PREDICTIONS
from hcmoco_bench.tasks.parsing.settings import DepthParsingSettings
from hcmoco_bench.tasks.parsing.task import ParsingTask

_OFFICIAL = official_splits()


def ntu_split(name: str, rule: str) -> SplitRecord:
    """The record of an official split of NTURGBD-Parsing-4K."""
    return SplitRecord(name=name, rule=rule, size=_OFFICIAL[name].size, sha256=_OFFICIAL[name].sha256)


_FEWER = ("train_20", "train_10", "train_5", "train_1")
NTU_SPLITS = (
    ntu_split("train", "the training frames of the published list v2"),
    ntu_split("test", "the test frames of the published list v2"),
    *(
        ntu_split(name, f"every {100 // int(name.partition('_')[2])}th frame of train, from the first")
        for name in _FEWER
    ),
    ntu_split("v3_train", "the first 392 frames of train, which the authors call 20 %"),
    ntu_split("v3_test", "the first 392 frames of test; scores are not comparable with those on test"),
    ntu_split("subjects_train", "frames of v2, split so that no performer is on both sides"),
    ntu_split("subjects_test", "frames of v2, split so that no performer is on both sides"),
)
NTU_DOWNLOADS = (
    Download(
        what="NTU RGB+D 60 and 120: RGB videos, masked depth, skeletons",
        where="https://rose1.ntu.edu.sg/dataset/actionRecognition/",
        put="any folders; then run hcmoco-bench prepare ntu --root DIR --annotations MASKS",
    ),
    Download(
        what="Part masks png_annotation_v2",
        where="https://github.com/hongfz16/HCMoCo",
        put="any folder, or keep the archive; name it with --annotations",
    ),
)
CHANCE = (
    "About 4 %: a model that predicts background everywhere has an IoU of nearly 1 for one class of 25, and of 0 for "
    "the others."
)
HCMOCO = (
    "Fangzhou Hong, Liang Pan, Zhongang Cai, Ziwei Liu: Versatile Multi-Modal Pre-Training for Human-Centric "
    "Perception, CVPR 2022"
)


class DepthParsing(ParsingTask[DepthParsingSettings]):
    """Parsing from depth, read as an image or as points; from points, background is left out of the scores."""

    modality: ClassVar[Modality] = "depth"
    settings: ClassVar[type[FinetuneSettings]] = DepthParsingSettings
    inputs: ClassVar[frozenset[EncoderInput]] = frozenset({"image", "points"})
    record: ClassVar[TaskRecord] = TaskRecord(
        id="depth_parsing",
        version=2,
        changes=PARSING_CHANGES,
        title="Human parsing from depth",
        data="a prepared NTU store with part masks (hcmoco-bench prepare ntu --annotations MASKS)",
        splits=NTU_SPLITS,
        protocols=PARSING_PROTOCOLS,
        main_score="miou",
        unit="%",
        chance=CHANCE,
        citation=HCMOCO,
        downloads=NTU_DOWNLOADS,
        predictions=PREDICTIONS,
        bad_input=BAD_INPUT,
    )
