"""Format constants of Human3.6M (http://vision.imar.ro/human3.6m) as its archives extract."""

from __future__ import annotations

from typing import Final

TRAIN_SUBJECTS: Final = (1, 5, 6, 7, 8)
TEST_SUBJECTS: Final = (9, 11)
"""Subjects whose labels are published, in the order that everybody lists them."""

VIDEO_FOLDER: Final = "Videos"
"""`S1/Videos/<action>.<camera>.mp4`; names that begin with `_` hold all actions one after the other."""

LABEL_FOLDER: Final = "MySegmentsMat/PartLabels"
"""`S1/MySegmentsMat/PartLabels/<action>.<camera>.mat`: MATLAB 7.3, a cell array `Feat` with one label image a frame."""

LABEL_VARIABLE: Final = "Feat"

POSITION_FOLDER: Final = "MyPoseFeatures/D3_Positions_mono"
"""`S1/MyPoseFeatures/D3_Positions_mono/<action>.<camera>.cdf`: joints in the camera's coordinates, mm."""

PROJECTION_FOLDER: Final = "MyPoseFeatures/D2_Positions"
"""`S1/MyPoseFeatures/D2_Positions/<action>.<camera>.cdf`: the same joints in the video's pixels."""

POSE_VARIABLE: Final = "Pose"
"""The variable of both, (1, frames, joints x axes)."""

POSE_JOINTS: Final = "h36m32"
"""The joint set of both."""

CAMERA_SIZES: Final = {
    "54138969": (1000, 1002),
    "55011271": (1000, 1000),
    "58860488": (1000, 1000),
    "60457274": (1000, 1002),
}
"""Width and height of each camera's video, px."""

FRAME_RATE: Final = 50
"""Images a second."""

EVERY: Final = 25
"""One frame of so many is used for parsing."""

MOST_APART = 0.02
"""Share of its frames by which a video and its part labels may differ in length: both begin together and end apart.

At another frame rate they differ by 4 % at least (24 instead of 25).
"""
