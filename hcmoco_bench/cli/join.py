"""`hcmoco-bench join`: published annotations and your own NTU copy to a full store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hcmoco_bench.cli.console import AsJson, Quiet, labeled, out, print_json, progress_bar, say_next
from hcmoco_bench.cli.options import Overwrite, Strict, Workers
from hcmoco_bench.cli.prepared import end_with

if TYPE_CHECKING:
    from hcmoco_bench.hub.join import Joined


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("join")(join)


def join(
    annotations: Annotated[
        str, typer.Argument(help="Folder that `publish` wrote or that you downloaded, or USER/NAME on the Hub.")
    ],
    root: Annotated[list[Path], typer.Option(help="Folder with your raw clips, extracted or zipped. May be repeated.")],
    store: Annotated[Path, typer.Option("--out", "-o", help="Folder of the store.")],
    samples: Annotated[
        Literal["parsing4k", "pretrain"] | None,
        typer.Option("--set", help="Sample set to rebuild, if the publication has both.", show_default=False),
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(help="Folder or .zip with your own part masks (png_annotation_v2), if the publication has none."),
    ] = None,
    workers: Workers = None,
    strict: Strict = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Rebuild the full rows of published annotations from your own copy of NTU RGB+D.

    The result is a prepared store like any other, made with the published transforms; every row is held against the
    published hashes, and one that differs is left out with a line in problems.jsonl.

        hcmoco-bench join me/ntu-annotations --root /data/ntu --out hcmoco-data/parsing4k
    """
    from hcmoco_bench.hub.fetch import fetch_publication
    from hcmoco_bench.hub.join import join as join_publication
    from hcmoco_bench.prepare.executors import make_executor

    with progress_bar(quiet=quiet or as_json) as progress:
        joined = join_publication(
            fetch_publication(annotations),
            root,
            store,
            sample_set=samples,
            masks=masks,
            executor=make_executor("local", workers=workers, scheduler=None),
            overwrite=overwrite,
            progress=progress,
        )
    if as_json:
        problems = joined.prepared.store.manifest.problems
        print_json({"store": str(store), "rows": joined.rows, "expected": joined.expected, "problems": problems})
    elif not quiet:
        _show(joined)
    end_with(joined.prepared.store, strict=strict)


def _show(joined: Joined) -> None:
    store = joined.prepared.store
    out.print(f"{joined.rows:,} of {joined.expected:,} published rows rebuilt and found right")
    for kind, count in store.manifest.problems.items():
        out.print(f"  {kind}: {count:,}, see problems.jsonl", highlight=False)
    if not store.manifest.parts and store.manifest.options.set == "parsing4k":
        out.print(labeled("no part masks:", "the publication has none; give your own with --masks to have them"))
    out.print(f"store: {store.path}", soft_wrap=True, highlight=False)
    if not store.manifest.rows:
        return
    say_next(("verify", store.path), ("view", store.path))
