"""What a prepared sample costs on one core, against a plain loop that reads, warps and writes every frame.

    python benchmarks/prepare.py                                  # generates a few clips
    python benchmarks/prepare.py --real ../shared/real/ntu        # and the real clip

Both ways run on one core, by turns, each time in a fresh process that has warmed up, and only the work is timed: no
imports, no scan, no calibration, as in a run over thousands of clips. Ours is the whole of a shard: depth, masks and
skeletons read and checked, main bodies chosen, RGB aligned, everything encoded, Parquet written and synced to disk.

The plain loop has OpenCV read every frame of the video, warp it with the rig's homography and write a JPEG. The plain
loop of whole rows writes for every frame what a store holds of it: the same averaged and warped RGB, depth and mask as
PNG, the joints, in Parquet; it checks nothing.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from rich import box
from rich.console import Console
from rich.table import Table

from hcmoco_bench.align.calibration import Calibration
from hcmoco_bench.body.parts import part_table
from hcmoco_bench.cli.console import progress_bar
from hcmoco_bench.prepare.ntu import prepare_ntu
from hcmoco_bench.prepare.options import check_options
from hcmoco_bench.prepare.plan import stride_frames
from hcmoco_bench.sources.ntu.layout import DEPTH_SIZE, MASK_FOLDER
from hcmoco_bench.sources.ntu.lists import declare_splits
from hcmoco_bench.sources.ntu.names import ClipName, SampleId
from hcmoco_bench.sources.ntu.tree import scan
from hcmoco_bench.sources.ntu.video import count_frames
from hcmoco_bench.store.columns import JPEG_QUALITY, Row
from hcmoco_bench.store.executor import TaskT, Work
from hcmoco_bench.store.kinds.ntu import CALIBRATION_FILE
from hcmoco_bench.store.kinds.ntu.columns import image_names, name_columns, store_schema

TARGETS = {"one frame a clip": 3.0, "every 30th frame": 2.0}
"""How many times faster than the plain loop."""

PLAIN_ROWS = "plain loop of whole rows"
DENSE = "every frame, homography"
DENSE_LIST = 2
DENSE_TARGET = 1.5
"""How many times faster than the plain loop of whole rows, which does as much."""
MEMORY_TARGET = 1024.0
"""MiB a worker."""

COPIES = 6
"""Names that a real video is given, so that there are several clips to work on."""

_LISTS = ("train_list_v2.txt", "val_list_v2.txt", "train_list_v3.txt", "val_list_v3.txt")


@dataclass(frozen=True)
class Cost:
    """What one run cost.

    Attributes:
        cpu: Processor seconds of the work.
        wall: Seconds on the clock of the work.
        frames: Frames that came out.
        memory: Largest memory of the process, MiB, libraries included.
    """

    cpu: float
    wall: float
    frames: int
    memory: float


class TimedExecutor:
    """Does the work in this process, the first shard once more beforehand, and measures it."""

    def __init__(self) -> None:
        self.cpu = self.wall = 0.0

    def run(self, work: Work[TaskT], tasks: Sequence[TaskT]) -> Iterator[int]:
        """See `hcmoco_bench.prepare.executors.Executor.run`."""
        work(tasks[0])
        for task in tasks:
            cpu, wall = time.process_time(), time.perf_counter()
            done = work(task)
            self.cpu += time.process_time() - cpu
            self.wall += time.perf_counter() - wall
            yield done


def ours(root: Path, lists: Path, out: Path, align: str) -> Cost:
    """Prepare the listed frames."""
    masks = root / MASK_FOLDER
    depth = (root / "nturgb+d_depth_masked").exists()
    options = check_options(parts=masks.exists(), rgb_only=not depth, align=align if depth else "homography")
    timed = TimedExecutor()
    prepared = prepare_ntu(
        [root], out, options, lists=lists, annotations=masks if masks.exists() else None, executor=timed
    )
    rows = sum(entry.rows for entry in prepared.store.manifest.shards.values())
    return Cost(timed.cpu, timed.wall, rows, _memory())


def plain(root: Path, calibration: Path, out: Path) -> Cost:
    """Read every frame of every video, warp it, write a JPEG."""
    rigs = Calibration.load(calibration).rigs
    videos = [(name, clip.rgb.path) for name, clip in scan([root]).clips.items() if clip.rgb is not None]
    out.mkdir()
    done, image = cv2.VideoCapture(str(videos[0][1])).read()
    cv2.imwrite(str(out / "warm-up.jpg"), cv2.warpPerspective(image, np.eye(3), DEPTH_SIZE))
    frames = 0
    cpu, wall = time.process_time(), time.perf_counter()
    for name, path in videos:
        homography = np.array(rigs[str(name.rig)].homography)
        capture = cv2.VideoCapture(str(path))
        while True:
            done, image = capture.read()
            if not done:
                break
            frames += 1
            warped = cv2.warpPerspective(image, homography, DEPTH_SIZE)
            cv2.imwrite(str(out / f"{name}F{frames:05d}.jpg"), warped, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return Cost(time.process_time() - cpu, time.perf_counter() - wall, frames, _memory())


def plain_rows(root: Path, calibration: Path, out: Path) -> Cost:
    """Write a whole row for every frame of every clip: RGB, depth, mask and joints."""
    rigs = Calibration.load(calibration).rigs
    classes = np.zeros(256, np.uint8)
    classes[part_table().raw_ids] = np.arange(len(part_table()))
    names = [name for name, clip in scan([root]).clips.items() if clip.rgb is not None]
    out.mkdir()
    frames = 0
    for warm_up in (True, False):
        cpu, wall = time.process_time(), time.perf_counter()
        for name in names[: 1 if warm_up else None]:
            homography = np.array(rigs[str(name.rig)].homography)
            rows = list(_plain_rows_of(root, name, homography, classes))
            table = pa.Table.from_pylist(rows, schema=store_schema(parts=True))
            pq.write_table(table, out / f"{name}.parquet")
            frames += 0 if warm_up else len(rows)
    return Cost(time.process_time() - cpu, time.perf_counter() - wall, frames, _memory())


def _plain_rows_of(root: Path, name: ClipName, homography: Any, classes: Any) -> Iterator[Row]:
    bodies = _plain_skeleton(root / "nturgb+d_skeletons" / f"{name}.skeleton")
    capture = cv2.VideoCapture(str(root / "nturgb+d_rgb" / f"{name}_rgb.avi"))
    for frame in range(1, len(bodies) + 1):
        done, image = capture.read()
        if not done:
            return
        sample = SampleId(name, frame)
        smooth = cv2.blur(image, (3, 3), borderType=cv2.BORDER_REPLICATE)
        warped = cv2.warpPerspective(smooth, homography, DEPTH_SIZE)
        jpeg = cv2.imencode(".jpg", warped, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
        folder = root / "nturgb+d_depth_masked" / str(name)
        depth = cv2.imread(str(folder / f"MDepth-{frame:08d}.png"), cv2.IMREAD_UNCHANGED)
        mask = np.array(Image.open(root / MASK_FOLDER / f"{sample}.png"))
        names = image_names(sample)
        yield {
            "sample_id": str(sample),
            **name_columns(sample),
            "rgb": {"bytes": jpeg.tobytes(), "path": names["rgb"]},
            "depth": {"bytes": cv2.imencode(".png", depth)[1].tobytes(), "path": names["depth"]},
            "parts": {"bytes": cv2.imencode(".png", classes[mask])[1].tobytes(), "path": names["parts"]},
            "bodies": bodies[frame - 1],
            "alignment": {"mode": "homography", "residual_px": None},
        }


def _plain_skeleton(path: Path) -> list[list[Row]]:
    """Every frame's bodies, read as the file's form says."""
    lines = iter(path.read_text(encoding="ascii").splitlines())
    frames = []
    for _ in range(int(next(lines))):
        bodies = []
        for _ in range(int(next(lines))):
            body_id = int(next(lines).split()[0])
            joints = [[float(number) for number in next(lines).split()] for _ in range(int(next(lines)))]
            bodies.append(
                {
                    "body_id": body_id,
                    "joints_xyz": [joint[0:3] for joint in joints],
                    "joints_depth": [joint[3:5] for joint in joints],
                    "joints_color": [joint[5:7] for joint in joints],
                    "tracking": [int(joint[11]) for joint in joints],
                }
            )
        frames.append(bodies)
    return frames


STEPS = {
    "decoding the video": {("video_images.py", "images_in_order"), ("video.py", "_necessary_images")},
    "averaging, warping, color conversion": {("aligner.py", "align")},
    "encoding": {("images.py", "encode_rgb"), ("images.py", "encode_png")},
    "reading depth": {("depth.py", "read_depth")},
    "reading masks": {("masks.py", "read_mask")},
    "reading joints": {("sample.py", "read_bodies")},
}
"""The functions in which the time of a step is spent."""


def shares(root: Path, lists: Path, out: Path) -> dict[str, float]:
    """The share of each step in the processor time of a dense shard, by profile."""
    profile = cProfile.Profile(time.process_time)

    class Profiled(TimedExecutor):
        def run(self, work: Work[TaskT], tasks: Sequence[TaskT]) -> Iterator[int]:
            work(tasks[0])
            for task in tasks:
                yield profile.runcall(work, task)

    options = check_options(parts=True, rgb_only=False, align="homography")
    prepare_ntu([root], out, options, lists=lists, annotations=root / MASK_FOLDER, executor=Profiled())
    found: dict[str, float] = dict.fromkeys(STEPS, 0.0)
    statistics_of = pstats.Stats(profile)
    whole = statistics_of.total_tt  # type: ignore[attr-defined]
    for (file, _, function), (_, _, _, spent, _) in statistics_of.stats.items():  # type: ignore[attr-defined]
        for step, functions in STEPS.items():
            if (Path(file).name, function) in functions:
                found[step] += spent / whole
    return found | {"everything else": 1 - sum(found.values())}


def _memory() -> float:
    """Peak resident memory, MiB; not `ru_maxrss`, which a new process inherits from its parent."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def write_lists(root: Path, folder: Path, frames_of: Callable[[int], Sequence[int]]) -> Path:
    """Lists that ask for some frames of every clip with a video; all in `train`."""
    folder.mkdir()
    ids = [
        SampleId(name, frame)
        for name, clip in scan([root]).clips.items()
        if clip.rgb is not None
        for frame in frames_of(count_frames(clip.rgb))
    ]
    for name in _LISTS:
        lines = "".join(f"images/{sample}.jpg\n" for sample in ids) if name == "train_list_v2.txt" else ""
        (folder / name).write_text(lines, encoding="utf-8")
    (folder / "splits.toml").write_text(declare_splits(folder, "benchmark"), encoding="utf-8")
    return folder


def run_fresh(core: int, arguments: Sequence[str]) -> Cost:
    """Run one of the ways in a fresh process on one core."""
    command = [sys.executable, str(Path(__file__).resolve()), "--core", str(core), "--way", *arguments]
    # No library may hold idle threads beside the one that works.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return Cost(**json.loads(result.stdout.splitlines()[-1]))


def measure(root: Path, work: Path, core: int, repeats: int, tell: Callable[[], None]) -> dict[str, Any]:
    """Median costs of the ways on one tree."""
    asked: dict[str, Callable[[int], Sequence[int]]] = {
        "one frame a clip": lambda n: [(n + 1) // 2],
        "every 30th frame": lambda n: stride_frames(n, 30),
        "every frame": lambda n: range(1, n + 1),
    }
    lists = {
        name: write_lists(root, work / f"lists-{i}", frames_of) for i, (name, frames_of) in enumerate(asked.items())
    }
    aligns = ("homography", "registered") if (root / "nturgb+d_depth_masked").exists() else ("homography",)
    costs: dict[str, list[Cost]] = {}
    calibration = work / "calibration.json"
    for repeat in range(repeats):
        for align in aligns:
            for i, name in enumerate(asked):
                store = work / f"store-{repeat}-{align}-{i}"
                cost = run_fresh(core, ["ours", str(root), str(lists[name]), str(store), align])
                costs.setdefault(f"{name}, {align}", []).append(cost)
                calibration.write_bytes((store / CALIBRATION_FILE).read_bytes())
                tell()
        out = work / f"jpegs-{repeat}"
        costs.setdefault("plain loop", []).append(run_fresh(core, ["plain", str(root), str(calibration), str(out)]))
        tell()
        if (root / MASK_FOLDER).exists():
            out = work / f"rows-{repeat}"
            given = ["plain rows", str(root), str(calibration), str(out)]
            costs.setdefault(PLAIN_ROWS, []).append(run_fresh(core, given))
            tell()
    return {
        name: Cost(
            statistics.median(cost.cpu for cost in runs),
            statistics.median(cost.wall for cost in runs),
            runs[0].frames,
            max(cost.memory for cost in runs),
        )
        for name, runs in costs.items()
    }


def show(console: Console, title: str, clips: int, costs: dict[str, Cost]) -> bool:
    """Print one tree's table; returns whether all targets are met."""
    base = costs["plain loop"]
    table = Table(
        "way", "frames out", "s CPU a clip", "s a clip", "faster (CPU)", "target", "MiB", title=title, box=box.SIMPLE
    )
    for column in table.columns[1:]:
        column.justify = "right"
    met = True
    for name, cost in costs.items():
        target = next((f">= {value:.0f}x" for kind, value in TARGETS.items() if name.startswith(kind)), "")
        ratio = base.cpu / cost.cpu
        if target:
            met &= ratio >= float(target.strip(">=x ")) and cost.memory < MEMORY_TARGET
        table.add_row(
            name, str(cost.frames), f"{cost.cpu / clips:.3f}", f"{cost.wall / clips:.3f}",
            f"{ratio:.2f}x", target, f"{cost.memory:.0f}",
        )  # fmt: skip
    console.print(table)
    if PLAIN_ROWS in costs:
        ratio = costs[PLAIN_ROWS].cpu / costs[DENSE].cpu
        met &= ratio >= DENSE_TARGET
        console.print(f"{DENSE}: {ratio:.2f}x faster (CPU) than the {PLAIN_ROWS}, target >= {DENSE_TARGET}x")
    return met


def real_tree(folder: Path, root: Path) -> Path:
    """A tree of links to a folder's videos and skeletons, each video under `COPIES` names."""
    videos, skeletons = root / "nturgb+d_rgb", root / "nturgb+d_skeletons"
    for made in (videos, skeletons):
        made.mkdir(parents=True)
    for path in sorted(folder.glob("*.skeleton")):
        (skeletons / path.name).symlink_to(path.resolve())
    for path in sorted(folder.glob("*.avi")):
        name = ClipName.search(path.name)
        if name is not None:
            for copy in range(COPIES):
                (videos / f"{replace(name, replication=500 + copy)}_rgb.avi").symlink_to(path.resolve())
    if not any(videos.iterdir()):
        sys.exit(f"{folder}: holds no .avi")
    return root


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=Path, help="folder with real videos and skeletons of their rigs")
    parser.add_argument("--clips", type=int, default=6, help="clips to generate")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--core", type=int, default=min(os.sched_getaffinity(0)))
    parser.add_argument("--way", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {arguments.core})
    cv2.setNumThreads(1)
    if arguments.way:
        way, root, second, out, *rest = arguments.way
        if way == "ours":
            cost = ours(Path(root), Path(second), Path(out), rest[0])
        else:
            cost = (plain if way == "plain" else plain_rows)(Path(root), Path(second), Path(out))
        print(json.dumps(vars(cost)))
        return
    met = True
    console = Console(width=110)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trees = {}
        if arguments.clips:
            from hcmoco_bench.synth.ntu.ntu_tree import write_tree
            from hcmoco_bench.synth.ntu.tree_plan import plan_clips

            with progress_bar(quiet=False) as progress:
                root = write_tree(folder / "generated", plan_clips(arguments.clips, 1, mask_every=1), progress=progress)
            trees[f"{arguments.clips} generated clips"] = root
        if arguments.real:
            trees[f"the real clip under {COPIES} names, without depth"] = real_tree(arguments.real, folder / "real")
        for title, root in trees.items():
            clips = sum(clip.rgb is not None for clip in scan([root]).clips.values())
            steps = arguments.repeats * (8 if "generated" in title else 4)
            done = 0
            work = folder / f"work-{root.name}"
            work.mkdir()
            with progress_bar(quiet=False) as progress:

                def tell(title: str = title, steps: int = steps) -> None:
                    nonlocal done
                    done += 1
                    progress(title, done, steps)

                costs = measure(root, work, arguments.core, arguments.repeats, tell)
            met &= show(console, title, clips, costs)
            if PLAIN_ROWS in costs:
                found = shares(root, work / f"lists-{DENSE_LIST}", work / "profiled")
                console.print("every frame: " + ", ".join(f"{step} {share:.0%}" for step, share in found.items()))
    console.print(
        f"one core, medians of {arguments.repeats} runs by turns; MiB: largest of all runs, libraries included, "
        f"target < {MEMORY_TARGET:.0f}. Targets {'met' if met else 'MISSED'}."
    )
    sys.exit(not met)


if __name__ == "__main__":
    main()
