"""Writes generated clips as a raw NTU RGB+D tree: videos, masked depth, skeletons, part masks, sample lists.

A clip appears under its final names only when it is complete, its skeleton file last, so a run that was killed goes on
where it was. Every file's bytes depend on the seed, the clip's name and the options only, not on the workers.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hcmoco_bench.body import part_table
from hcmoco_bench.errors import DataError
from hcmoco_bench.runtime.processes import starting_workers, worker_pool
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources.ntu.layout import (
    DEPTH_FOLDER,
    DEPTH_PATTERN,
    MASK_FOLDER,
    RGB_FOLDER,
    RGB_SUFFIX,
    SKELETON_FOLDER,
    SKELETON_SUFFIX,
)
from hcmoco_bench.sources.ntu.lists import declare_splits
from hcmoco_bench.sources.ntu.names import ClipName, SampleId
from hcmoco_bench.synth.generated_folder import generated_folder, write_text
from hcmoco_bench.synth.kinect.skeleton_text import format_skeleton
from hcmoco_bench.synth.kinect.warp_runtime import DeviceOption, pick_device
from hcmoco_bench.synth.ntu.clip import ClipMaker
from hcmoco_bench.synth.ntu.scene import rig_cameras
from hcmoco_bench.synth.ntu.tree_archives import archived_clips, pack_archives
from hcmoco_bench.synth.ntu.tree_plan import ClipPlan
from hcmoco_bench.synth.ntu.truth import write_cameras
from hcmoco_bench.synth.ntu.video_file import VideoFile

_MAKING = ".making"
_LABEL = "generate"
_WHAT = "Generated people in front of a simulated Kinect v2, in the layout of raw NTU RGB+D. Not NTU data."


@dataclass(frozen=True)
class TreeOptions:
    """How a tree is made.

    Attributes:
        seed: Of everything.
        noise: Whether cameras and body tracking err.
        truth: Folder for the truth (see `truth.py`), or None.
        archives: Whether the tree is left as the archives that NTU's site offers instead of folders.
        device: Where rays are cast; bytes are reproducible on the CPU, a GPU's differ in last digits.
        recurring: Whether a performer is one person in all setups, in other clothes, and not another in each.
    """

    seed: int = 0
    noise: bool = True
    truth: Path | None = None
    archives: bool = False
    device: DeviceOption = "cpu"
    recurring: bool = False


def write_mask(path: Path, parts: NDArray[np.uint8]) -> None:
    """Write class indices (H, W) as a paletted PNG of raw label ids, as published."""
    table = part_table()
    palette = np.zeros((256, 3), np.uint8)
    palette[table.raw_ids] = table.palette
    image = Image.fromarray(table.encode(parts), mode="P")
    image.putpalette(palette.tobytes())
    image.save(path, compress_level=1)


def write_depth(path: Path, depth: NDArray[np.uint16]) -> None:
    """Write millimeters (424, 512) as a 16-bit PNG."""
    done, data = cv2.imencode(".png", depth, [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, 3])
    if not done:
        raise DataError(f"{path}: the depth image could not be encoded", kind="depth_unwritable", file=str(path))
    path.write_bytes(data.tobytes())


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep OpenCV to one thread: the bytes must not depend on the number of cores."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def write_clip(out: Path, plan: ClipPlan, options: TreeOptions) -> None:
    """Make one clip and put its files into the tree."""
    name = str(plan.clip)
    making = out / _MAKING / name
    shutil.rmtree(making, ignore_errors=True)
    depth_folder = making / DEPTH_FOLDER
    depth_folder.mkdir(parents=True)
    maker = ClipMaker(
        options.seed,
        plan.clip,
        plan.n_frames,
        noise=options.noise,
        device=pick_device(options.device),
        truth=options.truth is not None,
        recurring=options.recurring,
    )
    masks = set(plan.masks)
    with _one_thread(), VideoFile(making / (name + RGB_SUFFIX)) as video:
        for number, frame in enumerate(maker.frames(), 1):
            video.add(frame.planes)
            write_depth(depth_folder / DEPTH_PATTERN.format(frame=number), frame.depth)
            if number in masks:
                write_mask(making / f"{SampleId(plan.clip, number)}.png", frame.parts)
    (making / (name + SKELETON_SUFFIX)).write_bytes(format_skeleton(maker.bodies()))
    if options.truth is not None and maker.truth is not None:
        options.truth.mkdir(parents=True, exist_ok=True)
        maker.truth.write(options.truth / f".{name}.part")
        (options.truth / f".{name}.part").replace(options.truth / f"{name}.npz")
    _settle(out, plan, making)


def _settle(out: Path, plan: ClipPlan, making: Path) -> None:
    """Move a finished clip's files to their names, the skeleton last."""
    name = str(plan.clip)
    for folder in (RGB_FOLDER, DEPTH_FOLDER, MASK_FOLDER, SKELETON_FOLDER):
        (out / folder).mkdir(parents=True, exist_ok=True)
    shutil.rmtree(out / DEPTH_FOLDER / name, ignore_errors=True)
    (making / DEPTH_FOLDER).replace(out / DEPTH_FOLDER / name)
    for frame in plan.masks:
        mask = f"{SampleId(plan.clip, frame)}.png"
        (making / mask).replace(out / MASK_FOLDER / mask)
    (making / (name + RGB_SUFFIX)).replace(out / RGB_FOLDER / (name + RGB_SUFFIX))
    (making / (name + SKELETON_SUFFIX)).replace(out / SKELETON_FOLDER / (name + SKELETON_SUFFIX))
    making.rmdir()


def _is_complete(out: Path, plan: ClipPlan, options: TreeOptions) -> bool:
    name = str(plan.clip)
    truth = options.truth is None or (options.truth / f"{name}.npz").is_file()
    return truth and (out / SKELETON_FOLDER / (name + SKELETON_SUFFIX)).is_file()


def write_lists(folder: Path, samples: Iterable[SampleId]) -> None:
    """Write sample lists under the published names, and the declaration of their splits.

    As in NTURGBD-Parsing-4K, the sorted samples are halved, training first (v2), and v3 is the first fifth of both.
    """
    lines = [f"images/{sample}.jpg" for sample in sorted(samples)]
    half = (len(lines) + 1) // 2
    train, test = lines[:half], lines[half:]
    lists = {
        "NTURGBD-Parsing-4K_list.txt": lines,
        "train_list_v2.txt": train,
        "val_list_v2.txt": test,
        "train_list_v3.txt": train[: max(1, len(train) // 5)],
        "val_list_v3.txt": test[: max(1, len(test) // 5)],
    }
    for name, content in lists.items():
        write_text(folder / name, "".join(line + "\n" for line in content))
    write_text(folder / "splits.toml", declare_splits(folder, "generated"))


def _mark(plans: Sequence[ClipPlan], options: TreeOptions) -> dict[str, Any]:
    clips = {str(plan.clip): {"frames": plan.n_frames, "masks": list(plan.masks)} for plan in plans}
    mark = {"seed": options.seed, "noise": options.noise, "archives": options.archives, "clips": clips}
    return {**mark, "recurring": True} if options.recurring else mark


def _write_group(out: Path, plans: Sequence[ClipPlan], options: TreeOptions) -> int:
    """Make the clips of one performance, in a worker process."""
    for plan in plans:
        write_clip(out, plan, options)
    return sum(plan.n_frames for plan in plans)


def _groups(plans: Iterable[ClipPlan]) -> list[list[ClipPlan]]:
    """Clips by performance, setups together, so that rooms and people are made once."""
    groups: dict[tuple[int, ...], list[ClipPlan]] = {}
    for plan in plans:
        clip = plan.clip
        groups.setdefault((clip.setup, clip.performer, clip.replication, clip.action), []).append(plan)
    return [groups[key] for key in sorted(groups)]


def write_tree(
    out: Path,
    plans: Sequence[ClipPlan],
    options: TreeOptions | None = None,
    *,
    workers: int = 1,
    progress: Progress = no_progress,
) -> Path:
    """Write a generated tree, or go on with one that was interrupted.

    Args:
        out: Folder of the tree; new, empty, or the same tree begun before.
        plans: The clips, from `plan_clips` or `plan_samples`.
        options: How it is made.
        workers: Processes; the bytes do not depend on it.
        progress: Told the number of frames done.

    Returns:
        `out`.

    Raises:
        UsageError: If the folder holds something else.
        StoreLockedError: If another process is writing it.
        DataError: If it cannot be written (`tree_unwritable`) or a worker was killed (`worker_killed`).
    """
    options = options or TreeOptions()
    pick_device(options.device)
    with generated_folder(out, _WHAT, _mark(plans, options)):
        _write_all(out, plans, options, workers, progress)
    return out


def _write_all(out: Path, plans: Sequence[ClipPlan], options: TreeOptions, workers: int, progress: Progress) -> None:
    done = archived_clips(out) if options.archives else frozenset[ClipName]()
    missing = [plan for plan in plans if plan.clip not in done and not _is_complete(out, plan, options)]
    total, made = sum(plan.n_frames for plan in plans), sum(plan.n_frames for plan in plans)
    made -= sum(plan.n_frames for plan in missing)
    progress(_LABEL, made, total)
    for count in _work(out, missing, options, workers):
        made += count
        progress(_LABEL, made, total)
    shutil.rmtree(out / _MAKING, ignore_errors=True)
    write_lists(out / "lists", (SampleId(plan.clip, frame) for plan in plans for frame in plan.masks))
    if options.truth is not None:
        rigs = {plan.clip.rig for plan in plans}
        write_cameras(options.truth, {str(rig): rig_cameras(options.seed, rig) for rig in rigs})
    if options.archives:
        pack_archives(out, [plan.clip for plan in plans], progress=progress)


def _work(out: Path, missing: Sequence[ClipPlan], options: TreeOptions, workers: int) -> Iterator[int]:
    """Make the missing clips and yield frames as they are done."""
    groups = _groups(missing)
    if workers <= 1 or len(groups) <= 1:
        for group in groups:
            for plan in group:
                yield _write_group(out, [plan], options)
        return
    with worker_pool(min(workers, len(groups))) as pool:
        with starting_workers():
            tasks = [pool.submit(_write_group, out, group, options) for group in groups]
        try:
            for task in as_completed(tasks):
                yield task.result()
        finally:
            for task in tasks:
                task.cancel()
