"""Which copy of a recording is used, where a clip's video, depth or skeleton is there more than once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources.ntu.clips import RECORDINGS, Clip, ClipIndex, DepthFrames
from hcmoco_bench.sources.ntu.copies import Copy, Recording, copies_of, fits, look_at
from hcmoco_bench.sources.ntu.depth import read_depth
from hcmoco_bench.sources.ntu.extents import out_of_step
from hcmoco_bench.sources.ntu.names import ClipName, SampleId


def choose(clip: Clip, kinds: Sequence[str] = RECORDINGS) -> tuple[dict[str, int], list[Problem]]:
    """Choose copies that are whole and of one length.

    Args:
        clip: The clip.
        kinds: The recordings that are used.

    Returns:
        The place of the copy to use by recording, for those where it is not the first; and a line for each of them.
    """
    looked = {
        kind: [look_at(recording, kind, place) for place, recording in enumerate(copies)]
        for kind in kinds
        if (copies := copies_of(clip, kind))
    }
    ranked = [sorted(copies, key=_rank) for copies in looked.values()]
    best = next(filter(_in_step, product(*ranked)), tuple(copies[0] for copies in ranked))
    chosen = {kind: copy for kind, copy in zip(looked, best, strict=True) if copy.place}
    lines = [looked[kind][0].replaced_by(copy, clip.name) for kind, copy in chosen.items()]
    return {kind: copy.place for kind, copy in chosen.items()}, lines


def _rank(copy: Copy) -> tuple[bool, int, int]:
    return not copy.whole, -copy.extent.present if copy.extent and not copy.whole else 0, copy.place


def _in_step(copies: Sequence[Copy]) -> bool:
    return not out_of_step({str(number): copy.extent for number, copy in enumerate(copies) if copy.extent is not None})


def settle(
    clips: ClipIndex,
    names: Iterable[ClipName],
    kinds: Sequence[str] = RECORDINGS,
    *,
    progress: Progress = no_progress,
) -> tuple[ClipIndex, list[Problem]]:
    """Put copies that are whole and belong together in the first place.

    Copies of the same size are taken for the same and are not read: most people keep archives beside what they were
    extracted to.

    Args:
        clips: The clips.
        names: Those that count.
        kinds: The recordings that are used of them.
        progress: Told about each clip with copies.
    """
    several = [name for name in names if clips.has_copies(name)]
    chosen: dict[ClipName, Mapping[str, int]] = {}
    problems: list[Problem] = []
    for done, name in enumerate(several):
        progress("comparing copies", done, len(several))
        clip = clips[name]
        if all(_alike(copies_of(clip, kind)) for kind in kinds):
            continue
        chosen[name], lines = choose(clip, kinds)
        problems += lines
    if several:
        progress("comparing copies", len(several), len(several))
    return (clips.using(chosen) if chosen else clips), problems


def settle_depth(clips: ClipIndex, samples: Iterable[SampleId]) -> tuple[ClipIndex, list[Problem]]:
    """Put another copy of depth in the first place where frames that are asked for cannot be read in the first one."""
    wanted: dict[ClipName, list[int]] = {}
    for sample in samples:
        if clips.has_copies(sample.clip):
            wanted.setdefault(sample.clip, []).append(sample.frame)
    chosen: dict[ClipName, Mapping[str, int]] = {}
    problems: list[Problem] = []
    for name, frames in wanted.items():
        copies = [copy for copy in copies_of(clips[name], "depth") if isinstance(copy, DepthFrames)]
        unlike = [frame for frame in frames if not _alike([copy.frame(frame) for copy in copies])]
        error = _first_error(copies[0], unlike) if unlike else None
        if error is None:
            continue
        looked = [look_at(copy, "depth", place) for place, copy in enumerate(copies)]
        for spare in looked[1:]:
            if fits(spare, looked[0].extent) and _first_error(copies[spare.place], unlike) is None:
                chosen[name] = {"depth": spare.place}
                problems.append(Copy(copies[0], 0, None, error).replaced_by(spare, name))
                break
    return (clips.using(chosen) if chosen else clips), problems


def _first_error(copy: DepthFrames, frames: Sequence[int]) -> DataError | None:
    for frame in frames:
        try:
            read_depth(copy.frame(frame))
        except DataError as error:
            return error
    return None


def _alike(copies: Sequence[Recording]) -> bool:
    """Whether copies are equal as far as sizes, or the names of frames, tell."""
    if len(copies) < 2:
        return True
    first = _measure(copies[0])
    return first is not None and all(_measure(copy) == first for copy in copies[1:])


def _measure(copy: Recording) -> object:
    if isinstance(copy, DepthFrames):
        extent = copy.extent()
        return extent if extent is not None and extent.whole else None
    try:
        return copy.size() or None
    except DataError:
        return None
