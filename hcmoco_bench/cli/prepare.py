"""`hcmoco-bench prepare ntu|mpii|coco|human36m`: a raw data set in, a prepared store out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from hcmoco_bench.cli.console import HOME, AsJson, Quiet, labeled, out, print_json, progress_bar, say_next
from hcmoco_bench.cli.options import ExecutorName, Overwrite, Scheduler, Strict, Workers
from hcmoco_bench.cli.prepare_human36m import human36m
from hcmoco_bench.cli.prepared import end_with

if TYPE_CHECKING:
    from hcmoco_bench.store.kinds.keypoints import KeypointManifest
    from hcmoco_bench.store.kinds.ntu import NtuManifest
    from hcmoco_bench.store.prepare import Prepared


def register(app: typer.Typer) -> None:
    """Add the command group to the application."""
    group = typer.Typer(no_args_is_help=True, help="Turn a raw data set into a prepared store, once.")
    for command in (ntu, mpii, coco, human36m):
        group.command()(command)
    app.add_typer(group, name="prepare")


def ntu(
    root: Annotated[
        list[Path],
        typer.Option(help="Folder with raw clips, extracted or as downloaded .zip archives. May be repeated."),
    ],
    store: Annotated[
        Path | None, typer.Option("--out", "-o", help=f"Folder of the store. [default: {HOME}/SET]", show_default=False)
    ] = None,
    samples: Annotated[
        Literal["parsing4k", "pretrain"],
        typer.Option(
            "--set", help="parsing4k: the published frames. pretrain: one frame of every --every frames of each clip."
        ),
    ] = "parsing4k",
    every: Annotated[
        int, typer.Option(min=1, help="With --set pretrain, take the middle frame of every N frames.")
    ] = 30,
    align: Annotated[
        Literal["homography", "registered"],
        typer.Option(
            help="homography: one plane per rig, as published. registered: each depth pixel gets its own color."
        ),
    ] = "homography",
    annotations: Annotated[
        Path | None,
        typer.Option(
            help="Folder or .zip with the part masks (png_annotation_v2). Without it, the store has no parts."
        ),
    ] = None,
    lists: Annotated[
        Path | None, typer.Option(help="Folder with the sample lists. [default: the official lists, downloaded once]")
    ] = None,
    rgb_only: Annotated[
        bool, typer.Option("--rgb-only", help="Do not read depth; the column `depth` stays empty.")
    ] = False,
    workers: Workers = None,
    executor: ExecutorName = "local",
    scheduler: Scheduler = None,
    rows_per_shard: Annotated[
        int, typer.Option(min=1, help="Samples per shard, the unit of work and of resuming.")
    ] = 128,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the calibration.")] = 0,
    strict: Strict = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Prepare NTU RGB+D: RGB in the depth frame, depth, part masks and skeletons, checked, in Parquet shards.

    Killed at any moment, the same command continues where it was. What cannot be used is left out with a line in
    problems.jsonl. The same inputs and options give the same bytes, on any machine, with any number of workers.

        hcmoco-bench prepare ntu --root /data/ntu --annotations /data/png_annotation_v2

        hcmoco-bench prepare ntu --root /disk1 --root /disk2 --set pretrain --align registered --workers 16
    """
    from hcmoco_bench.prepare.executors import make_executor
    from hcmoco_bench.prepare.ntu import prepare_ntu
    from hcmoco_bench.prepare.options import check_options
    from hcmoco_bench.runtime.processes import usable_cores

    options = check_options(
        set=samples,
        every=every,
        align=align,
        rgb_only=rgb_only,
        parts=annotations is not None,
        seed=seed,
        rows_per_shard=rows_per_shard,
    )
    with progress_bar(quiet=quiet or as_json) as progress:
        prepared = prepare_ntu(
            root,
            store or HOME / samples,
            options,
            annotations=annotations,
            lists=lists,
            executor=make_executor(executor, workers=workers, scheduler=scheduler),
            calibration_workers=workers or usable_cores(),
            overwrite=overwrite,
            progress=progress,
        )
    if as_json:
        print_json(_summary(prepared))
    elif not quiet:
        _show(prepared)
    end_with(prepared.store, strict=strict)


_PhotographRoot = Annotated[Path, typer.Option(help="Folder of the extracted data set.")]
_PhotographStore = Annotated[
    Path | None, typer.Option("--out", "-o", help=f"Folder of the store. [default: {HOME}/NAME]", show_default=False)
]


def mpii(
    root: _PhotographRoot,
    store: _PhotographStore = None,
    workers: Workers = None,
    strict: Strict = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Prepare MPII Human Pose: its people's joints and squares, and their images as they are, in Parquet shards.

    The folder holds `images/`, and `annot/train.json` and `annot/valid.json`, as HRNet's users have them; or images
    and a single JSON file of that form.

        hcmoco-bench prepare mpii --root /data/mpii
    """
    _photographs("mpii", root, store, workers, strict, overwrite, quiet, as_json)


def coco(
    root: _PhotographRoot,
    store: _PhotographStore = None,
    workers: Workers = None,
    strict: Strict = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Prepare COCO keypoints: its people's joints and squares, and their images as they are, in Parquet shards.

    The folder holds `train2017/`, `val2017/` and `annotations/person_keypoints_*2017.json`, as published; or images
    and a single JSON file of that form.

        hcmoco-bench prepare coco --root /data/coco
    """
    _photographs("coco", root, store, workers, strict, overwrite, quiet, as_json)


def _photographs(
    dataset: Literal["mpii", "coco"],
    root: Path,
    store: Path | None,
    workers: int | None,
    strict: bool,
    overwrite: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    from hcmoco_bench.prepare.keypoints import prepare_keypoints
    from hcmoco_bench.runtime.processes import usable_cores

    with progress_bar(quiet=quiet or as_json) as progress:
        prepared = prepare_keypoints(
            dataset,
            root,
            store or HOME / dataset,
            workers=workers or usable_cores(),
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
                "joints": manifest.joints,
                "splits": {name: split.model_dump() for name, split in manifest.splits.items()},
                "problems": manifest.problems,
            }
        )
    elif not quiet:
        _show_photographs(prepared)
    end_with(prepared.store, strict=strict)


def _show_photographs(prepared: Prepared[KeypointManifest]) -> None:
    from rich.table import Table

    store, manifest = prepared.store, prepared.store.manifest
    if prepared.nothing_to_do:
        out.print(f"{store.path}: finished before, and the inputs are the same; nothing to do", soft_wrap=True)
    table = Table("split", "images", "people", title=f"{manifest.dataset}, joints {manifest.joints}")
    for name, split in manifest.splits.items():
        table.add_row(name, f"{split.images:,}", f"{split.people:,}")
    out.print(table)
    if manifest.problems:
        table = Table("problem", "left out", title=f"{sum(manifest.problems.values()):,} lines in problems.jsonl")
        for kind, count in manifest.problems.items():
            table.add_row(kind, f"{count:,}")
        out.print(table)
    out.print(f"store: {store.path}", soft_wrap=True, highlight=False)
    if not store.manifest.rows:
        return
    say_next(("verify", store.path), ("pretrain", "--store", store.path, "--joints", manifest.joints))


def _summary(prepared: Prepared[NtuManifest]) -> dict[str, Any]:
    manifest = prepared.store.manifest
    return {
        "store": str(prepared.store.path),
        "nothing_to_do": prepared.nothing_to_do,
        "finished_before": prepared.kept,
        "splits": {name: split.model_dump() for name, split in manifest.splits.items()},
        "parts": manifest.parts,
        "generated": manifest.source.generated,
        "problems": manifest.problems,
    }


def _show(prepared: Prepared[NtuManifest]) -> None:
    from collections import Counter

    from rich.table import Table

    store, manifest = prepared.store, prepared.store.manifest
    if prepared.nothing_to_do:
        out.print(f"{store.path}: finished before, and the inputs are the same; nothing to do", soft_wrap=True)
    elif prepared.kept:
        out.print(f"continued: {prepared.kept:,} samples were finished by an earlier run")
    table = Table("split", "rows", "of", title=f"{manifest.options.set}, aligned by {manifest.options.align}")
    for column in table.columns[1:]:
        column.justify = "right"
    for name in (*store.stored_splits, *(name for name in manifest.splits if name not in store.stored_splits)):
        split = manifest.splits[name]
        table.add_row(name, f"{split.rows:,}", f"{split.expected:,}")
    out.print(table)
    if manifest.problems:
        problems = store.problems()
        kept = Counter(problem.kind for problem in problems if problem.kept)
        table = Table("problem", "left out", "kept all the same", title=f"{len(problems):,} lines in problems.jsonl")
        for column in table.columns[1:]:
            column.justify = "right"
        for kind, count in manifest.problems.items():
            table.add_row(kind, f"{count - kept[kind]:,}", f"{kept[kind]:,}")
        out.print(table)
    if not manifest.parts and manifest.options.set == "parsing4k":
        out.print(labeled("no part masks:", "the store has no column `parts`; give --annotations to have it"))
    out.print(f"store: {store.path}", soft_wrap=True, highlight=False)
    if not manifest.rows:
        return
    if manifest.options.set == "parsing4k":
        say_next(("verify", store.path), ("publish", store.path, "--to", "nturgbd-parsing-4k"))
    else:
        say_next(("verify", store.path), ("pretrain", "--store", store.path))
