"""What the 2-D pose task says about itself, and its protocols."""

from __future__ import annotations

from typing import Final

from hcmoco_bench.metrics.pckh import MAIN as PCKH
from hcmoco_bench.tasks.core.protocol import Protocol
from hcmoco_bench.tasks.core.record import Download, SplitRecord, TaskRecord

TASK: Final = "pose2d"
TEST: Final = "validation"


class PoseProtocol(Protocol):
    """Rules of 2-D pose.

    Attributes:
        joints: Joint set of people, which says what store it takes.
        aspect: Width of a crop over its height.
        detects: Whether people are also to be found, so that boxes of a detector can be given.
    """

    joints: str
    aspect: float
    detects: bool

    def possible_leaks(self) -> list[str]:
        """See `Protocol.possible_leaks`; also what leaks without boxes."""
        return [*super().possible_leaks(), *([BOXES_LEAK] if self.detects else [])]


BOXES_LEAK: Final = "without the setting boxes, people are cropped by their true boxes, so that nobody has to be found"

NATIVE: Final = PoseProtocol(
    name="native",
    summary="COCO: average precision by keypoint similarity, as pycocotools computes it, of people in the boxes that "
    "the setting boxes names, or in their true boxes. Crops are 256x192 px. A person's score is that of the box "
    "times the mean score of the joints over 0.2, and of people more alike than 0.9 the best one is kept.",
    joints="coco17",
    aspect=0.75,
    detects=True,
)
MPII: Final = PoseProtocol(
    name="mpii",
    summary="MPII: share of joints within half of the head's size (PCKh), whose mean leaves pelvis and thorax out. As "
    "published, everybody's center and scale are given, and crops are squares.",
    main_score=PCKH,
    joints="mpii16",
    aspect=1.0,
    detects=False,
)

RECORD: Final = TaskRecord(
    id=TASK,
    version=1,
    title="2-D pose of people in photographs (COCO, MPII)",
    data="a store of photographs: of prepare coco, or, for the protocol mpii, of prepare mpii with gt_valid.mat",
    splits=(
        SplitRecord(name="train", rule="everybody with annotated joints in the training images"),
        SplitRecord(
            name="train_<percent>", rule="people 0, k, 2k, ... of train with k = 100 / percent, floor(n / k) of them"
        ),
        SplitRecord(
            name=TEST,
            rule="all validation images of COCO, or everybody with a head box in those of MPII (2,958 people)",
        ),
    ),
    protocols=(NATIVE, MPII),
    without_protocols={
        "published": "LiftedCL's release has no downstream evaluation to repeat; the evaluations of COCO and MPII are "
        "the protocols native and mpii",
        "coco": "COCO's evaluation is the protocol native",
    },
    main_score="AP",
    unit="%",
    chance="The mean of the joints over all training crops, put into each crop, knows where people are but not the "
    "pose; `mean_pose` scores it on the same data. It scores 0 where nobody is in a box.",
    citation="Lin et al., Microsoft COCO, ECCV 2014; Andriluka et al., 2D Human Pose Estimation, CVPR 2014; Xiao et "
    "al., Simple Baselines, ECCV 2018; Sun et al., HRNet, CVPR 2019; Zhang et al., DARK, CVPR 2020; Chen et al., "
    "LiftedCL, ICLR 2023",
    downloads=(
        Download(
            what="COCO's train2017, val2017 and person_keypoints_{train,val}2017.json",
            where="https://cocodataset.org/#download",
            put="one folder; then run hcmoco-bench prepare coco --root FOLDER",
        ),
        Download(
            what="Detected boxes of people in val2017, e.g. COCO_val2017_detections_AP_H_56_person.json",
            where="https://github.com/microsoft/human-pose-estimation.pytorch",
            put="anywhere; --boxes FILE",
        ),
        Download(
            what="MPII's images",
            where="http://human-pose.mpi-inf.mpg.de",
            put="images/ in one folder",
        ),
        Download(
            what="MPII's train.json, valid.json and gt_valid.mat",
            where="https://github.com/leoxiaobin/deep-high-resolution-net.pytorch",
            put="annot/ in that folder; then run hcmoco-bench prepare mpii --root FOLDER",
        ),
    ),
    predictions="COCO: results JSON of image_id, category_id, keypoints (x, y, score for each of 17 joints, px from "
    "0) and score. MPII: a .mat with preds (N, 16, 2), px from 1, in the order of valid.json, as HRNet's evaluation "
    "writes it; or a .json with joints (16, 2), px from 0, by the store's id of the person.",
    bad_input="Images that are missing or damaged and wrong annotations are left out when a store is prepared, "
    "counted and named. Images without people are scored: whoever is found there is wrong. Crowds and people without "
    "annotated joints need not be found, and finding them is no mistake. An image without detections counts as one "
    "in which everybody is missed. Boxes without size, of other categories, of images of other splits and below the "
    "threshold are left out and counted. These are errors: stores of another joint set, MPII stores without boxes of "
    "heads, damaged files, outputs of the network that are not finite; and in predictions, people that are missing, "
    "repeated or unknown, and numbers that are not finite.",
)
