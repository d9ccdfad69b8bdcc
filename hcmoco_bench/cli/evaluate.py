"""`hcmoco-bench eval`: score a fine-tuned model, or the predictions of any program."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hcmoco_bench.cli.console import (
    HOME,
    AsJson,
    Quiet,
    err,
    labeled,
    main_process,
    out,
    print_json,
    progress_bar,
    say_notes,
)
from hcmoco_bench.cli.finetune import TaskCommand, TaskName, chosen_task, config_values
from hcmoco_bench.cli.settings_options import ConfigOption, SetOptions, given_settings
from hcmoco_bench.errors import UsageError

if TYPE_CHECKING:
    from hcmoco_bench.tasks.core.evaluate import EvalReport


class EvalCommand(TaskCommand):
    """Takes the settings of the chosen task that scoring reads."""

    def settings_model(self, args: Any) -> Any:
        """See `TaskCommand.settings_model`; the settings of training alone get no option."""
        model = super().settings_model(args)
        self.own = frozenset({"task", "seed", "ckpt", "backbone"}) | training_only(model)
        return model


def training_only(model: Any) -> frozenset[str]:
    """Names of the settings of a task that only its training reads."""
    from hcmoco_bench.runtime.settings import TrainingOnly

    return frozenset(model.marked(TrainingOnly))


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("eval", cls=EvalCommand)(evaluate)


def evaluate(
    ctx: typer.Context,
    task: TaskName = None,
    config: ConfigOption = None,
    ckpt: Annotated[
        Path | None, typer.Option("--ckpt", help="Model that finetune left (model.pth), or that of another program.")
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option("--predictions", help="Output of another program, in the task's layout (docs/evaluation.md)."),
    ] = None,
    as_given: Annotated[
        bool,
        typer.Option(
            "--as-given", help="Score --predictions even if they look like another unit, other axes or other classes."
        ),
    ] = False,
    split: Annotated[
        str | None, typer.Option(help="Split to score. [default: the task's test split]", show_default=False)
    ] = None,
    result: Annotated[
        Path | None, typer.Option("--out", "-o", help="Result file (.json); evidence and figures go beside it.")
    ] = None,
    name: Annotated[
        str, typer.Option(help="Name of the model in the result. [default: the name of the file]", show_default=False)
    ] = "",
    backbone: Annotated[
        str | None, typer.Option(help="Refuse a model of another backbone; names that of a file which does not tell.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Samples per batch; the same as --eval-batch-size.", show_default=False)
    ] = None,
    settings: SetOptions = None,
    sheet: Annotated[int, typer.Option(min=0, help="Number of samples on the prediction sheet.")] = 8,
    bootstrap: Annotated[int, typer.Option(min=0, help="Draws of the interval; 0 leaves it out.")] = 1000,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Score a fine-tuned model, or the predictions of any program, under a protocol.

    A model gets exactly the figures of the evaluation that its training ended with; --ckpt also takes models that
    other programs trained (docs/checkpoints.md). Predictions must cover the whole split: missing, repeated and unknown
    ids are counted and named, and a part is never scored as the whole. Predictions that look like another unit, other
    axes or other classes are refused with the likely correction, unless --as-given insists.

    With --predictions of a task of 3-D pose, --protocol all prints the figure under every convention that published
    tables use (docs/pose-conventions.md), and writes no result.

        hcmoco-bench eval --task depth_parsing --ckpt runs/depth_parsing/seed-0/model.pth --out result.json

        hcmoco-bench eval --task depth_parsing --predictions masks/ --protocol published --out result.json

    With --task, the options below are the settings of that task that scoring reads.
    """
    from hcmoco_bench.cli.conventions import conventions_summary, show_conventions
    from hcmoco_bench.runtime.ranks import leave_group
    from hcmoco_bench.runtime.recipes import with_published
    from hcmoco_bench.tasks.core.checkpoints import load_task_checkpoint
    from hcmoco_bench.tasks.core.conventions import ALL, evaluate_conventions, require_conventions
    from hcmoco_bench.tasks.core.evaluate import evaluate_checkpoint, evaluate_predictions
    from hcmoco_bench.tasks.core.make_settings import make_finetune_settings, scoring_settings
    from hcmoco_bench.tasks.core.registry import get_task

    if (ckpt is None) == (predictions is None):
        raise UsageError("give either --ckpt (a model) or --predictions (another program's output)")
    if as_given and predictions is None:
        raise UsageError("--as-given goes with --predictions; a model's own output needs no check, so leave it out")
    values = config_values(config)
    kind = get_task(chosen_task(task, values))
    values = with_published(config, kind.settings, values)
    typed = given_settings(ctx, settings)
    unread = sorted({one.removeprefix("options.") for one in typed} & training_only(kind.settings))
    if unread:
        raise UsageError(f"eval does not train, and {', '.join(unread)} has no effect on scoring; leave it out")
    given = {one: value for one, value in values.items() if one not in training_only(kind.settings)} | typed
    if batch_size is not None:
        given["eval_batch_size"] = batch_size
    silent = quiet or as_json or not main_process()
    if given.get("protocol") == ALL:
        require_conventions(kind)
        if predictions is None or result is not None or name:
            raise UsageError(_alone(ckpt, result))
        samples = values.get("protocol", kind.record.default_protocol)
        given["protocol"] = kind.record.default_protocol if samples == ALL else samples
        resolved = make_finetune_settings(kind, given, home=HOME)
        found = evaluate_conventions(kind, predictions, resolved, split=split, bootstrap=bootstrap, as_given=as_given)
        if as_json:
            print_json(conventions_summary(found))
        elif not silent:
            show_conventions(found)
        return
    shared: dict[str, Any] = {
        "split": split,
        "out": result,
        "name": name,
        "command": shlex.join(["hcmoco-bench", *sys.argv[1:]]),
        "sheet_size": sheet,
        "bootstrap": bootstrap,
    }
    with progress_bar(quiet=silent) as progress:
        if ckpt is not None:
            model = load_task_checkpoint(ckpt, kind.record.id, backbone=backbone, given=given, home=HOME)
            resolved = scoring_settings(kind, model.config, given)
            report = evaluate_checkpoint(kind, model, resolved, progress=progress, **shared)
        else:
            resolved = make_finetune_settings(kind, given, home=HOME)
            given_path = predictions or Path()
            report = evaluate_predictions(kind, given_path, resolved, progress=progress, as_given=as_given, **shared)
    leave_group()
    if main_process() and as_json:
        print_json(_summary(report))
    elif not silent:
        _show(kind.record.main_score, kind.record.unit, report)


def _alone(ckpt: Path | None, result: Path | None) -> str:
    """Why `--protocol all` cannot be used so."""
    if ckpt is not None:
        return (
            "--protocol all compares conventions on --predictions; score a model (--ckpt) under one protocol at a time"
        )
    option = "--name" if result is None else "--out"
    return f"--protocol all writes no result, since a result has one protocol; leave out {option}, or choose a protocol"


def _summary(report: EvalReport) -> dict[str, Any]:
    return {
        "scores": report.evaluation.scores,
        "per_class": report.evaluation.per_class,
        "n_expected": report.evaluation.n_expected,
        "n_scored": report.evaluation.n_scored,
        "problems": [problem.reason for problem in report.evaluation.problems],
        "notes": list(report.notes),
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
            err.print(labeled("problems:", f"{len(evaluation.problems)}; --out result.json names them"))
        say_notes(report.notes)
    rate = evaluation.n_scored / report.seconds if report.seconds else 0.0
    out.print(f"{evaluation.n_scored:,} samples in {report.seconds:,.1f} s, {rate:,.1f} samples per second")
