"""A split of a store of photographs as arrays: its images, people to learn from and to find, and people to ignore."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.errors import StoreError
from hcmoco_bench.files.parquet import open_parquet
from hcmoco_bench.sources.people import BOX_UNIT
from hcmoco_bench.store.store import AnyStore

_COLUMNS: Final = ("image_id", "width", "height", "people", "ignored", "number")


@dataclass(frozen=True, eq=False)
class PosePeople:
    """P people, or annotations to be ignored. Px are (x, y) from 0, whole numbers at pixel centers.

    Attributes:
        ids: Their ids.
        image: (P,) int64 row of their image.
        joints: (P, J, 2) float32 px; 0 where not annotated.
        state: (P, J) uint8: 0 not annotated, 1 annotated but hidden, 2 seen.
        squares: (P, 3) float64 px: center, and side of the square around the person; nan for those to be ignored.
        boxes: (P, 4) float64 x, y, width, height as annotated, px with edges between pixels; nan where not stated.
        areas: (P,) float64 px^2; nan where not stated.
        crowd: (P,) bool.
        head_boxes: (P, 4) float64 px of opposite corners x0, y0, x1, y1; nan where not stated.
        places: (P,) int64 number in the annotation file; -1 where it is not known.
    """

    ids: tuple[str, ...]
    image: NDArray[np.int64]
    joints: NDArray[np.float32]
    state: NDArray[np.uint8]
    squares: NDArray[np.float64]
    boxes: NDArray[np.float64]
    areas: NDArray[np.float64]
    crowd: NDArray[np.bool_]
    head_boxes: NDArray[np.float64]
    places: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, eq=False)
class PoseSplit:
    """The images of a split in store order, and everybody in them.

    Attributes:
        name: Store and split, for messages.
        joints: Name of the joint set.
        image_ids: Names of the images without suffix.
        numbers: The annotations' own id of each image; None where it is not known.
        sizes: (N, 2) int64 width and height, px.
        locations: (N, 3) int64 shard, row group and row of each image.
        shards: The shards.
        people: Those to learn from and to be found.
        ignored: Crowds, and people without annotated joints.
    """

    name: str
    joints: str
    image_ids: tuple[str, ...]
    numbers: tuple[int | None, ...]
    sizes: NDArray[np.int64]
    locations: NDArray[np.int64]
    shards: tuple[Path, ...]
    people: PosePeople
    ignored: PosePeople


def read_pose_split(store: AnyStore, split: str) -> PoseSplit:
    """Read the annotations of a split; image files are not read.

    Args:
        store: A store with people.
        split: One of its stored splits.

    Raises:
        StoreError: If there is no such split, or a shard cannot be read.
    """
    joints = str(store.capabilities.joints)
    shards = store.shards(split)
    images: list[Mapping[str, Any]] = []
    people: list[tuple[int, Mapping[str, Any]]] = []
    ignored: list[tuple[int, Mapping[str, Any]]] = []
    locations: list[tuple[int, int, int]] = []
    parts: list[tuple[PosePeople, PosePeople]] = []
    n_joints = len(joint_set(joints))
    for shard, path in enumerate(shards):
        try:
            with open_parquet(path) as file:
                there = [name for name in _COLUMNS if name in file.schema_arrow.names]
                for group in range(file.num_row_groups):
                    table = store.kind.upgraded(file.read_row_group(group, there), store.manifest)
                    for place, row in enumerate(table.to_pylist()):
                        people += [(len(images), person) for person in row["people"] or ()]
                        ignored += [(len(images), person) for person in row["ignored"] or ()]
                        images.append({name: row[name] for name in ("image_id", "width", "height", "number")})
                        locations.append((shard, group, place))
                    # As arrays right away: a large split has millions of numbers.
                    parts.append((_as_arrays(people, n_joints), _as_arrays(ignored, n_joints)))
                    people, ignored = [], []
        except (OSError, pa.ArrowException) as error:
            raise StoreError(f"{path}: cannot be read ({error}); prepare the store again") from error
    return PoseSplit(
        name=f"{store.path}, split {split}",
        joints=joints,
        image_ids=tuple(str(image["image_id"]) for image in images),
        numbers=tuple(image["number"] for image in images),
        sizes=np.array([(image["width"], image["height"]) for image in images], np.int64).reshape(-1, 2),
        locations=np.array(locations, np.int64).reshape(-1, 3),
        shards=shards,
        people=_joined([part for part, _ in parts], n_joints),
        ignored=_joined([part for _, part in parts], n_joints),
    )


def _as_arrays(people: Sequence[tuple[int, Mapping[str, Any]]], n_joints: int) -> PosePeople:
    n, rows = len(people), [person for _, person in people]
    nothing = [np.nan] * 4

    def numbers(name: str, absent: Any) -> list[Any]:
        return [absent if row.get(name) is None else row[name] for row in rows]

    squares = [
        (*row["center"], BOX_UNIT * row["scale"]) if row.get("center") is not None else (np.nan,) * 3 for row in rows
    ]
    return PosePeople(
        ids=tuple(str(row["person_id"]) for row in rows),
        image=np.array([image for image, _ in people], np.int64),
        joints=np.array([row["joints"] for row in rows], np.float32).reshape(n, n_joints, 2),
        state=np.array([row["state"] for row in rows], np.uint8).reshape(n, n_joints),
        squares=np.array(squares, np.float64).reshape(n, 3),
        boxes=np.array(numbers("box", nothing), np.float64).reshape(n, 4),
        areas=np.array(numbers("area", np.nan), np.float64),
        crowd=np.array([bool(row.get("iscrowd")) for row in rows], np.bool_),
        head_boxes=np.array(numbers("head_box", nothing), np.float64).reshape(n, 4),
        places=np.array(numbers("place", -1), np.int64),
    )


def _joined(parts: Sequence[PosePeople], n_joints: int) -> PosePeople:
    if not parts:
        return _as_arrays([], n_joints)
    arrays = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in PosePeople.__dataclass_fields__
        if name != "ids"
    }
    return PosePeople(ids=tuple(name for part in parts for name in part.ids), **arrays)
