"""`hcmoco-bench pretrain`: encoders from prepared stores, without labels."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from hcmoco_bench.cli.console import HOME, AsJson, Quiet, out, print_json, progress_bar
from hcmoco_bench.errors import UsageError

if TYPE_CHECKING:
    from hcmoco_bench.pretrain.run import PretrainReport


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("pretrain")(pretrain)


def pretrain(
    method: Annotated[
        Literal["hcmoco", "cmc", "mmv"] | None,
        typer.Option(help="hcmoco (default); cmc: its sample level alone; mmv: fine and coarse spaces."),
    ] = None,
    store: Annotated[
        list[Path] | None,
        typer.Option(help=f"Prepared store; given often, all are mixed in equal shares. Without: {HOME}/pretrain."),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(help="Settings: a .toml or .json file, or ablation-sample, -hard, -soft or -sparse (Table 3)."),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option("--out", "-o", help=f"Folder of the run; without: {HOME}/runs/METHOD.", show_default=False),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in --out; its settings are kept.")] = False,
    backbone: Annotated[str | None, typer.Option(help="Any timm backbone with features; hrnet_w18 by default.")] = None,
    depth_backbone: Annotated[
        str | None, typer.Option(help="Encoder of depth, if another; pointnet takes depth as points.")
    ] = None,
    init: Annotated[
        str | None, typer.Option(help="First weights: imagenet (default), scratch, a checkpoint or a weight file.")
    ] = None,
    size: Annotated[int | None, typer.Option(help="Side of the crops, px; 320 by default.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Samples a step, over all processes; 224.")] = None,
    accumulate: Annotated[int | None, typer.Option(help="Batches that make a step; 1.")] = None,
    epochs: Annotated[
        tuple[int, int] | None,
        typer.Option(help="Epochs of the two stages; 100 100.", metavar="STAGE1 STAGE2"),
    ] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate; 0.03.")] = None,
    clip: Annotated[float | None, typer.Option(help="Largest norm of the gradient; none.")] = None,
    precision: Annotated[Literal["fp32", "bf16"] | None, typer.Option(help="fp32 by default.")] = None,
    compiled: Annotated[bool | None, typer.Option("--compile/--no-compile", help="torch.compile the encoders.")] = None,
    channels_last: Annotated[
        bool | None, typer.Option("--channels-last/--no-channels-last", help="Faster on most GPUs.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that load data; the result stays the same.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of everything that is drawn; 0.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Any other setting, e.g. weights.dense=0.5 or warmup_epochs=5.", metavar="NAME=VALUE"
        ),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Pre-train RGB and depth encoders on prepared stores; without arguments, as the paper did.

    Killed at any moment, the same command with --resume continues where it was, with the same losses to the last bit
    (on the CPU). The run's folder holds its settings, checkpoints, a table and a image of the losses.

        hcmoco-bench pretrain --precision bf16 --channels-last --workers 16

        hcmoco-bench pretrain --config ablation-soft --backbone hrnet_w18_small --init scratch --size 160 --epochs 5 5

        accelerate launch --num-processes 4 -m hcmoco_bench.cli.app pretrain --store hcmoco-data/pretrain
    """
    from hcmoco_bench.pretrain.config import make_config
    from hcmoco_bench.pretrain.run import run_pretrain
    from hcmoco_bench.pretrain.run_folder import saved_config
    from hcmoco_bench.pretrain.stores import default_stores
    from hcmoco_bench.runtime.ranks import leave_group
    from hcmoco_bench.runtime.settings import parse_setting

    given: dict[str, Any] = {
        "method": method,
        "stores": [str(path) for path in store] if store else None,
        "backbone": backbone,
        "depth_backbone": depth_backbone,
        "init": init,
        "image_size": size,
        "batch_size": batch_size,
        "accumulate": accumulate,
        "stage1_epochs": epochs[0] if epochs else None,
        "stage2_epochs": epochs[1] if epochs else None,
        "lr": lr,
        "clip": clip,
        "precision": precision,
        "compile": compiled,
        "channels_last": channels_last,
        "workers": workers,
        "seed": seed,
    }
    given = {name: value for name, value in given.items() if value is not None}
    given |= dict(parse_setting(setting) for setting in settings or ())
    chosen = make_config(config, given)
    folder = run or HOME / "runs" / chosen.method
    if resume:
        if config:
            raise UsageError("--resume continues with the run's own settings; leave --config out")
        chosen = make_config(None, saved_config(folder).to_dict() | given)
    elif not chosen.stores:
        chosen = chosen.model_copy(update={"stores": default_stores(HOME)})

    main_process = int(os.environ.get("RANK", "0")) == 0
    silent = quiet or as_json or not main_process
    with progress_bar(quiet=silent) as progress:
        report = run_pretrain(chosen, folder, resume=resume, progress=progress)
    leave_group()
    if main_process and as_json:
        print_json(_summary(report))
    elif not silent:
        _show(report)
    if report.interrupted:
        raise typer.Exit(1)


def _summary(report: PretrainReport) -> dict[str, Any]:
    return {
        "folder": str(report.folder),
        "checkpoint": str(report.checkpoint),
        "losses": str(report.losses),
        "curves": report.curves and str(report.curves),
        "steps": report.steps,
        "total_steps": report.total_steps,
        "samples": report.samples,
        "seconds": report.seconds,
        "interrupted": report.interrupted,
        "last": report.last,
    }


def _show(report: PretrainReport) -> None:
    from rich.table import Table

    accuracy = "accuracy/"
    table = Table("term", "loss", "accuracy", title=f"step {report.steps:,} of {report.total_steps:,}")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, value in report.last.items():
        if f"{accuracy}{name}" in report.last or name == "loss":
            right = report.last.get(f"{accuracy}{name}")
            table.add_row(name, f"{float(value):.3f}", f"{float(right):.1%}" if right else "")
    out.print(table)
    rate = report.samples / report.seconds if report.seconds else 0.0
    if report.samples:
        out.print(f"{report.samples:,} samples in {report.seconds:,.0f} s, {rate:,.1f} a second")
    if report.interrupted:
        out.print("stopped; run the same command with --resume to continue", soft_wrap=True)
    else:
        out.print(f"curves:     {report.curves}", soft_wrap=True, highlight=False)
    out.print(f"checkpoint: {report.checkpoint}", soft_wrap=True, highlight=False)
