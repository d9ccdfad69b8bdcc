"""The table of formats in `docs/checkpoints.md`, from what the formats say of themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hcmoco_bench.models.foreign.format import ForeignFormat, Network
from hcmoco_bench.models.foreign.registry import all_formats


def format_table(tasks_with: Callable[[Network], Sequence[str]]) -> str:
    """A Markdown table, one line for each format.

    Args:
        tasks_with: The tasks whose model is a network.
    """
    lines = ["| program | files | commands | what is taken | what is left |", "|---|---|---|---|---|"]
    for form in all_formats():
        cells = (form.program, form.files, _commands(form, tasks_with), form.takes, form.leaves)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _commands(form: ForeignFormat, tasks_with: Callable[[Network], Sequence[str]]) -> str:
    commands = []
    if form.network == "multimodal":
        commands.append("`pretrain --init`")
    elif form.network is not None:
        tasks = " or ".join(f"`{task}`" for task in tasks_with(form.network))
        commands.append(f"`eval --ckpt` with {tasks}")
    if form.encoders:
        commands.append("`finetune --ckpt` or `--init`")
        if form.network != "multimodal":
            commands.append("`pretrain --init`")
    return "; ".join(commands)
