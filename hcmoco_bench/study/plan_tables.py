"""The tables of a plan: data, pre-trainings, tasks, methods, claims and leaks, each checked by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from hcmoco_bench.study.options import option_names, placeholders, split_line

SCRATCH: Final = "scratch"
"""The method of models without pre-training."""

NAME_PATTERN: Final = r"^[a-z0-9]+([_-][a-z0-9]+)*$"

FROZEN: Final = ConfigDict(frozen=True, extra="forbid")
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
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

    model_config = FROZEN
    commands: Annotated[tuple[str, ...], Field(min_length=1)]
    needs: tuple[Name, ...] = ()

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

    model_config = FROZEN
    data: tuple[Name, ...]
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
    modalities: tuple[Name, ...] = ()

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

    model_config = FROZEN
    label: Annotated[str, Field(min_length=1)]
    pretraining: Name = SCRATCH
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
        """Options of `finetune`; empty for all labels and the epochs of the task."""
        if self.epochs is not None:
            return f"--epochs {self.epochs}"
        return "" if self.ratio is None else f"--ratio {self.ratio:g}"


class TaskPlan(_Training):
    """How encoders are fine-tuned on a task and scored.

    Attributes:
        task: Name of the task.
        title: Its name as readers see it, e.g. `depth parsing`; empty for its name in the plan.
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

    task: Name
    title: str = ""
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
        self._check_steps()
        if self.models_of:
            self._check_scoring()
        return self

    def _check_steps(self) -> None:
        if self.ratios and self.epochs:
            raise ValueError("there are ratios and epochs; give a task for each of them")
        named = option_names(self.options) | option_names(self.scratch) | option_names(self.encoder)
        for name, option, values in (("ratios", "ratio", self.ratios), ("epochs", "epochs", self.epochs)):
            if len(set(values)) < len(values):
                raise ValueError(f"{name} = {list(values)} names one twice")
            if values and option in named:
                raise ValueError(f"the options name --{option}, and there are {name}; give one of them")
        for text, options in self.options_at.items():
            if text not in {ratio_text(ratio) for ratio in self.ratios}:
                raise ValueError(f"options_at has {text!r}, which is not among the ratios {list(self.ratios)}")
            if "ratio" in option_names(options):
                raise ValueError(f"options_at of {text} names --ratio, which is {text} there; leave it out")

    def _check_scoring(self) -> None:
        if self.ratios or self.epochs or self.options_at:
            raise ValueError(
                "models_of scores the models of another task, whose ratios and epochs count; leave them out"
            )
        for name in ("scratch", "encoder"):
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"models_of scores models that are trained already; leave {name} out")
        if given := option_names(self.options) & {"ckpt", "predictions"}:
            raise ValueError(
                f"the options name --{min(given)}, and models_of says which models are scored; give one of them"
            )

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

    model_config = FROZEN
    task: Name
    first: Name
    second: Name
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

    model_config = FROZEN
    task: Name
    method: Name = SCRATCH
    ratio: _Ratio | None = None
    rules: dict[str, Any] = Field(default_factory=dict)

    @property
    def step(self) -> TaskStep:
        """Which training of the task it is."""
        return TaskStep(self.ratio)


class LeakPlan(BaseModel):
    """A practice of published evaluations that makes scores better than they are, or changes them, to be measured.

    Attributes:
        title: Name of the leak.
        what: What is done, in a sentence.
        leaky: Models and scores with it.
        honest: The same without it.
        samples: `common` scores both on the samples that both have; `own` scores each on its own, where the samples are
            the leak.
        seeds: Seeds of the trainings.
    """

    model_config = FROZEN
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
        _no_repeats("seeds", self.seeds)
        return self

    @property
    def sides(self) -> tuple[tuple[str, ArmPlan], tuple[str, ArmPlan]]:
        """Both sides with their names in the plan, the leaky one first."""
        return ("leaky", self.leaky), ("honest", self.honest)


class CurvesPlan(BaseModel):
    """How the picture of a claim shows methods that are the same but for an amount, such as the length of pre-training.

    Attributes:
        amounts: What the amount is, for the horizontal axis.
        of: By the label of a curve, its methods with the amount of each, which is above 0.
    """

    model_config = FROZEN
    amounts: Annotated[str, Field(min_length=1)]
    of: Annotated[
        dict[str, Annotated[dict[Name, Annotated[float, Field(gt=0, allow_inf_nan=False)]], Field(min_length=2)]],
        Field(min_length=1),
    ]

    @model_validator(mode="after")
    def _check(self) -> Self:
        for label, methods in self.of.items():
            _no_repeats(f"curve {label}", list(methods.values()))
        _no_repeats("curves", self.methods)
        return self

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods of all curves."""
        return tuple(method for methods in self.of.values() for method in methods)


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
        curves: How the picture shows methods that differ in an amount; None for a line to each method.
    """

    model_config = FROZEN
    title: Annotated[str, Field(min_length=1)]
    question: Annotated[str, Field(min_length=1)]
    tasks: Annotated[tuple[Name, ...], Field(min_length=1)]
    methods: Annotated[tuple[Name, ...], Field(min_length=1)]
    seeds: Annotated[tuple[_Seed, ...], Field(min_length=1)] = (0, 1, 2)
    comparisons: tuple[tuple[Name, Name], ...] = ()
    ratios: dict[Name, Annotated[tuple[_Ratio, ...], Field(min_length=1)]] = Field(default_factory=dict)
    published: tuple[Published, ...] = ()
    curves: CurvesPlan | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        for what, names in (("tasks", self.tasks), ("methods", self.methods), ("seeds", self.seeds)):
            _no_repeats(what, names)
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
        for name in () if self.curves is None else self.curves.methods:
            if name not in self.methods:
                raise ValueError(f"curves names {name}, which is no method of this claim")
        return self


def ratio_text(ratio: float | None) -> str:
    """A ratio in names and messages: `1` for all labels, `0.1` for a tenth."""
    return "1" if ratio is None else f"{ratio:g}"


def _no_repeats(what: str, names: Sequence[object]) -> None:
    twice = sorted({str(name) for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{what} names {', '.join(twice)} twice")


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
