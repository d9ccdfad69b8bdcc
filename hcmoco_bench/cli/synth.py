"""`hcmoco-bench synth`: write generated people in the raw layouts of data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hcmoco_bench.cli import synth_human36m, synth_photographs, synth_shape
from hcmoco_bench.cli.console import AsJson, Quiet, out, print_json, progress_bar, say_next
from hcmoco_bench.cli.options import Device, SynthOut, SynthSeed, SynthWorkers

synth = typer.Typer(no_args_is_help=True, help="Write generated people in the raw layout of a data set.")
synth_photographs.add_to(synth)
synth.command()(synth_human36m.human36m)
synth_shape.add_to(synth)


@synth.command("ntu")
def ntu(
    out_dir: SynthOut,
    clips: Annotated[
        int, typer.Option("--clips", min=1, help="Number of clips; three cameras see each performance.")
    ] = 12,
    seed: SynthSeed = 0,
    frames: Annotated[
        int | None, typer.Option("--frames", min=1, help="Number of frames per clip.", show_default="40 to 90")
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option(
            "--names",
            help="Write exactly the clips of this list (sample ids, or lines `images/<id>.jpg`), each long enough for "
            "its frames; replaces --clips and --frames.",
        ),
    ] = None,
    mask_every: Annotated[
        int, typer.Option("--mask-every", min=1, help="Write part masks of every K-th frame, from the first.")
    ] = 10,
    performers: Annotated[
        str | None,
        typer.Option(
            "--performers",
            metavar="N-M[,N-M...]",
            help="Draw the performers among these numbers, e.g. 1-20,41-73 (1-40 are NTU-60's, 41-106 the others), so "
            "that two trees share none.",
            show_default="1-106",
        ),
    ] = None,
    recurring: Annotated[
        bool,
        typer.Option(
            "--recurring",
            help="Make each performer one person in all setups, in other clothes, as in NTU RGB+D; without this option "
            "a number is another person in each setup.",
        ),
    ] = False,
    truth: Annotated[
        bool, typer.Option("--truth", help="Save the true color position of every depth pixel in `<out>-truth`.")
    ] = False,
    truth_dir: Annotated[
        Path | None, typer.Option("--truth-dir", help="Save the true positions in this folder instead.")
    ] = None,
    no_noise: Annotated[
        bool, typer.Option("--no-noise", help="Simulate perfect sensors and perfect body tracking.")
    ] = False,
    archives: Annotated[
        bool,
        typer.Option("--zip", help="Write the tree as the archives that NTU distributes (nturgbd_rgb_s001.zip, ...)."),
    ] = False,
    workers: SynthWorkers = 1,
    device: Device = "cpu",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Write people in front of a simulated Kinect v2 as a raw NTU RGB+D tree.

    Videos, masked depth, skeletons and part masks come in NTU's own formats and names, so that every other command
    runs on them as on the licensed data. A run that was interrupted goes on when the command is given again.

        hcmoco-bench synth ntu --out /tmp/ntu --clips 12 --seed 1

        hcmoco-bench prepare ntu --root /tmp/ntu --annotations /tmp/ntu
    """
    from hcmoco_bench.errors import DataError, UsageError
    from hcmoco_bench.synth.ntu.ntu_tree import TreeOptions, write_tree
    from hcmoco_bench.synth.ntu.tree_plan import PERFORMERS, parse_names, parse_performers, plan_clips, plan_samples

    if names is None:
        drawn = PERFORMERS if performers is None else parse_performers(performers)
        plans = plan_clips(clips, seed, n_frames=frames, mask_every=mask_every, performers=drawn)
    elif performers is not None:
        raise UsageError("--performers goes with --clips: the list of --names names its performers itself")
    else:
        try:
            lines = names.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(
                f"{names}: not a readable list ({error})", kind="list_unreadable", file=str(names)
            ) from error
        plans = plan_samples(parse_names(lines, str(names)), seed)
    if truth and truth_dir is None:
        truth_dir = out_dir.with_name(out_dir.name + "-truth")
    options = TreeOptions(seed, not no_noise, truth_dir, archives, device, recurring)
    with progress_bar(quiet=quiet or as_json) as progress:
        write_tree(out_dir, plans, options, workers=workers, progress=progress)
    result = {
        "tree": str(out_dir),
        "clips": len(plans),
        "frames": sum(plan.n_frames for plan in plans),
        "masks": sum(len(plan.masks) for plan in plans),
        "truth": None if truth_dir is None else str(truth_dir),
    }
    if as_json:
        print_json(result)
        return
    out.print(
        f"{result['clips']} clips, {result['frames']} frames and {result['masks']} masks in {out_dir}",
        highlight=False,
        soft_wrap=True,
    )
    if not quiet:
        say_next(("prepare", "ntu", "--root", out_dir, "--annotations", out_dir))


@synth.command("itop")
def itop(
    out_dir: SynthOut,
    clips: Annotated[
        int,
        typer.Option(
            "--clips", min=2, help="Number of performances, by up to 20 people, of whom a fifth is for testing."
        ),
    ] = 20,
    seed: SynthSeed = 0,
    frames: Annotated[int, typer.Option("--frames", min=1, help="Number of frames per performance.")] = 30,
    no_noise: Annotated[bool, typer.Option("--no-noise", help="Simulate a perfect camera and perfect labels.")] = False,
    device: Device = "cpu",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Write people before a simulated depth camera as ITOP's side view is published.

    Two HDF5 files a split, with depth maps, 15 joints, their visibility and a segmentation; frames with bad labels are
    marked as not valid, as they are in ITOP. Beside them lie boxes of the people, as a detector gives them, in the two
    files in which ITOP's are published.

        hcmoco-bench synth itop --out /tmp/itop --clips 20 --seed 1

        hcmoco-bench finetune --task itop_pose --root /tmp/itop --out /tmp/run

        hcmoco-bench eval --task itop_pose --root /tmp/itop --ckpt /tmp/run/seed-0/model.pth

        hcmoco-bench finetune --task itop_pose --root /tmp/itop --protocol published --boxes /tmp/itop --out /tmp/leaky
    """
    from dataclasses import asdict

    from hcmoco_bench.synth.itop.itop_files import ItopOptions, count_frames, write_itop

    with progress_bar(quiet=quiet or as_json) as progress:
        write_itop(out_dir, ItopOptions(clips, frames, seed, not no_noise, device), progress=progress)
    found = count_frames(out_dir)
    if as_json:
        print_json({"folder": str(out_dir)} | {split: asdict(counts) for split, counts in found.items()})
        return
    for split, counts in found.items():
        out.print(
            f"{split}: {counts.frames} frames of {counts.people} people, {counts.valid} with valid labels",
            highlight=False,
            soft_wrap=True,
        )
    if not quiet:
        say_next(("finetune", "--task", "itop_pose", "--root", out_dir))


def register(app: typer.Typer) -> None:
    """Add `synth` and its layouts to the command line."""
    app.add_typer(synth, name="synth")
