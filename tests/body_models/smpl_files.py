"""A small made-up body in all the forms in which SMPL's files exist, and what a slow plain model makes of it."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from scipy import sparse
from scipy.spatial import ConvexHull

PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
HALF = {
    "pelvis": (0, 0, 0), "hip": (0.07, -0.09, 0), "spine1": (0, 0.11, 0), "knee": (0.1, -0.47, 0.01),
    "spine2": (0, 0.25, 0), "ankle": (0.09, -0.87, -0.02), "spine3": (0, 0.3, 0), "foot": (0.11, -0.93, 0.1),
    "neck": (0, 0.51, 0), "collar": (0.08, 0.42, 0), "head": (0, 0.6, 0.03), "shoulder": (0.17, 0.43, 0),
    "elbow": (0.43, 0.43, -0.01), "wrist": (0.68, 0.43, 0), "hand": (0.77, 0.43, 0),
}  # fmt: skip
"""Places of the joints of the left half, meters."""


def places() -> np.ndarray:
    from hcmoco_bench.body import joint_set

    rows = []
    for name in joint_set("smpl24").joints:
        x, y, z = HALF[name.split()[-1]]
        rows.append((-x if name.startswith("right") else x, y, z))
    return np.array(rows, float)


def arrays(seed: int = 0, n_shapes: int = 12) -> dict[str, Any]:
    """The arrays of a body of 24 lumps of 16 vertices; names and shapes are those of SMPL."""
    rng = np.random.default_rng(seed)
    joints = places()
    lumps, faces, weights = [], [], np.zeros((24 * 16, 24))
    for bone, joint in enumerate(joints):
        points = rng.normal(size=(16, 3))
        points = joint + 0.07 * points / np.linalg.norm(points, axis=1, keepdims=True)
        hull = ConvexHull(points)
        outwards = (np.cross(*(points[hull.simplices[:, k]] - points[hull.simplices[:, 0]] for k in (1, 2)))
                    * hull.equations[:, :3]).sum(1) > 0  # fmt: skip
        faces.append(np.where(outwards[:, None], hull.simplices, hull.simplices[:, ::-1]) + 16 * bone)
        lumps.append(points)
        share = rng.uniform(0.5, 1, 16)
        weights[16 * bone : 16 * bone + 16, bone] = share
        weights[16 * bone : 16 * bone + 16, max(PARENTS[bone], 0)] += 1 - share
    template = np.concatenate(lumps)
    regressor = np.zeros((24, len(template)))
    for bone in range(24):
        share = rng.uniform(0.2, 1, 16)
        regressor[bone, 16 * bone : 16 * bone + 16] = share / share.sum()
    return {
        "v_template": template,
        "shapedirs": rng.normal(0, 0.01, (len(template), 3, n_shapes)),
        "posedirs": rng.normal(0, 0.002, (len(template), 3, 207)),
        "J_regressor": regressor,
        "weights": weights,
        "kintree_table": np.array([[2**32 - 1, *PARENTS[1:]], range(24)], np.uint32),
        "f": np.concatenate(faces).astype(np.uint32),
        "J": regressor @ template,
        "bs_style": "lbs",
        "bs_type": "lrotmin",
    }


def plain_vertices(data: dict[str, Any], betas: np.ndarray, rotations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and joints of one body, with 4 x 4 matrices and loops over joints and vertices, as in the paper."""
    shapes = data["shapedirs"][..., : len(betas)]
    shaped = data["v_template"] + shapes @ betas
    joints = data["J_regressor"] @ shaped
    feature = np.concatenate([(rotations[bone] - np.eye(3)).ravel() for bone in range(1, 24)])
    posed = shaped + data["posedirs"] @ feature
    world = []
    for bone in range(24):
        local = np.eye(4)
        local[:3, :3] = rotations[bone]
        local[:3, 3] = joints[bone] - (joints[PARENTS[bone]] if bone else 0)
        world.append(local if bone == 0 else world[PARENTS[bone]] @ local)
    to_rest = []
    for bone in range(24):
        back = np.eye(4)
        back[:3, 3] = -joints[bone]
        to_rest.append(world[bone] @ back)
    vertices = []
    for vertex, point in enumerate(posed):
        blend = sum(data["weights"][vertex, bone] * to_rest[bone] for bone in range(24))
        vertices.append((blend @ np.append(point, 1))[:3])
    return np.array(vertices), np.array([matrix[:3, 3] for matrix in world])


class Ch:
    """Stands for an array of chumpy: its values are the attribute x, beside some that nobody needs."""

    def __init__(self, values: np.ndarray) -> None:
        self.x = values
        self._dirty_vars: set[str] = {"x"}
        self._itr = None


class Select:
    """Stands for chumpy's choice of elements of another array."""

    def __init__(self, values: np.ndarray) -> None:
        self.a = Ch(np.concatenate([[0.0], values.ravel()]))
        self.idxs = np.arange(1, values.size + 1)
        self.preferred_shape = values.shape


class csc_matrix:  # noqa: N801
    """Stands for scipy's matrix as Python 2 wrote it: with `_shape` in its state, in the module of that time."""

    def __init__(self, matrix: np.ndarray) -> None:
        made = sparse.csc_matrix(matrix)
        self._shape, self.maxprint, self.format = made.shape, 50, "csc"
        self.indices, self.indptr, self.data = made.indices, made.indptr, made.data


@contextmanager
def as_modules(**kinds: type) -> Iterator[None]:
    """Make the classes importable under the names of foreign modules, for as long as they are pickled."""
    before = {}
    for kind, module in ((Ch, "chumpy.ch"), (Select, "chumpy.reordering"), (csc_matrix, "scipy.sparse.csc")):
        before[module] = sys.modules.get(module)
        sys.modules.setdefault(module.split(".")[0], ModuleType(module.split(".")[0]))
        stand_in = ModuleType(module)
        setattr(stand_in, kind.__name__, kind)
        kind.__module__ = module
        sys.modules[module] = stand_in
    try:
        yield
    finally:
        for module, old in before.items():
            sys.modules.pop(module)
            if old is not None:
                sys.modules[module] = old
        if not hasattr(sys.modules.get("chumpy"), "__file__"):
            sys.modules.pop("chumpy", None)


class Python2Pickler(pickle._Pickler):
    """Writes texts and bytes as Python 2 did: as its own strings, in protocol 2."""

    dispatch = pickle._Pickler.dispatch.copy()

    def __init__(self, file: BytesIO) -> None:
        super().__init__(file, 2)

    def _string(self, value: str | bytes) -> None:
        raw = value.encode("latin1") if isinstance(value, str) else value
        if len(raw) < 256:
            self.write(b"U" + bytes([len(raw)]) + raw)
        else:
            self.write(b"T" + len(raw).to_bytes(4, "little") + raw)
        self.memoize(value)

    dispatch[str] = _string
    dispatch[bytes] = _string


def chumpy_objects(data: dict[str, Any]) -> dict[str, Any]:
    """The arrays as the published file has them: objects of chumpy and a sparse matrix among them."""
    return data | {
        "shapedirs": Ch(data["shapedirs"]),
        "posedirs": Select(data["posedirs"]),
        "J_regressor": csc_matrix(data["J_regressor"]),
        "J_regressor_prior": csc_matrix(data["J_regressor"]),
        "pose_training_info": {"gender": "x", "training_ids": [1, 2]},
    }


def write(path: Path, data: dict[str, Any], form: str) -> Path:
    """Write a file in one of `FORMS`."""
    if form == "npz":
        np.savez(path, **{key: value for key, value in data.items() if isinstance(value, np.ndarray)})
    elif form == "npz with texts":
        np.savez(path, **data)
    elif form == "plain pickle":
        path.write_bytes(pickle.dumps(data))
    elif form == "scipy's own":
        path.write_bytes(pickle.dumps(data | {"J_regressor": sparse.csc_matrix(data["J_regressor"])}, 2))
    else:
        with as_modules():
            if form == "chumpy":
                path.write_bytes(pickle.dumps(chumpy_objects(data), 2))
            elif form == "chumpy, protocol 0":
                path.write_bytes(pickle.dumps(chumpy_objects(data), 0))
            else:
                file = BytesIO()
                Python2Pickler(file).dump(chumpy_objects(data))
                path.write_bytes(file.getvalue())
    return path


FORMS = {
    "npz": "SMPL_NEUTRAL.npz",
    "npz with texts": "SMPL_MALE.npz",
    "plain pickle": "SMPL_NEUTRAL.pkl",
    "scipy's own": "SMPL_FEMALE.pkl",
    "chumpy": "basicmodel_m_lbs_10_207_0_v1.0.0.pkl",
    "chumpy, protocol 0": "basicmodel_n.pkl",
    "Python 2": "basicmodel_f_lbs_10_207_0_v1.0.0.pkl",
}
"""Forms of the files, and a usual name for each."""
