"""The prior of a prepared NTU store: skeletons that Kinect tracked, of the training split alone."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body import joint_mapping
from hcmoco_bench.errors import UsageError
from hcmoco_bench.priors.selection import MadePrior, Selection
from hcmoco_bench.priors.skeleton_prior import JOINTS
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.store.arrays.samples import N_JOINTS
from hcmoco_bench.store.columns import Row
from hcmoco_bench.store.registry import open_store

SPLIT: Final = "train"
"""The split that is read; what a model is tested on is left out."""

_TRACKED: Final = 2
_TO_CAMERA: Final = np.array([1.0, -1.0, 1.0])
"""From the depth camera's axes (x right in the image, y up, z forward) to a prior's (y down)."""

_LABEL: Final = "samples"


def ntu_prior(store: Path, *, number: int = 10_000, progress: Progress = no_progress) -> MadePrior:
    """Make a prior of the main body of each sample of the training split.

    NTU's frames are mirrored; the mapping from `kinect25` to `h36m17` swaps sides, so that the right hip of somebody
    who faces the camera is at the smaller x, as in ordinary images. A body is a performer.

    Args:
        store: Folder of a prepared store with Kinect's skeletons.
        number: Skeletons to take at most, at even distances.
        progress: Told the number of samples read.

    Returns:
        The prior, and what was left out.

    Raises:
        UsageError: If the store has no such skeletons, or `number` makes no sense.
        DataError: Kind `prior_empty` if no skeleton is left.
        StoreError: If the store cannot be read.
    """
    if number < 1:
        raise UsageError(f"{number} skeletons: give 1 or more")
    opened = open_store(store)
    if opened.capabilities.joints != "kinect25":
        raise UsageError(f"{store}: has no skeletons of a Kinect; give a store of `hcmoco-bench prepare ntu`")
    mapping = joint_mapping("kinect25", JOINTS)
    selection = Selection()
    total = len(opened.splits[SPLIT].ids)
    for done, row in enumerate(opened.rows(SPLIT, ["sample_id", "performer", "bodies"]), 1):
        joints = _main_body(row, mapping, selection)
        if joints is not None:
            selection.add(joints[None], row["performer"])
        progress(_LABEL, done, total)
    source = f"NTU RGB+D as Kinect tracked it, split {SPLIT}"
    if opened.capabilities.generated:
        source = f"generated people in NTU's layout, split {SPLIT}"
    return selection.made(number, source=source, file=store)


def _main_body(row: Row, mapping: NDArray[np.intp], selection: Selection) -> NDArray[np.float64] | None:
    """(17, 3) meters in camera axes; None, counted, if there is nobody or a joint is not tracked."""
    if not row["bodies"]:
        selection.left_out["nobody"] += 1
        return None
    body = row["bodies"][0]
    joints = np.array(body["joints_xyz"], np.float64).reshape(N_JOINTS, 3)[mapping]
    tracking = np.array(body["tracking"], np.uint8)[mapping]
    if (tracking != _TRACKED).any() or not np.isfinite(joints).all():
        selection.left_out["a joint is not tracked"] += 1
        return None
    return np.asarray(joints * _TO_CAMERA)
