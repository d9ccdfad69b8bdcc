"""A plan: data, pre-trainings, tasks, and the claims and leaks that they are to show, as a TOML file declares them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, Field, model_validator

from hcmoco_bench.study.plan_checks import check_plan
from hcmoco_bench.study.plan_tables import (
    FROZEN,
    SCRATCH,
    ClaimPlan,
    DataPlan,
    LeakPlan,
    MethodPlan,
    Name,
    PretrainingPlan,
    TaskPlan,
    TaskStep,
)

LEAKS: Final = "leaks"
"""What stands for all leaks, and the name of their report."""


class Plan(BaseModel):
    """A whole plan, at one size.

    Attributes:
        data: Data sets by name.
        pretraining: Pre-trainings by name.
        task: Tasks by name.
        method: Ways to train on a task by name, beside `scratch` and the pre-trainings.
        claim: Claims by name.
        leak: Leaks by name.
    """

    model_config = FROZEN
    data: dict[Name, DataPlan]
    pretraining: dict[Name, PretrainingPlan] = Field(default_factory=dict)
    task: dict[Name, TaskPlan]
    method: dict[Name, MethodPlan] = Field(default_factory=dict)
    claim: Annotated[dict[Name, ClaimPlan], Field(min_length=1)]
    leak: dict[Name, LeakPlan] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if LEAKS in self.claim:
            raise ValueError(f"claim.{LEAKS}: this name stands for all leaks; choose another")
        check_plan(self)
        return self

    def methods_on(self, claim: ClaimPlan, task: str) -> tuple[str, ...]:
        """The methods of a claim whose encoders fit a task, in the claim's order."""
        return tuple(name for name in claim.methods if self.fits(name, task))

    def fits(self, method: str, task: str) -> bool:
        """Whether a method's encoders take what a task needs, and the task whose models it scores."""
        start = self.start_of(method)
        taken = () if start is None else self.pretraining[start].modalities
        plan = self.task[task]
        needed = {plan.modality, self.task[plan.models_of].modality if plan.models_of else ""} - {""}
        return not taken or needed <= set(taken)

    def steps(self, task: str, claim: ClaimPlan | None = None) -> tuple[TaskStep, ...]:
        """The shares of the labels or the numbers of epochs of a task, or of the one whose models it scores.

        Args:
            task: Name of the task.
            claim: A claim, whose `ratios` choose among them; None for all.
        """
        plan = self.task[task]
        steps = self.task[plan.models_of or task].own_steps
        wanted = None if claim is None else claim.ratios.get(task)
        return steps if wanted is None else tuple(step for step in steps if step.ratio in wanted)

    def label(self, method: str) -> str:
        """A method's name as readers see it."""
        if method in self.method:
            return self.method[method].label
        return "without pre-training" if method == SCRATCH else self.pretraining[method].method

    def title(self, task: str) -> str:
        """A task's name as readers see it."""
        return self.task[task].title or task

    def start_of(self, method: str) -> str | None:
        """Name of the pre-training that a method starts from; None for none."""
        start = self.method[method].pretraining if method in self.method else method
        return None if start == SCRATCH else start

    def part(self, claims: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        """The tables of some claims under other names, with all that they need.

        Args:
            claims: New name of each claim, by its name.
        """
        chosen = {name: self.claim[name] for name in claims}
        tasks = {task for claim in chosen.values() for task in claim.tasks}
        tasks |= {self.task[task].models_of for task in tasks if self.task[task].models_of}
        methods = {method for claim in chosen.values() for method in claim.methods}
        starts = {start for method in methods if (start := self.start_of(method)) is not None}
        data = {one for task in tasks for one in self.task[task].data}
        data |= {one for start in starts for one in self.pretraining[start].data}
        while further := {other for one in data for other in self.data[one].needs} - data:
            data |= further
        kept = {"data": data, "pretraining": starts, "task": tasks, "method": methods & self.method.keys()}
        tables = {
            table: {name: one.model_dump() for name, one in getattr(self, table).items() if name in names}
            for table, names in kept.items()
        }
        return {**tables, "claim": {claims[name]: one.model_dump() for name, one in chosen.items()}}


def merged(values: Mapping[str, object], given: Mapping[str, object]) -> dict[str, object]:
    """A table with another put over it; tables within are merged, and everything else is replaced."""
    found = dict(values)
    for name, value in given.items():
        before = found.get(name)
        found[name] = merged(before, value) if isinstance(before, Mapping) and isinstance(value, Mapping) else value
    return found
