"""`hcmoco-bench prior`: make skeleton priors, and look at them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from hcmoco_bench.cli.console import AsJson, Quiet, out, print_json, progress_bar, say_next, say_notes

if TYPE_CHECKING:
    from hcmoco_bench.priors.comparison import PriorComparison
    from hcmoco_bench.priors.selection import MadePrior
    from hcmoco_bench.priors.skeleton_prior import SkeletonPrior
    from hcmoco_bench.priors.statistics import SkeletonStatistics
    from hcmoco_bench.runtime.progress import Progress

prior = typer.Typer(
    no_args_is_help=True, help="Make and look at skeleton priors: sets of 3-D poses that LiftedCL learns from."
)

_NEEDED = {"generated": None, "ntu": "store", "human36m": "root", "release": "file"}
_TAKEN = {
    "generated": {"number", "bodies", "seed"},
    "ntu": {"store", "number"},
    "human36m": {"root", "number"},
    "release": {"file"},
}
"""Options of each origin."""


@prior.command("make")
def make(
    to: Annotated[Path, typer.Option("--out", help="File to write, best with the ending .safetensors.")],
    origin: Annotated[
        Literal["generated", "ntu", "human36m", "release"],
        typer.Option("--from", help="Where the skeletons come from."),
    ] = "generated",
    store: Annotated[
        Path | None, typer.Option("--store", help="Prepared NTU store, for `--from ntu`.", show_default=False)
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(
            "--root", help="Folder of Human3.6M that holds S1, S5, ..., for `--from human36m`.", show_default=False
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", help="LiftedCL's norm_joints.pt, for `--from release`.", show_default=False),
    ] = None,
    number: Annotated[
        int | None,
        typer.Option(
            "--number", min=1, help="Number of skeletons, or their most. [default: 10000]", show_default=False
        ),
    ] = None,
    bodies: Annotated[
        int | None,
        typer.Option("--bodies", min=1, help="Number of generated bodies. [default: 100]", show_default=False),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", min=0, help="Seed of generated skeletons. [default: 0]", show_default=False),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Make a skeleton prior: a file of 3-D poses in a camera's axes.

    Generated skeletons need no data: bodies of many shapes, acted poses and poses at random within anatomical limits,
    and cameras that look down as real ones do. From data, training splits and subjects alone are used.

        hcmoco-bench prior make --out prior.safetensors --number 20000 --bodies 400

        hcmoco-bench prior make --from ntu --store hcmoco-data/pretrain --out ntu.safetensors

        hcmoco-bench prior make --from human36m --root /data/human36m --out human36m.safetensors

        hcmoco-bench prior make --from release --file norm_joints.pt --out release.safetensors
    """
    from hcmoco_bench.errors import UsageError
    from hcmoco_bench.priors.prior_file import write_prior

    given: dict[str, Any] = {
        "store": store, "root": root, "file": file, "number": number, "bodies": bodies, "seed": seed
    }  # fmt: skip
    given = {name: value for name, value in given.items() if value is not None}
    needed = _NEEDED[origin]
    if needed is not None and needed not in given:
        raise UsageError(f"--from {origin} needs --{needed}")
    useless = [f"--{name}" for name in given if name not in _TAKEN[origin]]
    if useless:
        raise UsageError(f"--from {origin} does not take {', '.join(useless)} ({given[useless[0][2:]]}); leave it out")
    if to.exists() and not overwrite:
        raise UsageError(f"{to}: exists; give another --out, or --overwrite to replace it")
    with progress_bar(quiet=quiet or as_json) as progress:
        made = _make(origin, given, progress)
    write_prior(to, made.prior)
    notes = [f"left out: {count:,} skeletons, {reason}" for reason, count in made.left_out.items()]
    notes += [problem.reason for problem in made.problems]
    if as_json:
        print_json(_record(made.prior, str(to)) | {"left_out": made.left_out, "problems": notes[len(made.left_out) :]})
        return
    say_notes(notes if not quiet else ())
    out.print(f"{len(made.prior):,} skeletons in {to}: {made.prior.source}", highlight=False, soft_wrap=True)
    if not quiet:
        say_next(("prior", "show", to))


def _make(origin: str, given: dict[str, Any], progress: Progress) -> MadePrior:
    from hcmoco_bench.priors.selection import MadePrior

    if origin == "ntu":
        from hcmoco_bench.priors.ntu import ntu_prior

        return ntu_prior(given.pop("store"), **given, progress=progress)
    if origin == "human36m":
        from hcmoco_bench.priors.human36m import human36m_prior

        return human36m_prior(given.pop("root"), **given, progress=progress)
    if origin == "release":
        from hcmoco_bench.priors.release_file import read_release

        return MadePrior(read_release(given["file"]), {}, ())
    from hcmoco_bench.priors.generated import GeneratedOptions, generate_prior

    return MadePrior(generate_prior(GeneratedOptions(**given), progress=progress), {}, ())


@prior.command("show")
def show(
    name: Annotated[
        str, typer.Argument(metavar="PRIOR", help="A prior's file, LiftedCL's norm_joints.pt, or `generated`.")
    ],
    against: Annotated[
        str | None, typer.Option("--against", help="Another prior to compare with.", show_default=False)
    ] = None,
    to: Annotated[Path, typer.Option("--out", "-o", help="Image to write (.png, .pdf, .svg).")] = Path("prior.png"),
    number: Annotated[int, typer.Option("--number", "-n", min=1, max=40, help="Number of skeletons to draw.")] = 8,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Draw skeletons of a prior, and print what it is like beside what LiftedCL's published prior is like.

    hcmoco-bench prior show generated

    hcmoco-bench prior show mine.safetensors --against norm_joints.pt --out both.png
    """
    from hcmoco_bench.plotting.save import save_figure
    from hcmoco_bench.priors.comparison import compare_with_prior
    from hcmoco_bench.priors.figure import prior_figure
    from hcmoco_bench.priors.open_prior import open_prior
    from hcmoco_bench.priors.statistics import skeleton_statistics

    with progress_bar(quiet=quiet or as_json) as progress:
        priors = {one: open_prior(one, progress=progress) for one in (name, against) if one is not None}
    first = priors[name]
    found = {one: skeleton_statistics(prior.joints, body=prior.body) for one, prior in priors.items()}
    comparison = None if against is None else compare_with_prior(first.joints, priors[against])
    save_figure(prior_figure(priors, number), to)
    if as_json:
        print_json(_shown(first, name, found, against, comparison) | {"figure": str(to)})
        return
    out.print(f"{len(first):,} skeletons, {first.source}", highlight=False, soft_wrap=True)
    out.print(_bone_table(found))
    out.print(_summary_table(priors, found))
    if comparison is not None:
        out.print(
            f"nearest skeleton of the other: {comparison.nearest_cm:.1f} cm a joint (within the other "
            f"{comparison.prior_nearest_cm:.1f} cm); bones {comparison.bone_distance:.2f} % of all apart",
            highlight=False,
            soft_wrap=True,
        )
    out.print(f"{to}", highlight=False, soft_wrap=True)
    if not quiet:
        say_next(("pretrain", "--method", "liftedcl", "--set", f"prior={name}"))


def _record(made: SkeletonPrior, name: str) -> dict[str, Any]:
    return {
        "prior": name,
        "source": made.source,
        "skeletons": len(made),
        "metric": made.metric,
        "sha256": made.sha256,
        "pitch": None if made.pitch is None else float(made.pitch.mean()),
    }


def _shown(
    first: SkeletonPrior,
    name: str,
    found: dict[str, SkeletonStatistics],
    against: str | None,
    comparison: PriorComparison | None,
) -> dict[str, Any]:
    from dataclasses import asdict

    from hcmoco_bench.priors.release_figures import RELEASE

    return _record(first, name) | {
        "statistics": found[name].to_json(),
        "release": asdict(RELEASE),
        "against": None if against is None else {"prior": against, "statistics": found[against].to_json()},
        "comparison": None if comparison is None else comparison.to_json(),
    }


def _bone_table(found: dict[str, SkeletonStatistics]) -> Table:
    """A line a bone, in % of the length of all bones; of several priors, the mean and the deviation between bodies."""
    names = ("mean", "between", "within", "l/r, %")[: 4 if len(found) == 1 else 2]
    table = Table("bone, % of all", *[name for _ in found for name in names])
    table.columns[0].no_wrap = True
    for column in table.columns[1:]:
        column.justify = "right"
    for rows in zip(*(statistics.bones for statistics in found.values()), strict=True):
        cells: list[str] = []
        for bone in rows:
            shares = (bone.mean, bone.between_bodies, bone.within_bodies, bone.asymmetry)
            cells += [_percent(share) for share in shares[: len(names)]]
        table.add_row(rows[0].name, *cells)
    return table


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f}"


def _summary_table(priors: dict[str, SkeletonPrior], found: dict[str, SkeletonStatistics]) -> Table:
    """A line a figure: each prior's, and that of LiftedCL's release."""
    from hcmoco_bench.priors.release_figures import RELEASE

    table = Table("", *priors, "LiftedCL's release")
    table.columns[0].no_wrap = True
    for column in table.columns[1:]:
        column.justify = "right"
    shown = list(zip(priors.values(), found.values(), strict=True))
    table.add_row("skeletons", *(f"{len(one):,}" for one, _ in shown), f"{RELEASE.skeletons:,}")
    table.add_row("bodies", *(str(figures.bodies) for _, figures in shown), str(RELEASE.bodies))
    table.add_row("left and right differ by", *(f"{100 * f.asymmetry:.2f} %" for _, f in shown), "")
    table.add_row(
        "bent thighs", *(f"{100 * f.bent_thighs:.1f} %" for _, f in shown), f"{100 * RELEASE.bent_thighs:.0f} %"
    )
    known = [one.pitch for one, _ in shown]
    cells = ["" if pitch is None else f"{pitch.mean():.1f} +- {pitch.std():.1f}" for pitch in known]
    table.add_row("pitch of the cameras, deg", *cells, "")
    table.add_row("pitch by the mean trunk, deg", *(f"{f.pitch:.1f}" for _, f in shown), f"{RELEASE.pitch:.1f}")
    table.add_row("hinges the wrong way", *(f"{100 * f.wrong_way:.2f} %" for _, f in shown), "")
    return table


def register(app: typer.Typer) -> None:
    """Add `prior` and its commands to the command line."""
    app.add_typer(prior, name="prior")
