"""The conventions by which published tables measure 3-D poses, read from `annotations/pose_conventions.toml`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from hcmoco_bench.body.annotation_files import read_table
from hcmoco_bench.body.joints import has_mapping, joint_mapping, joint_set
from hcmoco_bench.errors import LabelError

Alignment = Literal["absolute", "root", "scale", "rigid", "similarity"]
Center = Literal["pelvis", "hips"]

_TABLE: Final = "pose_conventions.toml"
_CENTERED: Final = frozenset({"root", "scale"})
_FROZEN: Final = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, eq=False)
class PosePair:
    """Predicted and true poses of the same samples.

    Attributes:
        prediction: (N, J, 3) float64, meters in the camera's axes: x right, y down, z forward.
        target: (N, J, 3) float64, the true joints, likewise; may be anything where not valid.
        valid: (N, J) bool, joints that count.
        joints: Name of the joint set (`h36m17`, `lsp14`, `smpl24`) whose order J follows.
        sample_ids: N ids.
        absolute: Whether predictions say where in front of the camera people are; False for positions about some
            point, which conventions in absolute coordinates cannot measure.
        unit: Unit that the layout of the predictions documents, e.g. `millimeters`, from which they were converted.
        actions: Action of each sample, where published tables average over actions; empty without.
        views: Camera of each sample, to notice predictions in the world's coordinates; empty where it is not known.
    """

    prediction: NDArray[np.float64]
    target: NDArray[np.float64]
    valid: NDArray[np.bool_]
    joints: str
    sample_ids: tuple[str, ...]
    absolute: bool = True
    unit: str = "meters"
    actions: tuple[str, ...] = ()
    views: tuple[str, ...] = ()


class JointChoice(BaseModel):
    """The joints that count.

    Attributes:
        name: Name, the first part of a convention's, e.g. `h36m16`.
        title: What they are, as a phrase.
        joints: Name of the joint set, under the key `set`.
        without: Joints of the set that do not count.
    """

    model_config = _FROZEN

    name: str
    title: str
    joints: str = Field(alias="set")
    without: tuple[str, ...] = ()

    @property
    def places(self) -> NDArray[np.intp]:
        """(K,) places in the set of the joints that count."""
        left_out = {joint_set(self.joints).index(joint) for joint in self.without}
        return np.array([place for place in range(len(joint_set(self.joints))) if place not in left_out], np.intp)


class Publication(BaseModel):
    """A publication that measures by conventions.

    Attributes:
        name: Key.
        title: Authors, title and venue.
        short: Name in tables.
        source: Where the authors' code says so.
        data: Data of the tables.
        tables: What its figures are called, by name of the convention.
        average: Whether the mean is over samples or over the means of actions; `both` if the authors' code prints both.
        note: What else to know; empty if nothing.
    """

    model_config = _FROZEN

    name: str
    title: str
    short: str
    source: str
    data: str
    tables: dict[str, str] = Field(min_length=1)
    average: Literal["samples", "actions", "both"] = "samples"
    note: str = ""


@dataclass(frozen=True)
class Convention:
    """One way to measure 3-D poses.

    Attributes:
        choice: The joints that count.
        alignment: What is done to a prediction first.
        center: The point about which it is moved and scaled; None for alignments without.
    """

    choice: JointChoice
    alignment: Alignment
    center: Center | None

    @property
    def name(self) -> str:
        """E.g. `h36m17_pelvis`, `lsp14_scale_hips` or `smpl24_similarity`."""
        moved = (self.center or "",) if self.alignment == "root" else (self.alignment, self.center or "")
        return "_".join(part for part in (self.choice.name, *moved) if part)

    @property
    def aligned(self) -> str:
        """What is done to a prediction first, as a phrase."""
        table = _table()
        return table.alignments[self.alignment].format(center=table.centers[self.center] if self.center else "")

    @property
    def published(self) -> tuple[Publication, ...]:
        """The publications that are known to measure so."""
        return tuple(one for one in _table().published.values() if self.name in one.tables)


@dataclass(frozen=True, eq=False)
class Measured:
    """A convention and how the joints of a pair are those that it measures.

    Attributes:
        convention: The convention.
        pair: The poses.
        places: (K,) place among the pair's joints of each joint that counts.
        center: Places among the pair's joints whose middle is the center; empty without one.
    """

    convention: Convention
    pair: PosePair
    places: NDArray[np.intp]
    center: tuple[int, ...]


class _Table(BaseModel):
    model_config = _FROZEN

    joints: dict[str, JointChoice]
    pelvis: dict[str, str]
    alignments: dict[Alignment, str]
    centers: dict[Center, str]
    published: dict[str, Publication]

    @model_validator(mode="before")
    @classmethod
    def _name(cls, values: dict[str, dict[str, dict[str, object]]]) -> dict[str, object]:
        parts = ("joints", "published")
        named = {part: {name: {"name": name, **row} for name, row in values[part].items()} for part in parts}
        return {**values, **named}


@cache
def _table() -> _Table:
    return _Table.model_validate(read_table(_TABLE))


@cache
def pose_conventions() -> tuple[Convention, ...]:
    """Every convention, in the order of the table.

    Raises:
        LabelError: If a publication names a convention that there is not, or a choice names unknown joints.
    """
    table = _table()
    found = tuple(
        Convention(choice, alignment, center)
        for choice in table.joints.values()
        for alignment in table.alignments
        for center in (tuple(table.centers) if alignment in _CENTERED else (None,))
    )
    names = {one.name for one in found}
    unknown = sorted({name for one in table.published.values() for name in one.tables} - names)
    if unknown:
        raise LabelError(f"annotations/{_TABLE}: there is no convention {', '.join(unknown)}")
    for choice in table.joints.values():
        _ = choice.places
    return found


def publications() -> tuple[Publication, ...]:
    """Every publication of the table."""
    return tuple(_table().published.values())


def measured_conventions(pairs: Sequence[PosePair]) -> tuple[Measured, ...]:
    """The conventions by which pairs of the same samples can be measured, each on the first pair that has all of it.

    A pair in the convention's own joint set comes before those whose joints can be mapped to it.
    """
    found = []
    for convention in pose_conventions():
        by_set = sorted(pairs, key=lambda pair: pair.joints != convention.choice.joints)
        ways = (way for pair in by_set if (way := _measured(convention, pair)) is not None)
        if (first := next(ways, None)) is not None:
            found.append(first)
    return tuple(found)


def _measured(convention: Convention, pair: PosePair) -> Measured | None:
    wanted = convention.choice.joints
    if pair.joints == wanted:
        own = np.arange(len(joint_set(wanted)))
    elif has_mapping(pair.joints, wanted):
        own = joint_mapping(pair.joints, wanted)
    else:
        return None
    center = _center(pair.joints, convention.center)
    if center is None or (convention.alignment == "absolute" and not pair.absolute):
        return None
    return Measured(convention, pair, own[convention.choice.places], center)


def _center(joints: str, center: Center | None) -> tuple[int, ...] | None:
    """Places of the joints whose middle is the center, none for no center; None if the set has no such joints."""
    if center is None:
        return ()
    pelvis = _table().pelvis.get(joints)
    names = ("left hip", "right hip") if center == "hips" else () if pelvis is None else (pelvis,)
    known = joint_set(joints).joints
    return tuple(map(known.index, names)) if names and set(names) <= set(known) else None
