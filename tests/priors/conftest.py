"""A small generated prior, and skeletons made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from hcmoco_bench.priors.generated import GeneratedOptions, generate_prior
from hcmoco_bench.priors.skeleton_prior import SkeletonPrior

STANDING = {
    "root": (0, 0, 0),
    "right hip": (-0.12, 0, 0),
    "right knee": (-0.12, 0.42, 0),
    "right ankle": (-0.12, 0.84, 0),
    "left hip": (0.12, 0, 0),
    "left knee": (0.12, 0.42, 0),
    "left ankle": (0.12, 0.84, 0),
    "belly": (0, -0.25, 0),
    "neck": (0, -0.5, 0),
    "nose": (0, -0.65, -0.05),
    "head": (0, -0.8, 0),
    "left shoulder": (0.18, -0.45, 0),
    "left elbow": (0.18, -0.15, 0),
    "left wrist": (0.18, 0.1, 0),
    "right shoulder": (-0.18, -0.45, 0),
    "right elbow": (-0.18, -0.15, 0),
    "right wrist": (-0.18, 0.1, 0),
}
"""Somebody who faces the camera: x right, y down, z forward, meters."""


@pytest.fixture(scope="session")
def prior() -> SkeletonPrior:
    """Six bodies, forty skeletons of each."""
    return generate_prior(GeneratedOptions(number=240, bodies=6, seed=3))


@pytest.fixture
def standing() -> np.ndarray:
    """(1, 17, 3)."""
    return np.array(list(STANDING.values()), np.float64)[None]
