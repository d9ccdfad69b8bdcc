"""Figures of one file under every convention, in the terminal and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Column, Table

from hcmoco_bench.cli.console import out, say_notes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hcmoco_bench.metrics.pose_conventions import Convention, Publication
    from hcmoco_bench.tasks.core.conventions import ConventionFigure, ConventionReport


def show_conventions(report: ConventionReport) -> None:
    """Print the figures, and which published tables use which convention."""
    by_action = any(figure.by_action_mm is not None for figure in report.figures)
    intervals = any(figure.ci95 is not None for figure in report.figures)
    table = Table(Column("convention", no_wrap=True), "mm")
    if intervals:
        table.add_column("95 %", no_wrap=True)
    if by_action:
        table.add_column("mean of actions")
    for column in table.columns[1:]:
        column.justify = "right"
    before = ""
    for figure in report.figures:
        convention = figure.measured.convention
        if before not in ("", convention.choice.name):
            table.add_section()
        before = convention.choice.name
        cells = [convention.name, _number(figure.error_mm)]
        if intervals:
            cells.append("" if figure.ci95 is None else f"{figure.ci95[0]:,.2f} to {figure.ci95[1]:,.2f}")
        if by_action:
            cells.append(_number(figure.by_action_mm))
        table.add_row(*cells)
    out.print(table)
    for line in _legend(report.figures):
        out.print(line, soft_wrap=True, highlight=False)
    say_notes(report.notes)
    place = f"{report.task}, {report.data}, split {report.split} of protocol {report.protocol}"
    out.print(
        f"{report.n_samples:,} samples in {report.seconds:,.1f} s ({place}); no result file is written: a result has "
        "one protocol, so choose it with --protocol",
        soft_wrap=True,
        highlight=False,
    )


def conventions_summary(report: ConventionReport) -> dict[str, Any]:
    """The report as JSON values; figures in mm."""
    return {
        "task": report.task,
        "data": report.data,
        "split": report.split,
        "protocol": report.protocol,
        "n_samples": report.n_samples,
        "unit": "mm",
        "conventions": {figure.measured.convention.name: _entry(figure) for figure in report.figures},
        "published": {
            one.name: {
                "title": one.title,
                "source": one.source,
                "data": one.data,
                "average": one.average,
                "note": one.note,
            }
            for one in _publications(report.figures)
        },
        "notes": list(report.notes),
        "seconds": report.seconds,
    }


def _entry(figure: ConventionFigure) -> dict[str, Any]:
    convention = figure.measured.convention
    return {
        "error_mm": figure.error_mm,
        "ci95_mm": figure.ci95,
        "mean_of_actions_mm": figure.by_action_mm,
        "n_samples": figure.n_samples,
        "joints": convention.choice.title,
        "n_joints": len(figure.measured.places),
        "alignment": convention.alignment,
        "center": convention.center,
        "aligned": convention.aligned,
        "measured_on": figure.measured.pair.joints,
        "published": {one.name: one.tables[convention.name] for one in convention.published},
    }


def _legend(figures: Iterable[ConventionFigure]) -> list[str]:
    """What the parts of the names mean, which published figures are measured so, and where the tables are."""
    conventions = [figure.measured.convention for figure in figures]
    joints = {one.choice.name: one.choice.title for one in conventions}
    ways = {_way(one): one.aligned for one in conventions}
    tables = {
        convention.name: ", ".join(f"{one.short} ({one.tables[convention.name]})" for one in convention.published)
        for convention in conventions
        if convention.published
    }
    return [
        *(f"{name}: {title}" for name, title in joints.items()),
        *(f"_{name}: {aligned}" for name, aligned in ways.items()),
        "",
        "published tables:",
        *(f"  {name}: {shorts}" for name, shorts in tables.items()),
        *(f"  {one.short}: {one.title} ({one.data}; {one.source})" for one in _publications(figures)),
    ]


def _way(convention: Convention) -> str:
    return convention.name.removeprefix(f"{convention.choice.name}_")


def _publications(figures: Iterable[ConventionFigure]) -> list[Publication]:
    found = {one.name: one for figure in figures for one in figure.measured.convention.published}
    return list(found.values())


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.2f}"
