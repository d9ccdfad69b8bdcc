"""`hcmoco-bench synth human36m`: generated people as raw Human3.6M."""

from __future__ import annotations

from typing import Annotated

import typer

from hcmoco_bench.cli.console import AsJson, Quiet, out, print_json, progress_bar, say_next
from hcmoco_bench.cli.options import Device, SynthOut, SynthSeed, SynthWorkers


def human36m(
    out_dir: SynthOut,
    clips: Annotated[
        int, typer.Option("--clips", min=1, help="Number of videos; four cameras film each performance.")
    ] = 28,
    seed: SynthSeed = 0,
    frames: Annotated[
        int, typer.Option("--frames", min=1, help="Number of frames per video; `prepare` takes every 25th.")
    ] = 101,
    cameras: Annotated[
        int, typer.Option("--cameras", min=1, max=4, help="Number of cameras that film each performance.")
    ] = 4,
    width: Annotated[
        int, typer.Option("--width", min=64, help="Width of the videos in pixels; the original has 1000.")
    ] = 1000,
    workers: SynthWorkers = 1,
    device: Device = "cpu",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Write people as raw Human3.6M: videos by subject, action and camera, part labels in MATLAB 7.3 files, and joints.

    The joints are CDF files of 3-D positions (D3_Positions_mono) and of their projections (D2_Positions).

    Performances take turns among the subjects 1, 9, 5, 11, 6, 7, 8, so that training and test subjects are there from
    the second one on.

        hcmoco-bench synth human36m --out /tmp/human36m --clips 8

        hcmoco-bench prepare human36m --root /tmp/human36m
    """
    from hcmoco_bench.synth.human36m import Human36mOptions, write_human36m

    options = Human36mOptions(clips, seed, frames, cameras, width, device)
    with progress_bar(quiet=quiet or as_json) as progress:
        write_human36m(out_dir, options, workers=workers, progress=progress)
    if as_json:
        print_json({"root": str(out_dir), "clips": clips, "frames": clips * frames})
        return
    out.print(f"{clips} videos of {frames} frames in {out_dir}", highlight=False, soft_wrap=True)
    if not quiet:
        say_next(("prepare", "human36m", "--root", out_dir))
