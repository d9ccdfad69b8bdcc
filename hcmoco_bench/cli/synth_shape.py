"""`hcmoco-bench synth shape`: generated people with the parameters of their bodies."""

from __future__ import annotations

from typing import Annotated

import typer

from hcmoco_bench.cli.console import AsJson, Quiet, out, print_json, progress_bar, say_next
from hcmoco_bench.cli.options import Device, SynthOut, SynthSeed, SynthWorkers


def shape(
    out_dir: SynthOut,
    clips: Annotated[
        int, typer.Option("--clips", min=2, help="Number of people, each in a clip; a quarter of them is for testing.")
    ] = 24,
    seed: SynthSeed = 0,
    images: Annotated[
        int, typer.Option("--images", min=1, help="Number of images of each person, each with another pose and camera.")
    ] = 6,
    long_side: Annotated[int, typer.Option("--long-side", min=64, help="Height of each image, in pixels.")] = 320,
    workers: SynthWorkers = 1,
    device: Device = "cpu",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Write dressed people in rooms, with cameras and the parameters of the bodies below the clothes.

    Images are JPEG files; `annotations/{train,test}.npz` holds phenotypes, bone rotations, cameras and boxes. The body
    model Anny gives each person's vertices from them.

        hcmoco-bench synth shape --out /tmp/shape --clips 24

        hcmoco-bench finetune --task shape --root /tmp/shape --out /tmp/run
    """
    from hcmoco_bench.synth.shape import ShapeOptions, write_shape

    options = ShapeOptions(clips, seed, images, long_side, device)
    with progress_bar(quiet=quiet or as_json) as progress:
        write_shape(out_dir, options, workers=workers, progress=progress)
    if as_json:
        print_json({"root": str(out_dir), "clips": clips, "images": clips * images})
        return
    out.print(f"{clips * images} images of {clips} people in {out_dir}", highlight=False, soft_wrap=True)
    if not quiet:
        say_next(("finetune", "--task", "shape", "--root", out_dir))


def add_to(group: typer.Typer) -> None:
    """Add the layouts to `synth`."""
    group.command()(shape)
