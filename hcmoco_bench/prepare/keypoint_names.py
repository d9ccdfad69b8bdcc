"""Images and people of a split by names that come once, which is what a store's keys are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from hcmoco_bench.files.problems import Problem
from hcmoco_bench.sources.people import IgnoredPerson, Person, Photographs
from hcmoco_bench.store.kinds.keypoints import image_id

_Somebody = TypeVar("_Somebody", Person, IgnoredPerson)


def named_once(found: Photographs) -> Photographs:
    """Leave out images and people whose name another one has already, each with a problem line.

    Images are told apart by their file names without folder and suffix (`name_repeated`), people by their ids
    (`annotation_repeated`).
    """
    images: dict[str, str] = {}
    people: set[str] = set()
    problems = list(found.problems)

    def first(somebody: Iterable[_Somebody]) -> tuple[_Somebody, ...]:
        kept = []
        for person in somebody:
            if person.id in people:
                reason = f"{found.annotations}: annotation {person.id} comes more than once; the first one is kept"
                problems.append(Problem(person.id, "annotation_repeated", str(found.annotations), reason))
                continue
            people.add(person.id)
            kept.append(person)
        return tuple(kept)

    photographs = []
    for photograph in found.photographs:
        key = image_id(photograph.name)
        if key in images:
            reason = (
                f"{photograph.name}: has the name of {images[key]} but for its folder or suffix; only that one is in "
                "the store, rename this one"
            )
            problems.append(Problem(photograph.name, "name_repeated", photograph.name, reason))
            continue
        images[key] = photograph.name
        photographs.append(replace(photograph, people=first(photograph.people), ignored=first(photograph.ignored)))
    return replace(found, photographs=tuple(photographs), problems=tuple(problems))
