"""Writes generated people in DensePose-COCO's published layout, and the body that their charts belong to."""

from __future__ import annotations

import io
import zipfile
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources.densepose.layout import BODY_FILE, FILES, IMAGE_FOLDERS
from hcmoco_bench.synth.densepose.chart_mesh import ChartMesh, chart_mesh
from hcmoco_bench.synth.densepose.points import densepose_entry
from hcmoco_bench.synth.ntu.scene import generator
from hcmoco_bench.synth.photographs.coco_records import annotation_files, image_entry, person_entry
from hcmoco_bench.synth.photographs.photo_set import PhotoLayout, PhotoOptions, divide, write_photographs
from hcmoco_bench.synth.photographs.photograph import Photograph

_WHAT: Final = "Generated people in the layout of DensePose-COCO. Neither COCO's pictures nor its body."
_SHARES: Final = (0.7, 0.15, 0.15)
_FOLDER: Final = "annotations"
_TOO_SMALL: Final = 400.0
"""As in DensePose-COCO, small people are annotated as COCO's, without points; px of a person's area at 640 px."""


def write_densepose(out: Path, options: PhotoOptions, *, workers: int = 1, progress: Progress = no_progress) -> Path:
    """Write `train2014/`, `val2014/`, `annotations/densepose_coco_2014_*.json` and `annotations/densepose_body.npz`.

    Args:
        out: New, empty, or begun before with the same options.
        options: At least three images, as there are three splits.
        workers: Processes; the bytes do not depend on it.
        progress: Told the number of images done.

    Raises:
        UsageError, StoreLockedError, DataError: As `write_photographs`.
    """
    splits = dict(zip(FILES, divide(options.images, _SHARES), strict=True))
    folder = {number: IMAGE_FOLDERS[split] for split, numbers in splits.items() for number in numbers}
    images = tuple(f"{folder[n]}/COCO_{folder[n]}_{n + 1:012d}.jpg" for n in range(options.images))
    layout = PhotoLayout(
        what=_WHAT,
        images=images,
        annotations=(*(f"{_FOLDER}/{file}" for file in FILES.values()), f"{_FOLDER}/{BODY_FILE}"),
        describe=partial(_describe, options.seed, options.long_side, images),
        finish=partial(_finish, splits),
    )
    return write_photographs(out, layout, options, workers=workers, progress=progress)


def _describe(
    seed: int, long_side: int, images: tuple[str, ...], photograph: Photograph, number: int
) -> dict[str, Any]:
    rng = generator(seed, "densepose", number)
    people = []
    for person in photograph.people:
        entry = {**person_entry(person), "image_id": number + 1}
        if entry["area"] >= _TOO_SMALL * (long_side / 640) ** 2:
            entry |= densepose_entry(person, rng)
        people.append(entry)
    return {"image": image_entry(number + 1, Path(images[number]).name, photograph), "people": people}


def _finish(splits: dict[str, range], records: list[Any]) -> dict[str, str | bytes]:
    names = {split: f"{_FOLDER}/{file}" for split, file in FILES.items()}
    return {
        **annotation_files(_WHAT, names, splits, records),
        f"{_FOLDER}/{BODY_FILE}": body_bytes(chart_mesh()),
    }


def body_bytes(mesh: ChartMesh) -> bytes:
    """The file of a charted body, an npz of its arrays; the same body gives the same bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("vertices", "faces", "vertex_part", "vertex_u", "vertex_v", "vertex_to_unique"):
            array = io.BytesIO()
            np.save(array, getattr(mesh, name))
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), array.getvalue())
    return file.getvalue()
