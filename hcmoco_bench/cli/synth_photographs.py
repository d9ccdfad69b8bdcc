"""`hcmoco-bench synth mpii|coco|densepose`: generated people in the layouts of data sets of photographs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

import typer

from hcmoco_bench.cli.console import AsJson, Quiet, out, print_json, progress_bar, say_next
from hcmoco_bench.cli.options import Device, SynthOut, SynthSeed, SynthWorkers

if TYPE_CHECKING:
    from hcmoco_bench.runtime.progress import Progress
    from hcmoco_bench.synth.photographs.photo_set import PhotoOptions

_Images = Annotated[int, typer.Option("--images", min=1, help="Number of images, with one to three people each.")]
_LongSide = Annotated[int, typer.Option("--long-side", min=64, help="Longer side of each image, in pixels.")]


class _Write(Protocol):
    def __call__(self, out: Path, options: PhotoOptions, *, workers: int, progress: Progress) -> Path: ...


def mpii(
    out_dir: SynthOut,
    images: _Images = 24,
    seed: SynthSeed = 0,
    long_side: _LongSide = 640,
    workers: SynthWorkers = 1,
    device: Device = "cpu",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Write people as MPII Human Pose: images, joints, and the squares that people are cropped by.

    hcmoco-bench synth mpii --out /tmp/mpii --images 40

    hcmoco-bench prepare mpii --root /tmp/mpii
    """

    def writer() -> _Write:
        from hcmoco_bench.synth.mpii import write_mpii

        return write_mpii

    _write(writer, out_dir, images, seed, long_side, workers, device, quiet, as_json, "prepare mpii")


def coco(
    out_dir: SynthOut,
    images: _Images = 24,
    seed: SynthSeed = 0,
    long_side: _LongSide = 640,
    workers: SynthWorkers = 1,
    device: Device = "cpu",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Write people as COCO: images, keypoints, outlines, boxes.

    hcmoco-bench synth coco --out /tmp/coco --images 40

    hcmoco-bench prepare coco --root /tmp/coco
    """

    def writer() -> _Write:
        from hcmoco_bench.synth.coco import write_coco

        return write_coco

    _write(writer, out_dir, images, seed, long_side, workers, device, quiet, as_json, "prepare coco")


def densepose(
    out_dir: SynthOut,
    images: _Images = 24,
    seed: SynthSeed = 0,
    long_side: _LongSide = 640,
    workers: SynthWorkers = 1,
    device: Device = "cpu",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Write people as DensePose-COCO: images, masks of 14 parts, points on 24 charts.

    Images and annotations have COCO's folders and names. The charts are those of the generated body, not of
    DensePose's; `annotations/densepose_body.npz` holds its surface, for geodesic distances.

        hcmoco-bench synth densepose --out /tmp/densepose --images 40
    """

    def writer() -> _Write:
        from hcmoco_bench.synth.densepose import write_densepose

        return write_densepose

    _write(writer, out_dir, images, seed, long_side, workers, device, quiet, as_json, "finetune --task densepose")


def _write(
    writer: Callable[[], _Write],
    out_dir: Path,
    images: int,
    seed: int,
    long_side: int,
    workers: int,
    device: Literal["auto", "cpu", "cuda"],
    quiet: bool,
    as_json: bool,
    following: str,
) -> None:
    from hcmoco_bench.synth.photographs.photo_set import PhotoOptions

    options = PhotoOptions(images, seed, long_side, device)
    with progress_bar(quiet=quiet or as_json) as progress:
        writer()(out_dir, options, workers=workers, progress=progress)
    if as_json:
        print_json({"root": str(out_dir), "images": images})
        return
    out.print(f"{images} images in {out_dir}", highlight=False, soft_wrap=True)
    if not quiet:
        say_next((*following.split(), "--root", out_dir))


def add_to(group: typer.Typer) -> None:
    """Add the layouts to `synth`."""
    for command in (mpii, coco, densepose):
        group.command()(command)
