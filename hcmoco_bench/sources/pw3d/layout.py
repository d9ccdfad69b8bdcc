"""Layout of 3DPW: a folder of images and a pickle for each sequence, the pickles sorted into splits.

Source: https://virtualhumans.mpi-inf.mpg.de/3DPW, `sequenceFiles.zip`, `imageFiles.zip` and the readme in the first.

```
imageFiles/<sequence>/image_00000.jpg         frames, counted from 0
sequenceFiles/{train,validation,test}/<sequence>.pkl
```

A pickle (of Python 2) is a dictionary; `KEYS` are read of it. P people, F frames:

- poses: P arrays (F, 72), SMPL's rotation vectors in radians; the first turns the body in the world.
- betas: P arrays (10 or more,), SMPL's shape.
- trans: P arrays (F, 3) meters, SMPL's translation in the world.
- genders: P texts, m or f: the SMPL model that the parameters are of.
- cam_poses: (F, 4, 4), from the world to the camera: x right, y down, z away from it.
- campose_valid: P arrays (F,), 1 where the camera's pose was aligned well.
- cam_intrinsics: (3, 3) px.
- poses2d: P arrays (F, 3, 18), x, y px and confidence of detected joints; 0 where there is none.
- jointPositions: P arrays (F, 72), the 24 joints in the world, meters.
"""

from __future__ import annotations

from typing import Final, Literal

Split = Literal["train", "validation", "test"]
SPLITS: Final[tuple[Split, ...]] = ("train", "validation", "test")

SEQUENCE_FOLDER: Final = "sequenceFiles/{split}"
SEQUENCE_SUFFIX: Final = ".pkl"
IMAGE: Final = "imageFiles/{sequence}/image_{frame:05d}.jpg"

SAMPLE_ID: Final = "{sequence}_p{person}_{frame:05d}"
"""A sample is a person in a frame: the sequence, the number of the person in it, and the frame, both from 0."""

KEYS: Final = (
    "poses",
    "betas",
    "trans",
    "genders",
    "cam_poses",
    "campose_valid",
    "cam_intrinsics",
    "poses2d",
    "jointPositions",
)

POSE, SHAPE, JOINTS, DETECTED = 72, 10, 24, 18
"""Numbers of a pose, shape parameters that are used, joints of the body, and joints of the 2-D detector."""

GENDERS: Final = {"m": "male", "f": "female"}

TEST_SIZE: Final = 35_515
"""People in frames of the test split whose camera pose is valid: the number on which SPIN and its successors score."""
