"""`hcmoco-bench calibrate`: fit each rig's cameras from its joints and show how well they fit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hcmoco_bench.cli.console import AsJson, Quiet, err, labeled, out, print_json, progress_bar, say_next
from hcmoco_bench.cli.options import Strict

if TYPE_CHECKING:
    from rich.table import Table

    from hcmoco_bench.align.rigs import TreeFit
    from hcmoco_bench.files.problems import Problem


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("calibrate")(calibrate)


def calibrate(
    root: Annotated[
        list[Path], typer.Option("--root", help="Folder with NTU RGB+D, extracted or zipped. May be repeated.")
    ],
    to: Annotated[Path | None, typer.Option("--out", "-o", help="Write the calibration to this JSON file.")] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw residual vectors and histograms into this image file.")
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Seed that decides which clips, joints and samples are drawn.")
    ] = 0,
    clips_per_rig: Annotated[
        int, typer.Option("--clips-per-rig", min=1, help="Largest number of clips to read per rig.")
    ] = 24,
    workers: Annotated[
        int, typer.Option("--workers", min=1, help="Number of processes; the result does not depend on it.")
    ] = 1,
    as_json: AsJson = False,
    quiet: Quiet = False,
    strict: Strict = False,
) -> None:
    """Fit the cameras of each rig (setup and camera) from tracked joints; only skeletons are read.

    The table shows, for both ways to bring RGB into the depth frame, the error on joints that the fit has not seen, in
    px of the 512x424 depth frame. `prepare ntu` calibrates by itself; this command is for looking.

        hcmoco-bench calibrate --root /data/ntu

        hcmoco-bench calibrate --root /disk1 --root /disk2 --workers 8 --out calibration.json --plot residuals.png
    """
    from hcmoco_bench.align.rigs import fit_rigs
    from hcmoco_bench.sources.ntu.tree import scan

    with progress_bar(quiet=quiet or as_json) as progress:
        tree = scan(root, progress=progress)
        fit = fit_rigs(tree, seed=seed, clips_per_rig=clips_per_rig, workers=workers, progress=progress)
    problems = list(dict.fromkeys((*tree.problems, *fit.problems, *fit.skeletons)))
    if to is not None:
        fit.calibration.save(to)
    if plot is not None and fit.rigs:
        _plot(fit, plot)
    if as_json:
        print_json(_document(fit, problems))
    else:
        out.print(_table(fit))
        for path in (to, plot if fit.rigs else None):
            if path is not None:
                out.print(str(path), highlight=False, soft_wrap=True)
    if not (quiet or as_json) or not fit.rigs:
        for problem in problems:
            err.print(labeled(problem.kind, problem.reason), soft_wrap=True)
    if not fit.rigs:
        err.print(labeled("error:", "no rig could be calibrated", style="bold red"))
        raise typer.Exit(1)
    if not (quiet or as_json):
        roots = [word for one in root for word in ("--root", one)]
        say_next(("prepare", "ntu", *roots))
    if strict and problems:
        raise typer.Exit(3)


def _table(fit: TreeFit) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(
        title="Error on held-out joints, px of the depth frame (mean, 95 %)",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    for header in ("rig", "clips", "joints", "wrong", "homography", "registered", "f depth", "f color", "base mm"):
        table.add_column(header.replace(" ", "\n"), justify="left" if header == "rig" else "right", no_wrap=True)
    for rig in fit.calibration.rigs.values():
        plane, registered, model = rig.residuals.homography, rig.residuals.registered, rig.registered
        table.add_row(
            rig.rig,
            str(rig.n_clips),
            f"{rig.n_points:,}",
            f"{rig.n_outliers:,}",
            f"{plane.mean:.3f} {plane.p95:.3f}",
            "-" if registered is None else f"{registered.mean:.3f} {registered.p95:.3f}",
            "-" if model is None else f"{model.depth.fx:.1f}",
            "-" if model is None else f"{model.color.fx:.1f}",
            "-" if model is None else f"{1000 * model.color.baseline:.1f}",
        )
    return table


def _document(fit: TreeFit, problems: Sequence[Problem]) -> dict[str, object]:
    from dataclasses import asdict

    return {
        "calibration": fit.calibration.model_dump(),
        "problems": [asdict(problem) for problem in problems],
    }


def _plot(fit: TreeFit, path: Path) -> None:
    from hcmoco_bench.plotting.residuals import RigResiduals, residual_figure
    from hcmoco_bench.plotting.save import save_figure

    rigs = [RigResiduals(rig.calibration.rig, rig.depth_xy, rig.homography, rig.registered) for rig in fit.rigs]
    save_figure(residual_figure(rigs), path)
