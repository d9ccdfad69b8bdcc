"""What an NTU store will hold, decided before any image is read: samples, shards, and a fingerprint of it all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hcmoco_bench import __version__
from hcmoco_bench.errors import DataError
from hcmoco_bench.files.hashing import bytes_sha256
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.prepare.absent import absent_recordings
from hcmoco_bench.prepare.inputs import Masks, input_assets, inputs_sha256, measure, skeleton_assets
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources.ntu.assets import Asset
from hcmoco_bench.sources.ntu.lists import SampleLists
from hcmoco_bench.sources.ntu.names import SampleId
from hcmoco_bench.sources.ntu.splits import Split
from hcmoco_bench.sources.ntu.tree import NtuTree
from hcmoco_bench.store.kinds.ntu import Inputs, Lists, PrepareOptions
from hcmoco_bench.store.shards import cut_shards

FORMAT = 1
"""Raised when the same inputs and options give other bytes than before."""

STORED_SPLITS = ("train", "test")
"""The splits that have shards; all others are selections out of them."""

MAX_FRAMES = 100_000
"""A clip of more frames than this (an hour) is a garbled header."""


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
            lacking skeletons.
        inputs: Fingerprint of the raw files.
        sha256: Fingerprint of all this.
    """

    options: PrepareOptions
    lists: Lists
    splits: Mapping[str, Split]
    shards: tuple[NtuShard, ...]
    problems: tuple[Problem, ...]
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
    what its skeleton file says.

    Args:
        tree: The raw tree.
        lists: The sample lists.
        masks: The part masks, if given.
        options: What was asked for.
        as_listed: Take the lists' frames for `pretrain`, too.
        progress: Told about each clip looked at.
    """
    if as_listed or options.set == "parsing4k":
        splits, problems = dict(lists.splits), list(_missing_clips(lists, tree))
    else:
        splits, problems = _pretrain_split(tree, lists, options.every, progress)
    found = {
        name: [sample for sample in splits[name].ids if sample.clip in tree.clips]
        for name in STORED_SPLITS
        if name in splits
    }
    samples = [sample for split in found.values() for sample in split]
    depth = not options.rgb_only
    used = input_assets(tree.clips, samples, masks, depth=depth)
    # A rig is calibrated from its other clips, too.
    rigs = {sample.clip.rig for sample in samples}
    neighbors = skeleton_assets(tree.clips, [name for name in tree.clips if name.rig in rigs])
    sizes = measure(list(dict([*used, *neighbors]).items()), progress=progress)
    shards = tuple(
        NtuShard(
            file,
            tuple(cut),
            inputs_sha256(sizes, [name for name, _ in input_assets(tree.clips, cut, masks, depth=depth)]),
        )
        for split, split_samples in found.items()
        for file, cut in cut_shards(split, split_samples, options.rows_per_shard)
    )
    problems += absent_recordings(tree.clips, samples, sizes, depth=depth, masks=masks is not None)
    inputs = Inputs(n_clips=len({sample.clip for sample in samples}), sha256=inputs_sha256(sizes, sizes))
    named = Lists(declaration=lists.declaration, files=dict(lists.files))
    return NtuPlan(
        options=options,
        lists=named,
        splits=splits,
        shards=shards,
        problems=tuple(problems),
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


def _missing_clips(lists: SampleLists, tree: NtuTree) -> Iterator[Problem]:
    for name in STORED_SPLITS:
        for sample in lists.splits[name].ids if name in lists.splits else ():
            if sample.clip not in tree.clips:
                reason = f"clip {sample.clip} is under none of the roots; give the folder that holds it with --root"
                yield Problem(str(sample), "clip_missing", "", reason)


def _pretrain_split(
    tree: NtuTree, lists: SampleLists, every: int, progress: Progress
) -> tuple[dict[str, Split], list[Problem]]:
    samples: list[SampleId] = []
    problems: list[Problem] = []
    for done, (name, clip) in enumerate(tree.clips.items()):
        progress("counting frames", done, len(tree.clips))
        if name in lists.missing_skeletons:
            reason = "the data set's authors list this clip as having missing or incomplete skeletons"
            problems.append(Problem(str(name), "clip_listed_without_skeleton", "", reason))
            continue
        try:
            if clip.skeleton is None:
                raise DataError(f"{name}: has no skeleton file under the roots", kind="skeleton_missing")
            samples += [SampleId(name, frame) for frame in stride_frames(declared_frames(clip.skeleton), every)]
        except DataError as error:
            problems.append(Problem.from_error(str(name), error))
    progress("counting frames", len(tree.clips), len(tree.clips))
    rule = f"the middle frame of each {every} frames of every clip with a skeleton, in sorted order"
    return {"train": Split("train", rule, tuple(samples))}, problems


def declared_frames(asset: Asset) -> int:
    """The number of frames in the first line of a skeleton file.

    Raises:
        DataError: Kind `skeleton_empty` or `skeleton_garbled`, and those of reading the file.
    """
    with asset.open() as handle:
        line = handle.readline(64).strip()
    try:
        n_frames = int(line)
    except ValueError:
        n_frames = -1
    if line and 0 <= n_frames <= MAX_FRAMES:
        return n_frames
    kind, what = (
        ("skeleton_garbled", "does not begin with a number of frames") if line else ("skeleton_empty", "is empty")
    )
    raise DataError(f"{asset}: {what}; extract it again", kind=kind, file=str(asset))


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
