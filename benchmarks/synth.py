"""How many complete frames a second `synth ntu` writes on one core, and where the time goes.

    python benchmarks/synth.py                # 12 clips of 40 to 90 frames
    python benchmarks/synth.py --clips 3 --frames 30 --mask-every 1

Everything is written: video, depth, skeletons, and with the default --mask-every 1 the part mask of every frame. The
set-up of rooms, cameras and people is included; starting Python, importing and compiling kernels (cached on disk after
the first run) are not. Only processor time is compared with the target: a machine that does other things meanwhile
makes the wall clock lie.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from hcmoco_bench.synth.kinect.color_camera import ColorCamera
from hcmoco_bench.synth.kinect.people import People
from hcmoco_bench.synth.kinect.sensor import DepthSensor
from hcmoco_bench.synth.ntu import clip as clip_module
from hcmoco_bench.synth.ntu import ntu_tree
from hcmoco_bench.synth.ntu.ntu_tree import TreeOptions, write_tree
from hcmoco_bench.synth.ntu.tree_plan import plan_clips
from hcmoco_bench.synth.ntu.video_file import VideoFile
from hcmoco_bench.synth.room.shadows import ShadowCatcher

TARGET = 10.0


class Stopwatch:
    """Adds up the processor time of functions, without that of the measured functions that they call."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._inner = [0.0]

    def measure(self, owner: Any, name: str, stage: str) -> None:
        """Replace a function of a class or module by one that is measured as `stage`."""
        function: Callable[..., Any] = getattr(owner, name)

        def measured(*args: Any, **kwargs: Any) -> Any:
            self._inner.append(0.0)
            start = time.process_time()
            try:
                return function(*args, **kwargs)
            finally:
                spent = time.process_time() - start
                self.seconds[stage] += spent - self._inner.pop()
                self._inner[-1] += spent

        setattr(owner, name, measured)


def _instrument(watch: Stopwatch) -> None:
    watch.measure(clip_module, "setup_room", "set-up: room")
    watch.measure(clip_module, "light_room", "set-up: light of the room")
    watch.measure(clip_module, "render_backdrop", "set-up: room as each camera sees it")
    watch.measure(clip_module, "perform", "set-up: people and motion")
    watch.measure(ColorCamera, "__init__", "set-up: noise and planes of each clip")
    watch.measure(People, "open_sky", "light on people (every 8th frame)")
    watch.measure(People, "light", "light on people")
    watch.measure(People, "move", "move people")
    watch.measure(People, "in_depth", "rays of the depth camera")
    watch.measure(People, "in_color", "rays of the color camera, shading")
    watch.measure(ShadowCatcher, "shade", "shadows on the room")
    watch.measure(ColorCamera, "expose", "compose, noise, color conversion")
    watch.measure(DepthSensor, "measure", "depth sensor")
    watch.measure(VideoFile, "add", "encode video")
    watch.measure(ntu_tree, "write_depth", "write depth")
    watch.measure(ntu_tree, "write_mask", "write masks")
    watch.measure(clip_module.ClipMaker, "bodies", "track bodies")
    watch.measure(ntu_tree, "format_skeleton", "write skeletons")


def main() -> None:
    """Run the benchmark and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=12)
    parser.add_argument("--frames", type=int, default=None, help="of every clip; default 40 to 90")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mask-every", type=int, default=1)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        # One tiny clip first: imports, kernels and the body model are loaded once, not per clip.
        options = TreeOptions(arguments.seed, device=arguments.device)
        write_tree(Path(folder) / "warm", plan_clips(1, arguments.seed + 1, n_frames=2), options)
        plans = plan_clips(arguments.clips, arguments.seed, n_frames=arguments.frames, mask_every=arguments.mask_every)
        watch = Stopwatch()
        _instrument(watch)
        wall, start = time.perf_counter(), time.process_time()
        write_tree(Path(folder) / "tree", plans, options)
        spent, wall = time.process_time() - start, time.perf_counter() - wall
        size = sum(path.stat().st_size for path in (Path(folder) / "tree").rglob("*") if path.is_file())
    frames = sum(plan.n_frames for plan in plans)
    print(f"{len(plans)} clips, {frames} frames, {size / frames / 1000:.1f} kB a frame")
    for stage, seconds in sorted(watch.seconds.items(), key=lambda item: -item[1]):
        print(f"  {seconds / frames * 1000:7.2f} ms a frame   {stage}")
    rest = spent - sum(watch.seconds.values())
    print(f"  {rest / frames * 1000:7.2f} ms a frame   everything else")
    verdict = "reached" if frames / spent >= TARGET else "MISSED"
    print(f"{frames / spent:.1f} frames/s of processor time (target {TARGET:.0f}: {verdict})")
    print(f"{frames / wall:.1f} frames/s by the clock")


if __name__ == "__main__":
    main()
