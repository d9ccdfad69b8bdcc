"""How a command ends that wrote a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from hcmoco_bench.cli.console import err, labeled

if TYPE_CHECKING:
    from hcmoco_bench.store.store import AnyStore


def end_with(store: AnyStore, *, strict: bool) -> None:
    """Exit with code 1 if the store has not one row; with `strict`, with code 3 if it has problem lines."""
    from hcmoco_bench.store.problem_file import PROBLEMS_FILE

    manifest = store.manifest
    if not manifest.rows:
        counts = ", ".join(f"{count:,} {kind}" for kind, count in manifest.problems.items()) or "none is listed"
        said = f"{store.path}: not one {store.kind.noun} could be prepared ({counts}); see {store.path / PROBLEMS_FILE}"
        err.print(labeled("error:", said, style="bold red"), soft_wrap=True)
        raise typer.Exit(1)
    if strict and manifest.problems:
        raise typer.Exit(3)
