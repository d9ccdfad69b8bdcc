"""Joint sets (Kinect 25, MPII 16, shared 13, COCO 17, ITOP 15, Human3.6M 17 and 32, LSP 14, SMPL 24) and mappings."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from hcmoco_bench.body.annotation_files import read_table
from hcmoco_bench.errors import LabelError


class JointSet(BaseModel):
    """Names, graph and sides of one data set's joints, in the order of its arrays.

    Attributes:
        name: Key in `annotations/joints.toml`, e.g. `kinect25`.
        source: Where the order comes from.
        joints: Joint names.
        edges: Pairs of joint indices that a limb connects.
        partners: Pairs of joint indices that swap when the image is mirrored.
        groups: Joint indices of the groups that are scored together, by name, e.g. `upper`.
        sigmas: Spread of annotators per joint over the square root of the person's area (dimensionless); empty where
            none is published.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    source: str
    joints: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    partners: tuple[tuple[int, int], ...]
    groups: dict[str, tuple[int, ...]] = Field(default_factory=dict)
    sigmas: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _check_indices(self) -> JointSet:
        for joints in (*self.edges, *self.partners, *self.groups.values()):
            if not all(0 <= i < len(self.joints) for i in joints):
                raise ValueError(f"{self.name}: {joints} names a joint outside 0..{len(self.joints) - 1}")
        if self.sigmas and (len(self.sigmas) != len(self.joints) or min(self.sigmas) <= 0):
            raise ValueError(f"{self.name}: sigmas must be positive, one a joint")
        if len(set(self.joints)) != len(self.joints):
            raise ValueError(f"{self.name}: joint names must be distinct")
        return self

    def __len__(self) -> int:
        return len(self.joints)

    def index(self, joint: str) -> int:
        """Index of a joint's name; raises LabelError for an unknown name."""
        if joint not in self.joints:
            raise LabelError(f"joint {joint!r} is not in {self.name}; it has {', '.join(self.joints)}")
        return self.joints.index(joint)

    @property
    def flip(self) -> NDArray[np.intp]:
        """(J,) index of the joint that each joint becomes when the image is mirrored."""
        order = np.arange(len(self.joints))
        for a, b in self.partners:
            order[[a, b]] = b, a
        return order


class _Mapping(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    target: str
    indices: tuple[int, ...]


@cache
def _tables() -> tuple[dict[str, JointSet], dict[tuple[str, str], _Mapping]]:
    table = read_table("joints.toml")
    mappings = [
        _Mapping(source=row["from"], target=row["to"], indices=tuple(row["indices"])) for row in table.pop("mapping")
    ]
    sets = {name: JointSet(name=name, **row) for name, row in table.items()}
    for row in mappings:
        if len(row.indices) != len(sets[row.target]) or max(row.indices) >= len(sets[row.source]):
            raise LabelError(f"annotations/joints.toml: mapping {row.source} -> {row.target} does not fit its sets")
    return sets, {(row.source, row.target): row for row in mappings}


def joint_set(name: str) -> JointSet:
    """The joint set of that name, a key of `annotations/joints.toml`, e.g. `h36m17`."""
    sets, _ = _tables()
    if name not in sets:
        raise LabelError(f"joint set {name!r} is not in annotations/joints.toml; it has {', '.join(sets)}")
    return sets[name]


def joint_mapping(source: str, target: str) -> NDArray[np.intp]:
    """Indices such that `target_joints = source_joints[indices]`, as published.

    NTU frames are mirrored, so the mappings from `kinect25` swap sides: "right" then means the same in the image
    as in MPII and COCO.
    """
    _, mappings = _tables()
    if (source, target) not in mappings:
        known = ", ".join(f"{a} -> {b}" for a, b in mappings)
        raise LabelError(f"no joint mapping {source} -> {target} in annotations/joints.toml; it has {known}")
    return np.array(mappings[source, target].indices)


def has_mapping(source: str, target: str) -> bool:
    """Whether `joint_mapping` knows the way from one joint set to another."""
    return (source, target) in _tables()[1]
