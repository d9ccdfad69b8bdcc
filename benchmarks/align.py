"""How far both alignment modes miss the truth on generated trees, over all person pixels, and how long they take.

    python benchmarks/align.py                                  # generates a tree, with its truth and without noise
    python benchmarks/align.py --tree DIR --truth DIR           # any generated tree with its truth

Every person pixel counts: also those that the color camera does not see, and those that fall back to the homography
because the sensor gave them no depth.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table

from hcmoco_bench.align import Calibration, Mode, align_rgb, calibrate, color_map
from hcmoco_bench.cli.console import progress_bar
from hcmoco_bench.errors import DataError, HcmocoBenchError
from hcmoco_bench.runtime.progress import Progress
from hcmoco_bench.sources.ntu import Asset, NtuTree, count_frames, decode_frames, read_depth, scan
from hcmoco_bench.sources.ntu.layout import DEPTH_SIZE
from hcmoco_bench.synth.kinect.cameras import KinectPair
from hcmoco_bench.synth.ntu.ntu_tree import TreeOptions, write_tree
from hcmoco_bench.synth.ntu.tree_plan import plan_clips
from hcmoco_bench.synth.ntu.truth import read_cameras, read_truth

MODES: Final[tuple[Mode, ...]] = ("homography", "registered")


@dataclass(frozen=True)
class Errors:
    """Distances from the truth, px of the depth frame, over person pixels."""

    mean: float
    p95: float
    largest: float
    pixels: int

    @classmethod
    def of(cls, distances: list[NDArray[np.float32]]) -> Errors:
        """Summarize the frames of a rig, or of all rigs."""
        every = np.concatenate(distances)
        return cls(float(every.mean()), float(np.percentile(every, 95)), float(every.max()), len(every))


@dataclass(frozen=True)
class FrameErrors:
    """One frame's person pixels: their distances from the truth by mode, and what is special about them."""

    distances: dict[Mode, NDArray[np.float32]]
    hidden: NDArray[np.bool_]
    without_depth: NDArray[np.bool_]


def measure(
    tree: NtuTree, truth: Path, calibration: Calibration, step: int, progress: Progress
) -> dict[str, list[FrameErrors]]:
    """Compare the maps of both modes with the truth in frames 1, 1 + step, ... of each clip; by rig."""
    cameras = read_cameras(truth)
    found: dict[str, list[FrameErrors]] = defaultdict(list)
    for done, clip in enumerate(tree.clips.values(), start=1):
        rig = calibration.rig(clip.name.rig)
        with np.load(truth / f"{clip.name}.npz") as arrays:
            n_frames = len(arrays["start"]) - 1
        for frame in range(1, n_frames + 1, step):
            known = read_truth(truth, clip.name, frame)
            person = known.z > 0
            if clip.depth is None or not person.any():
                continue
            depth = depth_or_nothing(clip.depth.frame(frame))
            distances = {
                mode: depth_px(color_map(rig, depth, mode)[person] - known.color_xy[person], cameras[rig.rig])
                for mode in MODES
            }
            found[rig.rig].append(FrameErrors(distances, ~known.visible[person], depth[person] == 0))
        progress("comparing with the truth", done, len(tree.clips))
    return found


def depth_or_nothing(asset: Asset) -> NDArray[np.uint16]:
    """The depth frame; zeros if it cannot be used, so that its pixels count as falling back."""
    try:
        return read_depth(asset)
    except DataError:
        return np.zeros(DEPTH_SIZE[::-1], np.uint16)


def depth_px(difference: NDArray[np.float32], kinect: KinectPair) -> NDArray[np.float32]:
    """Lengths (N,) in px of the depth frame of differences (N, 2) in the color frame."""
    scale = np.array([kinect.color.fx / kinect.depth.fx, kinect.color.fy / kinect.depth.fy], np.float32)
    return np.asarray(np.linalg.norm(difference / scale, axis=1), np.float32)


def milliseconds(tree: NtuTree, calibration: Calibration, frames: int) -> dict[Mode, float]:
    """Median CPU time of warping one frame on one core, by mode; decoding and depth reading are not in it."""
    cv2.setNumThreads(1)
    times: dict[Mode, list[float]] = {mode: [] for mode in MODES}
    for clip in tree.clips.values():
        if clip.rgb is None or clip.depth is None:
            continue
        rig = calibration.rig(clip.name.rig)
        for frame, rgb in decode_frames(clip.rgb, range(1, count_frames(clip.rgb) + 1, 3)):
            depth = depth_or_nothing(clip.depth.frame(frame))
            for mode in MODES:
                align_rgb(rgb, depth, rig, mode)  # the rig's tables are made once
                start = time.process_time()
                align_rgb(rgb, depth, rig, mode)
                times[mode].append(1e3 * (time.process_time() - start))
        if len(times["registered"]) >= frames:
            break
    return {mode: float(np.median(values)) for mode, values in times.items()}


def report(errors: dict[str, list[FrameErrors]], cost: dict[Mode, float]) -> tuple[Table, dict[str, object]]:
    """The table to read and the same as plain values."""
    table = Table(
        title="Error against the truth, px of the depth frame, all person pixels", box=box.SIMPLE_HEAD, pad_edge=False
    )
    for header in ("rig", "person px", "hidden", "no depth", *(f"{mode}\nmean  95 %  max" for mode in MODES)):
        table.add_column(header, justify="left" if header == "rig" else "right", no_wrap=True)
    values: dict[str, object] = {}
    everything = [frame for rig in sorted(errors) for frame in errors[rig]]
    for name, frames in [*((rig, errors[rig]) for rig in sorted(errors)), ("all rigs", everything)]:
        summary = {mode: Errors.of([frame.distances[mode] for frame in frames]) for mode in MODES}
        hidden = float(np.concatenate([frame.hidden for frame in frames]).mean())
        without = float(np.concatenate([frame.without_depth for frame in frames]).mean())
        cells = [f"{row.mean:.3f} {row.p95:.3f} {row.largest:4.1f}" for row in summary.values()]
        if name == "all rigs":
            table.add_section()
        table.add_row(name, f"{summary['registered'].pixels:,}", f"{hidden:.2%}", f"{without:.2%}", *cells)
        values[name] = {mode: asdict(row) for mode, row in summary.items()} | {"hidden": hidden, "no_depth": without}
    table.add_section()
    table.add_row("CPU ms", "", "", "", *(f"{cost[mode]:.1f}" for mode in MODES))
    return table, values | {"ms_per_frame": cost}


def main() -> int:
    """StepMetric and print; 1 if the tree or its truth cannot be used."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", type=Path, help="a generated tree; needs --truth")
    parser.add_argument("--truth", type=Path, help="its truth folder")
    parser.add_argument("--clips", type=int, default=12, help="clips of the tree made here (default: %(default)s)")
    parser.add_argument("--frames", type=int, default=40, help="length of these clips (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the tree and the calibration (default: %(default)s)")
    parser.add_argument("--noise", action="store_true", help="let the sensors of this tree err")
    parser.add_argument("--step", type=int, default=10, help="every so manieth frame counts (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print plain values instead of the table")
    options = parser.parse_args()
    if (options.tree is None) != (options.truth is None):
        parser.error("--tree and --truth go together")
    try:
        with tempfile.TemporaryDirectory() as folder, progress_bar(quiet=options.json) as progress:
            tree_path, truth = options.tree, options.truth
            if tree_path is None:
                tree_path, truth = Path(folder) / "tree", Path(folder) / "truth"
                plans = plan_clips(options.clips, options.seed, n_frames=options.frames)
                write_tree(
                    tree_path, plans, TreeOptions(options.seed, noise=options.noise, truth=truth), progress=progress
                )
            tree = scan([tree_path])
            calibration, problems = calibrate(tree, seed=options.seed, progress=progress)
            errors = measure(tree, truth, calibration, options.step, progress)
            cost = milliseconds(tree, calibration, frames=30)
    except HcmocoBenchError as error:
        Console(stderr=True).print(str(error))
        return 1
    table, values = report(errors, cost)
    for problem in problems:
        Console(stderr=True).print(problem.reason)
    if options.json:
        sys.stdout.write(json.dumps(values, indent=2) + "\n")
    else:
        Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
