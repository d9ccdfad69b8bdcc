"""`leaderboard show`, `compare`, `page`, `export` and `template`: what a leaderboard gives."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from hcmoco_bench.cli.console import AsJson, Quiet, out, print_json, progress_bar
from hcmoco_bench.cli.leaderboard import options
from hcmoco_bench.cli.leaderboard.options import (
    BoardsOption,
    DrawsOption,
    LevelOption,
    MetricOption,
    ProtocolOption,
    TaskOption,
    opened,
    places,
)
from hcmoco_bench.cli.leaderboard.printing import show_board
from hcmoco_bench.errors import UsageError


def show(
    task: TaskOption = None,
    protocol: ProtocolOption = None,
    variant: Annotated[str | None, typer.Option(help="Variant of the task, e.g. rgb_to_depth.")] = None,
    split: Annotated[str | None, typer.Option(help="Split that is scored.")] = None,
    ratio: Annotated[float | None, typer.Option(min=0, max=1, help="Share of the training labels, e.g. 0.2.")] = None,
    metric: MetricOption = None,
    level: LevelOption = "paper",
    form: Annotated[
        Literal["table", "csv", "markdown", "latex", "json"], typer.Option("--as", help="Form of the output.")
    ] = "table",
    cite: Annotated[
        Path | None, typer.Option("--bibtex", help="File for the BibTeX of what is shown; - prints it below.")
    ] = None,
    mean: Annotated[
        bool, typer.Option("--mean", help="One row a model with its mean over all tables shown; none may be missing.")
    ] = False,
    board: BoardsOption = None,
    draws: DrawsOption = 1000,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress bar.")] = False,
) -> None:
    """Show rows: what papers print, and results with the ranks that their evidence leaves open.

    hcmoco-bench leaderboard show --task depth_parsing --protocol published

    hcmoco-bench leaderboard show --task densepose --ratio 0.1 --metric gpsm_AP --as latex --bibtex cited.bib
    """
    from hcmoco_bench.leaderboard.level import Level
    from hcmoco_bench.leaderboard.mean import mean_table
    from hcmoco_bench.leaderboard.tables import Selection, bibtex, table_text

    chosen = Selection(task, protocol, variant, split, ratio, Level.of(level), metric)
    leaderboard = opened(board, draws=draws, quiet=quiet or form != "table")
    boards = chosen.boards(leaderboard)
    if mean:
        typer.echo(mean_table(boards, metric, "csv" if form == "table" else form), nl=False)
    elif form == "table":
        for one in boards:
            show_board(one, metric)
    else:
        typer.echo(table_text(boards, form, metric), nl=False)
    if cite is not None and str(cite) == "-":
        typer.echo(f"\n{bibtex(leaderboard, boards)}", nl=False)
    elif cite is not None:
        from hcmoco_bench.files.atomic import write_atomic

        write_atomic(cite, bibtex(leaderboard, boards))


def compare(
    rows: Annotated[list[str], typer.Argument(help="Two or more ids of rows, or result files.")],
    board: BoardsOption = None,
    draws: DrawsOption = 1000,
    as_json: AsJson = False,
) -> None:
    """Compare rows in pairs: difference, interval, p-value, and what can be claimed.

    Each draw of the bootstrap takes the same people or videos for all rows; p-values are corrected by Holm over all
    pairs.

        hcmoco-bench leaderboard compare hcmoco-1f2e3d4c5b6a scratch-0a1b2c3d4e5f

        hcmoco-bench leaderboard compare runs/hcmoco/result.json runs/scratch/result.json
    """
    from dataclasses import asdict

    from hcmoco_bench.leaderboard.contenders import compare_named

    found = compare_named(rows, places(board), draws=draws, cache=options.CACHE)
    if as_json:
        print_json([asdict(one) | {"verdict": one.verdict} for one in found])
        return
    for one in found:
        out.print(one.verdict, style="bold", highlight=False, soft_wrap=True)
        out.print(f"  {one.grounds}", highlight=False, soft_wrap=True)


def page(
    folder: Annotated[Path, typer.Option("--out", "-o", help="Folder for the page; new, or one that page wrote.")],
    board: BoardsOption = None,
    draws: DrawsOption = 1000,
    quiet: Quiet = False,
) -> None:
    """Write a static site of all tables, on which readers recompute figures in their browser.

    It works from the file system and from any web server, and loads nothing from elsewhere.

        hcmoco-bench leaderboard page --out leaderboard-page
    """
    from hcmoco_bench.leaderboard.page.site import write_site

    leaderboard = opened(board, draws=draws, quiet=quiet)
    with progress_bar(quiet=quiet) as progress:
        site = write_site(leaderboard, folder, progress=progress)
    out.print(
        f"{site.files} pages, {site.bytes / 1e6:,.1f} MB in {site.seconds:,.1f} s: {folder / 'index.html'}",
        soft_wrap=True,
        highlight=False,
    )


def export(
    form: Annotated[Literal["hf", "eee", "croissant"], typer.Option("--to", help="Form of the export.")],
    folder: Annotated[Path, typer.Option("--out", "-o", help="Folder for the files; new or empty.")],
    task: TaskOption = None,
    protocol: ProtocolOption = None,
    level: LevelOption = "paper",
    benchmark: Annotated[
        str | None,
        typer.Option(metavar="USER/NAME", help="The benchmark's dataset on the Hub, for hf.", show_default=False),
    ] = None,
    board: BoardsOption = None,
    quiet: Quiet = False,
) -> None:
    """Write rows in a form that others read: Hugging Face's eval results, Every Eval Ever, or Croissant Tasks.

    hcmoco-bench leaderboard export --to eee --task depth_parsing --out exported
    """
    from hcmoco_bench.leaderboard.board import Leaderboard
    from hcmoco_bench.leaderboard.exports.croissant import export_croissant
    from hcmoco_bench.leaderboard.exports.eee import export_eee
    from hcmoco_bench.leaderboard.exports.hf import BENCHMARK, export_hf
    from hcmoco_bench.leaderboard.level import Level
    from hcmoco_bench.leaderboard.tables import Selection

    if benchmark is not None and form != "hf":
        raise UsageError(f"--benchmark goes with --to hf, not with {form}; leave it out")
    everything = opened(board, ranked=False, quiet=quiet)
    boards = Selection(task, protocol, level=Level.of(level)).boards(everything)
    chosen = Leaderboard(boards, everything.citations, everything.remarks)
    if form == "hf":
        files = export_hf(chosen, folder, benchmark=benchmark or BENCHMARK)
    else:
        files = {"eee": export_eee, "croissant": export_croissant}[form](chosen, folder)
    out.print(f"{len(files)} files: {folder}", soft_wrap=True, highlight=False)


def template(
    task: Annotated[str, typer.Option("--task", help="Task of the row.")],
    paper: Annotated[bool, typer.Option("--paper", help="For figures that a paper prints.")] = False,
    file: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write; printed without it.", show_default=False)
    ] = None,
) -> None:
    """Write what the author of a row fills in, with the commands and the layout of predictions.

    hcmoco-bench leaderboard template --task depth_parsing --out submission.toml
    """
    from hcmoco_bench.files.atomic import write_atomic
    from hcmoco_bench.leaderboard.template import paper_template, submission_template

    text = paper_template(task) if paper else submission_template(task)
    if file is None:
        typer.echo(text, nl=False)
        return
    if file.exists():
        raise UsageError(f"{file}: is there already; give another --out")
    write_atomic(file, text)
    out.print(f"fill in {file}", soft_wrap=True, highlight=False)
