"""What the task `pose3d` says about itself, and its protocols."""

from __future__ import annotations

from typing import Final, Literal

from hcmoco_bench.data.pose3d_crops import PoseFraming
from hcmoco_bench.tasks.core.protocol import Protocol
from hcmoco_bench.tasks.core.record import Download, SplitRecord, TaskRecord

TASK: Final = "pose3d"
STORE: Final = "human36m"

RootDistance = Literal["bones", "true"]
"""Where the distance of the root from the camera comes from: `bones`, the distance at which the bones of the predicted
skeleton are as long together as those of the training people on average; `true`, the true joints."""


class Pose3dProtocol(Protocol):
    """Rules of 3-D pose.

    Attributes:
        framing: How the person is framed.
        root_distance: Where the distance of the root comes from.
    """

    framing: PoseFraming
    root_distance: RootDistance


NATIVE: Final = Pose3dProtocol(
    name="native",
    summary="The crop is the square around the person's joints in the image. The distance of the root is the one at "
    "which the predicted bones are as long together as those of the training people on average.",
    leaks="the square around the person in a test frame is that of the true joints",
    framing="joints",
    root_distance="bones",
)
PUBLISHED: Final = Pose3dProtocol(
    name="published",
    summary="As Sun et al. do: the crop is the square that 2 m around the root cover at its true distance, and places "
    "in the crop become meters with the true distance of the root.",
    leaks="the square around the person in a test frame, its scale in meters, and the distance of the root come from "
    "the true joints",
    framing="root",
    root_distance="true",
)

RECORD: Final = TaskRecord(
    id=TASK,
    version=1,
    title="3-D pose from one RGB image (Human3.6M)",
    data="a prepared Human3.6M store with 3-D joints (hcmoco-bench prepare human36m)",
    splits=(
        SplitRecord(name="train", rule="every 25th frame of subjects 1, 5, 6, 7 and 8"),
        SplitRecord(name="test", rule="every 25th frame of subjects 9 and 11"),
        SplitRecord(
            name="train_<percent>", rule="frames 0, k, 2k, ... of train with k = 100 / percent, floor(n / k) of them"
        ),
    ),
    protocols=(NATIVE, PUBLISHED),
    main_score="mpjpe",
    unit="mm",
    higher_is_better=False,
    chance="The mean of the training joints about the root, for every test frame: it knows the proportions of a body "
    "and nothing about the image; `mean_pose` gives it.",
    citation="Catalin Ionescu, Dragos Papava, Vlad Olaru, Cristian Sminchisescu: Human3.6M: Large Scale Datasets and "
    "Predictive Methods for 3D Human Sensing in Natural Environments, TPAMI 2014; Sun et al., Integral Human Pose "
    "Regression, ECCV 2018; Chen et al., LiftedCL: Lifting Contrastive Learning for Human-Centric Perception, ICLR "
    "2023",
    downloads=(
        Download(
            what="Human3.6M: videos, part labels MySegmentsMat/PartLabels, and the positions "
            "MyPoseFeatures/D3_Positions_mono and MyPoseFeatures/D2_Positions",
            where="http://vision.imar.ro/human3.6m/",
            put="any folder; then run hcmoco-bench prepare human36m --root DIR",
        ),
    ),
    predictions="Joints in the order of `h36m17`: meters in the camera's axes, x right, y down, z forward; absolute, "
    "or about any point. An .npz with ids (N texts) and joints (N, 17, 3), or a .json with the same two or with joints "
    "by id. Or whole recordings: an .npz with an array (frames, 17, 3) for each (S9_Directions_1.54138969), or with "
    "VideoPose3D's positions_3d, dictionaries by subject and action with the arrays of the four cameras; or these in a "
    ".pkl.",
    bad_input="Frames without a pose or an image are left out, counted and named; prepare says why they have none. A "
    "store without 3-D joints, and missing, damaged or foreign files of predictions, arrays of other shapes, ids that "
    "are not those of the split, and joints that are not finite are errors. Predictions in another unit, with other "
    "axes, with swapped sides or with the joints in another order are refused, with the likely correction.",
)
