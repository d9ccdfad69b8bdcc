"""`hcmoco-bench view`: look at samples of a store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hcmoco_bench.cli.console import Quiet, out, progress_bar

if TYPE_CHECKING:
    from hcmoco_bench.prepare.keypoint_manifest import KeypointStore


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("view")(view)


def view(
    store: Annotated[Path, typer.Argument(help="Folder of a prepared store.")],
    ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ID]...", help="Sample ids, e.g. S001C001P001R001A001F060; of photographs their file names."
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Image to write (.png, .pdf, .svg). Default: sheet.png or features.png."),
    ] = None,
    number: Annotated[
        int, typer.Option("--number", "-n", min=1, max=40, help="Without ids: so many samples, evenly over the store.")
    ] = 6,
    frequencies: Annotated[
        Path | None, typer.Option("--frequencies", help="Also draw how often each part is seen, to this image.")
    ] = None,
    features: Annotated[
        Path | None,
        typer.Option("--features", metavar="CKPT", help="Draw the dense features of this pre-training checkpoint."),
    ] = None,
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
    """
    from hcmoco_bench.errors import StoreError, UsageError
    from hcmoco_bench.plotting.overlay_sheet import overlay_sheet
    from hcmoco_bench.plotting.parts_sheet import parts_sheet
    from hcmoco_bench.plotting.save import save_figure
    from hcmoco_bench.prepare.frame_arrays import decode_frame
    from hcmoco_bench.prepare.human36m_store import Human36mStore
    from hcmoco_bench.prepare.keypoint_manifest import KeypointStore, holds_photographs
    from hcmoco_bench.prepare.parsing_store import open_parsing_store
    from hcmoco_bench.prepare.sample_arrays import decode_row

    if holds_photographs(store):
        if features is not None or frequencies is not None:
            raise UsageError(
                f"{store}: holds photographs, which have no depth and no parts; leave out --features and "
                "--frequencies, or give an NTU store"
            )
        _view_people(KeypointStore.open(store), ids, number, to or Path("sheet.png"))
        return
    opened = open_parsing_store(store)
    chosen = ids or opened.spread(number)
    if not chosen:
        raise StoreError(f"{store}: has no sample to look at; its problems.jsonl says why")
    if features is not None:
        if isinstance(opened, Human36mStore):
            raise UsageError(f"{store}: has no depth to draw features of; leave out --features, or give an NTU store")
        from hcmoco_bench.plotting.features import features_figure
        from hcmoco_bench.pretrain.feature_samples import feature_samples

        with progress_bar(quiet=quiet) as progress:
            figure = features_figure(feature_samples(features, store, chosen, progress=progress))
        sheet = to or Path("features.png")
    elif isinstance(opened, Human36mStore):
        figure = parts_sheet([decode_frame(opened.find(sample_id)) for sample_id in chosen])
        sheet = to or Path("sheet.png")
    else:
        figure = overlay_sheet([decode_row(opened.find(sample_id)) for sample_id in chosen])
        sheet = to or Path("sheet.png")
    save_figure(figure, sheet)
    out.print(f"{sheet}", highlight=False, soft_wrap=True)
    if frequencies is not None:
        from hcmoco_bench.plotting.part_frequency import part_frequency
        from hcmoco_bench.prepare.part_counts import count_parts

        with progress_bar(quiet=quiet) as progress:
            counts = count_parts(opened, progress=progress)
        save_figure(part_frequency(counts.pixels, counts.frames, counts.n_frames), frequencies)
        out.print(f"{frequencies}", highlight=False, soft_wrap=True)


def _view_people(store: KeypointStore, ids: list[str] | None, number: int, sheet: Path) -> None:
    from hcmoco_bench.body.joints import joint_set
    from hcmoco_bench.plotting.people_sheet import people_sheet
    from hcmoco_bench.plotting.save import save_figure
    from hcmoco_bench.prepare.photograph_arrays import decode_photograph

    photographs = [decode_photograph(store.find(Path(image_id).stem)) for image_id in ids or store.spread(number)]
    save_figure(people_sheet(photographs, joint_set(store.manifest.joints)), sheet)
    out.print(f"{sheet}", highlight=False, soft_wrap=True)
