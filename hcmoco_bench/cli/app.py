"""The `hcmoco-bench` command: registers the commands and turns errors into exit codes."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from hcmoco_bench import __version__
from hcmoco_bench.cli import (
    audit,
    calibrate,
    demo,
    evaluate,
    export,
    finetune,
    join,
    leaderboard,
    prepare,
    pretrain,
    prior,
    publish,
    records,
    settings_table,
    study,
    synth,
    verify,
    view,
)
from hcmoco_bench.cli.console import INTERRUPTED, err, labeled, out
from hcmoco_bench.errors import HcmocoBenchError, UsageError

_WrongUsage: Final[Any] = typer.BadParameter.__mro__[1]
"""What the parser raises; typer exports this child of it alone."""


class _Commands(TyperGroup):
    """Says wrong usage as the commands themselves do: in one line, which a panel would cut names into pieces of."""

    def make_context(self, *args: Any, **options: Any) -> Any:
        out.quiet = False  # until the command's own --quiet
        with _one_line():
            return super().make_context(*args, **options)

    def invoke(self, ctx: Any) -> Any:
        try:
            with _one_line():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            err.print("stopped; run the same command again to continue where it was")
            raise typer.Exit(INTERRUPTED) from None


@contextmanager
def _one_line() -> Iterator[None]:
    try:
        yield
    except _WrongUsage as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            raise
        said = error.format_message().rstrip(".")
        command = error.ctx.command_path if error.ctx else "hcmoco-bench"
        err.print(labeled("usage:", f"{said}; see {command} --help", style="bold red"), soft_wrap=True)
        raise typer.Exit(error.exit_code) from None


app = typer.Typer(
    name="hcmoco-bench",
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode="markdown",  # paragraphs of a docstring are wrapped as paragraphs
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done with problems (only with --strict), 130 interrupted.",
)


def _print_version(value: bool) -> None:
    if value:
        out.print(f"hcmoco-bench {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Turn raw NTU RGB+D into a verified RGB-D human-parsing dataset, pre-train encoders on it, and score them.

    New here? `hcmoco-bench demo` runs every step on generated people, without any licensed data.
    """


for module in (
    demo,
    synth,
    prepare,
    calibrate,
    verify,
    view,
    publish,
    join,
    pretrain,
    prior,
    finetune,
    evaluate,
    export,
    leaderboard,
    audit,
    study,
    records,
    settings_table,
):
    module.register(app)


def main() -> None:
    """Run the command line; expected errors become one line on standard error and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # for terminals that are not UTF-8
    try:
        app()
    except UsageError as error:
        err.print(labeled("usage:", error, style="bold red"), soft_wrap=True)
        sys.exit(2)
    except HcmocoBenchError as error:
        err.print(labeled("error:", error, style="bold red"), soft_wrap=True)
        sys.exit(1)
    except OSError as error:
        err.print(labeled("error:", error, style="bold red"), soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
