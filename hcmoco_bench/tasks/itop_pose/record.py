"""What the ITOP task says about itself, and its protocols."""

from __future__ import annotations

from typing import Final

from hcmoco_bench.data.itop_crops import Framing
from hcmoco_bench.sources.itop.layout import VALID
from hcmoco_bench.tasks.core.protocol import Protocol
from hcmoco_bench.tasks.core.record import Download, SplitRecord, TaskRecord

TASK: Final = "itop_pose"


class ItopProtocol(Protocol):
    """Rules of ITOP.

    Attributes:
        framing: Where the box of the crop and its depth range come from; see `Framing`. With `labels`, boxes come
            from files if there are such.
    """

    framing: Framing

    def possible_leaks(self) -> list[str]:
        """See `Protocol.possible_leaks`; also what leaks without boxes."""
        return [*super().possible_leaks(), *([BOXES_LEAK] if self.framing == "labels" else [])]


BOXES_LEAK: Final = "without the setting boxes, the box of a test frame is that of its true joints"
NATIVE: Final = ItopProtocol(
    name="native",
    summary="Box and depth range come from the person that is found in the depth map alone: the floor is removed, and "
    "of the connected surfaces the one most like a person is kept. The crop keeps its proportions.",
    framing="found",
)
DEPTH_LEAK: Final = "the depth of a test frame is cut 5 cm behind its deepest true joint"
TRUE_DEPTH: Final = ItopProtocol(
    name="true_depth",
    summary="As native, except that nothing more than 5 cm behind the deepest true joint is kept. It measures what the "
    "published cut alone does to scores.",
    leaks=DEPTH_LEAK,
    framing="found_true_depth",
)
PUBLISHED: Final = ItopProtocol(
    name="published",
    summary="The crop is the box of the person, stretched to a square, without anything more than 5 cm behind the "
    "deepest true joint. The boxes are those that the setting boxes names: detections, as published. Without it, they "
    "are those of the true joints with a margin of 25 and 15 px, which the authors do not do.",
    leaks=DEPTH_LEAK,
    chooses_on_test=True,
    framing="labels",
)

RECORD: Final = TaskRecord(
    id=TASK,
    version=1,
    title="3-D pose from one depth map (ITOP, side view)",
    data="a folder (--root) with ITOP_side_{train,test}_{depth_map,labels}.h5, or the same files as .h5.gz",
    splits=(
        SplitRecord(name="train", rule="frames whose labels are marked valid", size=VALID["train"]),
        SplitRecord(name="test", rule="frames of other people whose labels are marked valid", size=VALID["test"]),
        SplitRecord(
            name="train_<percent>", rule="frames 0, k, 2k, ... of train with k = 100 / percent, floor(n / k) of them"
        ),
    ),
    protocols=(NATIVE, TRUE_DEPTH, PUBLISHED),
    main_score="accuracy",
    unit="%",
    chance="The mean of the joints over all training crops, put into each test crop, knows where the person is but not "
    "the pose; `mean_pose` scores it on the same data.",
    citation="Haque et al., Towards Viewpoint Invariant 3D Human Pose Estimation, ECCV 2016; Xiong et al., A2J, ICCV "
    "2019; Hong et al., Versatile Multi-Modal Pre-Training for Human-Centric Perception, CVPR 2022",
    downloads=(
        Download(
            what="ITOP_side_train_depth_map.h5.gz, ITOP_side_train_labels.h5.gz, and the two files of test",
            where="https://zenodo.org/records/3932973",
            put="any folder; then run hcmoco-bench finetune --task itop_pose --root FOLDER, which unpacks them there",
        ),
        Download(
            what="For the protocol published: boxes of the training frames, A2J/data/bounding_box_depth_train.pkl",
            where="https://github.com/hongfz16/HCMoCo",
            put="a folder that --boxes names",
        ),
        Download(
            what="For the protocol published: boxes of the test frames, itop_side_bndbox_test.mat",
            where="https://github.com/zhangboshen/A2J",
            put="the same folder",
        ),
    ),
    predictions="An .npz with ids (N texts) and joints (N, 15, 3), or a .json with the same two or with 15 lists of x, "
    "y, z by id: meters in the camera's coordinates, x to the right of the image, y up, z forward.",
    bad_input="Frames whose labels are not marked valid belong to no split. Frames that are marked valid but have a "
    "joint that is not finite or not in front of the camera are left out, counted and named. Frames in which nobody is "
    "found, and test frames without a box, are scored on the whole depth map and named; training frames without a box "
    "are left out, as published. Missing, truncated or foreign files, arrays of other shapes, files of different "
    "frames, boxes of another number of frames, and files without a valid frame are errors, and so are predictions "
    "that are not finite.",
)
