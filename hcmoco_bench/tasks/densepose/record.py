"""What the DensePose task says about itself, and its protocols."""

from __future__ import annotations

from typing import Final

from hcmoco_bench.tasks.core.protocol import Protocol
from hcmoco_bench.tasks.core.record import Download, SplitRecord, TaskRecord, VersionChange
from hcmoco_bench.tasks.densepose.data import TASK, TEST


class DensePoseProtocol(Protocol):
    """Rules of DensePose.

    Attributes:
        side: Shorter side of the images in scoring, px; None for that of training.
        padded: Whether images are padded in scoring, so that the network searches them up to their border.
    """

    side: int | None
    padded: bool


NATIVE: Final = DensePoseProtocol(
    name="native",
    summary="The network finds its own boxes, in images whose shorter side is image_size; the last epoch counts. The "
    "statistics are DensePose's: the 20 best detections per image for dense poses, 100 for boxes.",
    side=None,
    padded=True,
)
PUBLISHED: Final = DensePoseProtocol(
    name="published",
    summary="As in detectron2: scoring takes a shorter side of 800 px, whatever image_size the model was trained with, "
    "and does not pad images, so that a strip of up to 80 px at the right and lower border is not searched. Otherwise "
    "as native. Nothing leaks in the published evaluation.",
    side=800,
    padded=False,
)

RECORD: Final = TaskRecord(
    id=TASK,
    version=2,
    changes=(
        VersionChange(
            version=2, change="the protocol published does not pad images, as detectron2 does not", new_network=False
        ),
    ),
    title="DensePose: people and the surface of their bodies (COCO)",
    data="a folder (--root) with COCO's train2014/ and val2014/, annotations/densepose_coco_2014_{train,minival,"
    "valminusminival}.json, and DensePose's evaluation tables",
    splits=(
        SplitRecord(
            name="train",
            rule="images with at least one annotated person: first of the train file, then of valminusminival, by id",
            size=32_421,
        ),
        SplitRecord(
            name="train_<percent>", rule="images 0, k, 2k, ... of train with k = 100 / percent, floor(n / k) of them"
        ),
        SplitRecord(name=TEST, rule="all images of the minival file", size=1_508),
    ),
    protocols=(NATIVE, PUBLISHED),
    main_score="gps_AP",
    unit="%",
    chance="0 % for every AP: without boxes of people nothing is found. A model that finds every box and guesses the "
    "surface (`chance_detections` knows the true boxes and gives one constant body) gets the box AP, but hardly any "
    "GPS AP.",
    citation="Guler et al., DensePose: Dense Human Pose Estimation in the Wild, CVPR 2018; Hong et al., Versatile "
    "Multi-Modal Pre-Training for Human-Centric Perception, CVPR 2022",
    downloads=(
        Download(
            what="COCO's images train2014 and val2014",
            where="https://cocodataset.org/#download",
            put="train2014/ and val2014/ in one folder, which --root names",
        ),
        Download(
            what="densepose_coco_2014_train.json, densepose_coco_2014_minival.json, "
            "densepose_coco_2014_valminusminival.json",
            where="https://github.com/facebookresearch/DensePose (get_densepose_coco.sh)",
            put="annotations/ in that folder",
        ),
        Download(
            what="SMPL_subdiv.mat, SMPL_SUBDIV_TRANSFORM.mat, Pdist_matrix.pkl (get_eval_data.sh); to mirror "
            "in training also UV_symmetry_transforms.mat (get_densepose_uv.sh)",
            where="https://github.com/facebookresearch/DensePose",
            put="UV_data/ in that folder, or anywhere with --set geodesics=FOLDER",
        ),
    ),
    predictions="COCO results JSON with quantized IUV, or a file that detectron2 saves; see docs/densepose.md.",
    bad_input="These are left out, counted and named: images that are missing, entries without a usable box, and "
    "points outside of the charts. Images without people are scored: whatever is found there is wrong. An image "
    "without detections counts as one in which everybody is missed, in predictions too. These are errors: damaged "
    "files, images that cannot be read or have another size than annotated, outputs of the network that are not "
    "finite; and in predictions, detections that are damaged, not finite, repeated, or of images of other splits. "
    "Other images in a dump of detectron2's apply_net are left out and counted.",
)
