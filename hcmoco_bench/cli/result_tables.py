"""A result in the terminal: the figures, and each class with a bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from hcmoco_bench.cli.console import err, labeled, out

if TYPE_CHECKING:
    from hcmoco_bench.results.schema import Result, ScoreEntry
    from hcmoco_bench.tasks.core.result import Writing

_BAR = 20


def show_writing(written: Writing) -> None:
    """Print a result and where its files are."""
    show_result(written.result)
    out.print(f"result:   {written.path}", soft_wrap=True, highlight=False)
    for entry in written.result.evidence:
        out.print(f"evidence: {written.path.with_name(entry.file)}", soft_wrap=True, highlight=False)
    for image in written.figures:
        out.print(f"image:  {image}", soft_wrap=True, highlight=False)
    if written.problems is not None:
        err.print(labeled("problems:", written.problems), soft_wrap=True)


def show_result(result: Result) -> None:
    """Print a result: classes, figures, and what a reader should know."""
    scores = result.scores
    if scores.per_class:
        out.print(class_table(scores))
    table = Table("figure", "value")
    table.columns[1].justify = "right"
    for name, value in scores.all.items():
        style = "bold" if name == scores.main else ""
        table.add_row(name, _number(value), style=style)
    out.print(table)
    place = f"{result.task.id}, protocol {result.task.protocol}, split {result.task.split}"
    out.print(f"{place}, {result.data.n_scored:,} samples: {summary_line(scores)}", soft_wrap=True, highlight=False)
    for note in result.status.notes:
        err.print(labeled("note:", note), soft_wrap=True)


def summary_line(scores: ScoreEntry) -> str:
    """The main score in one line, with deviation over seeds and interval where there are."""
    text = f"{scores.main} {scores.mean:.2f} {scores.unit}"
    if scores.std is not None:
        each = ", ".join(f"{value:.2f}" for value in scores.per_seed)
        text += f" +- {scores.std:.2f} over {len(scores.per_seed)} seeds ({each})"
    if scores.ci95 is not None:
        text += f", 95 % of bootstraps within {scores.ci95[0]:.2f} to {scores.ci95[1]:.2f}"
    return text


def class_table(scores: ScoreEntry) -> Table:
    """A line a class: its figures, and a bar of the first."""
    figures = list(next(iter(scores.per_class.values())))
    table = Table("class", *figures, "")
    for column in table.columns[1:-1]:
        column.justify = "right"
    largest = max(
        (row[figures[0]] or 0.0 for row in scores.per_class.values()),
        default=0.0,
    )
    for name, row in scores.per_class.items():
        share = (row[figures[0]] or 0.0) / largest if largest > 0 else 0.0
        bar = "\u2588" * round(_BAR * share)
        table.add_row(name, *(_number(row[figure]) for figure in figures), bar)
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.2f}"
