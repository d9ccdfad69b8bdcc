"""Whether the tables of a plan fit each other; every contradiction is a ValueError that says where it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hcmoco_bench.runtime.near_names import did_you_mean
from hcmoco_bench.study.options import option_names
from hcmoco_bench.study.plan_tables import SCRATCH, ArmPlan, ClaimPlan, LeakPlan, TaskStep

if TYPE_CHECKING:
    from hcmoco_bench.study.plan import Plan


def check_plan(plan: Plan) -> None:
    """Raise ValueError if the tables of a plan contradict each other."""
    _check_names(plan)
    for where, name, known in _references(plan):
        if name not in known:
            raise ValueError(f"{where} names {name!r}, which the plan does not have; {did_you_mean(name, known)}")
    _check_cycles(plan)
    for name, task in plan.task.items():
        if task.models_of and plan.task[task.models_of].models_of:
            raise ValueError(f"task.{name} scores the models of {task.models_of}, which trains none itself")
    for name, claim in plan.claim.items():
        _check_claim(plan, name, claim)
    for name, leak in plan.leak.items():
        _check_leak(plan, name, leak)


def _check_names(plan: Plan) -> None:
    for table, names in {"pretraining": plan.pretraining.keys(), "method": plan.method.keys()}.items():
        if SCRATCH in names:
            raise ValueError(f"{table}.{SCRATCH}: this name stands for models without pre-training; choose another")
    for table, other, both in (
        ("pretraining", "method", plan.pretraining.keys() & plan.method.keys()),
        ("leak", "claim", plan.leak.keys() & plan.claim.keys()),
    ):
        for name in sorted(both):
            raise ValueError(f"{table}.{name}: there is also a {other}.{name}; choose another name for one of them")


def _references(plan: Plan) -> Iterator[tuple[str, str, set[str]]]:
    """What refers to which name, and the names that there are."""
    data, starts, tasks = set(plan.data), {*plan.pretraining, SCRATCH}, set(plan.task)
    methods = starts | set(plan.method)
    for name, one in plan.data.items():
        yield from ((f"data.{name}.needs", other, data) for other in one.needs)
    for table, entries in (("pretraining", plan.pretraining), ("task", plan.task)):
        for name, training in entries.items():
            yield from ((f"{table}.{name}.data", other, data) for other in training.data)
    yield from ((f"task.{name}.models_of", one.models_of, tasks) for name, one in plan.task.items() if one.models_of)
    yield from ((f"method.{name}.pretraining", one.pretraining, starts) for name, one in plan.method.items())
    for name, claim in plan.claim.items():
        yield from ((f"claim.{name}.methods", other, methods) for other in claim.methods)
        yield from ((f"claim.{name}.tasks", other, tasks) for other in claim.tasks)
    for name, leak in plan.leak.items():
        for side, arm in leak.sides:
            yield f"leak.{name}.{side}.method", arm.method, methods
            yield f"leak.{name}.{side}.task", arm.task, tasks


def _check_cycles(plan: Plan) -> None:
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            circle = " needs ".join((*path[path.index(name) :], name))
            raise ValueError(f"data sets need each other in a circle: {circle}")
        if name not in done:
            for other in plan.data[name].needs:
                visit(other, (*path, name))
            done.add(name)

    for name in plan.data:
        visit(name, ())


def _check_claim(plan: Plan, name: str, claim: ClaimPlan) -> None:
    for task in claim.tasks:
        fitting = plan.methods_on(claim, task)
        if not fitting:
            raise ValueError(f"claim.{name}: no method fits the task {task}")
        for method in fitting:
            _check_method_options(plan, f"claim.{name}", method, task)
    for task, ratios in claim.ratios.items():
        if task not in claim.tasks:
            raise ValueError(f"claim.{name}.ratios names the task {task!r}; {did_you_mean(task, claim.tasks)}")
        known = {step.ratio for step in plan.steps(task)}
        for ratio in ratios:
            if ratio not in known:
                raise ValueError(f"claim.{name}.ratios has {ratio:g}, which is none of the task {task}")
    compared = {frozenset(pair) for pair in claim.comparisons}
    for number, published in enumerate(claim.published):
        where = f"claim.{name}.published[{number}]"
        if published.task not in claim.tasks:
            raise ValueError(f"{where} names the task {published.task!r}; {did_you_mean(published.task, claim.tasks)}")
        if published.step not in plan.steps(published.task, claim):
            unfit = "ratio" if published.epochs is None else "epochs"
            raise ValueError(
                f"{where} has {unfit} = {getattr(published, unfit)}, which is none of the task {published.task}"
            )
        if frozenset({published.first, published.second}) not in compared:
            raise ValueError(f"{where} compares {published.first} and {published.second}, which comparisons does not")


def _check_leak(plan: Plan, name: str, leak: LeakPlan) -> None:
    for side, arm in leak.sides:
        where = f"leak.{name}.{side}"
        if arm.step not in plan.steps(arm.task):
            raise ValueError(f"{where} {_wrong_step(plan, arm)}")
        if not plan.fits(arm.method, arm.task):
            raise ValueError(f"{where}: the method {arm.method} does not fit the task {arm.task}")
        _check_method_options(plan, where, arm.method, arm.task)
    if plan.task[leak.leaky.task].task != plan.task[leak.honest.task].task:
        raise ValueError(f"leak.{name}: leaky and honest are of different tasks, whose scores do not compare")


def _wrong_step(plan: Plan, arm: ArmPlan) -> str:
    steps = plan.steps(arm.task)
    if steps[0].epochs is not None:
        return f"names the task {arm.task}, which has epochs; leaks take tasks without them"
    told = f"which is none of the task {arm.task}"
    if steps == (TaskStep(),):
        return f"has ratio = {arm.ratio}, {told}: it has all labels alone; leave it out"
    ratios = ", ".join(step.name for step in steps)
    return f"names no ratio; give one of {ratios}" if arm.ratio is None else f"has ratio = {arm.ratio}, {told}"


def _check_method_options(plan: Plan, where: str, method: str, task: str) -> None:
    """A method's options are put over those of a step, which would then be the same training as all others."""
    trained = plan.task[plan.task[task].models_of or task]
    given = option_names(plan.method[method].options) if method in plan.method else set()
    for option, values in (("ratio", trained.ratios), ("epochs", trained.epochs)):
        if values and option in given:
            what = "ratios" if option == "ratio" else "epochs"
            raise ValueError(
                f"{where}: the options of the method {method} name --{option}, and the task {task} has {what}; leave "
                "one of them out"
            )
