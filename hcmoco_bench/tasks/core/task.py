"""The interface of a task: data, model, objective and scores; everything else is shared by all tasks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from pydantic import BaseModel, ConfigDict
from torch import nn
from torch.utils.data import Dataset

from hcmoco_bench.errors import UsageError
from hcmoco_bench.files.hashing import fingerprint
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.modality import Modality
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.runtime.settings import validated
from hcmoco_bench.tasks.core.config import FinetuneConfig
from hcmoco_bench.tasks.core.record import TaskRecord
from hcmoco_bench.tasks.core.subset import Subset
from hcmoco_bench.training.objective import LoopBatch, Objective
from hcmoco_bench.training.settings import Stage

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hcmoco_bench.results.evidence import Evidence


@dataclass(frozen=True)
class TaskData:
    """A split of a task's data set.

    Attributes:
        dataset: Gives the sample of a row, or of a `Draw` (row, epoch, repeat), on which alone its randomness depends.
        collate: Stacks so many samples into a batch that knows its `sample_ids` and goes `to` a device.
        ids: Sample id of each row.
        name: Of the data set, for results, e.g. `NTURGBD-Parsing-4K`.
        generated: Whether the people are generated; results say so.
        split: Name of the split.
        expected: The ids that the split should have; more than `ids` where samples could not be prepared.
        split_sha256: `fingerprint` of the expected ids.
        manifest_sha256: Of the store's manifest; None for data in its published layout.
        problems: Samples that are expected and not there.
        groups: Of each row, what must not be on both sides of a validation split (performer, clip, ...).
        mixture: Rows of each of several data sets drawn equally often in training; None for one data set.
    """

    dataset: Dataset[Any]
    collate: Callable[[Iterable[Any], int], LoopBatch]
    ids: tuple[str, ...]
    name: str
    generated: bool
    split: str
    expected: tuple[str, ...]
    split_sha256: str
    manifest_sha256: str | None
    problems: tuple[Problem, ...] = ()
    groups: tuple[str, ...] | None = None
    mixture: tuple[int, ...] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def subset(self, rows: Sequence[int], *, split: str) -> TaskData:
        """Some rows as a split of their own, e.g. a validation share; those are then all that is expected."""
        ids = tuple(self.ids[row] for row in rows)
        return replace(
            self,
            dataset=Subset(self.dataset, tuple(rows)),
            ids=ids,
            split=split,
            expected=ids,
            split_sha256=fingerprint(ids),
            problems=(),
            groups=None if self.groups is None else tuple(self.groups[row] for row in rows),
        )


@dataclass(frozen=True)
class ResultFigure:
    """An image of a result; drawn only when asked for.

    Attributes:
        name: File name without suffix, e.g. `confusion`.
        caption: One sentence.
        draw: Makes the figure.
    """

    name: str
    caption: str
    draw: Callable[[], Figure]


@dataclass(frozen=True)
class Evaluation:
    """What a model or a set of predictions scored.

    Attributes:
        scores: Every figure by name, in the units of the record (the main score in `record.unit`); all are computed
            from the evidence alone by `Task.scores`.
        per_class: By class (or joint): figures by name, None where a class has none.
        evidence: Statistics of each sample.
        n_expected: Samples that the split should have.
        n_scored: Samples that were scored.
        problems: What was left out of scoring, and why.
        figures: To look at.
    """

    scores: dict[str, float]
    per_class: dict[str, dict[str, float | None]]
    evidence: Evidence
    n_expected: int
    n_scored: int
    problems: tuple[Problem, ...] = ()
    figures: tuple[ResultFigure, ...] = field(default=(), repr=False)


class TaskOptions(BaseModel):
    """Settings of one task alone; a task with such settings derives its own model from this."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Task(ABC):
    """A downstream task; one object serves all runs and holds no state.

    `config.protocol` names the protocol. A model trained under one can be scored under another: `evaluate` then gets
    the checkpoint's settings with that one name (and the paths) changed.

    Attributes:
        record: What it is.
        defaults: The paper's fine-tuning settings: fields of `FinetuneConfig` that differ from its own defaults.
        options: The model of `config.options`; validated values are read with `self.options.model_validate`.
        modality: The encoder that is taken from a pre-training checkpoint; None where the task decides otherwise.
    """

    record: ClassVar[TaskRecord]
    defaults: ClassVar[Mapping[str, Any]]
    options: ClassVar[type[TaskOptions]] = TaskOptions
    modality: ClassVar[Modality | None] = None

    def check(self, config: FinetuneConfig) -> None:
        """Raise UsageError for settings that this task cannot use; called before anything is read or written.

        Raises:
            UsageError: If the protocol or one of `config.options` is not the task's.
        """
        known = [protocol.name for protocol in self.record.protocols]
        if config.protocol not in known:
            raise UsageError(f"{self.record.id}: no protocol {config.protocol!r}; it has {', '.join(known)}")
        validated(self.options, config.options, self.record.id)

    def notes(self, config: FinetuneConfig, *, own: bool = True) -> tuple[str, ...]:
        """What readers of a result should know of its settings, beyond the protocol and the split.

        Args:
            config: The settings.
            own: Whether a model was trained with them; predictions of another program share only what is scored.
        """
        return ()

    def defaults_for(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """The defaults, where the paper's depend on other settings (by name, not checked yet), e.g. on the ratio."""
        return self.defaults

    def default_data(self, home: Path) -> dict[str, Any]:
        """`stores` or `root` for a command that names neither.

        Raises:
            UsageError: If there is nothing in the home folder; says which commands make it.
        """
        raise UsageError(f"{self.record.id}: no data given; use --store or --root ({self.record.data})")

    def training_split(self, config: FinetuneConfig) -> str:
        """The split that is trained on: `train`, or `train_20` for a ratio of 0.2."""
        return "train" if config.ratio == 1 else f"train_{100 * config.ratio:g}"

    def test_split(self, config: FinetuneConfig) -> str:
        """The split that is scored."""
        return "test"

    def stages(self, config: FinetuneConfig) -> tuple[Stage, ...]:
        """Stages of the training; each starts with a fresh optimizer and schedule."""
        return (Stage("train", config.epochs),)

    @abstractmethod
    def open_data(self, config: FinetuneConfig, split: str, *, train: bool) -> TaskData:
        """Open a split.

        Args:
            config: `stores` or `root` say where; `protocol` and `image_size` how samples are cut out.
            split: Its name.
            train: Random crops and flips, from `config.seed` and the draw; otherwise the same sample every time.

        Raises:
            UsageError: If there is no such split; lists those that there are.
            StoreError: If the store is missing or not finished.
            DataError: If files are missing or damaged.
        """

    @abstractmethod
    def build_model(self, config: FinetuneConfig, *, fresh: bool = True) -> nn.Module:
        """The model; draws what is random from torch's generator.

        Args:
            config: The settings.
            fresh: Load the encoder of `config.ckpt` or `config.init`; a model that takes all its weights from elsewhere
                does not need it.

        Raises:
            UsageError: If a backbone is unknown, or is another than the checkpoint's.
            DataError: If weights cannot be read or do not fit.
        """

    @abstractmethod
    def build_objective(self, config: FinetuneConfig, model: nn.Module, data: TaskData) -> Objective[Any]:
        """The training loss."""

    def parameter_groups(self, config: FinetuneConfig, model: nn.Module) -> list[dict[str, Any]] | None:
        """Groups of parameters with `lr_factor` or other options of the optimizer; None: all alike."""
        return None

    @abstractmethod
    def evaluate(
        self,
        model: nn.Module,
        data: TaskData,
        config: FinetuneConfig,
        *,
        device: torch.device,
        progress: Progress = no_progress,
        sheet_size: int = 0,
    ) -> Evaluation:
        """Score a model; the same figures to the last bit every time, on the same machine and batch size.

        Called in every process of a run; `tasks.core.batches.evaluation_batches` gives each its share, and the metrics'
        `compute` puts them together.

        Args:
            model: On the device, in evaluation mode.
            data: A split, opened with `train=False`.
            config: The settings; `protocol` says how to score.
            device: Where the model is.
            progress: Told samples done and to do.
            sheet_size: Samples to keep for the prediction sheet.
        """

    @abstractmethod
    def score_predictions(
        self,
        path: Path,
        data: TaskData,
        config: FinetuneConfig,
        *,
        progress: Progress = no_progress,
        sheet_size: int = 0,
    ) -> Evaluation:
        """Score another program's predictions; see `tasks.core.predictions.check_ids` for ids that do not agree.

        Raises:
            DataError: If predictions are missing, given twice, of unknown samples, damaged, or not finite; says how
                many and names some. A subset is never scored as if it were the whole.
        """

    @abstractmethod
    def scores(self, evidence: Evidence) -> dict[str, float]:
        """`Evaluation.scores` from the evidence alone; for intervals, and for anyone who checks a result."""
