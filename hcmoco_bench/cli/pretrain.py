"""`hcmoco-bench pretrain`: encoders from prepared stores, without labels."""

from __future__ import annotations

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
    from hcmoco_bench.pretrain.init_report import InitReport
    from hcmoco_bench.pretrain.run import PretrainReport
    from hcmoco_bench.runtime.settings import Settings


class PretrainCommand(SettingsCommand):
    """Takes the settings of the chosen method."""

    own = frozenset({"method"})

    def settings_model(self, args: Sequence[str]) -> type[Settings]:
        """Of `--method`, of the run that is resumed, of the method that `--config` names, or the default one."""
        from hcmoco_bench.pretrain.recipes import RECIPES
        from hcmoco_bench.pretrain.registry import DEFAULT_METHOD, get_method
        from hcmoco_bench.pretrain.run_folder import saved_method
        from hcmoco_bench.runtime.recipes import recipe_values

        name, config, folder = (argument_value(args, *names) for names in (["--method"], ["--config"], ["--out", "-o"]))
        if name is None and "--resume" in args and folder is not None:
            name = saved_method(Path(folder))
        if name is None and config is not None and "--help" not in args:
            name = recipe_values(config, RECIPES).get("method")
        return get_method(name or DEFAULT_METHOD).settings


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("pretrain", cls=PretrainCommand)(pretrain)


def pretrain(
    ctx: typer.Context,
    method: Annotated[
        str | None,
        typer.Option(help="Method: hcmoco (default) or another that `hcmoco-bench methods` lists.", show_default=False),
    ] = None,
    config: ConfigOption = None,
    run: Annotated[
        Path | None,
        typer.Option("--out", "-o", help=f"Folder of the run. [default: {HOME}/runs/METHOD]", show_default=False),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in --out with the settings it has.")
    ] = False,
    settings: SetOptions = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Pre-train encoders on prepared stores; without arguments, as the paper does.

    You can interrupt a run at any moment: the same command with --resume continues it, on the CPU with the same losses
    to the last bit. The folder of the run holds its settings, checkpoints, and a table and a figure of the losses.

        hcmoco-bench pretrain --precision bf16 --channels-last --workers 16

        hcmoco-bench pretrain --config ablation-soft --backbone hrnet_w18_small --init scratch --size 160 --epochs 5 5

        accelerate launch --num-processes 4 -m hcmoco_bench.cli.app pretrain --store hcmoco-data/pretrain

    The options below are the settings of the chosen method; `hcmoco-bench settings --method NAME` explains them all.
    """
    from hcmoco_bench.pretrain.recipes import make_pretrain_settings
    from hcmoco_bench.pretrain.registry import get_method
    from hcmoco_bench.pretrain.run import run_pretrain
    from hcmoco_bench.pretrain.run_folder import saved_run
    from hcmoco_bench.runtime.ranks import leave_group

    given = given_settings(ctx, settings)
    if resume:
        if config:
            raise UsageError("--resume continues with the run's own settings; leave --config out")
        folder = run or HOME / "runs" / make_pretrain_settings(None, given, method=method).method
        chosen = make_pretrain_settings(None, saved_run(folder).to_dict() | given, method=method)
    else:
        chosen = make_pretrain_settings(config, given, method=method)
        folder = run or HOME / "runs" / chosen.method
        chosen_method = get_method(chosen.method)
        if not chosen_method.has_data(chosen):
            data = chosen_method.default_data(HOME)
            chosen = make_pretrain_settings(None, chosen.to_dict() | data, method=chosen.method)
    silent = quiet or as_json or not main_process()
    with progress_bar(quiet=silent) as progress:
        report = run_pretrain(
            chosen,
            folder,
            resume=resume,
            progress=progress,
            begun=None if silent else _say_begun,
            noticed=None if silent else lambda sentence: say_notes([sentence]),
        )
    leave_group()
    if main_process() and as_json:
        print_json(_summary(report))
    elif not silent:
        _show(report, task="depth_parsing" if "depth" in get_method(chosen.method).backbones(chosen) else "rgb_parsing")
    if report.interrupted:
        raise typer.Exit(INTERRUPTED)


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
        "notes": list(report.notes),
        "init": report.init and {"source": report.init.source, "taken": report.init.taken, "left": report.init.left},
    }


def _say_begun(init: InitReport) -> None:
    out.print(f"begins with {init.source}", soft_wrap=True, highlight=False)
    out.print(f"  taken: {', '.join(init.taken) or 'nothing'}", soft_wrap=True, highlight=False)
    if init.left:
        out.print(f"  left:  {'; '.join(init.left)}", soft_wrap=True, highlight=False)


def _show(report: PretrainReport, *, task: str) -> None:
    """Print what a run left, and how to fine-tune its encoder in a task that it fits."""
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
    say_notes(report.notes)
    rate = report.samples / report.seconds if report.seconds else 0.0
    if report.samples:
        out.print(f"{report.samples:,} samples in {report.seconds:,.0f} s, {rate:,.1f} samples per second")
    if report.interrupted:
        out.print("stopped; run the same command with --resume to continue", soft_wrap=True)
    else:
        out.print(f"curves:     {report.curves}", soft_wrap=True, highlight=False)
    out.print(f"checkpoint: {report.checkpoint}", soft_wrap=True, highlight=False)
    if not report.interrupted:
        say_next(("finetune", "--task", task, "--ckpt", report.checkpoint))
