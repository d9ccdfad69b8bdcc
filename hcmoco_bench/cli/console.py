"""What all commands share: the two consoles, the progress bar, and results as JSON."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress
from rich.text import Text

from hcmoco_bench.files.json import finite, json_text
from hcmoco_bench.files.outside_text import printable
from hcmoco_bench.runtime.home import HOME as HOME
from hcmoco_bench.runtime.progress import Progress, no_progress


class _OutsideTextConsole(Console):
    """A console that shows texts as they are: no markup, no emoji codes, and nothing that steers the terminal."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable(text), **options)


out = _OutsideTextConsole(markup=False, emoji=False)
"""Results: tables and paths."""

err = _OutsideTextConsole(stderr=True, markup=False, emoji=False)
"""Progress, notes and errors; never mixed into results."""

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it: 128 plus the number of SIGINT."""


def _silence(quiet: bool) -> bool:
    out.quiet = quiet
    return quiet


Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", callback=_silence, help="Print errors only: no progress bar, no notes, no results."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.1f}/s", style="progress.data.speed")


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Progress]:
    """Yield a `Progress` that draws one bar a label, with rate and time left, on standard error."""
    if quiet:
        yield no_progress
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        TimeRemainingColumn(),
    )
    with RichProgress(*columns, console=err, transient=False) as bars:
        tasks: dict[str, TaskID] = {}

        def report(label: str, done: int, total: int | None) -> None:
            if label not in tasks:
                tasks[label] = bars.add_task(printable(label), total=total)
            bars.update(tasks[label], completed=done, total=total)

        yield report


def labeled(label: str, text: object, *, style: str = "yellow") -> Text:
    """A line that begins with a styled label, for either console; the text may come from outside."""
    return Text.assemble((label, style), f" {printable(str(text))}")


def main_process() -> bool:
    """Whether this process is the first of those that `accelerate launch` or `torchrun` started, or the only one."""
    return int(os.environ.get("RANK", "0")) == 0


def say_next(*commands: Sequence[object]) -> None:
    """Say on standard error which commands come next; each is given as its words after `hcmoco-bench`."""
    for number, words in enumerate(commands):
        line = " ".join(map(_quoted, ["hcmoco-bench", *map(str, words)]))
        err.print(f"{'next: ' if number == 0 else '      '}{line}", highlight=False, soft_wrap=True)


def _quoted(word: str) -> str:
    """A word for a shell; with what cannot be printed in the escapes of bash and zsh."""
    if printable(word) == word:
        return shlex.quote(word)
    return "$'" + printable(word.replace("\\", "\\\\").replace("'", "\\'")) + "'"


def say_elsewhere(where: str, commands: Sequence[str]) -> None:
    """Say on standard error which shell commands come next in the folder of another program."""
    err.print(f"next, in {where}:", highlight=False)
    for line in commands:
        err.print(f"  {line}", highlight=False, soft_wrap=True)


def say_notes(notes: Iterable[str]) -> None:
    """Say on standard error what a reader of the result should know."""
    for note in notes:
        err.print(Text.assemble(("note:", "yellow"), f" {note}"), soft_wrap=True, highlight=False)


def print_json(value: Any) -> None:
    """Print a JSON document on standard output, unwrapped and uncolored; nan and infinity become null."""
    typer.echo(json_text(finite(value), indent=2, allow_nan=False, default=str))
