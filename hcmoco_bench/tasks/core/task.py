"""The interface of a task: data, model, objective and scores; everything else is shared by all tasks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import torch
from numpy.typing import NDArray
from torch import nn

from hcmoco_bench.errors import UsageError
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.metrics.pose_conventions import PosePair
from hcmoco_bench.metrics.possible_evidence import impossible
from hcmoco_bench.modality import Modality
from hcmoco_bench.models.encoder import EncoderInput, encoder_input
from hcmoco_bench.models.foreign.format import Network
from hcmoco_bench.runtime.near_names import did_you_mean
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.tasks.core.protocol import Protocol
from hcmoco_bench.tasks.core.record import TaskRecord
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.core.task_data import TaskData
from hcmoco_bench.training.objective import Objective
from hcmoco_bench.training.optimizers import OptimizerPlan, ParameterGroups
from hcmoco_bench.training.settings import Stage

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hcmoco_bench.results.evidence import Evidence

AnyFinetuneSettings = TypeVar("AnyFinetuneSettings", bound=FinetuneSettings)


@dataclass(frozen=True)
class SampleGroups:
    """What samples belong to that are not independent of each other, e.g. the people that they show.

    Attributes:
        of: Group of each sample, in the order of the ids that were asked for.
        noun: What a group is, in the plural, e.g. `performers`.
    """

    of: tuple[str, ...]
    noun: str


@dataclass(frozen=True)
class ResultFigure:
    """A figure of a result, drawn only when it is asked for.

    Attributes:
        name: File name without suffix, e.g. `confusion`.
        caption: Caption of one sentence.
        draw: Function that draws the figure.
    """

    name: str
    caption: str
    draw: Callable[[], Figure]


@dataclass(frozen=True)
class Evaluation:
    """What a model or a set of predictions scored.

    Attributes:
        scores: Every score by name, in the units of the record (the main score in `record.unit`); `Task.scores`
            computes them all from the evidence alone.
        per_class: Scores by name for each class (or joint), None where a class has none.
        evidence: Statistics of each sample.
        n_expected: Number of samples that the split should have.
        n_scored: Number of samples that were scored.
        problems: What was left out of scoring, and why.
        figures: Figures for people.
    """

    scores: dict[str, float]
    per_class: dict[str, dict[str, float | None]]
    evidence: Evidence
    n_expected: int
    n_scored: int
    problems: tuple[Problem, ...] = ()
    figures: tuple[ResultFigure, ...] = field(default=(), repr=False)


class Task(ABC, Generic[AnyFinetuneSettings]):
    """A downstream task; one object serves all runs and holds no state.

    A task derives from `Task[ItsSettings]` and is registered by name; see `tasks.core.registry`.

    `config.protocol` names the protocol, and `protocol(config)` is the object with its rules. A model trained under
    one can be scored under another: `evaluate` then gets the checkpoint's settings with that name (and the paths)
    changed.

    Attributes:
        record: What the task says about itself.
        settings: Model of the task's settings; its `defaults` are those of the paper.
        modality: Modality of the encoder that is taken from a pre-training checkpoint; None where the task itself
            decides.
        network: What its model is, where other programs' files hold such a model whole (`models.foreign`); None where
            none does.
        inputs: Kinds of input of the encoders that the task can use.
        fixed_by_training: Names of settings that say what a model learned from and that its results repeat; scoring
            cannot change them.
        label_columns: Columns of the evidence that depend on the labels alone, whatever a model predicts; where
            protocols have metrics of their own, the columns of all of them.
    """

    record: ClassVar[TaskRecord]
    settings: ClassVar[type[FinetuneSettings]] = FinetuneSettings
    modality: ClassVar[Modality | None] = None
    network: ClassVar[Network | None] = None
    inputs: ClassVar[frozenset[EncoderInput]] = frozenset({"image"})
    fixed_by_training: ClassVar[frozenset[str]] = frozenset()
    label_columns: ClassVar[frozenset[str]] = frozenset()

    def check(self, config: AnyFinetuneSettings) -> None:
        """Refuse settings that this task cannot use; called before anything is read or written.

        Raises:
            UsageError: If the task has no such protocol or cannot use the backbone.
        """
        name, known = self.record.id, [protocol.name for protocol in self.record.protocols]
        if config.protocol in self.record.without_protocols:
            why = self.record.without_protocols[config.protocol]
            raise UsageError(f"{name}: there is no protocol {config.protocol!r}: {why}; choose from {', '.join(known)}")
        if config.protocol not in known:
            raise UsageError(
                f"{name}: there is no protocol {config.protocol!r}; {did_you_mean(config.protocol, known)}"
            )
        taken = encoder_input(config.backbone)
        if taken not in self.inputs:
            what = "depth as points" if taken == "points" else "images"
            raise UsageError(f"{name}: {config.backbone} takes {what}; choose another --backbone")

    def protocol(self, config: AnyFinetuneSettings) -> Protocol:
        """The protocol that the settings name; a task whose protocols have rules of their own narrows the type."""
        return self.record.protocol(config.protocol)

    def notes(self, config: AnyFinetuneSettings, *, own: bool = True) -> tuple[str, ...]:
        """What readers of a result should know about its settings, beyond the protocol and the split.

        Args:
            config: The settings.
            own: Whether a model was trained with them; for predictions of another program, only what concerns scoring.
        """
        return ()

    def variant(self, config: AnyFinetuneSettings, *, own: bool = True) -> str:
        """Variant of the task, e.g. `rgb_to_depth`; scores of two variants are not comparable.

        Args:
            config: The settings.
            own: As for `notes`.

        Returns:
            The variant; empty where the task has no variants.
        """
        return ""

    def variants(self, protocol: str) -> frozenset[str] | None:
        """Every variant that results under a protocol can be of, `""` for none; None if the task cannot list them."""
        return frozenset({""}) if type(self).variant is Task.variant else None

    def variant_settings(self, variant: str) -> Mapping[str, Any]:
        """Settings by name that choose a variant, for scoring predictions of it; none where data or model decide."""
        return {}

    def groups(self, ids: Sequence[str]) -> SampleGroups | None:
        """Groups of samples by their ids alone; None where samples do not depend on each other, or nothing is known."""
        return None

    def default_data(self, home: Path) -> dict[str, Any]:
        """`stores` or `root` for a command that names neither.

        Raises:
            UsageError: If the home folder holds no such data; says which commands make it.
        """
        raise UsageError(f"{self.record.id}: no data is given; use --store or --root ({self.record.data})")

    def training_split(self, config: AnyFinetuneSettings) -> str:
        """Name of the training split: `train`, or `train_20` for a ratio of 0.2."""
        return "train" if config.ratio == 1 else f"train_{100 * config.ratio:g}"

    def test_split(self, config: AnyFinetuneSettings) -> str:
        """Name of the split that is scored."""
        return "test"

    def stages(self, config: AnyFinetuneSettings) -> tuple[Stage, ...]:
        """The stages of the training; each starts with a fresh optimizer and schedule."""
        return (Stage("train", config.epochs),)

    @abstractmethod
    def open_data(self, config: AnyFinetuneSettings, split: str, *, train: bool) -> TaskData:
        """Open a split.

        Args:
            config: The settings; `stores` or `root` say where the data is, `protocol` and `image_size` how samples are
                cut out.
            split: Name of the split.
            train: Whether crops and flips are random, from `config.seed` and the draw; otherwise a row gives the same
                sample every time.

        Raises:
            UsageError: If there is no such split; lists those that exist.
            StoreError: If the store is missing or not finished.
            DataError: If files are missing or damaged.
        """

    @abstractmethod
    def build_model(self, config: AnyFinetuneSettings, *, fresh: bool = True) -> nn.Module:
        """Build the model; what is random is drawn from torch's generator.

        Args:
            config: The settings.
            fresh: Whether to load the encoder of `config.ckpt` or `config.init`; a model that takes all its weights
                from elsewhere does not need it.

        Raises:
            UsageError: If the backbone is unknown, or differs from the checkpoint's.
            DataError: If weights cannot be read or do not fit.
        """

    @abstractmethod
    def build_objective(self, config: AnyFinetuneSettings, model: nn.Module, data: TaskData) -> Objective[Any]:
        """The training loss."""

    def optimizers(self, config: AnyFinetuneSettings) -> Sequence[OptimizerPlan] | None:
        """The optimizers, where there are several or they treat parameters differently; None for one that does not.

        By default, a task has one optimizer, which heeds the setting `encoder_rate`; a task with optimizers of its own
        heeds it there.
        """
        if config.encoder_rate == 1:
            return None
        return (OptimizerPlan("model", config, groups=partial(self._with_encoder_rate, config)),)

    def encoders(self, model: nn.Module) -> tuple[nn.Module, ...]:
        """The encoders of a model, whose rate `encoder_rate` sets; those in its attribute `encoder` by default.

        Raises:
            UsageError: If it has none.
        """
        encoder = getattr(model, "encoder", None)
        if not isinstance(encoder, nn.Module):
            raise UsageError(f"{self.record.id}: encoder_rate goes with models that have an encoder; leave it out")
        return (encoder,)

    def _with_encoder_rate(self, config: AnyFinetuneSettings, model: nn.Module) -> ParameterGroups:
        own = [parameter for encoder in self.encoders(model) for parameter in encoder.parameters()]
        if not config.encoder_rate:
            for parameter in own:
                parameter.requires_grad_(False)
        known = {id(parameter) for parameter in own}
        rest = [one for one in model.parameters() if id(one) not in known and one.requires_grad]
        trained = [parameter for parameter in own if parameter.requires_grad]
        return [
            {"params": rest},
            *([{"params": trained, "lr": config.lr * config.encoder_rate}] if trained else []),
        ]

    @abstractmethod
    def evaluate(
        self,
        model: nn.Module,
        data: TaskData,
        config: AnyFinetuneSettings,
        *,
        device: torch.device,
        progress: Progress = no_progress,
        sheet_size: int = 0,
    ) -> Evaluation:
        """Score a model; on one machine and with one batch size, scores are the same to the last bit every time.

        Called in every process of a run: `tasks.core.batches.evaluation_batches` gives each process its share, and the
        `compute` of the metrics puts the shares together.

        Args:
            model: The model, on the device and in evaluation mode.
            data: A split, opened with `train=False`.
            config: The settings; their protocol says how to score.
            device: Device of the model.
            progress: Told how many samples are done and how many there are.
            sheet_size: Number of samples to keep for the prediction sheet.
        """

    def evaluate_epoch(
        self, model: nn.Module, data: TaskData, config: AnyFinetuneSettings, *, device: torch.device
    ) -> Evaluation:
        """Score a model to compare epochs (`choose = best`): as `evaluate`, unless the protocol has rules for that."""
        return self.evaluate(model, data, config, device=device)

    def check_predictions(self, path: Path, data: TaskData, config: AnyFinetuneSettings) -> None:
        """Refuse another program's predictions that look like another unit, other axes or other classes.

        Called before `score_predictions`, unless the user insists on the predictions as they are; what that refuses
        anyway need not be found here. See `tasks.core.plausibility` for the errors.

        Raises:
            DataError: Kind `predictions_implausible`; names the likely correction, and the figure that it would give.
        """

    @abstractmethod
    def score_predictions(
        self,
        path: Path,
        data: TaskData,
        config: AnyFinetuneSettings,
        *,
        progress: Progress = no_progress,
        sheet_size: int = 0,
    ) -> Evaluation:
        """Score another program's predictions; `tasks.core.predictions.check_ids` compares their ids with the split's.

        Raises:
            DataError: If predictions are missing, given twice, of unknown samples, damaged, or not finite; says how
                many and names some. A part of a split is never scored as if it were the whole.
        """

    def pose_pairs(self, path: Path, data: TaskData, config: AnyFinetuneSettings) -> tuple[PosePair, ...]:
        """Another program's predictions as 3-D poses beside the true ones, for `eval --protocol all`.

        Nothing is aligned, scaled or left out: the conventions do that. A task that can give the same people in several
        joint sets (a body model) gives a pair for each.

        Args:
            path: File or folder of the predictions.
            data: The split, opened with `train=False`; the pairs follow the order of its ids.
            config: The settings.

        Returns:
            The pairs; none for tasks without 3-D poses.

        Raises:
            DataError: As `score_predictions` does.
        """
        return ()

    def blank_evidence(self, protocol: str, variant: str) -> Evidence | None:
        """Evidence of no sample, with the metric, columns and meta of the protocol; None if the task cannot tell."""
        return None

    def evidence_errors(self, evidence: Evidence, protocol: str, variant: str) -> tuple[str, ...]:
        """What shows that evidence is not of this protocol and variant, in sentences; nothing where it may be."""
        variants = self.variants(protocol)
        if variants is not None and variant not in variants:
            names = ", ".join(sorted(variants)) if variants != {""} else "none"
            return (f"there is no variant {variant or 'without a name'!r} of it (variants: {names})",)
        blank = self.blank_evidence(protocol, variant)
        if blank is None:
            return ()
        told = []
        if evidence.metric != blank.metric:
            told.append(f"it is of the metric {evidence.metric}, and the task uses {blank.metric}")
        if dict(evidence.meta) != dict(blank.meta):
            keys = {*evidence.meta, *blank.meta}
            differing = sorted(name for name in keys if evidence.meta.get(name) != blank.meta.get(name))
            told.append(f"it was made by other rules than those of protocol {protocol} ({', '.join(differing)})")
        forms = [{name: (one.dtype, one.ndim) for name, one in each.columns.items()} for each in (evidence, blank)]
        if forms[0] != forms[1]:
            told.append(f"its columns are not {', '.join(sorted(blank.columns))} with the types of the metric")
        return tuple(told) or impossible(evidence)

    def label_evidence(self, data: TaskData, config: AnyFinetuneSettings) -> Mapping[str, NDArray[Any]] | None:
        """The columns `label_columns` as the data itself gives them, a row for each of `data.ids`.

        Args:
            data: The split, opened with `train=False`.
            config: The settings; their protocol says how labels are scored.

        Returns:
            The columns; None if the task cannot tell them without predictions.
        """
        return None

    @abstractmethod
    def scores(self, evidence: Evidence) -> dict[str, float]:
        """`Evaluation.scores` from the evidence alone, for intervals and for anyone who checks a result."""

    def per_class(self, evidence: Evidence) -> dict[str, dict[str, float | None]]:
        """`Evaluation.per_class` from the evidence alone, likewise; empty for tasks without classes."""
        return {}
