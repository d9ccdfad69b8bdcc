"""`hcmoco-bench finetune`: a downstream task, from an encoder to a score."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from hcmoco_bench.cli.console import HOME, AsJson, Quiet, out, print_json, progress_bar
from hcmoco_bench.errors import UsageError

if TYPE_CHECKING:
    from hcmoco_bench.tasks.core.finetune import FinetuneReport

TaskName = Annotated[str, typer.Option("--task", help="depth_parsing, rgb_parsing, ...; an unknown name lists them.")]
Protocol = Annotated[
    str | None,
    typer.Option(help="native (default): fair; published: as the authors' code, marked where it leaks."),
]
Stores = Annotated[
    list[Path] | None, typer.Option("--store", help=f"Prepared store, for tasks that read one; without: in {HOME}.")
]
Root = Annotated[Path | None, typer.Option("--root", help="Data in its published layout, for tasks that read that.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="Any other setting, e.g. clip=1.0 or class_weights=false.", metavar="NAME=VALUE"),
]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("finetune")(finetune)


def finetune(
    task: TaskName,
    ckpt: Annotated[Path | None, typer.Option("--ckpt", help="Checkpoint of a pre-training; without: --init.")] = None,
    init: Annotated[
        str | None, typer.Option(help="First weights without a checkpoint: imagenet (default), scratch, a file.")
    ] = None,
    backbone: Annotated[
        str | None, typer.Option(help="Any timm backbone; without: the checkpoint's, or hrnet_w18.")
    ] = None,
    protocol: Protocol = None,
    ratio: Annotated[float | None, typer.Option(help="Share of the training data, e.g. 0.2; 1.")] = None,
    seeds: Annotated[
        str, typer.Option(help="Seeds, e.g. 0,1,2: one training each; mean, deviation and interval are reported.")
    ] = "0",
    store: Stores = None,
    root: Root = None,
    run: Annotated[
        Path | None,
        typer.Option("--out", "-o", help=f"Folder of the runs; without: {HOME}/runs/TASK.", show_default=False),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the runs in --out; settings are kept.")] = False,
    epochs: Annotated[int | None, typer.Option(help="The paper's by default, as all that follow.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Samples a step, over all processes.")] = None,
    size: Annotated[int | None, typer.Option(help="Side of the input, px.")] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate.")] = None,
    precision: Annotated[Literal["fp32", "bf16"] | None, typer.Option(help="fp32 by default.")] = None,
    channels_last: Annotated[
        bool | None, typer.Option("--channels-last/--no-channels-last", help="Faster on most GPUs.")
    ] = None,
    compiled: Annotated[bool | None, typer.Option("--compile/--no-compile", help="torch.compile the model.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that load data; the result stays the same.")] = None,
    settings: Settings = None,
    name: Annotated[str, typer.Option(help="The model's name in the result; without: the folder's.")] = "",
    sheet: Annotated[int, typer.Option(help="Samples on the prediction sheet.")] = 8,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Fine-tune an encoder on a task, score it on the test split, and write the result.

    Defaults are the paper's for the task. The last epoch counts. Killed at any moment, the same command with --resume
    continues where it was. In --out: a folder a seed, result.json, the evidence behind it, and images.

        hcmoco-bench finetune --task depth_parsing --ckpt pre.pth --ratio 0.2 --seeds 0,1,2

        hcmoco-bench finetune --task depth_parsing --init scratch --protocol published --precision bf16
    """
    from hcmoco_bench.runtime.settings import parse_setting
    from hcmoco_bench.tasks.core.finetune import run_finetune, saved_settings
    from hcmoco_bench.tasks.core.make_settings import make_finetune_settings
    from hcmoco_bench.training.device import leave_group

    given: dict[str, Any] = {
        "protocol": protocol,
        "stores": [str(path) for path in store] if store else None,
        "root": None if root is None else str(root),
        "ckpt": None if ckpt is None else str(ckpt),
        "init": init,
        "backbone": backbone,
        "ratio": ratio,
        "epochs": epochs,
        "batch_size": batch_size,
        "image_size": size,
        "lr": lr,
        "precision": precision,
        "channels_last": channels_last,
        "compile": compiled,
        "workers": workers,
    }
    given = {key: value for key, value in given.items() if value is not None}
    given |= dict(parse_setting(setting) for setting in settings or ())
    folder = run or HOME / "runs" / task
    if resume:
        kept = saved_settings(folder)
        if kept.task != task:
            raise UsageError(f"{folder}: a run of the task {kept.task}, not of {task}")
        given = kept.to_dict() | given
    config = make_finetune_settings(task, given, home=HOME)

    main_process = int(os.environ.get("RANK", "0")) == 0
    silent = quiet or as_json or not main_process
    with progress_bar(quiet=silent) as progress:
        report = run_finetune(
            config,
            folder,
            seeds=parse_seeds(seeds),
            resume=resume,
            name=name,
            command=shlex.join(["hcmoco-bench", *sys.argv[1:]]),
            progress=progress,
            sheet_size=sheet,
        )
    leave_group()
    if main_process and as_json:
        print_json(_summary(report))
    elif not silent:
        _show(report)
    if report.interrupted:
        raise typer.Exit(1)


def parse_seeds(text: str) -> tuple[int, ...]:
    """`0,1,2` as numbers; raises UsageError for anything else."""
    pieces = [piece.strip() for piece in text.split(",")]
    if not all(piece.isdecimal() for piece in pieces):
        raise UsageError(f"--seeds {text}: write numbers with commas between them, e.g. 0,1,2")
    return tuple(int(piece) for piece in pieces)


def _summary(report: FinetuneReport) -> dict[str, Any]:
    return {
        "folder": str(report.folder),
        "interrupted": report.interrupted,
        "runs": [
            {
                "seed": run.seed,
                "folder": str(run.folder),
                "model": run.model and str(run.model),
                "steps": run.steps,
                "total_steps": run.total_steps,
                "seconds": run.seconds,
                "eval_seconds": run.eval_seconds,
                "scores": run.evaluation and run.evaluation.scores,
            }
            for run in report.runs
        ],
        "result": report.written and report.written.result.model_dump(mode="json", by_alias=True),
    }


def _show(report: FinetuneReport) -> None:
    from hcmoco_bench.cli.result_tables import show_writing

    for run in report.runs:
        if run.samples:
            rate = run.samples / run.seconds if run.seconds else 0.0
            out.print(f"seed {run.seed}: {run.samples:,} samples in {run.seconds:,.0f} s, {rate:,.1f} a second")
    if report.interrupted:
        out.print("stopped; run the same command with --resume to continue", soft_wrap=True)
        return
    if report.written is not None:
        show_writing(report.written)
    for run in report.runs:
        out.print(f"model:    {run.model}", soft_wrap=True, highlight=False)
