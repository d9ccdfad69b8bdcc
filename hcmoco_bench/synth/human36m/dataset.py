"""Writes generated recordings in Human3.6M's layout: `S1/Videos/*.mp4`, part labels and joint positions.

The labels are `S1/MySegmentsMat/PartLabels/*.mat`, the positions `S1/MyPoseFeatures/D3_Positions_mono/*.cdf` and
`D2_Positions/*.cdf`. A recording's video appears under its name when all of them are complete, so that a run that was
killed goes on where it was. Every file's bytes depend on the seed, the recording's name and the options only, not on
the workers.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import UsageError
from hcmoco_bench.runtime.processes import starting_workers, worker_pool
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources.human36m.layout import (
    CAMERA_SIZES,
    FRAME_RATE,
    LABEL_FOLDER,
    POSITION_FOLDER,
    PROJECTION_FOLDER,
    VIDEO_FOLDER,
)
from hcmoco_bench.sources.human36m.names import SequenceName
from hcmoco_bench.synth.generated_folder import generated_folder
from hcmoco_bench.synth.human36m.label_file import write_labels
from hcmoco_bench.synth.human36m.position_file import write_positions
from hcmoco_bench.synth.human36m.recording import MOTIONS, camera_size, positions, record
from hcmoco_bench.synth.kinect.warp_runtime import DeviceOption, pick_device
from hcmoco_bench.synth.ntu.video_file import VideoFile

_WHAT: Final = "Generated people in the layout of raw Human3.6M. Not Human3.6M's recordings."
_SUBJECTS: Final = (1, 9, 5, 11, 6, 7, 8)
"""Order in which subjects are taken: training and test are there from the second performance on."""

_LABEL: Final = "generate"
_MAKING: Final = ".making"
_SMALLEST: Final = 64


@dataclass(frozen=True)
class Human36mOptions:
    """How the recordings are made.

    Attributes:
        clips: Number of videos.
        seed: Of everything.
        frames: Length of every video, 50 a second.
        cameras: How many of the four cameras film each performance.
        width: Px of the images' width; 1000 as published.
        device: Where rays are cast; bytes are reproducible on the CPU, a GPU's differ in last digits.
    """

    clips: int = 28
    seed: int = 0
    frames: int = 101
    cameras: int = 4
    width: int = 1000
    device: DeviceOption = "cpu"


def plan_recordings(clips: int, cameras: int) -> tuple[SequenceName, ...]:
    """The recordings of a tree: performances in turn by subject, then by action, each filmed by so many cameras.

    Raises:
        UsageError: If a number makes no sense.
    """
    if clips < 1 or not 1 <= cameras <= len(CAMERA_SIZES):
        raise UsageError(f"give at least one clip, and 1 to {len(CAMERA_SIZES)} cameras")
    names = []
    actions = list(MOTIONS)
    for number in range(-(-clips // cameras)):
        take, index = divmod(number // len(_SUBJECTS), len(actions))
        action = actions[index] if take == 0 else f"{actions[index]} {take}"
        for camera in list(CAMERA_SIZES)[: min(cameras, clips - number * cameras)]:
            names.append(SequenceName(_SUBJECTS[number % len(_SUBJECTS)], action, camera))
    return tuple(names)


def write_human36m(out: Path, options: Human36mOptions, *, workers: int = 1, progress: Progress = no_progress) -> Path:
    """Write the tree, or go on with one that was interrupted.

    Args:
        out: New, empty, or begun before with the same options.
        options: How it is made.
        workers: Processes; the bytes do not depend on it.
        progress: Told the number of frames done.

    Raises:
        UsageError: If options make no sense or the folder holds something else.
        StoreLockedError: If another process is writing it.
        DataError: If it cannot be written (`tree_unwritable`) or a worker was killed (`worker_killed`).
    """
    if options.frames < 1 or options.width < _SMALLEST:
        raise UsageError(f"give at least one frame, and a width of {_SMALLEST} px or more")
    names = plan_recordings(options.clips, options.cameras)
    pick_device(options.device)
    marks = {name: getattr(options, name) for name in ("clips", "seed", "frames", "cameras", "width")}
    with generated_folder(out, _WHAT, marks):
        missing = [name for name in names if not _video(out, name).is_file()]
        done, total = options.frames * (len(names) - len(missing)), options.frames * len(names)
        progress(_LABEL, done, total)
        for count in _work(out, missing, options, workers):
            done += count
            progress(_LABEL, done, total)
        shutil.rmtree(out / _MAKING, ignore_errors=True)
    return out


def _video(out: Path, name: SequenceName) -> Path:
    return out / f"S{name.subject}" / VIDEO_FOLDER / f"{name.stem}.mp4"


def _work(out: Path, names: Sequence[SequenceName], options: Human36mOptions, workers: int) -> Iterator[int]:
    # A performance's cameras together: it is then staged once.
    groups: dict[tuple[int, str], list[SequenceName]] = {}
    for name in names:
        groups.setdefault((name.subject, name.action), []).append(name)
    if workers <= 1 or len(groups) <= 1:
        for name in names:
            yield _write_group(out, [name], options)
        return
    with worker_pool(min(workers, len(groups))) as pool:
        with starting_workers():
            tasks = [pool.submit(_write_group, out, group, options) for group in groups.values()]
        try:
            for task in as_completed(tasks):
                yield task.result()
        finally:
            for task in tasks:
                task.cancel()


def _write_group(out: Path, names: Sequence[SequenceName], options: Human36mOptions) -> int:
    for name in names:
        _write_recording(out, name, options)
    return options.frames * len(names)


def _write_recording(out: Path, name: SequenceName, options: Human36mOptions) -> None:
    video, making = _video(out, name), out / _MAKING / str(name)
    folders = {
        "labels.mat": LABEL_FOLDER,
        "positions.cdf": POSITION_FOLDER,
        "projections.cdf": PROJECTION_FOLDER,
        "video.mp4": VIDEO_FOLDER,  # the last one: it says that all are there
    }
    shutil.rmtree(making, ignore_errors=True)
    for folder in (making, *(out / f"S{name.subject}" / folder for folder in folders.values())):
        folder.mkdir(parents=True, exist_ok=True)
    device = pick_device(options.device)
    frames = record(options.seed, name, options.frames, width=options.width, device=device)
    size = camera_size(name.camera, options.width)
    with VideoFile(making / "video.mp4", size, container="mp4", rate=FRAME_RATE) as film:
        write_labels(making / "labels.mat", _filmed(film, frames))
    joints, pixels = positions(options.seed, name, options.frames, width=options.width, device=device)
    write_positions(making / "positions.cdf", joints)
    write_positions(making / "projections.cdf", pixels)
    for made, place in folders.items():
        (making / made).replace(video.parents[1] / place / f"{name.stem}{Path(made).suffix}")
    making.rmdir()


def _filmed(
    film: VideoFile, frames: Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]
) -> Iterator[NDArray[np.uint8]]:
    """Add each image to the video and pass its labels on."""
    for planes, parts in frames:
        film.add(planes)
        yield parts
