"""Writes generated people in COCO's layout: images, and `person_keypoints_{train,val}2017.json`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Final

from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources.coco.annotations import FILES
from hcmoco_bench.synth.photographs.coco_records import annotation_files, image_entry, person_entry
from hcmoco_bench.synth.photographs.photo_set import PhotoLayout, PhotoOptions, divide, write_photographs
from hcmoco_bench.synth.photographs.photograph import Photograph

_WHAT: Final = "Generated people in the layout of COCO keypoints. Not COCO's pictures."
_SHARES: Final = (0.8, 0.2)
_FOLDERS: Final = {"train": "train2017", "validation": "val2017"}


def write_coco(out: Path, options: PhotoOptions, *, workers: int = 1, progress: Progress = no_progress) -> Path:
    """Write `train2017/`, `val2017/` and `annotations/person_keypoints_{train,val}2017.json`.

    Args:
        out: New, empty, or begun before with the same options.
        options: At least two images, as there are two splits.
        workers: Processes; the bytes do not depend on it.
        progress: Told the number of images done.

    Raises:
        UsageError, StoreLockedError, DataError: As `write_photographs`.
    """
    splits = dict(zip(FILES, divide(options.images, _SHARES), strict=True))
    folder = {number: _FOLDERS[split] for split, numbers in splits.items() for number in numbers}
    images = tuple(f"{folder[number]}/{number + 1:012d}.jpg" for number in range(options.images))
    layout = PhotoLayout(
        what=_WHAT,
        images=images,
        annotations=tuple(FILES.values()),
        describe=partial(_describe, images),
        finish=partial(_finish, splits),
    )
    return write_photographs(out, layout, options, workers=workers, progress=progress)


def _describe(images: tuple[str, ...], photograph: Photograph, number: int) -> dict[str, Any]:
    people = [{**person_entry(person), "image_id": number + 1} for person in photograph.people]
    return {"image": image_entry(number + 1, Path(images[number]).name, photograph), "people": people}


def _finish(splits: dict[str, range], records: list[Any]) -> dict[str, str | bytes]:
    return {**annotation_files(_WHAT, FILES, splits, records)}
