"""Takes the photographs of a data set, one after the other or by several processes, and keeps what is said of each.

Every image and its record appear under their names when complete, the record last, so that a run that was killed
goes on where it was. Their bytes depend on the seed, the number and the options only.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import cv2

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.runtime.processes import starting_workers, worker_pool
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.synth.generated_folder import generated_folder, write_bytes, write_text
from hcmoco_bench.synth.kinect.warp_runtime import DeviceOption, pick_device
from hcmoco_bench.synth.photographs.photograph import PICTURES_A_ROOM, Photograph, take_photograph

_RECORDS: Final = ".making"
_LABEL: Final = "generate"
_QUALITY: Final = 92
_SMALLEST_SIDE: Final = 64

Describe = Callable[[Photograph, int], Any]
"""What a data set says of a photograph with this number, as plain values for JSON; picklable."""


@dataclass(frozen=True)
class PhotoOptions:
    """How the photographs are taken.

    Attributes:
        images: How many.
        seed: Of everything.
        long_side: Px of each image's longer side.
        device: Where rays are cast; bytes are reproducible on the CPU, a GPU's differ in last digits.
    """

    images: int
    seed: int = 0
    long_side: int = 640
    device: DeviceOption = "cpu"


def divide(images: int, shares: Sequence[float]) -> tuple[range, ...]:
    """Divide images 0..images-1 into splits one after the other, about by these shares, none of them empty.

    Raises:
        UsageError: If there are fewer images than splits.
    """
    if images < len(shares):
        raise UsageError(f"{images} images are too few for {len(shares)} splits; give --images {len(shares)} or more")
    ends, total = [0], sum(shares)
    for index in range(len(shares)):
        left = len(shares) - 1 - index
        end = round(images * sum(shares[: index + 1]) / total)
        ends.append(min(max(end, ends[-1] + 1), images - left))
    return tuple(range(a, b) for a, b in pairwise(ends))


@dataclass(frozen=True)
class PhotoLayout:
    """What a data set of photographs looks like on disk.

    Attributes:
        what: One sentence that marks the folder as generated.
        images: Path of each image below the folder.
        annotations: Paths of the files that `finish` makes.
        describe: Makes an image's record; a function of a module, so that workers can be given it.
        finish: Makes the content of the annotation files, by path, from all records.
    """

    what: str
    images: tuple[str, ...]
    annotations: tuple[str, ...]
    describe: Describe
    finish: Callable[[list[Any]], Mapping[str, str | bytes]]


def write_photographs(
    out: Path, layout: PhotoLayout, options: PhotoOptions, *, workers: int = 1, progress: Progress = no_progress
) -> Path:
    """Write a data set of photographs, or go on with one that was interrupted.

    Args:
        out: Its folder: new, empty, or begun before with the same options.
        layout: How the data set is laid out.
        options: How the images are taken.
        workers: Processes; the bytes do not depend on it.
        progress: Told the number of images done.

    Returns:
        `out`.

    Raises:
        UsageError: If options make no sense or the folder holds something else.
        StoreLockedError: If another process is writing it.
        DataError: If it cannot be written (`tree_unwritable`) or a worker was killed (`worker_killed`).
    """
    if options.long_side < _SMALLEST_SIDE:
        raise UsageError(f"images of {options.long_side} px are too small; give {_SMALLEST_SIDE} or more")
    pick_device(options.device)
    marks = {"images": options.images, "seed": options.seed, "long_side": options.long_side}
    with generated_folder(out, layout.what, marks):
        records = out / _RECORDS
        if records.is_dir() or not all((out / path).is_file() for path in layout.annotations):
            _take_missing(out, layout, options, workers, progress)
            found = [json.loads(_record(out, number).read_bytes()) for number in range(options.images)]
            for path, content in layout.finish(found).items():
                write_bytes(out / path, content.encode() if isinstance(content, str) else content)
            shutil.rmtree(records)
        progress(_LABEL, options.images, options.images)
    return out


def _record(out: Path, number: int) -> Path:
    return out / _RECORDS / f"{number:06d}.json"


def _take_missing(out: Path, layout: PhotoLayout, options: PhotoOptions, workers: int, progress: Progress) -> None:
    missing = [
        number
        for number in range(options.images)
        if not (_record(out, number).is_file() and (out / layout.images[number]).is_file())
    ]
    done = options.images - len(missing)
    progress(_LABEL, done, options.images)
    # Images of one room together: it is then built once.
    groups: dict[int, list[int]] = {}
    for number in missing:
        groups.setdefault(number // PICTURES_A_ROOM, []).append(number)
    for count in _work(out, layout, options, list(groups.values()), workers):
        done += count
        progress(_LABEL, done, options.images)


def _work(
    out: Path, layout: PhotoLayout, options: PhotoOptions, groups: Sequence[Sequence[int]], workers: int
) -> Iterator[int]:
    if workers <= 1 or len(groups) <= 1:
        for group in groups:
            for number in group:
                yield _take(out, layout.images, layout.describe, options, [number])
        return
    with worker_pool(min(workers, len(groups))) as pool:
        with starting_workers():
            tasks = [pool.submit(_take, out, layout.images, layout.describe, options, group) for group in groups]
        try:
            for task in as_completed(tasks):
                yield task.result()
        finally:
            for task in tasks:
                task.cancel()


def _take(out: Path, images: Sequence[str], describe: Describe, options: PhotoOptions, numbers: Sequence[int]) -> int:
    device = pick_device(options.device)
    for number in numbers:
        photograph = take_photograph(options.seed, number, long_side=options.long_side, device=device)
        bgr = cv2.cvtColor(photograph.rgb, cv2.COLOR_RGB2BGR)
        done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        if not done:
            raise DataError(f"{images[number]}: the image could not be encoded", kind="image_unwritable")
        write_bytes(out / images[number], data.tobytes())
        write_text(_record(out, number), json.dumps(describe(photograph, number)))
    return len(numbers)
