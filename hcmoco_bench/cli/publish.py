"""`hcmoco-bench publish`: prepared stores to a dataset folder, and from there to the Hub."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hcmoco_bench.cli.console import AsJson, Quiet, err, out, print_json, progress_bar

if TYPE_CHECKING:
    from hcmoco_bench.hub.publish import Published


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("publish")(publish)


def publish(
    stores: Annotated[
        list[Path], typer.Argument(metavar="STORE...", help="Prepared stores, at most one per sample set.")
    ],
    to: Annotated[Path, typer.Option("--to", help="Folder to write; `load_dataset` takes it afterwards.")],
    annotations_only: Annotated[
        bool,
        typer.Option(
            "--annotations-only", help="Write ids, splits, transforms and hashes only, no image of the source."
        ),
    ] = False,
    with_masks: Annotated[
        bool | None,
        typer.Option(
            "--with-masks/--no-masks",
            help="Part masks in the configuration `annotations`. Default: yes for generated people; no for NTU, whose "
            "masks belong to their authors. Say --with-masks if you may share them.",
            show_default=False,
        ),
    ] = None,
    push: Annotated[
        str | None,
        typer.Option(
            "--push", metavar="USER/NAME", help="Upload to the Hub; run the command again to continue an upload."
        ),
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="With --push, make the repository public instead of private.")
    ] = False,
    holds_right: Annotated[
        bool,
        typer.Option(
            "--i-hold-the-right-to-share-pixels",
            help="With --push: needed to upload images of NTU RGB+D, which its license forbids to almost everybody "
            "(--i-hold-the-right-to-share-pixels).",
        ),
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier publication in --to.")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Write a dataset folder that `datasets.load_dataset` reads, without hcmoco-bench installed.

        hcmoco-bench publish hcmoco-data/parsing4k --to nturgbd-parsing-4k

        python -c "from datasets import load_dataset; print(load_dataset('nturgbd-parsing-4k'))"

    Configurations: `parsing` (train, test, train_20, train_10, train_5, train_1), `parsing_v3`, `pretrain` if such a
    store is given too, and `annotations`, from which others rebuild the rows with their own NTU copy:

        hcmoco-bench publish hcmoco-data/parsing4k --to ntu-annotations --annotations-only --push me/ntu-annotations
    """
    from hcmoco_bench.errors import UsageError
    from hcmoco_bench.hub.publish import publish as publish_stores
    from hcmoco_bench.hub.push import PushTarget
    from hcmoco_bench.hub.push import push as push_folder

    if push is None and (public or holds_right):
        raise UsageError("--public and --i-hold-the-right-to-share-pixels go with --push USER/NAME")
    target = None if push is None else PushTarget(push, public=public, holds_right=holds_right)
    with progress_bar(quiet=quiet or as_json) as progress:
        published = publish_stores(
            stores,
            to,
            annotations_only=annotations_only,
            with_masks=with_masks,
            overwrite=overwrite,
            target=target,
            progress=progress,
        )
    url = None if target is None else push_folder(to, target, quiet=quiet or as_json)
    if as_json:
        print_json({"folder": str(to), "url": url, **published.record.model_dump(mode="json")})
    else:
        _show(published, url, quiet=quiet)


def _show(published: Published, url: str | None, *, quiet: bool) -> None:
    from rich.table import Table

    record = published.record
    table = Table("configuration", "split", "rows")
    table.columns[2].justify = "right"
    for name, splits in record.configurations.items():
        for split, rows in splits.items():
            table.add_row(name, split, f"{rows:,}")
    out.print(table)
    if published.nothing_to_do and not quiet:
        err.print("published before from the same stores; nothing to do", highlight=False)
    if record.left_out and not quiet:
        err.print(f"left out, no sample of them is in the store: {', '.join(record.left_out)}", highlight=False)
    out.print(f"{published.folder}", highlight=False, soft_wrap=True)
    if url is not None:
        out.print(url, highlight=False, soft_wrap=True)
    if not quiet:
        code = f"from datasets import load_dataset; print(load_dataset({str(published.folder)!r}))"
        err.print(f"next: {shlex.join(['python', '-c', code])}", highlight=False, soft_wrap=True)
