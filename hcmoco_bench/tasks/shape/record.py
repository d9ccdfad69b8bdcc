"""What the shape task says about itself, and its protocols."""

from __future__ import annotations

from typing import Final, Literal

from hcmoco_bench.sources.pw3d.layout import TEST_SIZE
from hcmoco_bench.tasks.core.protocol import Protocol
from hcmoco_bench.tasks.core.record import Download, SplitRecord, TaskRecord

TASK: Final = "shape"
JOINTS: Final = "lsp14"
"""Joints on which bodies are scored: the 14 of HMR and SPIN."""
PELVIS: Final = ("h36m17", 0)
"""Joint set and number of the joint at which bodies are laid upon each other."""

Source = Literal["anny_people", "pw3d"]


class ShapeProtocol(Protocol):
    """Rules of the shape task.

    Attributes:
        source: Layout of the data that the protocol reads.
        body: Name of the body model; results of two body models are not comparable.
    """

    source: Source
    body: Literal["anny", "smpl"]


NATIVE: Final = ShapeProtocol(
    name="native",
    summary="Generated people with bodies of the free model Anny. The crop is a square around what is seen of the "
    "person. Bodies are laid upon each other at the pelvis, the middle of the hips, and are scored on 14 joints and on "
    "all vertices; the fingers of true bodies are those of the rest pose.",
    source="anny_people",
    body="anny",
)
PW3D: Final = ShapeProtocol(
    name="pw3d",
    summary="3DPW as SPIN and its successors score it: each person in each frame whose camera pose is valid, cropped "
    "around the detected 2-D joints. True bodies are those of SMPL for the person's gender. The 14 joints come from "
    "the vertices, and errors are taken after both pelvises have been put at the origin; PVE likewise, which some "
    "papers take without alignment.",
    source="pw3d",
    body="smpl",
)

RECORD: Final = TaskRecord(
    id=TASK,
    version=1,
    title="Body shape and pose from one image",
    data="a folder (--root) that `hcmoco-bench synth shape` wrote or, for the protocol pw3d, 3DPW's with imageFiles/ "
    "and sequenceFiles/",
    splits=(
        SplitRecord(name="train", rule="generated: three quarters of the people; 3DPW: the published one"),
        SplitRecord(
            name="test",
            rule="generated: the other people; 3DPW: the published one, people in frames with a valid camera pose "
            f"({TEST_SIZE:,})",
        ),
        SplitRecord(name="validation", rule="3DPW only: the published one"),
        SplitRecord(
            name="train_<percent>", rule="samples 0, k, 2k, ... of train with k = 100 / percent, floor(n / k) of them"
        ),
    ),
    protocols=(NATIVE, PW3D),
    main_score="mpjpe_mm",
    unit="mm",
    higher_is_better=False,
    chance="The mean shape in the mean pose of the training data, turned as people are on average; `mean_body` scores "
    "it on the same data.",
    citation="Kanazawa et al., End-to-end Recovery of Human Shape and Pose, CVPR 2018; Kolotouros et al., Learning to "
    "Reconstruct 3D Human Pose and Shape via Model-fitting in the Loop, ICCV 2019; Chen et al., Liftedcl: Lifting "
    "Contrastive Learning for Human-Centric Perception, ICLR 2023",
    downloads=(
        Download(
            what="For the protocol native: the body of the package anny (CC0), as part of the extra synth",
            where="https://pypi.org/project/anny/",
            put="pip install 'hcmoco-bench[synth]'",
        ),
        Download(
            what="For the protocol pw3d: imageFiles.zip and sequenceFiles.zip",
            where="https://virtualhumans.mpi-inf.mpg.de/3DPW",
            put="one folder, unpacked; then run hcmoco-bench finetune --task shape --protocol pw3d --root FOLDER",
        ),
        Download(
            what="For the protocol pw3d: the SMPL models (neutral, male, female)",
            where="https://smpl.is.tue.mpg.de and https://smplify.is.tue.mpg.de",
            put="one folder that --body-model names, or one file that then serves for everybody",
        ),
    ),
    predictions="An .npz with ids (N texts) and any of: rotations (N, P, 3, 3), rotation vectors (N, P, 3) or a pose "
    "(N, 3P); shape (N, S); vertices (N, V, 3); joints (N, 14, 3). A .json with the same lists. Meters, in the axes of "
    "the camera (x right, y down, z away from it).",
    bad_input="Samples whose numbers cannot be used, or whose image is missing, are left out, counted and named. A "
    "person in 3DPW without detected joints is cropped around the projected ones and named. Missing, truncated or "
    "foreign files, arrays of other shapes, pickles that ask for more than numbers and texts, images that cannot be "
    "read, and predictions that are not finite, repeated, missing or of other samples are errors.",
)
