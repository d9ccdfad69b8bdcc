"""`hcmoco-bench view`: look at samples of a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hcmoco_bench.cli.console import Quiet, out, progress_bar, say_next


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("view")(view)


def view(
    store: Annotated[Path, typer.Argument(help="Folder of a prepared store.")],
    ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ID]...", help="Sample ids, e.g. S001C001P001R001A001F060; for photographs, their file names."
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Image to write (.png, .pdf, .svg). [default: sheet.png or features.png]"),
    ] = None,
    number: Annotated[
        int,
        typer.Option(
            "--number",
            "-n",
            min=1,
            max=40,
            help="Number of samples to show if no ids are given, spread evenly over the store.",
        ),
    ] = 6,
    frequencies: Annotated[
        Path | None, typer.Option("--frequencies", help="Also draw how often each part is seen, into this image file.")
    ] = None,
    features: Annotated[
        Path | None,
        typer.Option("--features", metavar="CKPT", help="Draw the dense features of this pre-training checkpoint."),
    ] = None,
    views: Annotated[
        bool,
        typer.Option(
            "--views",
            help="Draw the pairs of views that LiftedCL learns from, with their overlap; STORE may be a folder of "
            "pictures.",
        ),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Write an overlay sheet: RGB, depth, parts, joints, and RGB over depth edges, one line a sample.

    In the last panel red lines are the depth's edges; where the alignment is good they run along the person's outline.

        hcmoco-bench view hcmoco-data/parsing4k S001C001P001R001A001F060

        hcmoco-bench view hcmoco-data/parsing4k -n 10 --out ten.png --frequencies parts.png

    For a store of MPII or COCO the sheet shows each person's square and joints; for one of Human3.6M RGB and parts.

        hcmoco-bench view hcmoco-data/mpii 000001163 --out people.png

    With `--features` it writes what a pre-trained model sees instead: features of RGB beside those of depth, as colors
    of one PCA over all of them. With training the same part of the body takes the same color in both.

        hcmoco-bench view hcmoco-data/parsing4k -n 4 --features hcmoco-data/runs/hcmoco/checkpoint.pth

    With `--views` it writes pairs of augmented views instead, beside the image on which both are marked.

        hcmoco-bench view pictures-of-people --views -n 8
    """
    if views:
        _write_views(store, ids, to or Path("views.png"), number, others=(frequencies, features), quiet=quiet)
        return
    from hcmoco_bench.errors import StoreError, UsageError
    from hcmoco_bench.plotting.save import save_figure
    from hcmoco_bench.store.registry import open_store

    opened = open_store(store)
    holds = opened.capabilities
    if features is not None and not (holds.bodies and holds.depth):
        raise UsageError(f"{store}: has no depth to draw features of; leave out --features, or give an NTU store")
    if frequencies is not None and holds.people and not holds.parts:
        raise UsageError(f"{store}: photographs have no parts to count; leave out --frequencies, or give an NTU store")
    chosen = [opened.kind.row_id(text) for text in ids or ()] or opened.spread(number)
    if not chosen:
        raise StoreError(f"{store}: has no sample to look at; its problems.jsonl says why")
    if features is not None:
        from hcmoco_bench.plotting.features import features_figure
        from hcmoco_bench.pretrain.feature_samples import feature_samples

        with progress_bar(quiet=quiet) as progress:
            figure = features_figure(feature_samples(features, store, chosen, progress=progress))
        sheet = to or Path("features.png")
    else:
        from hcmoco_bench.plotting.store_sheet import store_sheet

        figure = store_sheet(opened, chosen)
        sheet = to or Path("sheet.png")
    save_figure(figure, sheet)
    out.print(f"{sheet}", highlight=False, soft_wrap=True)
    if frequencies is not None:
        from hcmoco_bench.plotting.part_frequency import part_frequency
        from hcmoco_bench.store.part_counts import count_parts

        with progress_bar(quiet=quiet) as progress:
            counts = count_parts(opened, progress=progress)
        save_figure(part_frequency(counts.pixels, counts.frames, counts.n_frames), frequencies)
        out.print(f"{frequencies}", highlight=False, soft_wrap=True)
    if not quiet:
        say_next(
            ("publish", store, "--to", "dataset") if opened.capabilities.publishable else ("pretrain", "--store", store)
        )


def _write_views(
    place: Path, ids: list[str] | None, to: Path, number: int, *, others: tuple[Path | None, ...], quiet: bool
) -> None:
    from hcmoco_bench.errors import UsageError
    from hcmoco_bench.plotting.save import save_figure
    from hcmoco_bench.plotting.view_pairs import view_pair_sheet
    from hcmoco_bench.pretrain.view_pair_samples import view_pair_samples
    from hcmoco_bench.store.manifest import MANIFEST_FILE

    if ids or any(path is not None for path in others):
        raise UsageError("--views shows pairs of people from all over the store; give -n, and no ids or other options")
    with progress_bar(quiet=quiet) as progress:
        figure = view_pair_sheet(view_pair_samples(place, number, progress=progress))
    save_figure(figure, to)
    out.print(f"{to}", highlight=False, soft_wrap=True)
    if not quiet:
        given = "--store" if (place / MANIFEST_FILE).is_file() else "--pictures"
        say_next(("pretrain", "--method", "liftedcl", given, place))
