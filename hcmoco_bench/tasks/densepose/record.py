"""What the DensePose task says about itself."""

from __future__ import annotations

from typing import Final

from hcmoco_bench.tasks.core.record import Download, ProtocolRecord, SplitRecord, TaskRecord
from hcmoco_bench.tasks.densepose.data import TASK, TEST

RECORD: Final = TaskRecord(
    id=TASK,
    version=1,
    title="DensePose: people and the surface of their bodies (COCO)",
    data="a folder (--root) with COCO's train2014/ and val2014/, annotations/densepose_coco_2014_{train,minival,"
    "valminusminival}.json, and DensePose's evaluation tables",
    splits=(
        SplitRecord(
            name="train",
            rule="images of the train and then the valminusminival file, each by id, with somebody annotated",
            size=32_421,
        ),
        SplitRecord(name="train_<percent>", rule="images 0, k, 2k, ... of train, k = 100 / percent, floor(n / k)"),
        SplitRecord(name=TEST, rule="all images of the minival file", size=1_508),
    ),
    protocols=(
        ProtocolRecord(
            name="native",
            summary="The network's own boxes; images at the shorter side of image_size; the last epoch; DensePose's "
            "statistics: the 20 best detections per image for dense poses, 100 for boxes.",
        ),
        ProtocolRecord(
            name="published",
            summary="The same with a shorter side of 800 px, as detectron2 does, whatever image_size was trained with; "
            "nothing of the published evaluation leaks.",
        ),
    ),
    main_score="gps_AP",
    unit="%",
    chance="0 % for all APs: without boxes of people nothing is found. Whoever finds every box and guesses the surface "
    "(`chance_detections` knows the true boxes and gives one constant body) gets the box AP, and next to no GPS.",
    citation="Guler et al., DensePose: Dense Human Pose Estimation in the Wild, CVPR 2018; Hong et al., Versatile "
    "Multi-Modal Pre-Training for Human-Centric Perception, CVPR 2022",
    downloads=(
        Download(
            what="COCO's images train2014 and val2014",
            where="https://cocodataset.org/#download",
            put="train2014/ and val2014/ in one folder, the --root",
        ),
        Download(
            what="densepose_coco_2014_train.json, densepose_coco_2014_minival.json, "
            "densepose_coco_2014_valminusminival.json",
            where="https://github.com/facebookresearch/DensePose (get_densepose_coco.sh)",
            put="annotations/ in that folder",
        ),
        Download(
            what="SMPL_subdiv.mat, SMPL_SUBDIV_TRANSFORM.mat, Pdist_matrix.pkl (get_eval_data.sh), and to mirror in "
            "training UV_symmetry_transforms.mat (get_densepose_uv.sh)",
            where="https://github.com/facebookresearch/DensePose",
            put="UV_data/ in that folder, or anywhere with --set geodesics=FOLDER",
        ),
    ),
    bad_input="Left out, counted and named: images that are not there, entries without a usable box, points outside "
    "of the charts. Images without people are scored: what is found there is wrong. An image without detections "
    "counts as one where everybody is missed, also in predictions. Errors: damaged files, images that cannot be read "
    "or have another size than annotated, outputs of the network that are not finite, and in predictions: damaged or "
    "not finite detections, repeated ones, and images of other splits.",
)
