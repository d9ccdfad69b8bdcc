"""A plan: data, pre-trainings, tasks, and the claims and leaks that they are to show, as a TOML file declares them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from hcmoco_bench.runtime.near_names import did_you_mean
from hcmoco_bench.study.options import option_names, placeholders, split_line

SCRATCH: Final = "scratch"
"""The method of models without pre-training."""

LEAKS: Final = "leaks"
"""What stands for all leaks, and the name of their report."""

NAME_PATTERN: Final = r"^[a-z0-9]+([_-][a-z0-9]+)*$"

_FROZEN = ConfigDict(frozen=True, extra="forbid")
_Name = Annotated[str, Field(pattern=NAME_PATTERN)]
_Ratio = Annotated[float, Field(gt=0, le=1)]
_Seed = Annotated[int, Field(ge=0, lt=2**31)]
_GIVEN_BY_STUDY: Final = frozenset({"out", "o", "seed", "seeds", "resume", "name", "task", "quiet", "q", "json"})


class DataPlan(BaseModel):
    """How a data set is made.

    Attributes:
        commands: Lines of the command line without its name, in order; `{out}` is the folder of the data, and the name
            of another data set in braces is that one's folder.
        needs: Names of the other data sets that the commands use.
    """

    model_config = _FROZEN
    commands: Annotated[tuple[str, ...], Field(min_length=1)]
    needs: tuple[_Name, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        for line in self.commands:
            if not split_line(line):
                raise ValueError("a command is empty")
            _known_placeholders(line, {"out", *self.needs})
        if not any("{out}" in line for line in self.commands):
            raise ValueError("no command writes to {out}, the folder of the data")
        return self


class _Training(BaseModel):
    """What pre-trainings and tasks have in common.

    Attributes:
        data: Name of the data set, or names of several.
        options: Options of the command; `{data}` is the folder of the (first) data set, a name in braces that of each.
    """

    model_config = _FROZEN
    data: tuple[_Name, ...]
    options: str

    @field_validator("data", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("data")
    @classmethod
    def _some(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("names no data set")
        return value

    def _check_options(self, text: str, extra: frozenset[str] = frozenset()) -> None:
        _check_training_options(text, {"data", *self.data, *extra})


class PretrainingPlan(_Training):
    """How encoders are pre-trained.

    Attributes:
        method: Name of the method as readers see it, e.g. `HCMoCo`.
        options: Options of `pretrain`; the study adds the folder and the seed.
        modalities: What its encoders take, e.g. `["rgb"]`; empty for everything.
    """

    method: Annotated[str, Field(min_length=1)]
    modalities: tuple[_Name, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._check_options(self.options)
        return self


class MethodPlan(BaseModel):
    """A way to train on a task, where it takes more than an encoder to tell it.

    Attributes:
        label: Its name as readers see it, e.g. `no contrast`.
        pretraining: Name of the pre-training that it starts from; `scratch` for none.
        options: Options of `finetune`, put over those of the task.
    """

    model_config = _FROZEN
    label: Annotated[str, Field(min_length=1)]
    pretraining: _Name = SCRATCH
    options: str = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_training_options(self.options, {"data"})
        return self


@dataclass(frozen=True)
class TaskStep:
    """A comparison of its own on a task: a share of the labels, or a number of epochs.

    Attributes:
        ratio: Share of the training labels; None for all, or for what the task's options say.
        epochs: Number of epochs; None for what the task's options say.
    """

    ratio: float | None = None
    epochs: int | None = None

    @property
    def name(self) -> str:
        """In names of cells: `1` for all labels, `0.1` for a tenth, `5-epochs`."""
        return ratio_text(self.ratio) if self.epochs is None else f"{self.epochs}-epochs"

    @property
    def label(self) -> str:
        """For readers: `10 %` of the labels, or `5 epochs`."""
        return f"{100 * self.value:g} %" if self.epochs is None else f"{self.epochs} epochs"

    @property
    def what(self) -> str:
        """The label in a sentence: `10 % of the labels`."""
        return f"{self.label} of the labels" if self.epochs is None else self.label

    @property
    def value(self) -> float:
        """The share of the labels, 0..1, or the number of epochs."""
        if self.epochs is not None:
            return float(self.epochs)
        return 1.0 if self.ratio is None else self.ratio

    @property
    def options(self) -> str:
        """Options of `finetune`."""
        return (
            ""
            if self == TaskStep()
            else f"--ratio {self.ratio:g}"
            if self.epochs is None
            else f"--epochs {self.epochs}"
        )


class TaskPlan(_Training):
    """How encoders are fine-tuned on a task and scored.

    Attributes:
        task: Name of the task.
        options: Options of `finetune`; the study adds the task, the folder, the seed and the name of the model.
        ratios: Shares of the training labels, 0..1; each is a comparison of its own. Empty for all labels.
        options_at: Options that replace those of the same name, or are added, at a ratio.
        epochs: Numbers of epochs; each is a whole training and a comparison of its own. Empty for what `options` say;
            goes without `ratios`.
        scratch: Options of a model without pre-training.
        encoder: Options of a model with pre-training; `{checkpoint}` is its file.
        modality: What the task's encoder takes; empty if every pre-training fits.
        models_of: Name of a task of the plan whose trained models are scored here, by `eval`, in place of a training;
            `options` are then those of `eval`, and the shares of labels are those of that task. Empty to train.
    """

    task: _Name
    ratios: tuple[_Ratio, ...] = ()
    options_at: dict[str, str] = Field(default_factory=dict)
    epochs: tuple[Annotated[int, Field(ge=1)], ...] = ()
    scratch: str = "--init scratch"
    encoder: str = "--ckpt {checkpoint}"
    modality: str = ""
    models_of: str = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        for text in (self.options, self.scratch, *self.options_at.values()):
            self._check_options(text)
        self._check_options(self.encoder, frozenset({"checkpoint"}))
        if "checkpoint" not in placeholders(self.encoder):
            raise ValueError(
                f"encoder = {self.encoder!r} does not hold {{checkpoint}}, so no pre-training would be used"
            )
        if "ratio" in option_names(self.options) and self.ratios:
            raise ValueError("the options name --ratio, and there are ratios; give one of them")
        if self.models_of and (self.ratios or self.epochs or self.options_at):
            raise ValueError(
                "models_of scores the models of another task, whose ratios and epochs count; leave them out"
            )
        for name, values in (("ratios", self.ratios), ("epochs", self.epochs)):
            if len(set(values)) < len(values):
                raise ValueError(f"{name} = {list(values)} names one twice")
        if self.ratios and self.epochs:
            raise ValueError("there are ratios and epochs; give a task for each of them")
        if "epochs" in option_names(self.options) and self.epochs:
            raise ValueError("the options name --epochs, and there are epochs; give one of them")
        for text in self.options_at:
            if text not in {ratio_text(ratio) for ratio in self.ratios}:
                raise ValueError(f"options_at has {text!r}, which is not among the ratios {list(self.ratios)}")
        return self

    @property
    def own_steps(self) -> tuple[TaskStep, ...]:
        """The shares of the labels or the numbers of epochs; a single step without any of them."""
        if self.epochs:
            return tuple(TaskStep(epochs=one) for one in self.epochs)
        return tuple(TaskStep(ratio) for ratio in self.ratios or (None,))


class Published(BaseModel):
    """A difference that a paper states.

    Attributes:
        task: Name of the task in the plan.
        first: Method that is expected to be better.
        second: The other method.
        difference: First less second, in the unit of the task's score.
        source: Where it is printed, e.g. `LiftedCL, Table 5`.
        ratio: Share of the training labels; None for all.
        epochs: Number of epochs; None for what the task says.
    """

    model_config = _FROZEN
    task: _Name
    first: _Name
    second: _Name
    difference: Annotated[float, Field(allow_inf_nan=False)]
    source: Annotated[str, Field(min_length=1)]
    ratio: _Ratio | None = None
    epochs: Annotated[int, Field(ge=1)] | None = None

    @property
    def step(self) -> TaskStep:
        """Where it belongs."""
        return TaskStep(self.ratio, self.epochs)


class ArmPlan(BaseModel):
    """One side of a leak: how models are trained and scored.

    Attributes:
        task: Name of a task of the plan.
        method: Name of a method.
        ratio: Share of the training labels; None for all.
        rules: What the score is computed by, in place of what the evaluation used, e.g. `{absent = "zero"}`; the names
            are those of the task's evidence.
    """

    model_config = _FROZEN
    task: _Name
    method: _Name = SCRATCH
    ratio: _Ratio | None = None
    rules: dict[str, Any] = Field(default_factory=dict)

    @property
    def step(self) -> TaskStep:
        """Which training of the task it is."""
        return TaskStep(self.ratio)


class LeakPlan(BaseModel):
    """Something in published evaluations that makes scores better, or other, than they are; what it is worth.

    Attributes:
        title: Name of the leak.
        what: What is done, in a sentence.
        leaky: Models and scores with it.
        honest: The same without it.
        samples: `common` scores both on the samples that both have; `own` scores each on its own, where the samples are
            the leak.
        seeds: Seeds of the trainings.
    """

    model_config = _FROZEN
    title: Annotated[str, Field(min_length=1)]
    what: Annotated[str, Field(min_length=1)]
    leaky: ArmPlan
    honest: ArmPlan
    samples: Literal["common", "own"] = "common"
    seeds: Annotated[tuple[_Seed, ...], Field(min_length=1)] = (0, 1, 2)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.leaky == self.honest:
            raise ValueError("leaky and honest are the same")
        return self


class ClaimPlan(BaseModel):
    """What is to be shown.

    Attributes:
        title: Title of the report.
        question: The question in a sentence.
        tasks: Names of tasks of the plan.
        methods: Names of pre-trainings, or `scratch`; on a task, those whose modalities fit.
        seeds: Seeds; fine-tuning with a seed takes the encoder of the pre-training with that seed.
        comparisons: Pairs of methods; the first is expected to be better.
        ratios: By the name of a task, those of its shares of the labels that count here; all without an entry.
        published: Differences that papers state.
    """

    model_config = _FROZEN
    title: Annotated[str, Field(min_length=1)]
    question: Annotated[str, Field(min_length=1)]
    tasks: Annotated[tuple[_Name, ...], Field(min_length=1)]
    methods: Annotated[tuple[_Name, ...], Field(min_length=1)]
    seeds: Annotated[tuple[_Seed, ...], Field(min_length=1)] = (0, 1, 2)
    comparisons: tuple[tuple[_Name, _Name], ...] = ()
    ratios: dict[_Name, Annotated[tuple[_Ratio, ...], Field(min_length=1)]] = Field(default_factory=dict)
    published: tuple[Published, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        for what, names in (("tasks", self.tasks), ("methods", self.methods), ("seeds", self.seeds)):
            twice = sorted({str(name) for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{what} names {', '.join(twice)} twice")
        seen: set[frozenset[str]] = set()
        for first, second in self.comparisons:
            if first == second:
                raise ValueError(f"comparisons compares {first} with itself")
            if frozenset({first, second}) in seen:
                raise ValueError(f"comparisons compares {first} and {second} twice")
            seen.add(frozenset({first, second}))
            for name in (first, second):
                if name not in self.methods:
                    raise ValueError(f"comparisons names {name}, which is no method of this claim")
        return self


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

    model_config = _FROZEN
    data: dict[_Name, DataPlan]
    pretraining: dict[_Name, PretrainingPlan] = Field(default_factory=dict)
    task: dict[_Name, TaskPlan]
    method: dict[_Name, MethodPlan] = Field(default_factory=dict)
    claim: Annotated[dict[_Name, ClaimPlan], Field(min_length=1)]
    leak: dict[_Name, LeakPlan] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> Self:
        for table, names in {"pretraining": self.pretraining.keys(), "method": self.method.keys()}.items():
            if SCRATCH in names:
                raise ValueError(f"{table}.{SCRATCH}: this name stands for models without pre-training; choose another")
        for table, other, both in (
            ("pretraining", "method", self.pretraining.keys() & self.method.keys()),
            ("leak", "claim", self.leak.keys() & self.claim.keys()),
        ):
            for name in sorted(both):
                raise ValueError(f"{table}.{name}: there is also a {other}.{name}; choose another name for one of them")
        for where, name, known in self._references():
            if name not in known:
                raise ValueError(f"{where} names {name!r}, which the plan does not have; {did_you_mean(name, known)}")
        self._check_cycles()
        for name, task in self.task.items():
            if task.models_of and self.task[task.models_of].models_of:
                raise ValueError(f"task.{name} scores the models of {task.models_of}, which trains none itself")
        for name, claim in self.claim.items():
            if name == LEAKS:
                raise ValueError(f"claim.{LEAKS}: this name stands for all leaks; choose another")
            self._check_claim(name, claim)
        for name, leak in self.leak.items():
            for side, arm in (("leaky", leak.leaky), ("honest", leak.honest)):
                if arm.step not in self.steps(arm.task):
                    raise ValueError(
                        f"leak.{name}.{side} has ratio = {arm.ratio}, which is none of the task {arm.task}"
                    )
            if self.task[leak.leaky.task].task != self.task[leak.honest.task].task:
                raise ValueError(f"leak.{name}: leaky and honest are of different tasks, whose scores do not compare")
        return self

    def methods_on(self, claim: ClaimPlan, task: str) -> tuple[str, ...]:
        """The methods of a claim whose encoders fit a task, in the claim's order."""
        modality = self.task[task].modality
        found = []
        for name in claim.methods:
            start = self.start_of(name)
            taken = () if start is None else self.pretraining[start].modalities
            if not modality or not taken or modality in taken:
                found.append(name)
        return tuple(found)

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

    def _references(self) -> Iterator[tuple[str, str, set[str]]]:
        data, starts, tasks = set(self.data), {*self.pretraining, SCRATCH}, set(self.task)
        methods = starts | set(self.method)
        for name, one in self.data.items():
            yield from ((f"data.{name}.needs", other, data) for other in one.needs)
        for table, entries in (("pretraining", self.pretraining), ("task", self.task)):
            for name, training in entries.items():
                yield from ((f"{table}.{name}.data", other, data) for other in training.data)
        yield from (
            (f"task.{name}.models_of", one.models_of, tasks) for name, one in self.task.items() if one.models_of
        )
        yield from ((f"method.{name}.pretraining", one.pretraining, starts) for name, one in self.method.items())
        for name, claim in self.claim.items():
            yield from ((f"claim.{name}.methods", other, methods) for other in claim.methods)
            yield from ((f"claim.{name}.tasks", other, tasks) for other in claim.tasks)
        for name, leak in self.leak.items():
            for side, arm in (("leaky", leak.leaky), ("honest", leak.honest)):
                yield f"leak.{name}.{side}.method", arm.method, methods
                yield f"leak.{name}.{side}.task", arm.task, tasks

    def _check_cycles(self) -> None:
        done: set[str] = set()

        def visit(name: str, path: tuple[str, ...]) -> None:
            if name in path:
                circle = " needs ".join((*path[path.index(name) :], name))
                raise ValueError(f"data sets need each other in a circle: {circle}")
            if name not in done:
                for other in self.data[name].needs:
                    visit(other, (*path, name))
                done.add(name)

        for name in self.data:
            visit(name, ())

    def _check_claim(self, name: str, claim: ClaimPlan) -> None:
        compared = {frozenset(pair) for pair in claim.comparisons}
        for task in claim.tasks:
            if not self.methods_on(claim, task):
                raise ValueError(f"claim.{name}: no method fits the task {task}")
        for task, ratios in claim.ratios.items():
            if task not in claim.tasks:
                raise ValueError(f"claim.{name}.ratios names the task {task!r}; {did_you_mean(task, claim.tasks)}")
            known = {step.ratio for step in self.steps(task)}
            for ratio in ratios:
                if ratio not in known:
                    raise ValueError(f"claim.{name}.ratios has {ratio:g}, which is none of the task {task}")
        for number, published in enumerate(claim.published):
            where = f"claim.{name}.published[{number}]"
            if published.task not in claim.tasks:
                raise ValueError(
                    f"{where} names the task {published.task!r}; {did_you_mean(published.task, claim.tasks)}"
                )
            if published.step not in self.steps(published.task, claim):
                unfit = "ratio" if published.epochs is None else "epochs"
                raise ValueError(
                    f"{where} has {unfit} = {getattr(published, unfit)}, which is none of the task {published.task}"
                )
            if frozenset({published.first, published.second}) not in compared:
                raise ValueError(
                    f"{where} compares {published.first} and {published.second}, which comparisons does not"
                )


def ratio_text(ratio: float | None) -> str:
    """A ratio in names and messages: `1` for all labels, `0.1` for a tenth."""
    return "1" if ratio is None else f"{ratio:g}"


def _check_training_options(text: str, known: set[str]) -> None:
    given = option_names(text) & _GIVEN_BY_STUDY
    if given:
        raise ValueError(
            f"the options {text!r} name {', '.join(sorted(map(_dashed, given)))}, which the study gives itself; "
            "leave it out"
        )
    _known_placeholders(text, known)


def _known_placeholders(text: str, known: set[str]) -> None:
    for name in placeholders(text):
        if name not in known:
            told = ", ".join(f"{{{one}}}" for one in sorted(known))
            raise ValueError(f"{text!r} holds {{{name}}}, which stands for nothing here; there are {told}")


def _dashed(name: str) -> str:
    return f"--{name}" if len(name) > 1 else f"-{name}"


def merged(values: Mapping[str, object], given: Mapping[str, object]) -> dict[str, object]:
    """A table with another put over it; tables within are merged, and everything else is replaced."""
    found = dict(values)
    for name, value in given.items():
        before = found.get(name)
        found[name] = merged(before, value) if isinstance(before, Mapping) and isinstance(value, Mapping) else value
    return found
