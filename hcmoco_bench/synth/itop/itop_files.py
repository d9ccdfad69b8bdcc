"""Writes generated performances as ITOP's side view is published: two HDF5 files a split, and files of boxes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import h5py
import numpy as np

from hcmoco_bench.errors import UsageError
from hcmoco_bench.files.atomic import TEMPORARY_SUFFIX, remove_temporary
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources.itop.layout import DEPTH_FILE, DEPTH_SIZE, ID_PATTERN, LABELS_FILE, N_JOINTS, SPLITS, Split
from hcmoco_bench.synth.generated_folder import generated_folder
from hcmoco_bench.synth.itop.boxes import write_boxes
from hcmoco_bench.synth.itop.clip import ItopFrames, make_clip
from hcmoco_bench.synth.kinect.warp_runtime import DeviceOption, pick_device

PEOPLE: Final = 20
"""At most; a fifth of them are tested on, as in ITOP (persons 0 to 3 of 20)."""

_WHAT = "Generated people before a simulated depth camera, in the layout of ITOP's side view. Not ITOP data."
_LABEL = "generate"
_HEIGHT, _WIDTH = DEPTH_SIZE[::-1]


@dataclass(frozen=True)
class ItopOptions:
    """What is generated.

    Attributes:
        clips: Performances, at least 2; they go round among the people.
        frames: Of each performance.
        seed: Of everything.
        noise: Whether camera and labels err; bad labels are marked as not valid.
        device: Where rays are cast; bytes are reproducible on the CPU, a GPU's differ in last digits.
    """

    clips: int = 20
    frames: int = 30
    seed: int = 0
    noise: bool = True
    device: DeviceOption = "cpu"


@dataclass(frozen=True)
class ItopCounts:
    """How many frames a split has, and how many of them with valid labels."""

    people: int
    frames: int
    valid: int


def plan_people(clips: int) -> dict[Split, range]:
    """The people of each split: nobody is in both.

    Raises:
        UsageError: If there are too few clips for two people.
    """
    if clips < 2:
        raise UsageError(
            f"ITOP needs somebody to train on and somebody to test on; give --clips 2 or more, not {clips}"
        )
    people = min(PEOPLE, clips)
    n_test = max(1, people // 5)
    return {"train": range(n_test, people), "test": range(n_test)}


def write_itop(out: Path, options: ItopOptions | None = None, *, progress: Progress = no_progress) -> None:
    """Write both splits; a split that is there is left as it is, one that was begun is made anew.

    Args:
        out: New, empty, or begun before with the same options.
        options: What is generated.
        progress: Told the number of frames done.

    Raises:
        UsageError: If there are too few clips or frames, or the folder holds something else.
        StoreLockedError: If another process is writing it.
        DataError: If it cannot be written (`tree_unwritable`).
    """
    options = options or ItopOptions()
    plan = plan_people(options.clips)
    if options.frames < 1:
        raise UsageError(f"a performance needs at least one frame, not {options.frames}")
    device = pick_device(options.device)
    recorded = {"clips": options.clips, "frames": options.frames, "seed": options.seed, "noise": options.noise}
    done, total = 0, options.clips * options.frames
    with generated_folder(out, _WHAT, recorded):
        remove_temporary(out)
        progress(_LABEL, done, total)
        for split in SPLITS:
            clips = _clips(plan[split], options.clips)
            labels = out / LABELS_FILE.format(split=split)
            if labels.is_file() and (out / DEPTH_FILE.format(split=split)).is_file():
                done += len(clips) * options.frames
                progress(_LABEL, done, total)
                continue
            ids = _ids(clips, options.frames)
            with _new_file(labels) as label_file, _new_file(out / DEPTH_FILE.format(split=split)) as depth_file:
                _declare(label_file, depth_file, ids)
                for start, (person, number) in enumerate(clips):
                    frames = make_clip(options.seed, person, number, options.frames, noise=options.noise, device=device)
                    _put(label_file, depth_file, start * options.frames, frames)
                    done += options.frames
                    progress(_LABEL, done, total)
        write_boxes(out, options.seed, noise=options.noise)


def count_frames(out: Path) -> dict[Split, ItopCounts]:
    """What a written folder holds."""
    found: dict[Split, ItopCounts] = {}
    for split in SPLITS:
        with h5py.File(out / LABELS_FILE.format(split=split), "r") as file:
            people = len({name[:2] for name in file["id"][:]})
            found[split] = ItopCounts(people, len(file["id"]), int((file["is_valid"][:] != 0).sum()))
    return found


def _clips(people: range, clips: int) -> list[tuple[int, int]]:
    """(person, number) of the performances of some people, person by person."""
    everybody = min(PEOPLE, clips)
    return [(person, number) for person in people for number in range(len(range(person, clips, everybody)))]


def _ids(clips: list[tuple[int, int]], frames: int) -> list[bytes]:
    return [
        ID_PATTERN.format(person=person, frame=number * frames + frame).encode()
        for person, number in clips
        for frame in range(frames)
    ]


def _declare(label_file: Any, depth_file: Any, ids: list[bytes]) -> None:
    count = len(ids)
    names = np.array(ids, dtype="S8")
    depth_file.create_dataset("data", (count, _HEIGHT, _WIDTH), np.float16)
    depth_file.create_dataset("id", data=names)
    label_file.create_dataset("id", data=names)
    label_file.create_dataset("image_coordinates", (count, N_JOINTS, 2), np.int16)
    label_file.create_dataset("is_valid", (count,), np.uint8)
    label_file.create_dataset("real_world_coordinates", (count, N_JOINTS, 3), np.float16)
    label_file.create_dataset("segmentation", (count, _HEIGHT, _WIDTH), np.int8)
    label_file.create_dataset("visible_joints", (count, N_JOINTS), np.int16)


def _put(label_file: Any, depth_file: Any, start: int, frames: ItopFrames) -> None:
    rows = slice(start, start + len(frames.depth))
    depth_file["data"][rows] = frames.depth
    label_file["image_coordinates"][rows] = frames.pixels
    label_file["is_valid"][rows] = frames.is_valid
    label_file["real_world_coordinates"][rows] = frames.joints
    label_file["segmentation"][rows] = frames.segmentation
    label_file["visible_joints"][rows] = frames.visible


@contextmanager
def _new_file(path: Path) -> Iterator[Any]:
    """A new HDF5 file that takes its name when it is complete."""
    temporary = path.with_name(f".{path.name}{TEMPORARY_SUFFIX}")
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # the bytes must not depend on the number of cores
    try:
        with h5py.File(temporary, "w") as file:
            yield file
        temporary.replace(path)
    finally:
        cv2.setNumThreads(threads)
        temporary.unlink(missing_ok=True)
