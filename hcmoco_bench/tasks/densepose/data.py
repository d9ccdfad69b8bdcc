"""DensePose-COCO as a task's data: its splits, what mirrors its charts, and the body that scores are measured on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Final

from hcmoco_bench.data.densepose import DensePoseImages, collate_densepose
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.files.hashing import bytes_sha256, file_sha256, fingerprint
from hcmoco_bench.metrics.densepose import AnnotatedImage, BodyCharts, Geodesics, mesh_geodesics, open_geodesics
from hcmoco_bench.metrics.densepose import read_annotations as read_truth
from hcmoco_bench.metrics.densepose.published_tables import CONVERTED, DISTANCES
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources.densepose import (
    DensePoseAnnotations,
    find_annotations,
    find_body,
    read_annotations,
    read_body,
)
from hcmoco_bench.sources.densepose.records import read_records
from hcmoco_bench.sources.densepose.symmetry import ChartSymmetry, find_symmetry, generated_symmetry, read_symmetry
from hcmoco_bench.tasks.core.task_data import TaskData
from hcmoco_bench.tasks.core.uniform import uniform_rows

NAME: Final = "DensePose-COCO"
TASK: Final = "densepose"
TEST: Final = "minival"
PARTS_OF: Final = {"train": ("train", "valminusminival"), "minival": ("minival",)}
"""The annotation files that make a split, in their order."""

TABLE_FOLDERS: Final = ("", "UV_data", "eval_data", "DensePoseData/eval_data", "DensePoseData/UV_data")
"""Where below the data set's folder the body's tables are looked for."""


def open_densepose(root: Path, split: str, side: int, *, flip: float, train: bool, seed: int) -> TaskData:
    """Open a split.

    Training takes the images in which at least one person is annotated with points; scoring takes all.

    Args:
        root: COCO's folder.
        split: `train` (the published train and valminusminival files), `train_<percent>`, or `minival`.
        side: Shorter side of the images, px.
        flip: Probability of mirroring an image in training.
        train: Whether to draw sizes and to mirror.
        seed: Seed of the draws.

    Raises:
        UsageError: If there is no such split.
        DataError: If annotation files are missing or damaged.
    """
    name, _, percent = split.partition("_")
    if name not in PARTS_OF or (percent and name != "train"):
        raise UsageError(f"{TASK}: there is no split {split!r}; there are train, train_<percent>, and {TEST}")
    found = annotation_files(root, name)
    contents = [_read(path, root) for path in found]
    body = find_body(root)
    scored = name == TEST
    images = [
        image
        for content in contents
        for image in sorted((*content.images, *(content.others if scored else ())), key=lambda each: each.id)
    ]
    expected = tuple(
        str(number) for content in contents for number, annotated in content.listed.items() if annotated or scored
    )
    data = TaskData(
        dataset=DensePoseImages(
            images,
            side,
            train=train,
            symmetry=_symmetry(root, generated=body is not None) if train else None,
            flip=flip,
            seed=seed,
        ),
        collate=collate_densepose,
        ids=tuple(str(image.id) for image in images),
        name=NAME,
        generated=body is not None,
        split=split,
        expected=expected,
        split_sha256=fingerprint(expected),
        manifest_sha256=_fingerprint(found),
        problems=tuple(problem for content in contents for problem in content.problems),
    )
    if not percent:
        return data
    share = [expected[row] for row in uniform_rows(len(expected), percent, task=TASK)]
    place = {identifier: row for row, identifier in enumerate(data.ids)}
    rows = data.subset([place[identifier] for identifier in share if identifier in place], split=split)
    return replace(rows, expected=tuple(share), split_sha256=fingerprint(share), problems=data.problems)


def annotation_files(root: Path, name: str) -> list[Path]:
    """The files of `train` or `minival`; raises DataError if one is missing."""
    found = find_annotations(root)
    missing = [part for part in PARTS_OF[name] if part not in found]
    if missing:
        raise DataError(
            f"{root}: the annotation files of {', '.join(missing)} are missing; put them into its annotations/",
            kind="no_annotations",
            file=str(root),
        )
    return [found[part] for part in PARTS_OF[name]]


def truth_of(root: Path, split: str, ids: Iterable[str]) -> Mapping[int, AnnotatedImage]:
    """The annotations of these images that the metric compares with; raises DataError if a file cannot be read."""
    wanted = {int(identifier) for identifier in ids}
    name = TEST if split == TEST else "train"
    return {
        number: image
        for path in annotation_files(root, name)
        for number, image in read_truth(path).items()
        if number in wanted
    }


def image_numbers(root: Path, split: str, ids: Iterable[str]) -> dict[str, int]:
    """COCO's number of each of these images by file name; raises DataError if an annotation file cannot be read."""
    wanted = {int(identifier) for identifier in ids}
    name = TEST if split == TEST else "train"
    return {
        PurePosixPath(file).name: number
        for path in annotation_files(root, name)
        for number, file in read_records(path).file_names.items()
        if number in wanted
    }


def find_geodesics(root: Path, given: str | None) -> Path:
    """The generated body's file, or the folder with DensePose's tables.

    Args:
        root: COCO's folder.
        given: Folder that the setting `geodesics` names; None to look below `root`.

    Raises:
        DataError: Kind `tables_missing` if there is neither; says what to fetch.
    """
    if given is not None:
        return Path(given)
    body = find_body(root)
    if body is not None:
        return body
    folders = [root / folder for folder in TABLE_FOLDERS]
    for folder in folders:
        if (folder / DISTANCES).is_file() or (folder / CONVERTED).is_file():
            return folder
    raise DataError(
        f"{root}: no {DISTANCES} in it or in {', '.join(filter(None, TABLE_FOLDERS))}; fetch DensePose's evaluation "
        "data (get_eval_data.sh of its authors) there, or name its folder: --set geodesics=FOLDER",
        kind="tables_missing",
        file=str(root),
    )


@lru_cache(maxsize=2)
def _geodesics_at(path: Path) -> Geodesics:
    if path.suffix != ".npz":
        return open_geodesics(path)
    body = read_body(path)
    return mesh_geodesics(
        body.vertices,
        body.faces,
        BodyCharts.of(body.vertex_part, body.vertex_u, body.vertex_v),
        body.vertex_to_unique,
        converted=path.with_name(CONVERTED) if os.access(path.parent, os.W_OK) else None,  # else computed each time
    )


def geodesics_of(root: Path, given: str | None, progress: Progress = no_progress) -> Geodesics:
    """Charts and distances of the body, converted or computed once and kept beside the tables; see `find_geodesics`.

    Raises:
        DataError: If tables are missing, damaged, or do not fit each other.
        StoreError: If the converted table cannot be written.
    """
    progress("reading geodesic distances", 0, 1)
    found = _geodesics_at(find_geodesics(root, given))
    progress("reading geodesic distances", 1, 1)
    return found


def _read(path: Path, root: Path) -> DensePoseAnnotations:
    status = path.stat()
    return _read_once(path, root, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=3)
def _read_once(path: Path, root: Path, size: int, modified: int) -> DensePoseAnnotations:
    """A file is some hundred MB of JSON, and a run opens it several times; size and date tell a changed one."""
    return read_annotations(path, root)


def _symmetry(root: Path, *, generated: bool) -> ChartSymmetry | None:
    path = find_symmetry(root)
    if path is not None:
        return read_symmetry(path)
    return generated_symmetry() if generated else None


def _fingerprint(files: list[Path]) -> str:
    return bytes_sha256("".join(file_sha256(path) for path in files).encode())
