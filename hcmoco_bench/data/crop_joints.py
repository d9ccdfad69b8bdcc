"""The joints of a crop as samples hold them: positions, visibility, and a default position for unknown joints."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hcmoco_bench.body.joints import joint_mapping, joint_set
from hcmoco_bench.data.normalize import ROOT_JOINTS
from hcmoco_bench.data.sample import JOINT_SETS, Joints
from hcmoco_bench.data.transforms import Crop
from hcmoco_bench.errors import LabelError, UsageError


def joint_indices(source: str, joints: Joints, store: str) -> NDArray[np.intp]:
    """Indices into the joints of a store that give the joint set of the samples.

    Args:
        source: Joint set of the store.
        joints: Joint set of the samples.
        store: Description of the store, for messages.

    Returns:
        (J,) indices such that `sample_joints = store_joints[indices]`.

    Raises:
        UsageError: If the store cannot supply the joint set; the message lists those that it can.
    """
    if joints not in JOINT_SETS:
        raise UsageError(f"no joint set {joints!r} for samples; choose {_alternatives(JOINT_SETS)}")
    found = _indices(source, joints)
    if found is None:
        possible = [name for name in JOINT_SETS if _indices(source, name) is not None]
        raise UsageError(
            f"{store}: its joints are {source}, which cannot supply {joints}; choose {_alternatives(possible)}"
        )
    return found


def crop_joints(
    xy: NDArray[np.floating], known: NDArray[np.bool_], joints: Joints, crop: Crop
) -> tuple[Tensor, Tensor]:
    """Map joints to a crop.

    Args:
        xy: (J, 2) px of the image, in the order of the joint set.
        known: (J,) whether the position of each joint is known.
        joints: The joint set.
        crop: The crop.

    Returns:
        (J, 2) float32 px of the crop, and (J,) bool, whether a joint is known and inside the crop. An unknown joint
        gets the position of the root joint (`ROOT_JOINTS`), so that it carries no information and does not affect
        normalization; without a known root, the mean of the known joints; without any, the center of the crop.
    """
    moved, known = crop.joints(xy, known, joint_set(joints).flip)
    visible = known & crop.inside(np.where(known[:, None], moved, -1.0))
    if not known.all():
        moved[~known] = _default_position(moved, known, ROOT_JOINTS[joints], crop)
    return torch.from_numpy(moved.astype(np.float32)), torch.from_numpy(visible)


def crop_joints3d(
    xyz: NDArray[np.floating], known: NDArray[np.bool_], joints: Joints, crop: Crop
) -> tuple[Tensor, Tensor]:
    """Transform 3-D joints to the world that a crop shows.

    Args:
        xyz: (J, 3) meters in the space of the camera, in the order of the joint set.
        known: (J,) whether the position of each joint is known; positions that are not finite never are.
        joints: The joint set.
        crop: The crop.

    Returns:
        (J, 3) float32 meters, 0 for joints that are not valid, and (J,) bool, whether a joint is valid.
    """
    known = known & np.isfinite(xyz).all(axis=1)
    moved, valid = crop.joints3d(np.where(known[:, None], xyz, 0.0), known, joint_set(joints).flip)
    # A mirrored 0 is -0.
    return torch.from_numpy(np.where(valid[:, None], moved, 0.0).astype(np.float32)), torch.from_numpy(valid)


def _default_position(
    moved: NDArray[np.float64], known: NDArray[np.bool_], root: int, crop: Crop
) -> NDArray[np.float64]:
    if known[root]:
        return np.asarray(moved[root])
    if known.any():
        return np.asarray(moved[known].mean(axis=0))
    return np.array([(crop.width - 1) / 2.0, (crop.height - 1) / 2.0])


def _indices(source: str, joints: Joints) -> NDArray[np.intp] | None:
    """As `joint_indices`; None if there is no mapping."""
    if source == joints:
        return np.arange(len(joint_set(source)))
    try:
        return joint_mapping(source, joints)
    except LabelError:
        return None


def _alternatives(names: list[Joints] | tuple[Joints, ...]) -> str:
    return " or ".join(names)
