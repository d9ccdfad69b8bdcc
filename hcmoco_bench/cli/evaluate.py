"""`hcmoco-bench eval`: score a fine-tuned model, or the predictions of any program."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hcmoco_bench.cli.console import HOME, AsJson, Quiet, err, out, print_json, progress_bar
from hcmoco_bench.cli.finetune import Protocol, Root, Settings, Stores, TaskName
from hcmoco_bench.errors import UsageError

if TYPE_CHECKING:
    from hcmoco_bench.tasks.core.evaluate import EvalReport


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("eval")(evaluate)


def evaluate(
    task: TaskName,
    ckpt: Annotated[Path | None, typer.Option("--ckpt", help="Model that finetune left (model.pth).")] = None,
    predictions: Annotated[
        Path | None,
        typer.Option("--predictions", help="Another program's output, in the task's layout (docs/evaluation.md)."),
    ] = None,
    protocol: Protocol = None,
    store: Stores = None,
    root: Root = None,
    split: Annotated[str | None, typer.Option(help="Split to score; without: the task's test split.")] = None,
    result: Annotated[
        Path | None, typer.Option("--out", "-o", help="Result file (.json); evidence and images go beside it.")
    ] = None,
    name: Annotated[str, typer.Option(help="The model's name in the result; without: the file's.")] = "",
    backbone: Annotated[str | None, typer.Option(help="Refuse a model of another backbone.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Samples a batch; without: as in training.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that load data; the result stays the same.")] = None,
    settings: Settings = None,
    sheet: Annotated[int, typer.Option(help="Samples on the prediction sheet.")] = 8,
    bootstrap: Annotated[int, typer.Option(help="Draws of the interval; 0 for none.")] = 1000,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Score a fine-tuned model, or the predictions of any program, as the protocol says.

    A model gives the very figures of the evaluation that its training ended with. Predictions must be those of the
    whole split: missing, repeated and unknown ids are counted and named, and a part is never scored as the whole.

        hcmoco-bench eval --task depth_parsing --ckpt runs/depth_parsing/seed-0/model.pth --out result.json

        hcmoco-bench eval --task depth_parsing --predictions masks/ --protocol published --out result.json
    """
    from hcmoco_bench.runtime.settings import parse_setting
    from hcmoco_bench.tasks.core.checkpoints import load_task_checkpoint
    from hcmoco_bench.tasks.core.evaluate import evaluate_checkpoint, evaluate_predictions
    from hcmoco_bench.tasks.core.make_settings import make_finetune_settings, scoring_settings
    from hcmoco_bench.tasks.core.registry import get_task
    from hcmoco_bench.training.device import leave_group

    if (ckpt is None) == (predictions is None):
        raise UsageError("give either --ckpt (a model) or --predictions (another program's output)")
    kind = get_task(task)
    given: dict[str, Any] = {
        "protocol": protocol,
        "stores": [str(path) for path in store] if store else None,
        "root": None if root is None else str(root),
        "eval_batch_size": batch_size,
        "workers": workers,
    }
    given = {key: value for key, value in given.items() if value is not None}
    given |= dict(parse_setting(setting) for setting in settings or ())
    shared: dict[str, Any] = {
        "split": split,
        "out": result,
        "name": name,
        "command": shlex.join(["hcmoco-bench", *sys.argv[1:]]),
        "sheet_size": sheet,
        "bootstrap": bootstrap,
    }
    main_process = int(os.environ.get("RANK", "0")) == 0
    silent = quiet or as_json or not main_process
    with progress_bar(quiet=silent) as progress:
        if ckpt is not None:
            model = load_task_checkpoint(ckpt, task, backbone=backbone)
            config = scoring_settings(kind, model.config, given)
            report = evaluate_checkpoint(kind, model, config, progress=progress, **shared)
        else:
            config = make_finetune_settings(task, given | {"ckpt": None}, home=HOME)
            report = evaluate_predictions(kind, predictions or Path(), config, progress=progress, **shared)
    leave_group()
    if main_process and as_json:
        print_json(_summary(report))
    elif not silent:
        _show(kind.record.main_score, kind.record.unit, report)


def _summary(report: EvalReport) -> dict[str, Any]:
    return {
        "scores": report.evaluation.scores,
        "per_class": report.evaluation.per_class,
        "n_expected": report.evaluation.n_expected,
        "n_scored": report.evaluation.n_scored,
        "problems": [problem.reason for problem in report.evaluation.problems],
        "seconds": report.seconds,
        "result": report.written and str(report.written.path),
    }


def _show(main: str, unit: str, report: EvalReport) -> None:
    from hcmoco_bench.cli.result_tables import show_writing

    evaluation = report.evaluation
    if report.written is not None:
        show_writing(report.written)
    else:
        for name, value in evaluation.scores.items():
            out.print(f"{name:<24}{value:>10.2f}", highlight=False, style="bold" if name == main else "")
        out.print(f"{main} {evaluation.scores[main]:.2f} {unit}; --out result.json keeps it", highlight=False)
        if evaluation.problems:
            err.print(f"[yellow]problems:[/] {len(evaluation.problems)}; --out result.json names them")
    rate = evaluation.n_scored / report.seconds if report.seconds else 0.0
    out.print(f"{evaluation.n_scored:,} samples in {report.seconds:,.1f} s, {rate:,.1f} a second")
