"""`leaderboard add` and `verify`: checks, and the levels that they give."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from hcmoco_bench.cli.console import AsJson, Quiet, err, labeled, out, print_json, progress_bar
from hcmoco_bench.cli.leaderboard.options import (
    OWN,
    AgainOption,
    AtHand,
    BoardOption,
    BoardsOption,
    ByOption,
    PredictionsOption,
    RootOption,
    SetOption,
    StoreOption,
    WeightsOption,
    places,
    user,
)
from hcmoco_bench.cli.leaderboard.printing import say_published, say_verified, show_checklist
from hcmoco_bench.errors import UsageError


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
    given = Submission(by=by or user()) if submission is None else read_submission(submission)
    at_hand = AtHand(store, root, settings, predictions, weights, again)
    try:
        with progress_bar(quiet=quiet or as_json) as progress:
            stored, checklist = add_result(
                result,
                board,
                given,
                at_hand.inputs(read_result(result)),
                checked_by=by or given.by,
                progress=progress,
            )
    except RowRefusedError as error:
        if not as_json:
            show_checklist(error.checklist)
        raise
    row = as_row(stored)
    if as_json:
        items = [item.model_dump(mode="json") for item in checklist.items]
        print_json({"row": row.id, "folder": stored.folder, "level": row.level.word, "checks": items})
        return
    show_checklist(checklist)
    out.print(f"added {row.id} at the level {row.level.word}: {stored.folder}", soft_wrap=True, highlight=False)


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
    from hcmoco_bench.leaderboard.verification import leaderboard_errors, verify_leaderboards, verify_named

    whole = everything or pull_request is not None
    at_hand = AtHand(store, root, settings, predictions, weights, again)
    if whole == bool(rows):
        raise UsageError("name rows to verify, or give --all")
    if whole and (at_hand or record):
        raise UsageError("--store, --record and the like go with one row; name it instead of --all")
    boards = places(board)
    errors = leaderboard_errors(boards, pull_request) if whole else ()
    found = []
    silent = quiet or as_json
    with progress_bar(quiet=silent) as progress:
        if whole and not errors:
            found = list(verify_leaderboards(boards, progress=progress))
        elif rows:
            inputs = at_hand.inputs if at_hand else None
            recorded_by = (by or user()) if record else None
            found = list(verify_named(boards, rows, inputs, record_by=recorded_by, progress=progress))
    ok = not errors and all(one.ok for one in found)
    if as_json:
        print_json({"ok": ok, "errors": errors, "rows": [_plain(one) for one in found]})
    elif not quiet or not ok:
        for one in found:
            if not one.ok or not whole:
                out.print(f"{one.id}:", style="bold", highlight=False)
                show_checklist(one.checklist)
        for told in errors:
            err.print(labeled("error:", told, style="bold red"), soft_wrap=True)
        if whole and not errors:
            say_published(boards)
        say_verified(found)
    if not ok:
        raise typer.Exit(1)


def _plain(one: Any) -> dict[str, Any]:
    return {
        "row": one.id,
        "ok": one.ok,
        "level": one.level.word,
        "repeated": [level.word for level in one.repeated],
        "recorded": [level.word for level in one.recorded],
        "failed": [f"{item.check}: {item.detail}" for item in one.checklist.failed],
    }
