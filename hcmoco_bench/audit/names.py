"""Clip and person of a sample, from its id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hcmoco_bench.audit.population import Population
from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.human36m.names import FrameId
from hcmoco_bench.sources.ntu.names import ClipName, SampleId
from hcmoco_bench.sources.pw3d.people import sequence_of
from hcmoco_bench.tasks.shape.data import NAMES


@dataclass(frozen=True)
class SampleNames:
    """What some samples are called.

    Attributes:
        ids: Id of each sample.
        clips: What each was taken from: clip, video or image.
        people: Who each shows; None where nobody can tell.
        clip_noun: What `clips` are, in the plural.
        people_noun: What `people` are, in the plural.
    """

    ids: tuple[str, ...]
    clips: tuple[str, ...]
    people: tuple[str, ...] | None
    clip_noun: str = "images"
    people_noun: str = "people"

    def __len__(self) -> int:
        return len(self.ids)


def sample_names(
    ids: Sequence[str],
    population: Population,
    *,
    clips: Sequence[str] | None = None,
    people: Sequence[str] | None = None,
    people_noun: str = "people",
) -> SampleNames:
    """The clips and people of some samples.

    Args:
        ids: Ids of the samples, of one data set.
        population: Whom the ids refer to.
        clips: What each sample was taken from, where ids are not NTU's, Human3.6M's or 3DPW's; None for the samples
            themselves.
        people: Who each sample shows, for such ids; None if nobody can tell.
        people_noun: What `people` are.
    """
    if population.dataset == NAMES["pw3d"]:  # nobody tells who of one sequence is in another
        return SampleNames(tuple(ids), tuple(map(sequence_of, ids)), None, "sequences")
    try:
        found = [SampleId.parse(one).clip for one in ids]
    except DataError:
        pass
    else:
        who = tuple(performer_name(clip, population) for clip in found)
        return SampleNames(tuple(ids), tuple(map(str, found)), who, "clips", "performers")
    try:
        videos = [FrameId.parse(one).sequence for one in ids]
    except DataError:
        own = tuple(ids) if clips is None else tuple(clips)
        return SampleNames(tuple(ids), own, None if people is None else tuple(people), "images", people_noun)
    who = tuple(f"S{video.subject}" for video in videos)
    return SampleNames(tuple(ids), tuple(map(str, videos)), who, "videos", "subjects")


def performer_name(clip: ClipName, population: Population) -> str:
    """The performer of an NTU clip: `P007`, or `P007 of S002` where a number is another person in each setup."""
    name = f"P{clip.performer:03d}"
    return f"{name} of S{clip.setup:03d}" if population.by_setup else name
