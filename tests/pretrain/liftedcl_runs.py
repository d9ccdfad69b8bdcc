"""A folder of small pictures, a small prior, and settings of a run on them that takes seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.files.images import encode_rgb
from hcmoco_bench.priors.prior_file import write_prior
from hcmoco_bench.priors.skeleton_prior import SkeletonPrior


def write_pictures(folder: Path, number: int, *, alike: bool = False) -> Path:
    """Pictures of colored blocks, each of its own; or alike but for a tinge of one block."""
    folder.mkdir(parents=True, exist_ok=True)
    for one in range(number):
        coarse = np.random.default_rng(0 if alike else one).integers(0, 240, (6, 5, 3))
        coarse[0, 0] += one if alike else 0
        image = np.kron(coarse, np.ones((16, 16, 1))).astype(np.uint8)
        (folder / f"{one:03d}.jpg").write_bytes(encode_rgb(image, quality=98))
    return folder


def write_small_prior(path: Path, number: int = 40) -> Path:
    """Skeletons of one body in slightly different poses, metric."""
    names = joint_set("h36m17").joints
    upright = np.zeros((len(names), 3))
    heights = {"hip": 0.0, "knee": 0.45, "ankle": 0.9, "belly": -0.25, "neck": -0.5, "nose": -0.6, "head": -0.72}
    heights |= {"shoulder": -0.48, "elbow": -0.2, "wrist": 0.05}
    widths = {"hip": 0.13, "knee": 0.14, "ankle": 0.14, "shoulder": 0.17, "elbow": 0.22, "wrist": 0.24}
    for joint, name in enumerate(names):
        part = name.split()[-1]
        side = {"left": 1.0, "right": -1.0}.get(name.split()[0], 0.0)
        upright[joint] = [side * widths.get(part, 0.0), heights.get(part, 0.0), 0.05 if part == "nose" else 0.0]
    rng = np.random.default_rng(0)
    joints = upright + 0.02 * rng.standard_normal((number, *upright.shape))
    joints -= joints[:, :1]
    return write_prior(path, SkeletonPrior.of(joints, np.zeros(number, np.int32), metric=True, source="a test"))


def small_settings(pictures: Path, prior: Path, **others: Any) -> dict[str, Any]:
    """Settings of a run of three steps an epoch over 24 pictures."""
    return {
        "method": "liftedcl",
        "pictures": [str(pictures)],
        "prior": str(prior),
        "backbone": "test_resnet",
        "init": "scratch",
        "image_size": 64,
        "batch_size": 8,
        "epochs": 2,
        "queue": 32,
        "dim": 16,
        "lifting_width": 32,
        "discriminator_width": 16,
        "trackers": [],
    } | others
