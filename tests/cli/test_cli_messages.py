"""No message names an option that the command which prints it does not have."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import hcmoco_bench
from hcmoco_bench.cli.app import app
from hcmoco_bench.cli.evaluate import training_only
from hcmoco_bench.pretrain.registry import get_method, method_names
from hcmoco_bench.runtime.settings import describe_settings, joined_flags
from hcmoco_bench.tasks.core.registry import get_task, task_names

PACKAGE = Path(hcmoco_bench.__file__).parent
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]+(?:\.[a-z][a-z0-9-]*)*")
PRINTED_BY: dict[str, tuple[str, ...]] = {
    "tasks": ("finetune", "eval"),
    "tasks/core/finetune.py": ("finetune",),
    "tasks/core/best_checkpoint.py": ("finetune",),
    "tasks/core/encoder.py": ("finetune",),
    "tasks/core/plausibility.py": ("eval",),
    "tasks/core/uniform.py": ("finetune",),
    "tasks/core/starting_point.py": ("finetune",),
    "tasks/modalities/leakage_check.py": ("finetune",),
    "tasks/densepose/export.py": ("export",),
    "pretrain": ("pretrain",),
    "pretrain/export.py": ("export",),
    "training": ("pretrain", "finetune"),
    "training/checkpoint.py": ("pretrain", "finetune", "eval", "export"),
    "training/foreign_checkpoint.py": ("pretrain", "finetune", "eval"),
    "models": ("pretrain", "finetune"),
    "models/weight_files.py": ("pretrain", "finetune", "eval"),
    "models/weights.py": ("pretrain", "finetune", "eval"),
    "models/foreign": ("pretrain", "finetune", "eval"),
    "models/densepose": ("finetune", "eval"),
    "models/densepose/detectron2.py": ("export",),
    "models/export.py": ("export",),
    "models/export_names.py": ("export",),
}
"""The commands that can print the messages of a module; the longest path counts. Rooms that one command alone reaches,
with a parser of its own (`sources`, `prepare`, `hub`, `synth`, ...), are not here."""


@cache
def commands() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        found |= {f"{name} {sub}": one for sub, one in getattr(command, "commands", {}).items()} or {name: command}
    return found


@cache
def options(command: str) -> frozenset[str]:
    """All options of a command: its own, and those of the settings of every task or method that it takes."""
    own = {flag for parameter in commands()[command].params for flag in (*parameter.opts, *parameter.secondary_opts)}
    models = {
        "finetune": [get_task(name).settings for name in task_names()],
        "eval": [get_task(name).settings for name in task_names()],
        "pretrain": [get_method(name).settings for name in method_names()],
    }.get(command, [])
    for model in models:
        left_out = {"ckpt"} | training_only(model) if command == "eval" else set()
        own |= {record.flag for record in describe_settings(model) if record.name not in left_out}
        own |= set(joined_flags(model))
    return frozenset(own)


@cache
def command_pattern() -> re.Pattern[str]:
    """A command in a text: after the program's name, of two words, or before an option, but not as a value of one."""
    names = "|".join(commands())
    two = "|".join(name for name in commands() if " " in name)
    return re.compile(rf"(?<!--set )(?:(?<=hcmoco-bench )(?:{names})|\b(?:{two})|\b(?:{names})(?= --))\b")


def messages(path: Path) -> Iterator[tuple[int, str]]:
    """Texts of the errors that a module raises, with `{}` for what is filled in."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("Error", "_without_head")):
            for argument in node.args:
                text = "".join(
                    str(part.value) if isinstance(part, ast.Constant) else "{}"
                    for part in (argument.values if isinstance(argument, ast.JoinedStr) else [argument])
                    if isinstance(part, ast.Constant | ast.FormattedValue)
                )
                yield node.lineno, text


def printed_by(path: Path) -> tuple[str, ...]:
    parts = path.relative_to(PACKAGE).as_posix()
    known = [place for place in PRINTED_BY if parts == place or parts.startswith(f"{place}/")]
    return PRINTED_BY[max(known, key=len)] if known else ()


def named(text: str, printing: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Each option of a message with each command that has to take it: the one named before it, or those that print."""
    for option in OPTION.finditer(text):
        before = command_pattern().findall(text, 0, option.start())
        for command in (before[-1],) if before else printing:
            yield option[0], command


def test_the_tables_name_commands_and_modules_that_exist() -> None:
    assert {command for some in PRINTED_BY.values() for command in some} <= set(commands())
    assert [place for place in PRINTED_BY if not (PACKAGE / place).exists()] == []


@pytest.mark.parametrize("room", ["tasks", "pretrain", "training", "models"])
def test_every_option_in_a_message_is_one_of_the_command(room: str) -> None:
    wrong, seen = [], 0
    for path in sorted((PACKAGE / room).rglob("*.py")):
        for line, text in messages(path):
            for option, command in named(text, printed_by(path)):
                seen += 1
                if option not in options(command):
                    wrong.append(f"{path.relative_to(PACKAGE)}:{line}: {command} has no {option}: {text}")
    assert seen > 0
    assert wrong == []


def test_a_wrong_option_would_be_found() -> None:
    assert list(named("not a checkpoint; use --init", ("eval",))) == [("--init", "eval")]
    assert "--init" not in options("eval")
    assert "--init" in options("finetune") & options("pretrain")
    assert list(named("fine-tune it: hcmoco-bench finetune --task X --init Y", ("eval",))) == [
        ("--task", "finetune"),
        ("--init", "finetune"),
    ]
