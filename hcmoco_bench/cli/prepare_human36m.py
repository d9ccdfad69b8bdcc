"""`hcmoco-bench prepare human36m`: videos, part labels and joints in, a store for RGB parsing and 3-D pose out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hcmoco_bench.cli.console import HOME, AsJson, Quiet, out, print_json, progress_bar, say_next
from hcmoco_bench.cli.options import ExecutorName, Overwrite, Scheduler, Strict, Workers
from hcmoco_bench.cli.prepared import end_with

if TYPE_CHECKING:
    from hcmoco_bench.store.kinds.human36m import Human36mManifest
    from hcmoco_bench.store.prepare import Prepared


def human36m(
    root: Annotated[Path, typer.Option(help="Folder of the extracted data set; it holds S1, S5, ...")],
    store: Annotated[
        Path | None,
        typer.Option("--out", "-o", help=f"Folder of the store. [default: {HOME}/human36m]", show_default=False),
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Take every N-th frame, from the first; 25 as published.")] = 25,
    workers: Workers = None,
    executor: ExecutorName = "local",
    scheduler: Scheduler = None,
    rows_per_shard: Annotated[
        int, typer.Option(min=1, help="Frames per shard, the unit of work and of resuming; recordings stay whole.")
    ] = 128,
    strict: Strict = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Prepare Human3.6M: every 25th frame with its part labels and joints, checked, in Parquet shards.

    Needs `S1/Videos/*.mp4` and `S1/MySegmentsMat/PartLabels/*.mat` of the subjects 1, 5, 6, 7, 8 (train) and 9, 11
    (test). With `S1/MyPoseFeatures/D3_Positions_mono/*.cdf` and `D2_Positions/*.cdf` too, frames have 3-D joints.
    Killed at any moment, the same command continues where it was.

        hcmoco-bench prepare human36m --root /data/human36m --workers 16
    """
    from hcmoco_bench.prepare.executors import make_executor
    from hcmoco_bench.prepare.human36m import prepare_human36m

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
    manifest = prepared.store.manifest
    if as_json:
        print_json(
            {
                "store": str(prepared.store.path),
                "nothing_to_do": prepared.nothing_to_do,
                "finished_before": prepared.kept,
                "recordings": manifest.recordings,
                "splits": {name: split.model_dump() for name, split in manifest.splits.items()},
                "generated": manifest.source.generated,
                "problems": manifest.problems,
            }
        )
    elif not quiet:
        _show(prepared)
    end_with(prepared.store, strict=strict)


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
    if not store.manifest.rows:
        return
    tasks = ("rgb_parsing", "pose3d") if manifest.poses else ("rgb_parsing",)
    say_next(("verify", store.path), *(("finetune", "--task", task, "--store", store.path) for task in tasks))
