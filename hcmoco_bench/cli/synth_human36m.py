"""`hcmoco-bench synth human36m`: generated people as raw Human3.6M."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from hcmoco_bench.cli.console import AsJson, Quiet, err, out, print_json, progress_bar


def human36m(
    out_dir: Annotated[Path, typer.Option("--out", help="Folder of the tree: new, or begun before (it is continued).")],
    clips: Annotated[int, typer.Option("--clips", min=1, help="Videos; four cameras film each performance.")] = 28,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same bytes.")] = 0,
    frames: Annotated[int, typer.Option("--frames", min=1, help="Frames of every video; every 25th is used.")] = 101,
    cameras: Annotated[int, typer.Option("--cameras", min=1, max=4, help="Cameras that film each performance.")] = 4,
    width: Annotated[int, typer.Option("--width", min=64, help="Px; 1000 as published.")] = 1000,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes; the bytes do not depend on it.")] = 1,
    device: Annotated[
        Literal["auto", "cpu", "cuda"], typer.Option(help="Where rays are cast. A GPU's bytes may differ slightly.")
    ] = "cpu",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Write people as raw Human3.6M: videos by subject, action and camera, and part labels in MATLAB 7.3 files.

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
        err.print(f"next: hcmoco-bench prepare human36m --root {out_dir}", highlight=False, soft_wrap=True)
