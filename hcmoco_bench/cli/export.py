"""`hcmoco-bench export`: an encoder, or a DensePose model, for other programs or for the Hub."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hcmoco_bench.cli.console import AsJson, Quiet, err, out, print_json, say_elsewhere, say_next


class Modality(StrEnum):
    """Which encoder."""

    RGB = "rgb"
    DEPTH = "depth"


class Format(StrEnum):
    """Whose names."""

    TIMM = "timm"
    HRNET_SEG = "hrnet-seg"
    DETECTRON2 = "detectron2"
    A2J = "a2j"
    HUB = "hub"
    DENSEPOSE_DETECTRON2 = "densepose-detectron2"


_LOADABLE = frozenset({Format.TIMM, Format.HRNET_SEG, Format.DETECTRON2, Format.A2J})
"""Formats that `--init` takes again."""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("export")(export)


def export(
    checkpoint: Annotated[
        Path,
        typer.Option(
            "--ckpt", help="Checkpoint (.pth) of a pre-training or, for densepose-detectron2, of a fine-tuning."
        ),
    ],
    to: Annotated[
        Format,
        typer.Option(
            "--to",
            help="timm; hrnet-seg (HRNet-Semantic-Segmentation); detectron2 (HRFPN of DensePose); a2j (A2J with "
            "HRNet); hub (a folder with safetensors and model card); densepose-detectron2 (a whole DensePose model "
            "with its configuration).",
        ),
    ],
    path: Annotated[
        Path, typer.Option("--out", "-o", help="File to write (.pth, or .safetensors for timm); for hub, a folder.")
    ],
    modality: Annotated[
        Modality | None, typer.Option("--modality", help="Encoder of a pre-training to export.")
    ] = None,
    push: Annotated[
        str | None, typer.Option("--push", metavar="USER/NAME", help="With --to hub, upload the folder.")
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="With --push, make the repository public instead of private.")
    ] = False,
    results: Annotated[
        list[Path] | None,
        typer.Option(
            "--results",
            metavar="RESULT.json",
            help="With --to hub, a result of a model that was fine-tuned from this encoder; it goes onto the card and "
            "into .eval_results/. May be given several times.",
        ),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Write a pre-trained encoder, or a fine-tuned DensePose model, under the names that another program expects.

        hcmoco-bench export --ckpt run/checkpoint.pth --modality depth --to hrnet-seg --out depth.pth

        hcmoco-bench export --ckpt run/checkpoint.pth --modality rgb --to hub --out rgb-encoder --push me/rgb-encoder

        hcmoco-bench export --ckpt run/checkpoint.pth --modality depth --to hub --out encoder --results result.json

        hcmoco-bench export --ckpt run/seed-0/model.pth --to densepose-detectron2 --out densepose.pth

    Any encoder's file also starts another pre-training: `pretrain --init depth.pth`.
    """
    from hcmoco_bench.errors import UsageError
    from hcmoco_bench.hub.push import PushTarget
    from hcmoco_bench.hub.push_model import push_model
    from hcmoco_bench.pretrain.export import export_checkpoint

    if push is not None and to is not Format.HUB:
        raise UsageError("--push goes with --to hub")
    if results and to is not Format.HUB:
        raise UsageError("--results goes with --to hub")
    if public and push is None:
        raise UsageError("--public goes with --push USER/NAME")
    if to is Format.DENSEPOSE_DETECTRON2:
        from hcmoco_bench.tasks.densepose.export import export_densepose

        done = export_densepose(checkpoint, path)
    elif modality is None:
        raise UsageError(f"--to {to.value} writes one encoder; say which with --modality rgb or --modality depth")
    else:
        done = export_checkpoint(checkpoint, modality.value, to.value, path, repo=push)
    added: tuple[Path, ...] = ()
    if results:
        from hcmoco_bench.leaderboard.exports.hub import add_results

        added = add_results(done.path, results)
    target = None if push is None else PushTarget(push, public=public)
    url = None if target is None else push_model(done.path, target, quiet=quiet or as_json)
    if as_json:
        print_json({**vars(done), "results": list(added), "url": url})
        return
    if not quiet:
        err.print(f"{done.backbone}, {done.parameters:,} parameters", highlight=False)
        if done.note:
            err.print(f"note: {done.note}", highlight=False)
        if added:
            err.print(f"{len(added)} result{'s' if len(added) > 1 else ''} on the card and in .eval_results/")
    out.print(f"{done.path}", highlight=False, soft_wrap=True)
    if url is not None:
        out.print(url, highlight=False, soft_wrap=True)
    if not quiet and done.commands:
        say_elsewhere("detectron2's folder", done.commands)
    if not quiet and url is None and to in _LOADABLE and modality is not None:
        say_next(("pretrain", "--init", done.path))
