"""`hcmoco-bench finetune`: a downstream task, from an encoder to a score."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hcmoco_bench.cli.console import (
    HOME,
    INTERRUPTED,
    AsJson,
    Quiet,
    main_process,
    out,
    print_json,
    progress_bar,
    say_next,
    say_notes,
)
from hcmoco_bench.cli.settings_options import (
    ConfigOption,
    SetOptions,
    SettingsCommand,
    argument_value,
    given_settings,
)
from hcmoco_bench.errors import UsageError

if TYPE_CHECKING:
    from hcmoco_bench.runtime.settings import Settings
    from hcmoco_bench.tasks.core.finetune import FinetuneReport

TaskName = Annotated[
    str | None,
    typer.Option("--task", help="Task, e.g. depth_parsing; `hcmoco-bench tasks` lists them.", show_default=False),
]


class TaskCommand(SettingsCommand):
    """Takes the settings of the chosen task."""

    own = frozenset({"task", "seed"})

    def settings_model(self, args: Sequence[str]) -> type[Settings]:
        """Of `--task`, or of the task that `--config` names; without either, what all tasks share."""
        from hcmoco_bench.tasks.core.registry import get_task
        from hcmoco_bench.tasks.core.settings import FinetuneSettings

        name = argument_value(args, "--task") or config_values(argument_value(args, "--config")).get("task")
        return get_task(name).settings if name else FinetuneSettings


def config_values(config: str | None) -> dict[str, Any]:
    """The settings of `--config`; none without it."""
    from hcmoco_bench.runtime.recipes import recipe_values
    from hcmoco_bench.tasks.core.make_settings import RECIPES
    from hcmoco_bench.tasks.core.settings import flat_settings

    return {} if config is None else flat_settings(recipe_values(config, RECIPES))


def chosen_task(task: str | None, values: dict[str, Any]) -> str:
    """The task of `--task` or of the settings file; raises UsageError if neither names one."""
    from hcmoco_bench.tasks.core.registry import task_names

    name = task or values.get("task")
    if not name:
        raise UsageError(f"give --task; there are {', '.join(task_names())}")
    return str(name)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("finetune", cls=TaskCommand)(finetune)


def finetune(
    ctx: typer.Context,
    task: TaskName = None,
    config: ConfigOption = None,
    seeds: Annotated[
        str,
        typer.Option(
            help="Seeds, e.g. 0,1,2: one training each; the result has their mean, deviation and interval.",
            metavar="N[,N...]",
        ),
    ] = "0",
    run: Annotated[
        Path | None,
        typer.Option("--out", "-o", help=f"Folder of the runs. [default: {HOME}/runs/TASK]", show_default=False),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the runs in --out with their settings.")] = False,
    settings: SetOptions = None,
    name: Annotated[
        str, typer.Option(help="Name of the model in the result. [default: the name of the folder]", show_default=False)
    ] = "",
    sheet: Annotated[int, typer.Option(min=0, help="Number of samples on the prediction sheet.")] = 8,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Fine-tune an encoder on a task, score it on the test split, and write the result.

    The defaults are those of the task's paper, and the last epoch counts. You can interrupt a run at any moment: the
    same command with --resume continues it. The folder holds one subfolder per seed, result.json, the evidence behind
    it, and figures.

        hcmoco-bench finetune --task depth_parsing --ckpt pre.pth --ratio 0.2 --seeds 0,1,2

        hcmoco-bench finetune --task depth_parsing --init scratch --protocol published --precision bf16

    With --task, the options below are all settings of that task; `hcmoco-bench settings --task NAME` explains them.
    """
    from hcmoco_bench.runtime.ranks import leave_group
    from hcmoco_bench.tasks.core.finetune import run_finetune, saved_settings
    from hcmoco_bench.tasks.core.make_settings import make_finetune_settings

    chosen = chosen_task(task, config_values(config))
    folder = run or HOME / "runs" / chosen
    given = {"task": chosen, **given_settings(ctx, settings)}
    if resume:
        if config:
            raise UsageError("--resume continues with the runs' own settings; leave --config out")
        kept = saved_settings(folder)
        if kept.task != chosen:
            raise UsageError(f"{folder}: a run of the task {kept.task}, not of {chosen}")
        given = kept.model_dump(mode="json") | given
    resolved = make_finetune_settings(chosen, given, recipe=config, home=HOME)

    silent = quiet or as_json or not main_process()
    with progress_bar(quiet=silent) as progress:
        report = run_finetune(
            resolved,
            folder,
            seeds=parse_seeds(seeds),
            resume=resume,
            name=name,
            command=shlex.join(["hcmoco-bench", *sys.argv[1:]]),
            progress=progress,
            sheet_size=sheet,
        )
    leave_group()
    if main_process() and as_json:
        print_json(_summary(report))
    elif not silent:
        _show(report, chosen)
    if report.interrupted:
        raise typer.Exit(INTERRUPTED)


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
                "notes": list(run.notes),
            }
            for run in report.runs
        ],
        "result": report.written and report.written.result.model_dump(mode="json", by_alias=True),
    }


def _show(report: FinetuneReport, task: str) -> None:
    from hcmoco_bench.cli.result_tables import show_writing

    say_notes(dict.fromkeys(note for run in report.runs for note in run.notes))
    for run in report.runs:
        if run.samples:
            rate = run.samples / run.seconds if run.seconds else 0.0
            out.print(
                f"seed {run.seed}: {run.samples:,} samples in {run.seconds:,.0f} s, {rate:,.1f} samples per second"
            )
    if report.interrupted:
        out.print("stopped; run the same command with --resume to continue", soft_wrap=True)
        return
    if report.written is not None:
        show_writing(report.written)
    for run in report.runs:
        out.print(f"model:    {run.model}", soft_wrap=True, highlight=False)
    say_next(("eval", "--task", task, "--ckpt", report.runs[0].model, "--out", "result.json"))
