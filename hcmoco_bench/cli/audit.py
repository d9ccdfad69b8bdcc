"""`hcmoco-bench audit`: what pre-training, training and test share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hcmoco_bench.cli.console import AsJson, Quiet, err, labeled, out, print_json, progress_bar

if TYPE_CHECKING:
    from hcmoco_bench.audit.findings import Audit, Comparison

SHOWN = 5
"""Names of a kind that are listed on the screen; `--json` has them all."""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("audit")(audit)


def audit(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH",
            help="Prepared stores, folders of runs of pretrain and finetune, checkpoints (.pth), result files (.json).",
        ),
    ],
    no_images: Annotated[
        bool, typer.Option("--no-images", help="Compare names alone, and do not look for frames that look alike.")
    ] = False,
    frames: Annotated[
        int | None,
        typer.Option(
            "--frames",
            min=1,
            help="Compare at most so many frames of each set, spread over it. [default: all]",
            show_default=False,
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with code 3 if there is a leak.")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """List what pre-training, training and test share: performers, clips, near-duplicate frames; and protocol leaks.

    A run knows its stores, its splits and the pre-training behind it. What it left out is not reported:

        hcmoco-bench audit runs/depth_parsing

    Stores alone are compared too; those without a test split count as pre-training:

        hcmoco-bench audit hcmoco-data/parsing4k hcmoco-data/pretrain --frames 2000

    A result file tells its test samples; give the store to compare them with what the model learned from:

        hcmoco-bench audit result.json hcmoco-data/parsing4k --no-images --strict

    Frames that look alike are found by a perceptual hash, also mirrored, cropped a little, or encoded anew.
    """
    from hcmoco_bench.audit.audit import audit_paths

    with progress_bar(quiet=quiet or as_json) as progress:
        found = audit_paths(paths, images=not no_images, frames=frames, progress=progress)
    if as_json:
        print_json(found.to_dict())
    else:
        _show(found)
        if not quiet:
            for problem in found.problems:
                err.print(labeled(f"{problem.kind}:", problem.reason), soft_wrap=True, highlight=False)
        out.print(found.verdict(), style="bold", soft_wrap=True, highlight=False)
    if strict and found.leaks:
        raise typer.Exit(3)


def _show(found: Audit) -> None:
    for one in found.comparisons:
        out.print(f"{one.first} and {one.second}", style="bold", highlight=False)
        for role, where, samples in (
            (one.first, one.first_where, one.first_samples),
            (one.second, one.second_where, one.second_samples),
        ):
            out.print(f"  {role}: {where}, {samples:,} samples", soft_wrap=True, highlight=False)
        for line, leaks in _lines(one):
            if leaks:
                out.print(labeled("  leak:", line, style="bold red"), soft_wrap=True, highlight=False)
            else:
                out.print(f"  {line}", soft_wrap=True, highlight=False)
    for protocol in found.protocols:
        out.print(f"protocol {protocol.protocol} of {protocol.task}", style="bold", highlight=False)
        for leak in protocol.leaks:
            out.print(labeled("  leak:", leak, style="bold red"), soft_wrap=True, highlight=False)
        if protocol.error is not None:
            out.print(labeled("  error:", protocol.error), soft_wrap=True, highlight=False)
        if not protocol.leaks and protocol.error is None:
            out.print("  leaks nothing", highlight=False)


def _lines(one: Comparison) -> list[tuple[str, bool]]:
    """What a comparison says, a line each, and whether that is a leak."""
    lines: list[tuple[str, bool]] = []
    if one.names == "different":
        lines.append(("names mean other people and clips on each side", False))
    for shared, leaks in ((one.samples, one.leaks), (one.clips, one.leaks), (one.people, one.people_leak)):
        if shared is None:
            continue
        text = f"shared {shared.noun}: {len(shared.names):,}"
        if shared.names:
            more = ", ..." if len(shared.names) > SHOWN else ""
            text += f" ({', '.join(shared.names[:SHOWN])}{more})"
            text += f", in {shared.first_samples:,} and {shared.second_samples:,} samples"
        lines.append((text, leaks and bool(shared.names)))
    if one.duplicates is not None:
        lines += _duplicate_lines(one)
    return lines


def _duplicate_lines(one: Comparison) -> list[tuple[str, bool]]:
    found = one.duplicates
    if found is None:
        return []
    compared = f"{found.compared[0]:,} and {found.compared[1]:,} frames compared by the {found.view}"
    if found.view == "whole":
        compared += " image"
    within = f"; within shared {'clips' if one.clips is None else one.clips.noun}: {found.within_clips:,} more"
    text = f"pairs of near-duplicate frames: {found.pairs:,} ({compared}{within if found.within_clips else ''})"
    lines = [(text, one.leaks and found.pairs > 0)]
    for pair in found.named[:SHOWN]:
        mirrored = ", mirrored" if pair.mirrored else ""
        lines.append((f"  {pair.first} and {pair.second}: {pair.bits} of 256 bits differ{mirrored}", False))
    return lines
