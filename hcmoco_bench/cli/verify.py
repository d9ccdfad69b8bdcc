"""`hcmoco-bench verify`: check a prepared store."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from hcmoco_bench.cli.console import AsJson, Quiet, err, labeled, out, print_json, progress_bar, say_next
from hcmoco_bench.cli.options import Workers

SHOWN = 20
"""Failures listed on the screen; `--json` has them all."""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("verify")(verify)


def verify(
    store: Annotated[Path, typer.Argument(help="Folder of a prepared store.")],
    workers: Workers = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Check a prepared store: hashes, rows, images, part classes, ids, splits, counts. Exit code 1 if it fails.

    Everything is read and decoded once; all failures are reported, not only the first.

        hcmoco-bench verify hcmoco-data/parsing4k
    """
    from hcmoco_bench.runtime.processes import usable_cores
    from hcmoco_bench.store.verify import verify_store

    with progress_bar(quiet=quiet or as_json) as progress:
        result = verify_store(store, workers=workers or usable_cores(), progress=progress)
    if as_json:
        print_json(asdict(result) | {"passed": result.passed})
    elif result.passed:
        found = f"{result.rows:,} rows in {result.shards} shards, everything as the manifest says"
        out.print(labeled("ok:", found, style="green"))
        if not quiet:
            say_next(("view", store))
    else:
        say = err if quiet else out
        found = f"{len(result.failures)} things are wrong in {store}"
        say.print(labeled("failed:", found, style="bold red"))
        for failure in result.failures[:SHOWN]:
            where = " ".join(filter(None, (failure.file, failure.sample_id)))
            say.print(f"  {where}: {failure.reason}", highlight=False, soft_wrap=True)
        if len(result.failures) > SHOWN:
            say.print(f"  ... and {len(result.failures) - SHOWN} more; --json lists them all")
        say.print("Prepare the damaged files again: remove them and run the same prepare command.", highlight=False)
    if not result.passed:
        raise typer.Exit(1)
