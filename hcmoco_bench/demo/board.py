"""The demo's leaderboard: both results, checked by running their models again, and a page of them."""

from __future__ import annotations

from pathlib import Path

from hcmoco_bench.demo.commands import DemoFolders
from hcmoco_bench.leaderboard.collect import open_leaderboard
from hcmoco_bench.leaderboard.page.site import write_site
from hcmoco_bench.leaderboard.row import Row
from hcmoco_bench.leaderboard.rows.add import CheckInputs, add_result, existing_row
from hcmoco_bench.leaderboard.rows.read import as_row
from hcmoco_bench.leaderboard.rows.row_file import Submission
from hcmoco_bench.runtime.progress import Progress

_NOTE = "The people of this row are generated: it shows how the leaderboard works, and nothing about real recordings."


def add_row(folders: DemoFolders, result: Path, model: Path, progress: Progress) -> Row:
    """Add a result to the demo's leaderboard, if it is not there yet.

    Args:
        folders: The demo's folders.
        result: The result file.
        model: The model that it scores.
        progress: Told how many samples are scored again.
    """
    stored = existing_row(result, folders.board)
    if stored is None:
        inputs = CheckInputs(settings={"stores": (str(folders.store("parsing4k")),)}, weights=model)
        given = Submission(by="hcmoco-bench demo", notes=(_NOTE,))
        stored, _ = add_result(result, folders.board, given, inputs, progress=progress)
    return as_row(stored)


def write_board_page(folders: DemoFolders, progress: Progress) -> Path:
    """Write the page of the demo's leaderboard; returns its first page."""
    write_site(open_leaderboard([folders.board]), folders.board_page, progress=progress)
    return folders.board_page / "index.html"
