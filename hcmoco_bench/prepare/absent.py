"""A whole kind of recording that is nowhere below the roots: said once, beside the lines of the single samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from hcmoco_bench.files.problems import Problem
from hcmoco_bench.sources.ntu.layout import (
    DEPTH_FOLDER,
    MASK_FOLDER,
    RGB_FOLDER,
    RGB_SUFFIX,
    SKELETON_FOLDER,
    SKELETON_SUFFIX,
)
from hcmoco_bench.sources.ntu.names import SampleId

_NOT_THERE: Final = {"missing", "file_missing"}
_FILES: Final = {
    "video": (f"<clip>{RGB_SUFFIX}", RGB_FOLDER),
    "skeleton": (f"<clip>{SKELETON_SUFFIX}", SKELETON_FOLDER),
    "depth": ("<clip>/MDepth-*.png", DEPTH_FOLDER),
    "mask": ("<sample>.png", MASK_FOLDER),
}


def absent_recordings(
    samples: Sequence[SampleId], sizes: Mapping[str, str], *, depth: bool, masks: bool
) -> Iterator[Problem]:
    """One line (`video_absent`, `skeleton_absent`, `depth_absent`, `mask_absent`) for each kind that no sample has.

    Args:
        samples: The samples.
        sizes: From `measure`, over the samples' `input_assets`.
        depth: Whether depth is used.
        masks: Whether part masks are used.
    """
    names = sorted({sample.clip for sample in samples})
    owners: dict[str, Sequence[object]] = {
        "video": names,
        "skeleton": names,
        "depth": samples if depth else (),
        "mask": samples if masks else (),
    }
    for recording, wanted in owners.items():
        if wanted and all(sizes[f"{owner} {recording}"] in _NOT_THERE for owner in wanted):
            file, folder = _FILES[recording]
            reason = (
                f"{file}: none of the {len(names):,} clips that are asked for has it; give the folder "
                f"{folder}, or its archives, with {'--annotations' if recording == 'mask' else '--root as well'}"
            )
            yield Problem("", f"{recording}_absent", "", reason, kept=True)
