"""The task `depth_parsing`: 25 classes of body parts from depth, NTURGBD-Parsing-4K."""

from __future__ import annotations

from typing import ClassVar

from hcmoco_bench.modality import Modality
from hcmoco_bench.tasks.core.record import Download, SplitRecord, TaskRecord
from hcmoco_bench.tasks.parsing.protocols import BAD_INPUT, NATIVE, PUBLISHED
from hcmoco_bench.tasks.parsing.task import ParsingTask

NTU_SPLITS = (
    SplitRecord(name="train", rule="the published list v2", size=1963),
    SplitRecord(name="test", rule="the published list v2", size=1963),
    SplitRecord(name="train_20", rule="items 0, k, 2k, ... of train; also train_10, train_5, train_1", size=392),
    SplitRecord(name="v3_train", rule="the first 392 of train, the authors' 20 %", size=392),
    SplitRecord(name="v3_test", rule="the first 392 of test; not comparable with test", size=392),
    SplitRecord(name="subjects_train", rule="no performer on both sides"),
    SplitRecord(name="subjects_test", rule="no performer on both sides"),
)
NTU_DOWNLOADS = (
    Download(
        what="NTU RGB+D 60 and 120: RGB videos, masked depth, skeletons",
        where="https://rose1.ntu.edu.sg/dataset/actionRecognition/",
        put="any folders; hcmoco-bench prepare ntu --root DIR --annotations MASKS",
    ),
    Download(
        what="part masks png_annotation_v2",
        where="https://github.com/hongfz16/HCMoCo",
        put="any folder or the archive itself; --annotations",
    ),
)
HCMOCO = (
    "Fangzhou Hong, Liang Pan, Zhongang Cai, Ziwei Liu: Versatile Multi-Modal Pre-Training for Human-Centric "
    "Perception, CVPR 2022"
)


class DepthParsing(ParsingTask):
    """HRNet or PointNet++ on depth; PointNet++ labels the foreground, and background is left out of its scores."""

    modality: ClassVar[Modality] = "depth"
    record: ClassVar[TaskRecord] = TaskRecord(
        id="depth_parsing",
        version=1,
        title="Human parsing from depth",
        data="a prepared NTU store with part masks: hcmoco-bench prepare ntu --annotations MASKS",
        splits=NTU_SPLITS,
        protocols=(NATIVE, PUBLISHED),
        main_score="miou",
        unit="%",
        chance="about 4 %: everything background has an IoU of nearly 1 for one class of 25",
        citation=HCMOCO,
        downloads=NTU_DOWNLOADS,
        bad_input=BAD_INPUT,
    )
