"""An audit: what pre-training, training and test share, what the protocol leaks, and what could not be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.audit.comparison import SetPair, set_pairs, shared_clips, shared_people, shared_samples
from hcmoco_bench.audit.findings import NOTHING_COMPARED, Audit, Comparison, Duplicates, NamedPair
from hcmoco_bench.audit.image_hashes import ImageHashes, View, hash_images
from hcmoco_bench.audit.near_duplicates import near_duplicates
from hcmoco_bench.audit.read import read_paths
from hcmoco_bench.audit.sets import AuditedSet, Material
from hcmoco_bench.errors import StoreError
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.uniform import spread

MOST_NAMED: Final = 1000
"""Pairs of near-duplicates that are named; all are counted."""


def audit_paths(
    paths: Sequence[Path], *, images: bool = True, frames: int | None = None, progress: Progress = no_progress
) -> Audit:
    """List what pre-training, training and test share.

    Args:
        paths: Prepared stores, runs of `pretrain` and `finetune`, checkpoints and result files; see `read_paths`.
        images: Whether to compare frames.
        frames: Most frames of each set that are compared, spread over it; None for all.
        progress: Told the number of frames and of pairs of frames done.

    Raises:
        UsageError: If nothing is given, or a path cannot be audited.
        DataError: If a result, a checkpoint or a run's settings are damaged.
        StoreError: If a store is damaged.
    """
    material = read_paths(paths)
    pairs = set_pairs(material)
    if not pairs:
        material.problem(
            NOTHING_COMPARED, "", "there are not two sets to compare; give a pre-training or a training, and a test"
        )
    hashed = _hashed(pairs, material, frames, progress) if images else {}
    comparisons = tuple(_compared(pair, hashed, material, progress, images=images) for pair in pairs)
    return Audit(comparisons, tuple(material.protocols), tuple(material.problems), images)


def _view(pair: SetPair) -> View | None:
    """What of the frames of two sets is compared; None where one has no images."""
    sources = (pair.first.frames, pair.second.frames)
    if None in sources:
        return None
    return "person" if all(source is not None and source.has_depth for source in sources) else "whole"


def _hashed(
    pairs: Sequence[SetPair], material: Material, frames: int | None, progress: Progress
) -> dict[tuple[str, ...], dict[View, ImageHashes]]:
    """The hashes of every set, by its identity; a set is read once for all views."""
    sets: dict[tuple[str, ...], AuditedSet] = {}
    views: dict[tuple[str, ...], set[View]] = {}
    for pair in pairs:
        view = _view(pair)
        for one in (pair.first, pair.second):
            if view is not None:
                sets[one.identity] = one
                views.setdefault(one.identity, set()).add(view)
    found: dict[tuple[str, ...], dict[View, ImageHashes]] = {}
    for identity, one in sets.items():
        if one.frames is None:
            continue
        keys = list(dict.fromkeys(one.keys))
        chosen = keys if frames is None else spread(keys, frames)
        if len(chosen) < len(keys):
            reason = f"{len(chosen):,} of the {len(keys):,} frames of {one.where} were compared (--frames)"
            material.problem("frames_not_compared", one.where, reason)

        def report(label: str, done: int, total: int | None, role: str = one.role, number: int = len(found)) -> None:
            progress(f"{label}, {role} {number + 1} of {len(sets)}", done, total)

        try:
            found[identity] = hash_images(one.frames, chosen, sorted(views[identity]), progress=report)
        except StoreError as error:
            material.problem("frames_unreadable", one.where, f"its frames were not compared: {error}")
            continue
        for view, hashes in found[identity].items():
            left = len(chosen) - len(hashes)
            if left:
                reason = (
                    f"{left:,} of {len(chosen):,} frames of {one.where} were not compared: missing, damaged or without "
                    "a person"
                )
                material.problem("frames_not_compared", f"{one.where}, {view}", reason)
    return found


def _compared(
    pair: SetPair,
    hashed: dict[tuple[str, ...], dict[View, ImageHashes]],
    material: Material,
    progress: Progress,
    *,
    images: bool,
) -> Comparison:
    first, second, same = pair.first, pair.second, pair.same_names
    if same is None:
        material.problem(
            "people_unknown",
            first.where,
            f"whether {first.where} and {second.where} show the same generated people is not known, and performers and "
            "clips were not compared; prepare the stores anew, which records whose people they show",
        )
    elif same:
        _tell_of_numbers(pair, material)
    people = shared_people(pair) if same else None
    if same and people is None:
        reason = f"who is shown in {first.where} and {second.where} is not known, and people were not compared"
        material.problem("people_unknown", first.where, reason)
    return Comparison(
        first=first.role,
        first_where=first.where,
        first_samples=len(first.names),
        second=second.role,
        second_where=second.where,
        second_samples=len(second.names),
        leaks=pair.leaks,
        people_leak=pair.people_leak,
        names={True: "same", False: "different", None: "unknown"}[same],
        samples=shared_samples(pair) if same else None,
        clips=shared_clips(pair) if same else None,
        people=people,
        duplicates=_duplicates(pair, hashed, material, progress) if images else None,
    )


def _tell_of_numbers(pair: SetPair, material: Material) -> None:
    """Say where nobody can tell whether performers of the same number in different setups are one person."""
    population = pair.first.population
    if population.known or not population.by_setup:
        return
    first, second = ({name.partition(" ")[0] for name in one.names.people or ()} for one in (pair.first, pair.second))
    shared = shared_people(pair)
    certain = set() if shared is None else {name.partition(" ")[0] for name in shared.names}
    if (first & second) - certain:
        material.problem(
            "people_unknown",
            pair.first.where,
            f"{pair.first.where} and {pair.second.where} have performers of the same number in different setups, and "
            "whether these are one person is not known; prepare the stores anew, which records it",
        )


def _duplicates(
    pair: SetPair, hashed: dict[tuple[str, ...], dict[View, ImageHashes]], material: Material, progress: Progress
) -> Duplicates | None:
    view = _view(pair)
    if view is None:
        for one in (pair.first, pair.second):
            if one.frames is None:
                reason = (
                    f"{one.where}: no color images can be read of it; its frames were not compared, only names were"
                )
                material.problem("no_images", one.where, reason)
        return None
    if pair.first.identity not in hashed or pair.second.identity not in hashed:
        return None
    first, second = (hashed[one.identity][view] for one in (pair.first, pair.second))
    clips = _clip_numbers(pair, first, second) if pair.same_names else None

    def report(label: str, done: int, total: int | None) -> None:
        progress(f"{label}, {pair.first.role} and {pair.second.role}", done, total)

    found = near_duplicates(first, second, view, clips=clips, progress=report)
    if found.unchecked:
        reason = (
            f"{found.unchecked:,} pairs of frames of {pair.first.where} and {pair.second.where} have hashes that are "
            "alike, as those of a camera that stands still, and were not compared further; --frames takes fewer frames"
        )
        material.problem("pairs_not_compared", pair.second.where, reason)
    return Duplicates(
        view=view,
        pairs=len(found.pairs),
        frames=len({one.second for one in found.pairs}),
        mirrored=sum(one.mirrored for one in found.pairs),
        named=tuple(
            NamedPair(first.keys[one.first], second.keys[one.second], one.bits, one.mirrored)
            for one in found.pairs[:MOST_NAMED]
        ),
        within_clips=found.within_clips,
        compared=(len(first), len(second)),
    )


def _clip_numbers(
    pair: SetPair, first: ImageHashes, second: ImageHashes
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(N,) and (M,) the same number for frames of the same clip."""
    numbers: dict[str, int] = {}
    found = []
    for one, hashes in ((pair.first, first), (pair.second, second)):
        clip_of = dict(zip(one.keys, one.names.clips, strict=True))
        rows = [numbers.setdefault(clip_of[key], len(numbers)) for key in hashes.keys]
        found.append(np.array(rows, np.int64))
    return found[0], found[1]
