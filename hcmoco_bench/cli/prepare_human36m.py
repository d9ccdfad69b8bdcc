"""`hcmoco-bench prepare human36m`: videos and part labels in, a store for RGB parsing out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hcmoco_bench.cli.console import HOME, AsJson, Quiet, err, out, print_json, progress_bar

if TYPE_CHECKING:
    from hcmoco_bench.store.kinds.human36m import Human36mManifest
    from hcmoco_bench.store.prepare import Prepared


def human36m(
    root: Annotated[Path, typer.Option(help="Human3.6M's folder, extracted: it holds S1, S5, ...")],
    store: Annotated[
        Path | None,
        typer.Option("--out", "-o", help=f"Folder of the store; without: {HOME}/human36m.", show_default=False),
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="One frame of so many, from the first; as published: 25.")] = 25,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; all cores by default.")] = None,
    executor: Annotated[
        Literal["local", "dask"], typer.Option(help="dask needs a file system that all workers share.")
    ] = "local",
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a running Dask scheduler; without, dask starts one here.")
    ] = None,
    rows_per_shard: Annotated[
        int, typer.Option(min=1, help="Frames a shard: the unit of work and of resuming. Recordings stay whole.")
    ] = 128,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with code 3 if there is a problem line.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a store of other inputs or options.")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Prepare Human3.6M for parsing: every 25th frame and its part labels, checked, in Parquet shards.

    Needs `S1/Videos/*.mp4` and `S1/MySegmentsMat/PartLabels/*.mat` of the subjects 1, 5, 6, 7, 8 (train) and 9, 11
    (test). Killed at any moment, the same command continues where it was.

        hcmoco-bench prepare human36m --root /data/human36m --workers 16
    """
    from hcmoco_bench.prepare.executors import make_executor
    from hcmoco_bench.prepare.human36m import prepare_human36m

    try:
        with progress_bar(quiet=quiet or as_json) as progress:
            prepared = prepare_human36m(
                root,
                store or HOME / "human36m",
                every=every,
                rows_per_shard=rows_per_shard,
                executor=make_executor(executor, workers=workers, scheduler=scheduler),
                overwrite=overwrite,
                progress=progress,
            )
    except KeyboardInterrupt:
        err.print("stopped; run the same command again to continue where it was")
        raise typer.Exit(1) from None
    manifest = prepared.store.manifest
    if as_json:
        print_json(
            {
                "store": str(prepared.store.path),
                "nothing_to_do": prepared.nothing_to_do,
                "kept": prepared.kept,
                "recordings": manifest.recordings,
                "splits": {name: split.model_dump() for name, split in manifest.splits.items()},
                "generated": manifest.source.generated,
                "problems": manifest.problems,
            }
        )
    elif not quiet:
        _show(prepared)
    if strict and manifest.problems:
        raise typer.Exit(3)


def _show(prepared: Prepared[Human36mManifest]) -> None:
    from rich.table import Table

    store, manifest = prepared.store, prepared.store.manifest
    if prepared.nothing_to_do:
        out.print(f"{store.path}: finished before, and the inputs are the same; nothing to do", soft_wrap=True)
    elif prepared.kept:
        out.print(f"continued: {prepared.kept:,} frames were finished by an earlier run")
    table = Table("split", "rows", "of", title=f"Human3.6M, {manifest.recordings:,} recordings")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, split in manifest.splits.items():
        table.add_row(name, f"{split.rows:,}", f"{split.expected:,}")
    out.print(table)
    if manifest.problems:
        table = Table("problem", "lines", title=f"{sum(manifest.problems.values()):,} lines in problems.jsonl")
        for kind, count in manifest.problems.items():
            table.add_row(kind, f"{count:,}")
        out.print(table)
    out.print(f"store: {store.path}", soft_wrap=True, highlight=False)
