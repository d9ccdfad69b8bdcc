"""`hcmoco-bench leaderboard`: published figures and checked results side by side."""

from __future__ import annotations

import typer

from hcmoco_bench.cli.leaderboard import rows, views


def register(application: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode="markdown",
        help="Show published figures and checked results, add rows, verify and compare them, and write a page of them.",
    )
    for command in (
        views.show,
        rows.add,
        rows.verify,
        views.compare,
        views.page,
        views.export,
        views.template,
    ):
        group.command(command.__name__)(command)
    application.add_typer(group, name="leaderboard")
