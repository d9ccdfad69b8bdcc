"""What an NTU store will hold, decided before any image is read: samples, shards, and a fingerprint of it all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from hcmoco_bench import __version__
from hcmoco_bench.errors import DataError
from hcmoco_bench.files.hashing import bytes_sha256
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.prepare.absent import absent_recordings
from hcmoco_bench.prepare.copies import settle, settle_depth
from hcmoco_bench.prepare.inputs import Masks, input_assets, inputs_sha256, measure, skeleton_assets
from hcmoco_bench.prepare.planned_lengths import PlannedLengths
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources.ntu.clips import RECORDINGS, ClipIndex
from hcmoco_bench.sources.ntu.lists import SampleLists
from hcmoco_bench.sources.ntu.names import ClipName, SampleId
from hcmoco_bench.sources.ntu.splits import Split
from hcmoco_bench.sources.ntu.tree import NtuTree
from hcmoco_bench.store.kinds.ntu import Inputs, Lists, PrepareOptions
from hcmoco_bench.store.shards import cut_shards

FORMAT = 1
"""Raised when the same inputs and options give other bytes than before."""

STORED_SPLITS = ("train", "test")
"""The splits that have shards; all others are selections out of them."""


@dataclass(frozen=True)
class NtuShard:
    """One shard to write.

    Attributes:
        file: Its file name.
        samples: The samples that it should hold, in row order.
        inputs_sha256: Fingerprint of the raw files that it is made of.
    """

    file: str
    samples: tuple[SampleId, ...]
    inputs_sha256: str


@dataclass(frozen=True)
class NtuPlan:
    """Everything that decides a store's bytes, except the content of the raw files.

    Attributes:
        options: What was asked for.
        lists: Name and hashes of the sample lists.
        splits: All declared splits.
        shards: The shards, over the samples whose clip was found.
        problems: Samples and clips that are left out already: no clip, no skeleton to count frames by, listed as
            lacking skeletons; and copies that another one stands in for.
        tree: The raw tree, with the copies that are used in the first place.
        inputs: Fingerprint of the raw files.
        sha256: Fingerprint of all this.
    """

    options: PrepareOptions
    lists: Lists
    splits: Mapping[str, Split]
    shards: tuple[NtuShard, ...]
    problems: tuple[Problem, ...]
    tree: NtuTree
    inputs: Inputs
    sha256: str


def make_plan(
    tree: NtuTree,
    lists: SampleLists,
    masks: Masks | None,
    options: PrepareOptions,
    *,
    as_listed: bool = False,
    progress: Progress = no_progress,
) -> NtuPlan:
    """Choose the samples and cut them into shards.

    `parsing4k` takes the frames of the lists' `train` and `test`, in list order. `pretrain` takes, of every clip in
    sorted order that is not listed as lacking skeletons, the frames of `stride_frames`; how many frames a clip has is
    what its skeleton file says. Where a recording is there several times, one is chosen first: see `settle`.

    Args:
        tree: The raw tree.
        lists: The sample lists.
        masks: The part masks, if given.
        options: What was asked for.
        as_listed: Take the lists' frames for `pretrain`, too.
        progress: Told about each clip looked at.
    """
    listed = as_listed or options.set == "parsing4k"
    asked = _asked(lists, tree) if listed else list(tree.clips)
    kinds = tuple(kind for kind in RECORDINGS if kind != "depth" or not options.rgb_only)
    clips, problems = settle(tree.clips, asked, kinds, progress=progress)
    lengths = PlannedLengths(clips)
    if listed:
        splits = dict(lists.splits)
        problems += _missing_clips(lists, tree)
    else:
        splits, left_out = _pretrain_split(clips, lists, options.every, lengths, progress)
        problems += left_out
    found = {
        name: [sample for sample in splits[name].ids if sample.clip in clips]
        for name in STORED_SPLITS
        if name in splits
    }
    samples = [sample for split in found.values() for sample in split]
    depth = not options.rgb_only
    if depth:
        clips, lines = settle_depth(clips, samples)
        problems += lines
    used = input_assets(clips, samples, masks, depth=depth)
    # A rig is calibrated from its other clips, too.
    rigs = {sample.clip.rig for sample in samples}
    of_rigs = [name for name in clips if name.rig in rigs]
    clips, lines = settle(clips, sorted(set(of_rigs) - set(asked)), ("skeleton",), progress=progress)
    problems += lines
    neighbors = skeleton_assets(clips, of_rigs)
    sizes = measure(list(dict([*used, *neighbors]).items()), progress=progress)
    sizes |= lengths.unlike({sample.clip for sample in samples})
    shards = tuple(
        NtuShard(
            file,
            tuple(cut),
            inputs_sha256(sizes, [name for name, _ in input_assets(clips, cut, masks, depth=depth)]),
        )
        for split, split_samples in found.items()
        for file, cut in cut_shards(split, split_samples, options.rows_per_shard)
    )
    problems += absent_recordings(samples, sizes, depth=depth, masks=masks is not None)
    inputs = Inputs(n_clips=len({sample.clip for sample in samples}), sha256=inputs_sha256(sizes, sizes))
    named = Lists(declaration=lists.declaration, files=dict(lists.files))
    return NtuPlan(
        options=options,
        lists=named,
        splits=splits,
        shards=shards,
        problems=tuple(problems),
        tree=replace(tree, clips=clips),
        inputs=inputs,
        sha256=_fingerprint(options, named, shards, inputs, generated=tree.generated),
    )


def stride_frames(n_frames: int, every: int) -> range:
    """One frame of `every`: the middle one of each run of `every` frames, counted from 1.

    The last run may be short; its frame is taken if it has one in that place. A clip shorter than half a run gives its
    own middle frame, so that every clip is in the set.
    """
    if n_frames < 1:
        return range(0)
    return range((min(every, n_frames) + 1) // 2, n_frames + 1, every)


def _asked(lists: SampleLists, tree: NtuTree) -> list[ClipName]:
    ids = (sample for name in STORED_SPLITS if name in lists.splits for sample in lists.splits[name].ids)
    return sorted({sample.clip for sample in ids if sample.clip in tree.clips})


def _missing_clips(lists: SampleLists, tree: NtuTree) -> Iterator[Problem]:
    for name in STORED_SPLITS:
        for sample in lists.splits[name].ids if name in lists.splits else ():
            if sample.clip not in tree.clips:
                reason = f"clip {sample.clip} is under none of the roots; give the folder that holds it with --root"
                yield Problem(str(sample), "clip_missing", "", reason)


def _pretrain_split(
    clips: ClipIndex, lists: SampleLists, every: int, lengths: PlannedLengths, progress: Progress
) -> tuple[dict[str, Split], list[Problem]]:
    samples: list[SampleId] = []
    problems: list[Problem] = []
    for done, (name, clip) in enumerate(clips.items()):
        progress("counting frames", done, len(clips))
        if name in lists.missing_skeletons:
            reason = "the data set's authors list this clip as having missing or incomplete skeletons"
            problems.append(Problem(str(name), "clip_listed_without_skeleton", "", reason))
            continue
        try:
            samples += [SampleId(name, frame) for frame in stride_frames(lengths.frames(clip), every)]
        except DataError as error:
            problems.append(Problem.from_error(str(name), error))
    progress("counting frames", len(clips), len(clips))
    rule = f"the middle frame of each {every} frames of every clip with a skeleton, in sorted order"
    return {"train": Split("train", rule, tuple(samples))}, problems


def _fingerprint(
    options: PrepareOptions, lists: Lists, shards: Sequence[NtuShard], inputs: Inputs, *, generated: bool
) -> str:
    head = {
        "format": FORMAT,
        "version": __version__,
        "options": options.model_dump(mode="json"),
        "lists": lists.model_dump(mode="json"),
        "inputs": inputs.model_dump(mode="json"),
        "generated": generated,
    }
    lines = (" ".join([shard.file, *map(str, shard.samples)]) for shard in shards)
    return bytes_sha256("\n".join([json.dumps(head, sort_keys=True), *lines]).encode())
