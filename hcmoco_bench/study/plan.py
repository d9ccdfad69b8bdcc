"""A plan: data, pre-trainings, tasks, and the claims that they are to show, as a TOML file declares them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from hcmoco_bench.runtime.near_names import did_you_mean
from hcmoco_bench.study.options import option_names, placeholders, split_line

SCRATCH: Final = "scratch"
"""The method of models without pre-training."""

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
        given = option_names(text) & _GIVEN_BY_STUDY
        if given:
            raise ValueError(
                f"the options {text!r} name {', '.join(sorted(map(_dashed, given)))}, which the study gives itself; "
                "leave it out"
            )
        _known_placeholders(text, {"data", *self.data, *extra})


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


class TaskPlan(_Training):
    """How encoders are fine-tuned on a task and scored.

    Attributes:
        task: Name of the task.
        options: Options of `finetune`; the study adds the task, the folder, the seed and the name of the model.
        ratios: Shares of the training labels, 0..1; each is a comparison of its own. Empty for all labels.
        options_at: Options that replace those of the same name, or are added, at a ratio.
        scratch: Options of a model without pre-training.
        encoder: Options of a model with pre-training; `{checkpoint}` is its file.
        modality: What the task's encoder takes; empty if every pre-training fits.
    """

    task: _Name
    ratios: tuple[_Ratio, ...] = ()
    options_at: dict[str, str] = Field(default_factory=dict)
    scratch: str = "--init scratch"
    encoder: str = "--ckpt {checkpoint}"
    modality: str = ""

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
        if len(set(self.ratios)) < len(self.ratios):
            raise ValueError(f"ratios = {list(self.ratios)} names one twice")
        for text in self.options_at:
            if text not in {ratio_text(ratio) for ratio in self.ratios}:
                raise ValueError(f"options_at has {text!r}, which is not among the ratios {list(self.ratios)}")
        return self

    @property
    def steps(self) -> tuple[float | None, ...]:
        """The ratios; None stands for all labels."""
        return self.ratios or (None,)


class Published(BaseModel):
    """A difference that a paper states.

    Attributes:
        task: Name of the task in the plan.
        first: Method that is expected to be better.
        second: The other method.
        difference: First less second, in the unit of the task's score.
        source: Where it is printed, e.g. `LiftedCL, Table 5`.
        ratio: Share of the training labels; None for all.
    """

    model_config = _FROZEN
    task: _Name
    first: _Name
    second: _Name
    difference: Annotated[float, Field(allow_inf_nan=False)]
    source: Annotated[str, Field(min_length=1)]
    ratio: _Ratio | None = None


class ClaimPlan(BaseModel):
    """What is to be shown.

    Attributes:
        title: Title of the report.
        question: The question in a sentence.
        tasks: Names of tasks of the plan.
        methods: Names of pre-trainings, or `scratch`; on a task, those whose modalities fit.
        seeds: Seeds; fine-tuning with a seed takes the encoder of the pre-training with that seed.
        comparisons: Pairs of methods; the first is expected to be better.
        published: Differences that papers state.
    """

    model_config = _FROZEN
    title: Annotated[str, Field(min_length=1)]
    question: Annotated[str, Field(min_length=1)]
    tasks: Annotated[tuple[_Name, ...], Field(min_length=1)]
    methods: Annotated[tuple[_Name, ...], Field(min_length=1)]
    seeds: Annotated[tuple[_Seed, ...], Field(min_length=1)] = (0, 1, 2)
    comparisons: tuple[tuple[_Name, _Name], ...] = ()
    published: tuple[Published, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        for what, names in (("tasks", self.tasks), ("methods", self.methods), ("seeds", self.seeds)):
            twice = sorted({str(name) for name in names if names.count(name) > 1})  # type: ignore[arg-type]
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
        claim: Claims by name.
    """

    model_config = _FROZEN
    data: dict[_Name, DataPlan]
    pretraining: dict[_Name, PretrainingPlan] = Field(default_factory=dict)
    task: dict[_Name, TaskPlan]
    claim: Annotated[dict[_Name, ClaimPlan], Field(min_length=1)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if SCRATCH in self.pretraining:
            raise ValueError(f"pretraining.{SCRATCH}: this name stands for models without pre-training; choose another")
        for where, name, known in self._references():
            if name not in known:
                raise ValueError(f"{where} names {name!r}, which the plan does not have; {did_you_mean(name, known)}")
        self._check_cycles()
        for name, claim in self.claim.items():
            self._check_claim(name, claim)
        return self

    def methods_on(self, claim: ClaimPlan, task: str) -> tuple[str, ...]:
        """The methods of a claim whose encoders fit a task, in the claim's order."""
        modality = self.task[task].modality
        return tuple(
            name
            for name in claim.methods
            if name == SCRATCH
            or not modality
            or not self.pretraining[name].modalities
            or modality in self.pretraining[name].modalities
        )

    def label(self, method: str) -> str:
        """A method's name as readers see it."""
        return "without pre-training" if method == SCRATCH else self.pretraining[method].method

    def _references(self) -> Iterator[tuple[str, str, set[str]]]:
        data, methods, tasks = set(self.data), {*self.pretraining, SCRATCH}, set(self.task)
        for name, one in self.data.items():
            yield from ((f"data.{name}.needs", other, data) for other in one.needs)
        for table, entries in (("pretraining", self.pretraining), ("task", self.task)):
            for name, training in entries.items():
                yield from ((f"{table}.{name}.data", other, data) for other in training.data)
        for name, claim in self.claim.items():
            yield from ((f"claim.{name}.methods", other, methods) for other in claim.methods)
            yield from ((f"claim.{name}.tasks", other, tasks) for other in claim.tasks)

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
        for number, published in enumerate(claim.published):
            where = f"claim.{name}.published[{number}]"
            if published.task not in claim.tasks:
                raise ValueError(
                    f"{where} names the task {published.task!r}; {did_you_mean(published.task, claim.tasks)}"
                )
            if published.ratio not in self.task[published.task].steps:
                raise ValueError(f"{where} has ratio = {published.ratio}, which is none of the task {published.task}")
            if frozenset({published.first, published.second}) not in compared:
                raise ValueError(
                    f"{where} compares {published.first} and {published.second}, which comparisons does not"
                )


def ratio_text(ratio: float | None) -> str:
    """A ratio in names and messages: `1` for all labels, `0.1` for a tenth."""
    return "1" if ratio is None else f"{ratio:g}"


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
