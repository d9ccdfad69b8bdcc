"""The rows of one shard of annotated photographs: the images' own files, checked by decoding them, and their people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.image_error import ImageError
from hcmoco_bench.files.images import whole_image_size
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.sources.people import IgnoredPerson, Person, Photograph
from hcmoco_bench.store.columns import Row
from hcmoco_bench.store.kinds.keypoints.columns import image_id, people_counts
from hcmoco_bench.store.kinds.keypoints.people_check import ignored_failures, person_failures
from hcmoco_bench.store.plan import ShardReport


@dataclass(frozen=True)
class KeypointRows:
    """Makes the rows of a shard.

    Attributes:
        photographs: The shard's images in row order.
        root: Folder that file names in problems are relative to.
        n_joints: Number of joints that people have.
    """

    photographs: tuple[Photograph, ...]
    root: Path
    n_joints: int

    def __len__(self) -> int:
        return len(self.photographs)

    def rows(self, report: ShardReport) -> Iterator[Row]:
        """See `ShardRows.rows`; images that cannot be used become problems."""
        counts = Counter(images=0, people=0)
        for photograph in self.photographs:
            try:
                data, width, height = _read(photograph, self.root)
            except DataError as error:
                report.problems.append(Problem.from_error(photograph.name, error))
                continue
            people = [
                (person, person_failures(person, self.n_joints, width, height))
                for person in map(_person, photograph.people)
            ]
            ignored = [
                (person, ignored_failures(person, self.n_joints)) for person in map(_ignored, photograph.ignored)
            ]
            row = {
                "image_id": image_id(photograph.name),
                "image": {"bytes": data, "path": photograph.name},
                "width": width,
                "height": height,
                "people": _right(people, photograph, report),
                "ignored": _right(ignored, photograph, report),
                "number": photograph.number,
            }
            counts.update(people_counts(row))
            yield row
        report.counts.update(counts)


def _right(people: Iterable[tuple[Row, Iterable[str]]], photograph: Photograph, report: ShardReport) -> list[Row]:
    """The people that `verify` finds no fault with; the others become problems."""
    right = []
    for person, failures in people:
        if reasons := "; ".join(failures):
            reason = f"{photograph.name}: annotation {person['person_id']}: {reasons}; correct it"
            report.problems.append(Problem(person["person_id"], "annotation_wrong", photograph.name, reason))
        else:
            right.append(person)
    return right


def _person(person: Person) -> Row:
    return {
        "person_id": person.id,
        "joints": person.joints.tolist(),
        "state": person.state.tolist(),
        "center": person.center.tolist(),
        "scale": float(np.float32(person.scale)),
        "area": person.area,
        "iscrowd": False,
        "box": None if person.box is None else person.box.tolist(),
        "head_box": None if person.head_box is None else person.head_box.tolist(),
        "place": person.place,
    }


def _ignored(person: IgnoredPerson) -> Row:
    return {
        "person_id": person.id,
        "joints": person.joints.tolist(),
        "state": person.state.tolist(),
        "box": None if person.box is None else person.box.tolist(),
        "area": person.area,
        "iscrowd": person.crowd,
        "place": person.place,
    }


def _read(photograph: Photograph, root: Path) -> tuple[bytes, int, int]:
    path, name = photograph.path, photograph.name
    if path.is_relative_to(root):
        name = str(path.relative_to(root))
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror})", kind="image_missing", file=name) from error
    try:
        size = width, height = whole_image_size(data)
    except ImageError as error:
        raise DataError(
            f"{name}: not a whole image, {error}; fetch it again", kind="image_unreadable", file=name
        ) from error
    if photograph.size not in (None, size):
        raise DataError(
            f"{name}: {width}x{height} px, annotated as {photograph.size}; is it another image?",
            kind="image_wrong_size",
            file=name,
        )
    return data, width, height
