"""What a row of the task is compared with: the mean body of the training data, and bodies fitted to the true joints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hcmoco_bench.files.atomic import write_atomic
from hcmoco_bench.files.npz import npz_bytes
from hcmoco_bench.models.shape_regression import BodyEstimate
from hcmoco_bench.tasks.core.task import TaskData
from hcmoco_bench.tasks.shape.data import people_and_rows

Floats = NDArray[np.float64]


class MeanBody(nn.Module):
    """A model without any skill, which sees the same body in every image.

    Args:
        rotations: (P, 3, 3) rotations of the bones.
        shape: (S,) shape parameters.
    """

    rotations: Tensor
    shape: Tensor

    def __init__(self, rotations: Tensor, shape: Tensor) -> None:
        super().__init__()
        self.register_buffer("rotations", rotations)
        self.register_buffer("shape", shape)

    def forward(self, image: Tensor) -> BodyEstimate:
        """The same body for each of (B, 3, H, W) images, in the middle of the crop."""
        n = len(image)
        camera = torch.tensor([0.9, 0.0, 0.0], device=self.shape.device)
        return BodyEstimate(self.rotations.expand(n, -1, -1, -1), self.shape.expand(n, -1), camera.expand(n, -1))


def mean_body(data: TaskData) -> MeanBody:
    """The mean shape in the mean pose of a split; what `evaluate` gives for it is the chance level of the task.

    The mean of rotations is the rotation nearest to the mean of their matrices.

    Args:
        data: Training data.
    """
    people, rows = people_and_rows(data)
    rotations, shape = mean_parameters(people.rotations[rows], people.shape[rows])
    return MeanBody(torch.from_numpy(rotations).float(), torch.from_numpy(shape).float())


def mean_parameters(rotations: Floats, shape: Floats) -> tuple[Floats, Floats]:
    """Mean rotations (P, 3, 3) and mean shape (S,) of rotations (N, P, 3, 3) and shapes (N, S)."""
    u, _, v = np.linalg.svd(rotations.mean(0))
    sign = np.sign(np.linalg.det(u @ v))
    u[..., -1] *= sign[:, None]
    return np.asarray(u @ v), np.asarray(shape.mean(0))


def write_bodies(path: Path, ids: tuple[str, ...], rotations: Floats, shape: Floats) -> None:
    """Write bodies as `eval --predictions` reads them.

    Args:
        path: The `.npz` file.
        ids: N sample ids.
        rotations: (N, P, 3, 3).
        shape: (N, S).

    Raises:
        StoreError: If it cannot be written.
    """
    write_atomic(path, npz_bytes({"ids": np.array(ids), "rotations": rotations, "shape": shape}))
