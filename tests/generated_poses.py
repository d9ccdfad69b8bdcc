"""Poses of people who stand about, turn, and move their limbs, and what a model might predict of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Points = NDArray[np.float64]

STANDING = np.array(
    [[0, 0, 0], [-0.12, 0, 0], [-0.13, 0.42, 0.02], [-0.13, 0.85, 0], [0.12, 0, 0], [0.13, 0.42, 0.02], [0.13, 0.85, 0],
     [0, -0.24, 0], [0, -0.5, 0], [0, -0.6, -0.08], [0, -0.72, -0.02], [0.2, -0.46, 0], [0.3, -0.2, 0.02],
     [0.33, 0.05, -0.05], [-0.2, -0.46, 0], [-0.3, -0.2, 0.02], [-0.33, 0.05, -0.05]]
)  # fmt: skip
"""(17, 3) meters of somebody who faces the camera, in the order of `h36m17`; x right, y down, z forward."""


def people(number: int = 40, seed: int = 0, *, turned: float = 0.5) -> Points:
    """(N, 17, 3) meters in the camera's coordinates.

    Args:
        number: Number of poses.
        seed: Seed.
        turned: Standard deviation of the directions that people face, radians.
    """
    rng = np.random.default_rng(seed)
    limbs = STANDING + rng.normal(0, 0.1, (number, 17, 3)) * (np.arange(17) > 0)[:, None]
    turns = Rotation.from_euler("y", rng.normal(0, turned, (number, 1))).as_matrix()
    sizes = rng.uniform(0.9, 1.1, (number, 1, 1))
    places = rng.uniform([-0.7, -0.4, 2.2], [0.7, 0.1, 5.0], (number, 3))
    return np.asarray(sizes * np.einsum("nij,nkj->nki", turns, limbs) + places[:, None])
