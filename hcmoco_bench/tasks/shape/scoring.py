"""Estimates and predictions as bodies that the metric compares, and as poses in the joint sets of other tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.body_models.body_model import Body, BodyModel
from hcmoco_bench.data.shape_crops import PeopleWithBodies
from hcmoco_bench.errors import UsageError
from hcmoco_bench.metrics.pose_conventions import PosePair
from hcmoco_bench.metrics.shape import Bodies
from hcmoco_bench.models.shape_regression import BodyEstimate
from hcmoco_bench.tasks.shape.bodies import TaskBodies, figures_of, neutral_vertices, pelvis_of, posed
from hcmoco_bench.tasks.shape.predictions import PredictedBodies
from hcmoco_bench.tasks.shape.record import JOINTS
from hcmoco_bench.tasks.shape.truth import true_bodies, true_vertices, with_figures

Floats = NDArray[np.float64]
_CHUNK: Final = 32
"""Bodies that are posed at a time; 32 of Anny take about 100 MB."""
_HIPS: Final = ("right hip", "left hip")
POSE_SETS: Final = ("h36m17", "lsp14", "smpl24")
"""Joint sets in which bodies are handed to `eval --protocol all`."""


def estimated_bodies(model: BodyModel, estimate: BodyEstimate) -> Bodies:
    """The bodies that a network estimates."""
    body = posed(model, estimate.shape, estimate.rotations)
    neutral = neutral_vertices(model, estimate.shape)
    return with_figures(body, neutral, figures_of(model, neutral))


def chunks(n: int) -> Iterator[range]:
    """The numbers 0 to n - 1 in ranges of a number of bodies that fits into memory."""
    for start in range(0, n, _CHUNK):
        yield range(start, min(start + _CHUNK, n))


def predicted_bodies(model: BodyModel, prediction: PredictedBodies, rows: range) -> Bodies:
    """Some rows of predictions, as far as they go; joints alone are centered on the middle of the hips."""
    joints = vertices = neutral = figures = None
    with torch.inference_mode():
        points = predicted_vertices(model, prediction, rows)
        if points is not None:
            pelvis = pelvis_of(model, points)
            joints = (model.regress_joints(points, JOINTS) - pelvis).double().numpy()
            vertices = (points - pelvis).double().numpy()
        if prediction.shape is not None:
            rest = neutral_vertices(model, _tensor(prediction.shape, rows))
            neutral, figures = rest.double().numpy(), figures_of(model, rest)
    if joints is None:
        if prediction.joints is None:
            raise TypeError("predictions without joints")
        joints = about_hips(prediction.joints[rows.start : rows.stop])
    return Bodies(joints, vertices, neutral, figures)


def matching_truth(
    prediction: PredictedBodies, people: PeopleWithBodies, rows: list[int], bodies: TaskBodies
) -> Bodies:
    """The true bodies of some rows, centered as the predictions are."""
    true = true_bodies(people, rows, bodies)
    return replace(true, joints=about_hips(true.joints)) if prediction.joints_only else true


def predicted_vertices(model: BodyModel, prediction: PredictedBodies, rows: range) -> torch.Tensor | None:
    """(R, V, 3) vertices of some rows of predictions, meters, wherever they are; None for joints alone."""
    if prediction.vertices is not None:
        return _tensor(prediction.vertices, rows)
    if prediction.rotations is None or prediction.shape is None:
        return None
    body: Body = model(_tensor(prediction.shape, rows), _tensor(prediction.rotations, rows))
    return body.vertices


def about_hips(joints: Floats) -> Floats:
    """Joints (N, J, 3) of `JOINTS` with the middle of the hips at the origin."""
    names = joint_set(JOINTS)
    return np.asarray(joints - joints[:, [names.index(name) for name in _HIPS]].mean(1, keepdims=True))


def poses(
    model: BodyModel, prediction: PredictedBodies, people: PeopleWithBodies, rows: list[int], bodies: TaskBodies
) -> tuple[PosePair, ...]:
    """Predicted and true poses in every joint set that the bodies have; see `Task.pose_pairs`."""
    ids = tuple(people.ids[row] for row in rows)
    true: dict[str, list[Floats]] = {}
    found: dict[str, list[Floats]] = {}
    with torch.inference_mode():
        for part in chunks(len(rows)):
            placed = true_vertices(people, [rows[number] for number in part], bodies)
            vertices = predicted_vertices(model, prediction, part)
            for name in POSE_SETS if vertices is not None else (JOINTS,):
                try:
                    target = bodies.true[0].regress_joints(placed, name)
                    own = None if vertices is None else model.regress_joints(vertices, name)
                except UsageError:
                    continue  # a body without this joint set
                true.setdefault(name, []).append(target.double().numpy())
                if own is not None:
                    found.setdefault(name, []).append(own.double().numpy())
    if prediction.joints_only and prediction.joints is not None:
        found[JOINTS] = [prediction.joints]
    return tuple(
        PosePair(
            prediction=np.concatenate(found[name]),
            target=np.concatenate(true[name]),
            valid=np.ones(np.concatenate(true[name]).shape[:2], np.bool_),
            joints=name,
            sample_ids=ids,
            # Parameters have no place in space; vertices and joints may have one, and are taken at their word.
            absolute=prediction.vertices is not None or prediction.joints_only,
        )
        for name in true
    )


def _tensor(values: Floats, rows: range) -> torch.Tensor:
    return torch.from_numpy(values[rows.start : rows.stop]).float()
