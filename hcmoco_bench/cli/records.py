"""`hcmoco-bench methods` and `hcmoco-bench tasks`: what there is, and what each says about itself."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from hcmoco_bench.cli.console import AsJson, out, print_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hcmoco_bench.tasks.core.record import TaskRecord


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("methods")(methods)
    app.command("tasks")(tasks)


def methods(
    name: Annotated[str | None, typer.Argument(help="A method, for all that is known of it.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the pre-training methods, or describe one: what it learns from, its terms, and whom to cite.

    hcmoco-bench methods

    hcmoco-bench methods hcmoco
    """
    from hcmoco_bench.pretrain.registry import get_method, method_names

    chosen = [get_method(one).record for one in ([name] if name else method_names())]
    if as_json:
        print_json([asdict(record) for record in chosen])
    elif name is None:
        _table(("method", "title", "learns from"), [(one.name, one.title, one.data) for one in chosen])
        _say("hcmoco-bench methods NAME describes one; hcmoco-bench settings --method NAME lists its settings.")
    else:
        record = chosen[0]
        _facts(
            record.title,
            {
                "summary": record.summary,
                "data": record.data,
                "citation": record.citation,
                "paper": record.url,
                "settings": f"hcmoco-bench settings --method {record.name}",
                "run": f"hcmoco-bench pretrain --method {record.name}",
            },
        )


def tasks(
    name: Annotated[str | None, typer.Argument(help="A task, for its whole record.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the downstream tasks, or print one's record: data, splits, protocols and what each leaks, score, downloads.

    hcmoco-bench tasks

    hcmoco-bench tasks itop_pose
    """
    from hcmoco_bench.tasks.core.registry import get_task, task_names

    chosen = [get_task(one).record for one in ([name] if name else task_names())]
    if as_json:
        print_json([record.model_dump(mode="json") for record in chosen])
    elif name is None:
        _table(
            ("task", "title", "main score", "protocols"),
            [(one.id, one.title, _main_scores(one), " ".join(each.name for each in one.protocols)) for one in chosen],
        )
        _say("hcmoco-bench tasks NAME prints a record; hcmoco-bench settings --task NAME lists the settings.")
    else:
        _show_task(chosen[0])


def _main_scores(record: TaskRecord) -> str:
    """The main score with its unit, and those of protocols that have one of their own."""
    own = [f"; {each.main_score} under {each.name}" for each in record.protocols if each.main_score is not None]
    return f"{record.main_score} ({record.unit})" + "".join(own)


def _show_task(record: TaskRecord) -> None:
    order = "higher is better" if record.higher_is_better else "lower is better"
    _facts(
        record.title,
        {
            "task": f"{record.id}, version {record.version}",
            "data": record.data,
            "main score": f"{_main_scores(record)}; {order}",
            "chance": record.chance,
            "predictions": record.predictions,
            "bad input": record.bad_input,
            "citation": record.citation,
            "settings": f"hcmoco-bench settings --task {record.id}",
        },
    )
    _table(
        ("split", "samples", "rule"),
        [(one.name, "" if one.size is None else f"{one.size:,}", one.rule) for one in record.splits],
    )
    _table(
        ("protocol", "what it does", "leaks", "known errors"),
        [
            (one.name, one.summary, "; ".join(one.possible_leaks()) or "nothing", one.error or "none")
            for one in record.protocols
        ],
    )
    if record.without_protocols:
        _table(("no protocol", "why"), list(record.without_protocols.items()))
    if record.changes:
        _table(("version", "what it changed"), [(f"{one.version}", one.change) for one in record.changes])
    _table(("download", "from", "where it goes"), [(one.what, one.where, one.put) for one in record.downloads])


def _facts(title: str, facts: dict[str, str]) -> None:
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for heading, text in facts.items():
        table.add_row(heading, text)
    out.print(table)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*row)
    out.print(table)


def _say(text: str) -> None:
    out.print(text, highlight=False, soft_wrap=True)
