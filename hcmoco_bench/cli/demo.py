"""`hcmoco-bench demo`: the whole way, on generated people."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from hcmoco_bench.cli.console import AsJson, Quiet, out, print_json, progress_bar
from hcmoco_bench.demo.settings import CLIPS, FRAMES


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("demo")(demo)


def demo(
    to: Annotated[Path, typer.Option("--out", "-o", help="Folder that everything is written to.")] = Path("demo"),
    clips: Annotated[
        int, typer.Option(min=1, help="Number of generated clips; three cameras see each performance.")
    ] = CLIPS,
    frames: Annotated[int, typer.Option(min=2, help="Frames per clip; every second one has part labels.")] = FRAMES,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the people and of the trainings.")] = 0,
    workers: Annotated[int | None, typer.Option(min=1, help="Number of processes; all cores by default.")] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Run everything on generated people: raw tree, prepare, verify, publish, load, pre-train, fine-tune, score.

    The demo needs no licensed data, no GPU and no network, and takes three minutes. Open demo/index.html afterwards.
    """
    from hcmoco_bench.demo.run import run_demo
    from hcmoco_bench.runtime.processes import usable_cores

    with progress_bar(quiet=quiet or as_json) as progress:
        report = run_demo(
            to, clips=clips, frames=frames, seed=seed, workers=workers or usable_cores(), progress=progress
        )
    if as_json:
        scores = {score.name: score.value for score in report.scores}
        print_json(
            {
                "page": report.page,
                "sheet": report.sheet,
                "rows": report.rows,
                "scores": scores,
                "comparison": report.comparison and asdict(report.comparison),
                "seconds": report.seconds,
            }
        )
        return
    if not quiet:
        from rich.table import Table

        table = Table("step", "result", "seconds")
        table.columns[2].justify = "right"
        for step in report.steps:
            table.add_row(step.name, step.result, f"{step.seconds:.1f}")
        table.add_section()
        table.add_row("all", "", f"{report.seconds:.1f}")
        out.print(table)
        if report.comparison is not None:
            out.print(f"{report.comparison.verdict} {report.comparison.grounds}", highlight=False)
    out.print(f"open {report.page} in a browser", highlight=False, soft_wrap=True)
