"""`hcmoco-bench study`: whole comparisons of methods, declared in a plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from hcmoco_bench.cli.console import AsJson, Quiet, err, labeled, out, print_json, progress_bar, say_next, say_notes
from hcmoco_bench.errors import UsageError

if TYPE_CHECKING:
    from hcmoco_bench.study.cells import Cells
    from hcmoco_bench.study.folder import StudyFolder
    from hcmoco_bench.study.plan import Plan
    from hcmoco_bench.study.repeat import RepeatedCell
    from hcmoco_bench.study.run import StudyRun
    from hcmoco_bench.study.status import CellStatus

PlanArgument = Annotated[
    str, typer.Argument(metavar="PLAN", help="Packaged plan, which `study plans` lists, or a .toml file.")
]
OutOption = Annotated[Path, typer.Option("--out", "-o", help="Folder of the study.", show_default=False)]
SizeOption = Annotated[
    str | None,
    typer.Option(
        "--size", help="Size of the plan, e.g. small. [default: that of the study in --out]", show_default=False
    ),
]
ClaimOption = Annotated[
    list[str] | None,
    typer.Option(
        "--claim",
        help="Claim or leak of the plan, or `leaks` for all of these; may be repeated. [default: all]",
        show_default=False,
    ),
]


class _StudyGroup(TyperGroup):
    """`study PLAN` is `study run PLAN`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        from hcmoco_bench.study.read_plan import plan_names

        if args[0] not in self.commands and (args[0] in plan_names() or Path(args[0]).suffix in {".toml", ".json"}):
            args = ["run", *args]
        return super().resolve_command(ctx, args)


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer(
        cls=_StudyGroup,
        no_args_is_help=True,
        rich_markup_mode="markdown",
        help="Run a whole comparison of methods from a plan, on one machine or several, and report what it shows.",
    )
    for command in (run, status, report, repeat, plans):
        group.command(command.__name__)(command)
    app.add_typer(group, name="study")


def run(
    plan: PlanArgument,
    to: OutOption,
    size: SizeOption = None,
    claim: ClaimOption = None,
    cells: Annotated[
        int | None, typer.Option(min=1, help="Number of cells to make in this call. [default: all]", show_default=False)
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Begin no cell after so many minutes.", show_default=False)
    ] = None,
    rerun: Annotated[
        bool, typer.Option("--rerun", help="Make cells again whose record is of other options than the plan has now.")
    ] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Make what is missing of a study: data, pre-trainings and fine-tunings, each a cell.

    You can stop the command at any moment, and start it in several processes at once; each takes what is ready and
    nobody is at. Two claims that need the same cell share it.

        hcmoco-bench study run liftedcl --out study --size small

        hcmoco-bench study run liftedcl --out study --claim ablation --minutes 60

    A cell that fails is named with its log, and the others go on; the exit code is then 1.
    """
    from hcmoco_bench.study.run import run_study

    file_name, opened, folder, wanted, at = _opened(plan, to, size, claim)
    folder.prepare()
    folder.keep_plan(file_name, at, opened)
    silent = quiet or as_json
    with progress_bar(quiet=silent) as progress:
        done = run_study(
            wanted,
            folder,
            at_most=cells,
            minutes=minutes,
            rerun=rerun,
            progress=progress,
            say=_say_nothing if silent else _say,
        )
    if as_json:
        print_json(asdict(done))
    elif not quiet:
        _show_run(done, len(wanted.by_name))
    for told in done.failed.values():
        err.print(labeled("failed:", told, style="bold red"), soft_wrap=True, highlight=False)
    if done.failed:
        raise typer.Exit(1)
    if not silent:
        say_next(("study", "report" if not done.left else "run", plan, "--out", to))


def status(
    plan: PlanArgument,
    to: OutOption,
    size: SizeOption = None,
    claim: ClaimOption = None,
    as_json: AsJson = False,
) -> None:
    """Show the state of each cell of a study, and the time that it took.

    hcmoco-bench study status liftedcl --out study
    """
    from hcmoco_bench.study.status import study_status

    _, _, folder, wanted, _ = _opened(plan, to, size, claim)
    found = study_status(wanted, folder)
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        _show_status(found)


def report(
    plan: PlanArgument,
    to: OutOption,
    size: SizeOption = None,
    claim: ClaimOption = None,
    board: Annotated[
        Path | None,
        typer.Option("--board", help="Leaderboard to which each method's result is added.", show_default=False),
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", help="Who submits the rows. [default: user.name of Git]", show_default=False)
    ] = None,
    draws: Annotated[int, typer.Option("--draws", min=2, help="Draws of the bootstrap.")] = 1000,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Write a table and a picture of each claim and of the leaks, from whatever is done.

        hcmoco-bench study report liftedcl --out study

        hcmoco-bench study report liftedcl --out study --board boards/generated --by "Your Name"

    With --board, results of methods whose seeds are all there become rows of a leaderboard, if they pass its checks.
    """
    from hcmoco_bench.cli.leaderboard.options import user
    from hcmoco_bench.study.board import AddedRows, add_rows
    from hcmoco_bench.study.findings import claim_findings
    from hcmoco_bench.study.leaks import leak_findings
    from hcmoco_bench.study.leaks_report import write_leaks_report
    from hcmoco_bench.study.report import write_report

    _, opened, folder, wanted, _ = _opened(plan, to, size, claim)
    if folder.kept() is None:
        raise UsageError(f"{to}: there is no study yet; make one with study run {plan} --out {to}")
    folder.prepare()  # a clone of a repository has only the records
    written, leaks = [], None
    with progress_bar(quiet=quiet or as_json) as progress:
        found, total = [], len(wanted.scores) + bool(wanted.leaks)
        for number, name in enumerate(wanted.scores):
            progress("claims", number, total)
            found.append(claim_findings(opened, name, wanted, folder, draws=draws))
            written.append((found[-1].summary, write_report(found[-1], folder)))
        if wanted.leaks:
            leaks = leak_findings(opened, wanted, folder, draws=draws)
            written.append((leaks.summary, write_leaks_report(leaks, folder)))
        progress("claims", total, total)
    added = AddedRows((), ()) if board is None else add_rows(opened, wanted, folder, board, by=by or user())
    if as_json:
        told = {} if leaks is None else {"leaks": leaks.to_dict()}
        claims = [one.to_dict() for one in found]
        print_json({"claims": claims, **told, "rows": added.rows, "refused": added.refused})
        return
    for summary, files in written:
        out.print(summary, soft_wrap=True, highlight=False)
        for path in filter(None, (files.table, files.picture)):
            out.print(f"  {path}", soft_wrap=True, highlight=False)
    for row in added.rows:
        out.print(f"row: {row}", soft_wrap=True, highlight=False)
    say_notes(f"no row: {told}" for told in added.refused)


def repeat(
    plan: PlanArgument,
    cell: Annotated[
        list[str], typer.Argument(metavar="CELL...", help="Cells, as `study status` lists them.", show_default=False)
    ],
    to: OutOption,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Make cells of a study again and compare them with their records, to the bit.

        hcmoco-bench study repeat claims finetune-itop-1-scratch-0 --out studies/claims-small

    The study stays as it is: this happens in its folder work/again. What the cells need is taken from the study where
    it is on this machine; otherwise it is made again and compared, too. The same bits need the same kind of processor,
    number of threads (OMP_NUM_THREADS) and versions of libraries; the exit code is 1 if any cell differs.
    """
    from hcmoco_bench.study.repeat import repeat_cells

    _, _, folder, known, _ = _opened(plan, to, None, None)
    found = repeat_cells(cell, known, folder, say=_say_nothing if quiet or as_json else _say)
    if as_json:
        print_json([asdict(one) | {"same": one.same} for one in found])
    elif not quiet:
        _show_repeated(found)
    say_notes(one.said for one in found if one.said)
    if not all(one.same for one in found):
        raise typer.Exit(1)


def plans(as_json: AsJson = False) -> None:
    """List the packaged plans with their sizes and claims."""
    from hcmoco_bench.study.read_plan import plan_names, read_plan

    files = [read_plan(name) for name in plan_names()]
    if as_json:
        print_json(
            [
                {
                    "plan": one.name,
                    "sizes": list(one.sizes),
                    "claims": {name: claim.get("question") for name, claim in one.values.get("claim", {}).items()},
                }
                for one in files
            ]
        )
        return
    for one in files:
        out.print(f"{one.name} (sizes: {', '.join(one.sizes) or 'one'})", style="bold", highlight=False)
        for name, claim in one.values.get("claim", {}).items():
            out.print(f"  {name}: {claim.get('question', '')}", soft_wrap=True, highlight=False)


def _opened(
    plan: str, to: Path, size: str | None, claims: Sequence[str] | None
) -> tuple[str, Plan, StudyFolder, Cells, str | None]:
    """The plan's name, the plan at its size, the folder, the cells of the claims, and the size."""
    from hcmoco_bench.runtime.near_names import did_you_mean
    from hcmoco_bench.study.cells import cells_of
    from hcmoco_bench.study.folder import StudyFolder
    from hcmoco_bench.study.plan import LEAKS
    from hcmoco_bench.study.read_plan import read_plan

    file, folder = read_plan(plan), StudyFolder(to)
    kept = folder.kept()
    if size is None and kept is not None:
        size = kept[1]
    if size is None and file.sizes:
        raise UsageError(
            f"{to}: holds no study yet, and {plan} has the sizes {', '.join(file.sizes)}; give one with --size"
        )
    opened = file.at(size)
    chosen: dict[str, None] = {}
    for name in claims or ():
        if name == LEAKS and opened.leak:
            chosen |= dict.fromkeys(opened.leak)
        elif name in opened.claim or name in opened.leak:
            chosen[name] = None
        else:
            known = (*opened.claim, *opened.leak, *((LEAKS,) if opened.leak else ()))
            raise UsageError(f"--claim {name}: {plan} has no such claim; {did_you_mean(name, known)}")
    return file.name, opened, folder, cells_of(opened, tuple(chosen)), size


def _say(sentence: str) -> None:
    err.print(sentence, soft_wrap=True, highlight=False)


def _say_nothing(sentence: str) -> None:
    pass


def _show_run(done: StudyRun, total: int) -> None:
    told = f"{len(done.made)} cells made, {total - done.left} of {total} done"
    if done.failed:
        told += f", {len(done.failed)} failed"
    if done.blocked:
        told += f", {len(done.blocked)} need a failed one"
    out.print(told, highlight=False)


def _show_status(found: Sequence[CellStatus]) -> None:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("cell", "state", "minutes", "processor minutes", ""):
        table.add_column(heading, justify="right" if "minutes" in heading else "left", overflow="fold")
    for one in found:
        table.add_row(one.name, one.state, _minutes(one.seconds), _minutes(one.processor_seconds), one.said)
    out.print(table)
    counts = {state: sum(one.state == state for one in found) for state in dict.fromkeys(one.state for one in found)}
    total = sum(one.processor_seconds or 0.0 for one in found)
    told = ", ".join(f"{number} {state}" for state, number in counts.items())
    out.print(f"{len(found)} cells: {told}; {total / 3600:.2f} processor hours so far", highlight=False, soft_wrap=True)


def _show_repeated(found: Sequence[RepeatedCell]) -> None:
    for one in found:
        told = f"the same (SHA-256 {one.sha256[:12]}...)" if one.same else "not the same"
        out.print(f"{one.name}: {told}", highlight=False, soft_wrap=True)


def _minutes(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds / 60:.1f}"
