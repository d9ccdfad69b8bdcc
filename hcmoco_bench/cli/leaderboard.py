"""`hcmoco-bench leaderboard`: published figures and checked results side by side."""

from __future__ import annotations

import getpass
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from hcmoco_bench.cli.console import HOME, AsJson, Quiet, err, labeled, out, print_json, progress_bar
from hcmoco_bench.errors import DataError, UsageError

if TYPE_CHECKING:
    from hcmoco_bench.leaderboard.board import Board, Leaderboard
    from hcmoco_bench.leaderboard.rows.add import CheckInputs
    from hcmoco_bench.leaderboard.rows.checklist import Checklist
    from hcmoco_bench.results.schema import Result

OWN = HOME / "leaderboard"
"""The user's own leaderboard."""

CACHE = HOME / "cache" / "draws"
"""Drawn scores, by the evidence that they are made of."""

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Show published figures and checked results, add rows, verify and compare them, and write a page of them.",
)

BoardOption = Annotated[
    Path,
    typer.Option("--board", help="Folder of the leaderboard.", show_default="leaderboard in HCMOCO_HOME"),
]
BoardsOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--board",
        help="Folder of a leaderboard; may be repeated. [default: the packaged one, and leaderboard in HCMOCO_HOME]",
        show_default=False,
    ),
]
StoreOption = Annotated[
    list[str] | None, typer.Option("--store", help="Prepared store that the result was scored on; checks the labels.")
]
RootOption = Annotated[
    str | None, typer.Option("--root", help="The same for tasks that read a published layout.", show_default=False)
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Another setting of the task; may be repeated.")
]
PredictionsOption = Annotated[
    Path | None, typer.Option("--predictions", help="The deposited predictions; scores them again.")
]
WeightsOption = Annotated[Path | None, typer.Option("--weights", help="The model; runs it again.")]
AgainOption = Annotated[
    Path | None, typer.Option("--again", metavar="RESULT", help="Result of somebody else's training of the same model.")
]
ByOption = Annotated[
    str | None, typer.Option("--by", help="Who runs the checks. [default: user.name of Git]", show_default=False)
]
TaskOption = Annotated[str | None, typer.Option("--task", help="Task, e.g. depth_parsing.")]
ProtocolOption = Annotated[str | None, typer.Option("--protocol", help="Protocol, e.g. published.")]
MetricOption = Annotated[str | None, typer.Option("--metric", help="Figure to show. [default: the main score]")]
LevelOption = Annotated[str, typer.Option("--level", help="Lowest level to show, e.g. evidence.")]
DrawsOption = Annotated[int, typer.Option("--draws", min=2, help="Draws of the bootstrap.")]


def register(application: typer.Typer) -> None:
    """Add the commands to the application."""
    application.add_typer(app, name="leaderboard")


@app.command("show")
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
    leaderboard = _open(board, draws=draws, quiet=quiet or form != "table")
    boards = chosen.boards(leaderboard)
    if mean:
        typer.echo(mean_table(boards, metric, "csv" if form == "table" else form), nl=False)
    elif form == "table":
        for one in boards:
            _show_board(one, metric)
    else:
        typer.echo(table_text(boards, form, metric), nl=False)
    if cite is not None and str(cite) == "-":
        typer.echo(f"\n{bibtex(leaderboard, boards)}", nl=False)
    elif cite is not None:
        from hcmoco_bench.files.atomic import write_atomic

        write_atomic(cite, bibtex(leaderboard, boards))


@app.command("add")
def add(
    result: Annotated[
        Path, typer.Argument(help="Result file (.json) with its evidence beside it, or a paper's table (.toml).")
    ],
    board: BoardOption = OWN,
    submission: Annotated[
        Path | None, typer.Option("--submission", help="What leaderboard template wrote, filled in.")
    ] = None,
    by: ByOption = None,
    store: StoreOption = None,
    root: RootOption = None,
    settings: SetOption = None,
    predictions: PredictionsOption = None,
    weights: WeightsOption = None,
    again: AgainOption = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Check a result and add it as a row, at the level that its checks give it.

    Nobody chooses a level. A result with its evidence gets *evidence*; with the data at hand it gets *labels*, with the
    predictions or the model *predictions* or *weights*, and with a second training by somebody else *trained-again*.
    A result that fails a check is refused, and nothing is written.

        hcmoco-bench leaderboard add result.json --store stores/parsing4k --weights model.pth

    A .toml file adds the figures of a paper (hcmoco-bench leaderboard template --task TASK --paper).
    """
    from hcmoco_bench.leaderboard.published.add import add_published_table
    from hcmoco_bench.leaderboard.rows.add import add_result
    from hcmoco_bench.leaderboard.rows.checklist import RowRefusedError
    from hcmoco_bench.leaderboard.rows.read import as_row
    from hcmoco_bench.leaderboard.rows.row_file import Submission
    from hcmoco_bench.leaderboard.template import read_submission
    from hcmoco_bench.results.schema import read_result

    if result.suffix == ".toml":
        table = add_published_table(result, board)
        out.print(f"added {table.stem}: {table.n_figures} figures of {table.table}, level paper")
        return
    given = Submission(by=by or _user()) if submission is None else read_submission(submission)
    inputs = _inputs(read_result(result), store, root, settings, predictions, weights, again)
    try:
        with progress_bar(quiet=quiet or as_json) as progress:
            stored, checklist = add_result(result, board, given, inputs, checked_by=by or given.by, progress=progress)
    except RowRefusedError as error:
        if not as_json:
            _show_checklist(error.checklist)
        raise
    row = as_row(stored)
    if as_json:
        print_json({"row": row.id, "folder": stored.folder, "level": row.level.word, "checks": _plain(checklist)})
        return
    _show_checklist(checklist)
    out.print(f"added {row.id} at the level {row.level.word}: {stored.folder}", soft_wrap=True, highlight=False)


@app.command("verify")
def verify(
    rows: Annotated[list[str] | None, typer.Argument(help="Ids of rows.", show_default=False)] = None,
    everything: Annotated[bool, typer.Option("--all", help="Verify all rows, and the tables of papers.")] = False,
    board: BoardsOption = None,
    store: StoreOption = None,
    root: RootOption = None,
    settings: SetOption = None,
    predictions: PredictionsOption = None,
    weights: WeightsOption = None,
    again: AgainOption = None,
    record: Annotated[
        bool, typer.Option("--record", help="Keep what passes in the row, which may raise its level.")
    ] = False,
    by: ByOption = None,
    pull_request: Annotated[
        Path | None,
        typer.Option(
            "--pull-request", metavar="BASE", help="Also refuse changes to what the leaderboard BASE holds already."
        ),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Check rows again: every figure from its evidence, and more with data, predictions or weights at hand.

        hcmoco-bench leaderboard verify --all

        hcmoco-bench leaderboard verify ROW --store stores/parsing4k --weights model.pth --record --by "Your Name"

    Levels that cannot be checked with what is at hand are listed as recorded. Exits with 1 if anything fails.
    """
    from hcmoco_bench.leaderboard.published.add import published_errors
    from hcmoco_bench.leaderboard.rows.changes import pull_request_errors
    from hcmoco_bench.leaderboard.rows.links import link_errors
    from hcmoco_bench.leaderboard.rows.read import read_row
    from hcmoco_bench.leaderboard.rows.verify import raise_level, row_folder, verify_rows

    whole = everything or pull_request is not None
    if whole == bool(rows):
        raise UsageError("name rows to verify, or give --all")
    places = _places(board)
    errors = [told for place in places for told in link_errors(place)]
    if pull_request is not None and not errors:
        errors += [told for place in places for told in pull_request_errors(place, pull_request)]
    if whole and not errors:
        errors += [told for place in places for told in published_errors(place)]
    found = []
    silent = quiet or as_json
    for place in places if not errors else []:
        here = None if whole else [row for row in rows or () if row_folder(place, row) is not None]
        if here == []:
            continue
        inputs = None
        if here and any((store, root, settings, predictions, weights, again)):
            (only,) = here if len(here) == 1 else (None,)
            if only is None:
                raise UsageError("--store, --predictions and the like go with one row; name it")
            first = read_row(row_folder(place, only) or place).result
            inputs = _inputs(first, store, root, settings, predictions, weights, again)
        if record:
            if inputs is None or here is None:
                raise UsageError("--record needs one row and something to check it by (--store, --weights, ...)")
            with progress_bar(quiet=silent) as progress:
                raise_level(place, here[0], by or _user(), inputs, progress=progress)
        with progress_bar(quiet=silent) as progress:
            for one in verify_rows(place, here, None if record else inputs, progress=progress):
                found.append(one)
                if not silent and (not one.ok or not whole):
                    out.print(f"{one.id}:", style="bold", highlight=False)
                    _show_checklist(one.checklist)
    unknown = sorted(set(rows or ()) - {one.id for one in found})
    if unknown and not errors:
        raise UsageError(f"there is no row {', '.join(unknown)} in {', '.join(map(str, places))}")
    if as_json:
        print_json(
            {
                "ok": not errors and all(one.ok for one in found),
                "errors": errors,
                "rows": [
                    {
                        "row": one.id,
                        "ok": one.ok,
                        "level": one.level.word,
                        "repeated": [level.word for level in one.repeated],
                        "recorded": [level.word for level in one.recorded],
                        "failed": [f"{item.check}: {item.detail}" for item in one.checklist.failed],
                    }
                    for one in found
                ],
            }
        )
    else:
        for told in errors:
            err.print(labeled("error:", told, style="bold red"), soft_wrap=True)
        if whole and not errors:
            _say_published(places)
        _say_verified(found)
    if errors or not all(one.ok for one in found):
        raise typer.Exit(1)


@app.command("compare")
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

    found = compare_named(rows, _places(board), draws=draws, cache=CACHE)
    if as_json:
        print_json([asdict(one) | {"verdict": one.verdict} for one in found])
        return
    for one in found:
        out.print(one.verdict, style="bold", highlight=False, soft_wrap=True)
        out.print(f"  {one.grounds}", highlight=False, soft_wrap=True)


@app.command("page")
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

    leaderboard = _open(board, draws=draws, quiet=quiet)
    with progress_bar(quiet=quiet) as progress:
        site = write_site(leaderboard, folder, progress=progress)
    out.print(
        f"{site.files} pages, {site.bytes / 1e6:,.1f} MB in {site.seconds:,.1f} s: {folder / 'index.html'}",
        soft_wrap=True,
        highlight=False,
    )


@app.command("export")
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
    everything = _open(board, ranked=False, quiet=quiet)
    boards = Selection(task, protocol, level=Level.of(level)).boards(everything)
    chosen = Leaderboard(boards, everything.citations, everything.remarks)
    if form == "hf":
        files = export_hf(chosen, folder, benchmark=benchmark or BENCHMARK)
    else:
        files = {"eee": export_eee, "croissant": export_croissant}[form](chosen, folder)
    out.print(f"{len(files)} files: {folder}", soft_wrap=True, highlight=False)


@app.command("template")
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


def _places(board: Sequence[Path] | None) -> list[Path]:
    from hcmoco_bench.leaderboard.folder import leaderboards_folder

    if board:
        return list(board)
    return [leaderboards_folder(), *([OWN] if OWN.is_dir() else [])]


def _open(board: Sequence[Path] | None, *, draws: int = 1000, ranked: bool = True, quiet: bool = False) -> Leaderboard:
    from hcmoco_bench.leaderboard.collect import open_leaderboard

    def problem(told: str) -> None:
        err.print(labeled("left out:", told, style="bold yellow"), soft_wrap=True)

    with progress_bar(quiet=quiet) as progress:
        return open_leaderboard(
            _places(board), ranked=ranked, draws=draws, cache=CACHE, progress=progress, problem=problem
        )


def _inputs(
    result: Result,
    store: Sequence[str] | None,
    root: str | None,
    settings: Sequence[str] | None,
    predictions: Path | None,
    weights: Path | None,
    again: Path | None,
) -> CheckInputs:
    from hcmoco_bench.leaderboard.rows.add import CheckInputs
    from hcmoco_bench.runtime.settings import describe_settings, parse_setting
    from hcmoco_bench.tasks.core.registry import get_task

    records = {record.name: record for record in describe_settings(get_task(result.task.id).settings)}
    given: dict[str, Any] = dict(parse_setting(one, records) for one in settings or ())
    if store:
        given["stores"] = tuple(store)
    if root is not None:
        given["root"] = root
    return CheckInputs(given, predictions, weights, again)


def _user() -> str:
    """Name of the user: Git's, or that of the account."""
    try:
        done = subprocess.run(  # a fixed command
            ["git", "config", "user.name"], capture_output=True, text=True, check=False
        )
        if name := done.stdout.strip():
            return name
    except OSError:
        pass
    try:
        return getpass.getuser()
    except (OSError, KeyError) as error:
        raise DataError("nobody is named as the checker; give --by NAME", kind="by") from error


def _show_checklist(checklist: Checklist) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    styles = {"pass": "green", "fail": "bold red", "not applicable": "dim"}
    table = Table("level", "check", "outcome", "detail", box=box.SIMPLE_HEAD, pad_edge=False)
    table.columns[3].overflow = "fold"
    for item in checklist.items:
        table.add_row(item.level, item.check, Text(item.outcome, style=styles[item.outcome]), item.detail)
    out.print(table)


def _plain(checklist: Checklist) -> list[dict[str, Any]]:
    return [item.model_dump(mode="json") for item in checklist.items]


def _say_published(places: Sequence[Path]) -> None:
    from hcmoco_bench.leaderboard.folder import PUBLISHED
    from hcmoco_bench.leaderboard.published.read import published_tables

    for place in places:
        if (place / PUBLISHED).is_dir():
            tables = published_tables(place / PUBLISHED)
            out.print(
                f"{sum(table.n_figures for table in tables):,} figures of {len(tables)} published tables checked with "
                "each other, and all that is odd about them is declared",
                highlight=False,
                soft_wrap=True,
            )


def _say_verified(found: Sequence[Any]) -> None:
    failed = [one.id for one in found if not one.ok]
    recorded = [one for one in found if one.ok and one.recorded]
    out.print(f"{len(found) - len(failed)} of {len(found)} rows verified", highlight=False)
    for one in recorded:
        words = ", ".join(level.word for level in one.recorded)
        out.print(
            f"{one.id}: {words} rest on the record of the check; give --store, --weights, ... to repeat it",
            highlight=False,
            soft_wrap=True,
        )
    if failed:
        err.print(labeled("failed:", ", ".join(failed), style="bold red"), soft_wrap=True)


def _show_board(board: Board, metric: str | None) -> None:
    from rich import box
    from rich.table import Table

    from hcmoco_bench.leaderboard.tables import shown_table

    shown = shown_table(board, metric)
    out.print(shown.heading, style="bold", highlight=False, soft_wrap=True)
    if shown.shared:
        out.print(f"All rows: {shown.shared}.", highlight=False, soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in shown.frame.columns:
        numbers = name in {"score", "ratio"}
        table.add_column(name.replace("_", " "), justify="right" if numbers else "left", overflow="fold")
    for values in shown.frame.astype(str).to_numpy().tolist():
        table.add_row(*values)
    out.print(table)
    for mark, note in shown.notes:
        out.print(f"{mark:>2} {note}" if mark else note, highlight=False, style="dim")
    out.print(shown.closing, highlight=False, soft_wrap=True)
    out.print()
