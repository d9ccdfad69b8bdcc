"""`hcmoco-bench settings`: every setting of a pre-training method or a task, with its meaning and the paper's value."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from hcmoco_bench.cli.console import AsJson, out, print_json
from hcmoco_bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hcmoco_bench.runtime.settings import SettingRecord


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("settings")(settings)


def settings(
    method: Annotated[str | None, typer.Option(help="Settings of `pretrain` with this method.")] = None,
    task: Annotated[str | None, typer.Option(help="Settings of `finetune` and `eval` on this task.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show every setting of a pre-training method or of a task: name, type, default, the paper's value, and meaning.

    Where a default departs from what the authors' released code does, the table shows that too; `--config published`
    sets all of these.

    A setting is given by its option (`--lr 0.01`), by name (`--set lr=0.01`), or in a file (`--config run.toml`).

        hcmoco-bench settings --method hcmoco

        hcmoco-bench settings --task depth_parsing
    """
    from hcmoco_bench.runtime.settings import describe_settings

    if (method is None) == (task is None):
        raise UsageError("give either --method (for pretrain) or --task (for finetune and eval)")
    if task is not None:
        from hcmoco_bench.tasks.core.registry import get_task

        records = describe_settings(get_task(task).settings)
    else:
        from hcmoco_bench.pretrain.registry import get_method

        records = describe_settings(get_method(method or "").settings)
    if as_json:
        print_json([asdict(record) for record in records])
        return
    for section, some in groupby(sorted(records, key=lambda record: record.section), lambda record: record.section):
        _show(section, list(some))


def _show(section: str, records: Sequence[SettingRecord]) -> None:
    from rich import box
    from rich.table import Table

    table = Table(title=section, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("setting", "type", "default", "paper", "published code", "meaning"):
        table.add_column(heading, overflow="fold")
    for record in records:
        cells = (record.name, record.type, record.default, record.paper, record.published, record.meaning)
        table.add_row(*cells)
    out.print(table)
