"""The settings of a fine-tuning run; each task derives its own model from these, with the defaults of its paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from hcmoco_bench.models.settings import NetworkSettings
from hcmoco_bench.runtime.settings import Added, Flag, Location, TrainingOnly
from hcmoco_bench.training.settings import OptimizationSettings

OPTIONS = "options"
"""Table in files and checkpoints that holds the settings which only one task has."""


class FinetuneSettings(NetworkSettings, OptimizationSettings):
    """A fine-tuning run in full; a task that has settings of its own derives its model from this one.

    In Python all settings are attributes of one model. In files and checkpoints, those that a task adds stand in the
    table `options`; both forms are read.

    Attributes:
        low_data: Defaults that replace others if `ratio` is below 1, where the paper trains differently on few labels.
    """

    section: ClassVar[str] = "Fine-tuning"
    defaults: ClassVar[Mapping[str, Any]] = {"lr": 0.01, "schedule": "poly"}
    low_data: ClassVar[Mapping[str, Any]] = {}

    task: str
    """Name of the task."""
    protocol: str = "native"
    """Rules under which the model is trained and scored; one of the task's protocols."""
    stores: Annotated[tuple[str, ...], Flag("--store"), Location()] = ()
    """Prepared stores; the first holds the labels, and some tasks mix in others."""
    root: Annotated[str | None, Location()] = None
    """Folder of a data set in its published layout, for tasks that read one."""
    backbone: str = "hrnet_w18"
    """Encoder: any timm backbone that gives features, or a registered encoder such as pointnet."""
    ckpt: Annotated[str | None, Location()] = None
    """Checkpoint whose encoder is taken: of a pre-training, or of another program (docs/checkpoints.md); none starts
    from `init`."""
    init: Annotated[str, TrainingOnly()] = "imagenet"
    """First weights without a checkpoint: scratch, imagenet, or the path of a weight file."""
    encoder_rate: Annotated[float, Field(ge=0), TrainingOnly(), Added()] = 1.0
    """Learning rate of the encoder over that of the rest; 0 keeps the encoder's weights, while the statistics of its
    batch norms follow the data."""
    ratio: Annotated[float, Field(gt=0, le=1), TrainingOnly()] = 1.0
    """Share of the training data: 1, or a share for which the data declares a split."""
    image_size: Annotated[int, Field(ge=32), Flag("--size")] = 320
    """Side of the input in px; the task and its protocol say what it covers."""
    eval_batch_size: Annotated[int, Field(ge=1)] = 16
    """Samples per batch in scoring, in each process."""
    epochs: Annotated[int, Field(ge=1), TrainingOnly()] = 50
    """Number of epochs."""
    validation_share: Annotated[float, Field(ge=0, lt=1), TrainingOnly()] = 0.0
    """Share of the training data that is held out to choose an epoch on; 0 holds nothing out."""
    choose: Annotated[Literal["last", "best"], TrainingOnly()] = "last"
    """Epoch whose weights count: last, or best by the main score on the validation share. Without a share, best chooses
    on the test split; only some protocols allow that, and results report it as a leak."""
    evaluate_every: Annotated[int, Field(ge=1), TrainingOnly()] = 1
    """Epochs between two evaluations when the best epoch is chosen."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        unknown = [name for name in cls.low_data if name not in cls.model_fields]
        if unknown:
            raise TypeError(f"{cls.__name__}.low_data names {', '.join(unknown)}, which {cls.__name__} does not have")

    @classmethod
    def conditional_defaults(cls) -> Mapping[str, tuple[Any, str]]:
        """See `Settings.conditional_defaults`."""
        return {name: (value, "if ratio < 1") for name, value in cls.low_data.items()}

    @model_validator(mode="before")
    @classmethod
    def _read_both_forms(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        flat = flat_settings(values)
        ratio = flat.get("ratio", 1)
        return {**cls.low_data, **flat} if isinstance(ratio, int | float) and ratio < 1 else flat

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.warmup_epochs >= self.epochs:
            raise ValueError(f"warmup_epochs is {self.warmup_epochs}, but there are {self.epochs} epochs")
        if self.schedule == "multistep" and not self.milestones:
            raise ValueError("the schedule multistep needs milestones, e.g. milestones=[60, 80]")
        if self.ckpt is not None and not self.ckpt:
            raise ValueError("ckpt is empty")
        return self

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain values, as they stand in checkpoints and in a run's `config.json`."""
        return nested_settings(self.model_dump(mode="json"))


def flat_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings side by side, whether or not a task's own stand in the table `options` or are named `options.NAME`.

    Where a name comes twice, the later one counts.
    """
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if name == OPTIONS and isinstance(value, Mapping):
            flat |= value
        else:
            flat[name.removeprefix(f"{OPTIONS}.")] = value
    return flat


def nested_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """The form of files and checkpoints: what only the task has stands in the table `options`."""
    shared = {name: value for name, value in values.items() if name in FinetuneSettings.model_fields}
    return {**shared, OPTIONS: {name: value for name, value in values.items() if name not in shared}}
