"""Joints of a crop as samples hold them: where they are, which can be seen, and a place for those not known."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.data.normalize import ROOT_JOINT
from hcmoco_bench.data.sample import Joints
from hcmoco_bench.data.transforms import Crop


def crop_joints(
    xy: NDArray[np.floating], known: NDArray[np.bool_], joints: Joints, crop: Crop
) -> tuple[Tensor, Tensor]:
    """Move joints into a crop.

    Args:
        xy: (J, 2) px of the image, in the order of the joint set.
        known: (J,) whether the place is known.
        joints: The joint set.
        crop: The crop.

    Returns:
        (J, 2) float32 px of the crop, and (J,) bool, whether it is known and inside. Joints that are not known lie on
        joint 6, so that they say nothing and stretch nothing when joints are normalized; or amid those that are known,
        if joint 6 is not; or in the middle of the crop.
    """
    moved, known = crop.joints(xy, known, joint_set(joints).flip)
    visible = known & crop.inside(np.where(known[:, None], moved, -1.0))
    if not known.all():
        moved[~known] = _middle(moved, known, crop)
    return torch.from_numpy(moved.astype(np.float32)), torch.from_numpy(visible)


def _middle(moved: NDArray[np.float64], known: NDArray[np.bool_], crop: Crop) -> NDArray[np.float64]:
    if known[ROOT_JOINT]:
        return np.asarray(moved[ROOT_JOINT])
    if known.any():
        return np.asarray(moved[known].mean(axis=0))
    return np.array([(crop.width - 1) / 2.0, (crop.height - 1) / 2.0])
