"""Boxes of heads in MPII's validation images, by which PCKh measures: `gt_valid.mat`, which HRNet's evaluation reads.

Source: https://github.com/leoxiaobin/deep-high-resolution-net.pytorch, `lib/dataset/mpii.py`. Its arrays are in the
order of the people of `valid.json`: `headboxes_src` (2, 2, N) corner, x and y, person; `pos_gt_src` (16, 2, N) joints;
`jnt_missing` (16, N). Pixels count from 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.errors import DataError
from hcmoco_bench.files.mat_errors import MAT_ERRORS

NAMES: Final = ("gt_valid.mat", "mpii_gt_val.mat")
"""What HRNet and mmpose call the file, which lies beside the annotations."""

HEADS, JOINTS, MISSING, ORDER = "headboxes_src", "pos_gt_src", "jnt_missing", "dataset_joints"
"""Names of the file's arrays: boxes, joints, which of these are not annotated, and the short names of the joints."""

SHORT_NAMES: Final = (
    *("rank", "rkne", "rhip", "lhip", "lkne", "lank", "pelv", "thor"),
    *("neck", "head", "rwri", "relb", "rsho", "lsho", "lelb", "lwri"),
)
"""The file's names of the joints of `mpii16`, in that order."""


@dataclass(frozen=True, eq=False)
class HeadBoxes:
    """What the file says of N people, px from 0.

    Attributes:
        boxes: (N, 4) float64 x0, y0, x1, y1 of opposite corners.
        joints: (N, 16, 2) float64; anything where not known.
        known: (N, 16) bool.
    """

    boxes: NDArray[np.float64]
    joints: NDArray[np.float64]
    known: NDArray[np.bool_]

    def agrees(self, person: int, joints: NDArray[np.floating], known: NDArray[np.bool_]) -> bool:
        """Whether a person's joints (16, 2), px from 0, lie where the file has them, to within the head's diagonal."""
        both = known & self.known[person]
        if not both.any():
            return not known.any()
        diagonal = float(np.linalg.norm(self.boxes[person, 2:] - self.boxes[person, :2]))
        return bool(np.linalg.norm(joints[both] - self.joints[person, both], axis=-1).max() <= diagonal)


def find_head_boxes(annotations: Path) -> Path | None:
    """The file beside the annotations of the validation images; None if there is none."""
    return next((path for name in NAMES if (path := annotations.with_name(name)).is_file()), None)


def read_head_boxes(path: Path) -> HeadBoxes:
    """Read the file; nothing in it is run.

    Raises:
        DataError: Kind `head_boxes_unreadable`: damaged, of another form, or with boxes that are not finite or have no
            size.
    """
    try:
        content = loadmat(path, variable_names=[HEADS, JOINTS, MISSING, ORDER])
        heads, joints, missing = (np.asarray(content[name], np.float64) for name in (HEADS, JOINTS, MISSING))
        order = _texts(content.get(ORDER))
    except MAT_ERRORS as error:
        _fail(path, f"{type(error).__name__}: {error}", error)
    n_joints, people = len(joint_set("mpii16")), heads.shape[-1] if heads.ndim else 0
    if heads.ndim == 2:  # MATLAB drops the axis of a single person
        heads, joints, missing = heads[..., None], joints.reshape(n_joints, 2, -1), missing.reshape(n_joints, -1)
        people = 1
    shapes = (heads.shape, joints.shape, missing.shape)
    if shapes != ((2, 2, people), (n_joints, 2, people), (n_joints, people)):
        _fail(path, f"{HEADS}, {JOINTS} and {MISSING} have the shapes {', '.join(map(str, shapes))}")
    if order not in ((), SHORT_NAMES):
        _fail(path, f"its joints are {', '.join(order)}, not {', '.join(SHORT_NAMES)}")
    boxes = heads.transpose(2, 0, 1).reshape(people, 4) - 1.0
    wrong = ~np.isfinite(boxes).all(1) | (boxes[:, :2] == boxes[:, 2:]).all(1)
    if wrong.any():
        _fail(path, f"{wrong.sum()} boxes are not finite or have no size, the first that of person {wrong.argmax()}")
    known = np.asarray((missing == 0).T & np.isfinite(joints).all(1).T)
    return HeadBoxes(boxes, joints.transpose(2, 0, 1) - 1.0, known)


def _texts(value: Any) -> tuple[str, ...]:
    """The texts in an array of arrays of texts, as MATLAB's cells are read."""
    return () if value is None else tuple(str(np.asarray(one).reshape(-1)[0]) for one in np.asarray(value).reshape(-1))


def _fail(path: Path, why: str, error: BaseException | None = None) -> NoReturn:
    raise DataError(
        f"{path}: not the boxes of heads that MPII's evaluation reads ({why}); fetch gt_valid.mat again, or take it "
        "away to prepare a store without them",
        kind="head_boxes_unreadable",
        file=str(path),
    ) from error
