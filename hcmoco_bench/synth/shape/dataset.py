"""Writes generated people with Anny bodies in the layout of `sources.anny_people`.

A clip's record appears when all its images are there, so that a run that was killed goes on where it was. The bytes of
every file depend on the seed and the options only, not on the number of workers.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body_models.anny_rig import BONES
from hcmoco_bench.body_models.anny_shape import Phenotype
from hcmoco_bench.errors import UsageError
from hcmoco_bench.files.images import encode_rgb
from hcmoco_bench.files.npz import npz_bytes
from hcmoco_bench.runtime.processes import starting_workers, worker_pool
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources.anny_people.layout import ANNOTATIONS, IMAGE, SAMPLE_ID
from hcmoco_bench.synth.generated_folder import generated_folder, write_bytes
from hcmoco_bench.synth.kinect.warp_runtime import DeviceOption, pick_device
from hcmoco_bench.synth.ntu.scene import generator
from hcmoco_bench.synth.person.performer import Performer
from hcmoco_bench.synth.photographs.photo_set import divide
from hcmoco_bench.synth.photographs.studio import studio
from hcmoco_bench.synth.shape.portrait import Portrait, take_portraits

_WHAT: Final = "Generated people with the parameters of their Anny bodies."
_SHARES: Final = {"train": 0.75, "test": 0.25}
_CLIPS_A_ROOM: Final = 4
_MAKING: Final = ".making"
_LABEL: Final = "generate"
_QUALITY: Final = 92
_SMALLEST_SIDE: Final = 64
_MOST_CLIPS, _MOST_IMAGES = 100_000, 100


@dataclass(frozen=True)
class ShapeOptions:
    """How the images are made.

    Attributes:
        clips: Number of people; each has a clip of their own. A quarter of them is for testing.
        seed: Of everything.
        images: Number of images of each person.
        long_side: Px of each image's longer side.
        device: Where rays are cast; bytes are reproducible on the CPU, a GPU's differ in last digits.
    """

    clips: int = 24
    seed: int = 0
    images: int = 6
    long_side: int = 320
    device: DeviceOption = "cpu"


def write_shape(out: Path, options: ShapeOptions, *, workers: int = 1, progress: Progress = no_progress) -> Path:
    """Write the folder, or go on with one that was interrupted.

    Args:
        out: New, empty, or begun before with the same options.
        options: How it is made.
        workers: Processes; the bytes do not depend on it.
        progress: Told the number of images done.

    Raises:
        UsageError: If options make no sense or the folder holds something else.
        StoreLockedError: If another process is writing it.
        DataError: If it cannot be written (`tree_unwritable`) or a worker was killed (`worker_killed`).
    """
    if options.long_side < _SMALLEST_SIDE:
        raise UsageError(f"images of {options.long_side} px are too small; give {_SMALLEST_SIDE} or more")
    if not (1 <= options.images <= _MOST_IMAGES and options.clips <= _MOST_CLIPS):
        raise UsageError(f"give 1 to {_MOST_IMAGES} images a clip, and at most {_MOST_CLIPS:,} clips")
    splits = dict(zip(_SHARES, divide(options.clips, tuple(_SHARES.values())), strict=True))
    pick_device(options.device)
    marks = {name: getattr(options, name) for name in ("clips", "seed", "images", "long_side")}
    total = options.clips * options.images
    with generated_folder(out, _WHAT, marks):
        records = out / _MAKING
        if records.is_dir() or not all((out / ANNOTATIONS.format(split=split)).is_file() for split in splits):
            _make_missing(out, splits, options, workers, progress)
            for split, clips in splits.items():
                write_bytes(out / ANNOTATIONS.format(split=split), _annotations(out, clips))
            shutil.rmtree(records)
        progress(_LABEL, total, total)
    return out


def _record(out: Path, clip: int) -> Path:
    return out / _MAKING / f"{clip:05d}.npz"


def _make_missing(
    out: Path, splits: Mapping[str, range], options: ShapeOptions, workers: int, progress: Progress
) -> None:
    missing = [(clip, split) for split, clips in splits.items() for clip in clips if not _record(out, clip).is_file()]
    done, total = options.images * (options.clips - len(missing)), options.images * options.clips
    progress(_LABEL, done, total)
    # The clips of one room together: it is then built once.
    rooms: dict[int, list[tuple[int, str]]] = {}
    for clip, split in missing:
        rooms.setdefault(clip // _CLIPS_A_ROOM, []).append((clip, split))
    for count in _work(out, list(rooms.values()), options, workers):
        done += count
        progress(_LABEL, done, total)


def _work(out: Path, rooms: Sequence[Sequence[tuple[int, str]]], options: ShapeOptions, workers: int) -> Iterator[int]:
    if workers <= 1 or len(rooms) <= 1:
        for room in rooms:
            for clip in room:
                yield _make(out, [clip], options)
        return
    with worker_pool(min(workers, len(rooms))) as pool:
        with starting_workers():
            tasks = [pool.submit(_make, out, room, options) for room in rooms]
        try:
            for task in as_completed(tasks):
                yield task.result()
        finally:
            for task in tasks:
                task.cancel()


def _make(out: Path, clips: Sequence[tuple[int, str]], options: ShapeOptions) -> int:
    device = pick_device(options.device)
    for clip, split in clips:
        rng = generator(options.seed, "shape clip", clip)
        performer = Performer.sample(rng)
        place = studio(options.seed, clip // _CLIPS_A_ROOM, device)
        rows = []
        portraits = take_portraits(rng, performer, place, options.images, long_side=options.long_side, device=device)
        for number, portrait in enumerate(portraits):
            name = SAMPLE_ID.format(clip=clip, image=number)
            write_bytes(out / IMAGE.format(split=split, id=name), encode_rgb(portrait.rgb, _QUALITY))
            rows.append(_row(name, performer.phenotype, portrait))
        columns = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
        write_bytes(_record(out, clip), npz_bytes(columns))
    return options.images * len(clips)


def _row(name: str, body: Phenotype, portrait: Portrait) -> dict[str, NDArray[Any]]:
    height, width = portrait.rgb.shape[:2]
    shape = [body.gender, body.age, body.muscle, body.weight, body.height, body.proportions, *body.origin]
    return {
        "ids": np.array(name),
        "sizes": np.array([width, height], np.int32),
        "boxes": np.array(portrait.box, np.float32),
        "intrinsics": np.array(portrait.intrinsics, np.float64),
        "phenotype": np.array(shape, np.float64),
        "rotations": portrait.rotations.astype(np.float32),
        "root": portrait.root.astype(np.float64),
        "visible": np.array(portrait.visible, np.float32),
    }


def _annotations(out: Path, clips: range) -> bytes:
    parts = []
    for clip in clips:
        with np.load(_record(out, clip), allow_pickle=False) as record:
            parts.append({name: record[name] for name in record.files})
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return npz_bytes(columns | {"bones": np.array(BONES)})
