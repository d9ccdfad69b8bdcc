"""What a row of the task is compared with: the mean body of the training data, and bodies fitted to the true joints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hcmoco_bench.body_models.fitting import fit_body
from hcmoco_bench.body_models.linear_blend_body import LinearBlendBody
from hcmoco_bench.errors import UsageError
from hcmoco_bench.files.atomic import write_atomic
from hcmoco_bench.files.npz import npz_bytes
from hcmoco_bench.models.shape_regression import BodyEstimate
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.tasks.core.task_data import TaskData
from hcmoco_bench.tasks.shape.bodies import TaskBodies
from hcmoco_bench.tasks.shape.data import people_and_rows
from hcmoco_bench.tasks.shape.record import JOINTS
from hcmoco_bench.tasks.shape.scoring import chunks
from hcmoco_bench.tasks.shape.truth import true_vertices

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


def write_mean(path: Path, train: TaskData, test: TaskData) -> None:
    """Write the mean body of training data as the prediction for each sample of a split: the chance row.

    Args:
        path: The `.npz` file.
        train: Training data.
        test: The split, opened with `train=False`.

    Raises:
        StoreError: If it cannot be written.
    """
    people, rows = people_and_rows(train)
    rotations, shape = mean_parameters(people.rotations[rows], people.shape[rows])
    n = len(test)
    write_bodies(path, test.ids, np.tile(rotations, (n, 1, 1, 1)), np.tile(shape, (n, 1)))


def write_fitted(path: Path, test: TaskData, bodies: TaskBodies, *, progress: Progress = no_progress) -> None:
    """Write bodies that were fitted to the true joints of a split as its predictions: the reference row.

    What error is left is due to what 14 joints do not tell: the shape of the body, and turns about the limbs.

    Args:
        path: The `.npz` file.
        test: The split, opened with `train=False`.
        bodies: The body models.
        progress: Told how many samples are done and how many there are.

    Raises:
        UsageError: If the body model has no such joints, or cannot be fitted.
        StoreError: If the file cannot be written.
    """
    people, rows = people_and_rows(test)
    model = bodies.estimated
    if not isinstance(model, LinearBlendBody):
        raise UsageError(f"bodies of {model.name} cannot be fitted; only those that linear blend skinning poses can")
    rotations, shape = [], []
    for part in chunks(len(rows)):
        vertices = true_vertices(people, rows[part.start : part.stop].tolist(), bodies)
        fitted = fit_body(model, bodies.true[0].regress_joints(vertices, JOINTS), JOINTS)
        rotations.append(fitted.rotations.double().cpu().numpy())
        shape.append(fitted.shape.double().cpu().numpy())
        progress("fitting bodies", part.stop, len(rows))
    write_bodies(path, test.ids, np.concatenate(rotations), np.concatenate(shape))


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
