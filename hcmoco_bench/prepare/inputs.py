"""Fingerprint of the raw files that go into a store: names, parts present and sizes, without reading them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.hashing import fingerprint
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources.ntu.assets import Asset
from hcmoco_bench.sources.ntu.clips import Clip
from hcmoco_bench.sources.ntu.names import ClipName, SampleId

Masks = Mapping[SampleId, Asset]
"""The mask of each sample that has one."""

NamedAsset = tuple[str, Asset | None]
"""What a file is for, e.g. `S001C001P001R001A001 video`, and the file; None if there is none."""


def input_assets(
    clips: Mapping[ClipName, Clip], samples: Sequence[SampleId], masks: Masks | None, *, depth: bool
) -> list[NamedAsset]:
    """The files that samples are made of: videos, skeletons, depth frames and masks.

    One kind after the other: archives hold one kind each, and only a few archives are kept open.

    Args:
        clips: Holds at least the samples' clips.
        samples: The samples.
        masks: The part masks, if given.
        depth: Whether depth is used.
    """
    names = sorted({sample.clip for sample in samples})
    ordered = sorted(samples)
    assets: list[NamedAsset] = [(f"{name} video", clips[name].rgb) for name in names]
    assets += skeleton_assets(clips, names)
    if depth:
        assets += [(f"{sample} depth", _depth(clips[sample.clip], sample)) for sample in ordered]
    if masks is not None:
        assets += [(f"{sample} mask", masks.get(sample)) for sample in ordered]
    return assets


def skeleton_assets(clips: Mapping[ClipName, Clip], names: Iterable[ClipName]) -> list[NamedAsset]:
    """The skeleton files of some clips."""
    return [(f"{name} skeleton", clips[name].skeleton) for name in names]


def measure(assets: Sequence[NamedAsset], *, progress: Progress = no_progress) -> dict[str, str]:
    """Size in bytes of each file by its name, or why it has none: `missing` or the kind of the error.

    A file replaced by another of the same size is not noticed.
    """
    sizes = {}
    for done, (name, asset) in enumerate(assets):
        if done % 256 == 0:
            progress("looking at files", done, len(assets))
        try:
            sizes[name] = "missing" if asset is None else str(asset.size())
        except DataError as error:
            sizes[name] = error.kind
    progress("looking at files", len(assets), len(assets))
    return sizes


def inputs_sha256(sizes: Mapping[str, str], names: Iterable[str]) -> str:
    """SHA-256 over lines `<name> <size>` of the named files, sorted."""
    return fingerprint(f"{name} {sizes[name]}" for name in sorted(names))


def _depth(clip: Clip, sample: SampleId) -> Asset | None:
    return None if clip.depth is None else clip.depth.frame(sample.frame)
