"""The true bodies of samples, posed on the processor: what predictions are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from hcmoco_bench.data.shape_crops import PeopleWithBodies
from hcmoco_bench.metrics.shape import Bodies
from hcmoco_bench.tasks.shape.bodies import PosedBodies, TaskBodies, figures_of, neutral_vertices, posed_by_number


@lru_cache(maxsize=4)
def true_figures(people: PeopleWithBodies, bodies: TaskBodies) -> NDArray[np.float64]:
    """(N, 3) height in cm, mass in kg and waist in cm of people, each distinct body measured once, by itself."""
    keys = np.column_stack([people.model, people.shape])
    distinct, place = np.unique(keys, axis=0, return_inverse=True)
    rows = []
    with torch.inference_mode():
        for number, *shape in distinct.tolist():
            model = bodies.true[int(number)]
            neutral = neutral_vertices(model, torch.tensor([shape], dtype=torch.float32))
            rows.append(figures_of(model, neutral)[0])
    return np.asarray(np.stack(rows)[place.reshape(-1)])


def true_bodies(people: PeopleWithBodies, rows: Sequence[int], bodies: TaskBodies) -> Bodies:
    """The true bodies of some rows, on the processor."""
    chosen = list(rows)
    shape, rotations = (torch.from_numpy(one[chosen]).float() for one in (people.shape, people.rotations))
    numbers = torch.from_numpy(people.model[chosen])
    with torch.inference_mode():
        body = posed_by_number(bodies.true, numbers, shape, rotations)
        return with_figures(body, neutral_by_number(bodies, numbers, shape), true_figures(people, bodies)[chosen])


def true_vertices(people: PeopleWithBodies, rows: Sequence[int], bodies: TaskBodies) -> torch.Tensor:
    """(R, V, 3) vertices of the true bodies of some rows where they are in the space of the camera, meters."""
    chosen = list(rows)
    shape, rotations, root = (
        torch.from_numpy(one[chosen]).float() for one in (people.shape, people.rotations, people.root)
    )
    with torch.inference_mode():
        body = posed_by_number(bodies.true, torch.from_numpy(people.model[chosen]), shape, rotations)
        return body.vertices + (root - body.root)[:, None]


def neutral_by_number(bodies: TaskBodies, numbers: torch.Tensor, shape: torch.Tensor) -> torch.Tensor:
    """(B, V, 3) true bodies in the neutral pose."""
    if all(model is bodies.true[0] for model in bodies.true):
        return neutral_vertices(bodies.true[0], shape)
    rows = [
        neutral_vertices(bodies.true[number], one[None]) for number, one in zip(numbers.tolist(), shape, strict=True)
    ]
    return torch.cat(rows)


def with_figures(body: PosedBodies, neutral: torch.Tensor, figures: NDArray[np.float64]) -> Bodies:
    """Bodies as the metric takes them."""
    return Bodies(_array(body.joints), _array(body.vertices), _array(neutral), figures)


def _array(values: torch.Tensor) -> NDArray[np.float64]:
    return np.asarray(values.detach().cpu().double().numpy())
