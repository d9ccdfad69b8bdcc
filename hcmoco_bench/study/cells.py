"""The cells of a plan: each is made once, whatever claims need it: data, a pre-training, a fine-tuning or a scoring."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from hcmoco_bench.errors import UsageError
from hcmoco_bench.files.hashing import json_sha256
from hcmoco_bench.runtime.recipes import names_file, recipe_values
from hcmoco_bench.study.options import filled, option_value, placeholders, put_over
from hcmoco_bench.study.plan import Plan
from hcmoco_bench.study.plan_tables import TaskPlan, TaskStep
from hcmoco_bench.training.run_files import MODEL_FILE, RESULT_FILE, seed_folder

CellKind = Literal["data", "pretrain", "finetune", "eval"]


@dataclass(frozen=True)
class Cell:
    """A step of a study.

    Attributes:
        name: Unique, and the name of its folders, e.g. `finetune-pose3d-0.1-hcmoco-0`.
        kind: Data, pre-training, fine-tuning, or scoring of a fine-tuned model.
        commands: Lines of the command line without its name, to be run in order. `{out}` is the cell's own output
            folder, and a name in braces one of `places`.
        places: Names in braces that stand for what other cells leave: name to name of the cell.
        needs: Names of the cells that must be there before, in order.
        fingerprint: SHA-256 of the commands, of the settings in the recipe that they name, and of the fingerprints of
            the needed cells; it depends on no path and on no version.
        seed: Seed of a training; None for data.
        resume: Line that continues a training which has begun; empty for data, whose commands can be given again.
        recipe: Settings of the recipe that a training names with `--config`, as they are now; empty without one.
    """

    name: str
    kind: CellKind
    commands: tuple[str, ...]
    places: Mapping[str, str]
    needs: tuple[str, ...]
    fingerprint: str
    seed: int | None = None
    resume: str = ""
    recipe: Mapping[str, Any] = field(default_factory=dict)

    def lines(self, place: Mapping[str, str], out: str) -> tuple[list[str], ...]:
        """The words of each command.

        Args:
            place: Where each needed cell has what this one takes of it, by the cell's name.
            out: Output folder of this cell.
        """
        values = {name: place[cell] for name, cell in self.places.items()} | {"out": out}
        return tuple(filled(line, values) for line in self.commands)

    def resuming(self, out: str) -> list[str]:
        """The words of `resume`, with its output folder filled in."""
        return filled(self.resume, {"out": out})


@dataclass(frozen=True)
class Score:
    """A fine-tuning of a claim or leak: where it stands in tables, and the name of its cell."""

    task: str
    step: TaskStep
    method: str
    seed: int
    cell: str


@dataclass(frozen=True)
class Cells:
    """All cells of some claims.

    Attributes:
        by_name: The cells by name, each after those that it needs; the seeds of a claim come one after the other, so
            that a study that is stopped has whole seeds.
        scores: The fine-tunings of each claim.
        leaks: Those of each leak: of the leaky side, then of the honest one.
    """

    by_name: Mapping[str, Cell]
    scores: Mapping[str, tuple[Score, ...]] = field(default_factory=dict)
    leaks: Mapping[str, tuple[tuple[Score, ...], tuple[Score, ...]]] = field(default_factory=dict)

    def with_needs(self, names: Iterable[str]) -> tuple[Cell, ...]:
        """These cells and all that they need, in order."""
        wanted: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in wanted:
                wanted.add(name)
                waiting += self.by_name[name].needs
        return tuple(cell for name, cell in self.by_name.items() if name in wanted)


def cells_of(plan: Plan, names: Sequence[str] = ()) -> Cells:
    """The cells of a plan.

    Args:
        plan: The plan, at a size.
        names: Names of claims and leaks; all if none is given.
    """
    made: dict[str, Cell] = {}
    wanted = names or (*plan.claim, *plan.leak)
    found: dict[str, list[Score]] = {name: [] for name in wanted if name in plan.claim}
    sides: dict[str, tuple[list[Score], list[Score]]] = {name: ([], []) for name in wanted if name in plan.leak}
    declared = [plan.claim[name].seeds for name in found] + [plan.leak[name].seeds for name in sides]
    for seed in sorted({seed for seeds in declared for seed in seeds}):
        for name, scores in found.items():
            claim = plan.claim[name]
            if seed not in claim.seeds:
                continue
            for task in claim.tasks:
                for step in plan.steps(task, claim):
                    for method in plan.methods_on(claim, task):
                        scores.append(_score(plan, made, task, step, method, seed))
        for name, (leaky, honest) in sides.items():
            leak = plan.leak[name]
            if seed in leak.seeds:
                for scores, arm in ((leaky, leak.leaky), (honest, leak.honest)):
                    scores.append(_score(plan, made, arm.task, arm.step, arm.method, seed))
    return Cells(
        made,
        {name: tuple(scores) for name, scores in found.items()},
        {name: (tuple(leaky), tuple(honest)) for name, (leaky, honest) in sides.items()},
    )


def _score(plan: Plan, made: dict[str, Cell], task: str, step: TaskStep, method: str, seed: int) -> Score:
    return Score(task, step, method, seed, _finetuning(plan, made, task, step, method, seed).name)


def _data(plan: Plan, made: dict[str, Cell], name: str) -> Cell:
    data = plan.data[name]
    needed = {other: _data(plan, made, other) for other in data.needs}
    return _cell(made, f"data-{name}", "data", data.commands, needed)


def _pretraining(plan: Plan, made: dict[str, Cell], name: str, seed: int) -> Cell:
    pretraining = plan.pretraining[name]
    needed = _data_of(plan, made, pretraining.data)
    line = f"pretrain {pretraining.options} --seed {seed} --out {{out}}"
    return _cell(made, f"pretrain-{name}-{seed}", "pretrain", (line,), needed, seed, "pretrain --resume --out {out}")


def _finetuning(plan: Plan, made: dict[str, Cell], name: str, step: TaskStep, method: str, seed: int) -> Cell:
    task, start = plan.task[name], plan.start_of(method)
    if task.models_of:
        return _scoring(plan, made, name, step, method, seed)
    needed = _data_of(plan, made, task.data)
    if start is not None:
        needed["checkpoint"] = _pretraining(plan, made, start, seed)
    command = f"finetune --task {task.task}"
    end = f"--seeds {seed} --name {shlex.quote(plan.label(method))} --out {{out}}"
    line = f"{command} {_options(plan, task, step, method)} {end}"
    cell = f"finetune-{name}-{step.name}-{method}-{seed}"
    return _cell(made, cell, "finetune", (line,), needed, seed, f"{command} --resume {end}")


def _scoring(plan: Plan, made: dict[str, Cell], name: str, step: TaskStep, method: str, seed: int) -> Cell:
    task = plan.task[name]
    needed = _data_of(plan, made, task.data)
    needed["model"] = _finetuning(plan, made, task.models_of, step, method, seed)
    model, label = f"{{model}}/{seed_folder(Path(), seed)}/{MODEL_FILE}", shlex.quote(plan.label(method))
    line = f"eval --task {task.task} {task.options} --ckpt {model} --name {label} --out {{out}}/{RESULT_FILE}"
    return _cell(made, f"eval-{name}-{step.name}-{method}-{seed}", "eval", (line,), needed, seed)


def _options(plan: Plan, task: TaskPlan, step: TaskStep, method: str) -> str:
    options = put_over(task.options, task.scratch if plan.start_of(method) is None else task.encoder)
    if step.options:
        options = put_over(put_over(options, step.options), task.options_at.get(step.name, ""))
    return put_over(options, plan.method[method].options) if method in plan.method else options


def _data_of(plan: Plan, made: dict[str, Cell], names: Sequence[str]) -> dict[str, Cell]:
    cells = {name: _data(plan, made, name) for name in names}
    return {"data": cells[names[0]]} | cells


def _cell(
    made: dict[str, Cell],
    name: str,
    kind: CellKind,
    commands: Sequence[str],
    needed: Mapping[str, Cell],
    seed: int | None = None,
    resume: str = "",
) -> Cell:
    places = {one: cell.name for one, cell in needed.items()}
    if name in made:
        if (made[name].commands, made[name].places) != (tuple(commands), places):
            raise UsageError(f"two cells of the plan would have the name {name}; rename a task or a method of it")
        return made[name]
    needs = tuple(dict.fromkeys(places.values()))
    recipe = _recipe(kind, commands[0]) if kind in ("pretrain", "finetune") else {}
    told = {"commands": list(commands), "needs": {one: cell.fingerprint for one, cell in needed.items()}}
    fingerprint = json_sha256(told | ({"recipe": recipe} if recipe else {}))
    made[name] = Cell(name, kind, tuple(commands), places, needs, fingerprint, seed, resume, recipe)
    return made[name]


def _recipe(command: str, line: str) -> dict[str, Any]:
    named = option_value(line, "config")
    if named is None or placeholders(named):  # what lies in another cell's folder is known by that cell's fingerprint
        return {}
    if names_file(named) and not Path(named).is_absolute():
        raise UsageError(
            f"{line!r}: --config names a file by a relative path, but commands run in the folder of the study; give "
            "its absolute path or the name of a packaged recipe"
        )
    return recipe_values(named, command)
