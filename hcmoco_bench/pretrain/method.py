"""The interface of a pre-training method: settings, data, networks, objective; everything else all methods share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from matplotlib.figure import Figure
from torch import nn
from torch.utils.data import Dataset

from hcmoco_bench.files.problems import Problem
from hcmoco_bench.pretrain.init_report import InitReport
from hcmoco_bench.pretrain.notice import Notice
from hcmoco_bench.pretrain.settings import PretrainSettings
from hcmoco_bench.training.objective import LoopBatch, Objective
from hcmoco_bench.training.optimizers import OptimizerPlan
from hcmoco_bench.training.settings import Stage


@dataclass(frozen=True)
class MethodRecord:
    """What a method says about itself, for the command line and model cards.

    Attributes:
        name: Name on the command line.
        title: Name for people.
        phrase: What it learns by, in a phrase without a full stop.
        summary: What it learns from and how, in a few sentences that stand alone.
        data: What it needs of a sample and which stores have it.
        citation: Whom to cite.
        url: Page of the paper.
    """

    name: str
    title: str
    phrase: str
    summary: str
    data: str
    citation: str
    url: str


@dataclass(frozen=True)
class PretrainData:
    """What a method learns from.

    Attributes:
        dataset: Gives the sample of a `Draw` (row, epoch, repeat), on which alone its randomness depends.
        lengths: Rows of each data set of the mixture; each contributes the same share of a batch.
        collate: Stacks samples into a batch of the given size. A batch may have `problems`, a sequence of problem
            lines about what was found to be wrong with its samples; a run keeps them with those of `problems`.
        problems: What was left out of data that has no `problems.jsonl` of its own.
        fingerprints: Of each of `lengths`, a hash of the samples of data that is no store, so that a run is not
            continued on other data; None for a store. Empty if all are stores.
    """

    dataset: Dataset[Any]
    lengths: Sequence[int]
    collate: Callable[[Iterable[Any], int], LoopBatch]
    problems: Sequence[Problem] = ()
    fingerprints: Sequence[str | None] = ()

    def __len__(self) -> int:
        return sum(self.lengths)


class Method(ABC):
    """A pre-training method; one object serves all runs and holds no state.

    Attributes:
        record: What it is.
        settings: Model of its settings; the defaults are the paper's.
    """

    record: ClassVar[MethodRecord]
    settings: ClassVar[type[PretrainSettings]]

    @property
    def name(self) -> str:
        """Name on the command line."""
        return self.record.name

    def has_data(self, settings: Any) -> bool:
        """Whether the settings say where the data is; if they do not, a command takes `default_data`."""
        return bool(settings.stores)

    @abstractmethod
    def default_data(self, home: Path) -> dict[str, Any]:
        """The settings that say where the data is, for a command that names none.

        Args:
            home: Folder of prepared stores.

        Raises:
            UsageError: If there is nothing there; says which commands make it.
        """

    @abstractmethod
    def open_data(self, settings: Any) -> PretrainData:
        """Open the training data.

        Raises:
            UsageError: If no store is named, or a store lacks what the method needs.
            StoreError: If a store is missing or not finished.
        """

    @abstractmethod
    def build_model(self, settings: Any, *, fresh: bool = True) -> nn.Module:
        """The networks; what is random is drawn from torch's generator.

        Args:
            settings: The settings of the run.
            fresh: Whether to load `settings.init`; a model that takes its weights from elsewhere does not need it.

        Raises:
            UsageError: If a backbone is unknown.
            DataError: If the first weights cannot be read or do not fit.
            HubError: If they cannot be fetched.
        """

    @abstractmethod
    def build_objective(self, settings: Any, model: Any, n_samples: int, device: torch.device) -> Objective[Any]:
        """The loss, with whatever state it keeps (memory bank, queues).

        Args:
            settings: The settings of the run.
            model: What `build_model` gave.
            n_samples: Number of training samples.
            device: Device of the training.
        """

    def continue_from(self, settings: Any, model: Any, objective: Objective[Any]) -> InitReport | None:
        """Give a new run's objective the state that `settings.init` holds for it, and say what the run took from there.

        Called once, after `build_model` and `build_objective`, before the first step of a run that is not resumed.

        Args:
            settings: The settings of the run.
            model: What `build_model` gave.
            objective: What `build_objective` gave.

        Returns:
            None if `init` holds no state of a pre-training.
        """
        return None

    @abstractmethod
    def stages(self, settings: Any) -> tuple[Stage, ...]:
        """The stages of the training in their order; each starts with fresh optimizers and schedules."""

    def optimizers(self, settings: Any) -> tuple[OptimizerPlan, ...]:
        """The optimizers in the order of their turns; several need an objective with `turns`."""
        return (OptimizerPlan("model", settings),)

    @abstractmethod
    def encoders(self, model: Any) -> Mapping[str, nn.Module]:
        """The encoders that can be exported and fine-tuned, by the modality that they read (`rgb`, `depth`)."""

    @abstractmethod
    def backbones(self, settings: Any) -> Mapping[str, str]:
        """Name of the backbone of each of `encoders`."""

    def check(self, settings: Any) -> None:
        """Raise UsageError for settings that contradict each other beyond what their model checks."""
        return

    def check_data(self, settings: Any, n_samples: int) -> None:
        """Raise UsageError for settings that leave nothing to learn on so many training samples.

        Called before the run's folder is made.
        """
        return

    def notices(self, settings: Any, losses: Path) -> tuple[Notice, ...]:
        """What a user should know of a run by its losses so far, e.g. that it has collapsed; asked after every epoch.

        Args:
            settings: The settings of the run.
            losses: The table of losses; see `read_losses`.
        """
        return ()

    def figures(self, settings: Any, model: Any, data: PretrainData, losses: Path) -> Mapping[str, Figure]:
        """Figures that a finished run leaves beside its curves, by the name of the file.

        Args:
            settings: The settings of the run.
            model: The trained model; may be left in evaluation mode.
            data: What it learned from.
            losses: The table of losses; see `read_losses`.
        """
        return {}
