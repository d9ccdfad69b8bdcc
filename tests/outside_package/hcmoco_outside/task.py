"""A task of its own: tell the gray level of noisy images."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.utils.data import Dataset

from hcmoco_bench.data.sample import DrawLike, as_draw
from hcmoco_bench.files.hashing import fingerprint
from hcmoco_bench.modality import Modality
from hcmoco_bench.results.evidence import Evidence
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.tasks.core.batches import evaluation_batches
from hcmoco_bench.tasks.core.encoder import task_encoder
from hcmoco_bench.tasks.core.predictions import check_ids
from hcmoco_bench.tasks.core.protocol import Protocol
from hcmoco_bench.tasks.core.record import SplitRecord, TaskRecord
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.core.task import Evaluation, Task
from hcmoco_bench.tasks.core.task_data import TaskData
from hcmoco_bench.training.objective import StepMetric, StepResult


class GrayProtocol(Protocol):
    """Rules of the task.

    Attributes:
        squared: Whether errors are squared.
    """

    squared: bool


class GraySettings(FinetuneSettings):
    """Settings of the task."""

    section: ClassVar[str] = "Gray level"
    defaults: ClassVar[Mapping[str, Any]] = {"lr": 0.02, "batch_size": 4, "epochs": 2, "image_size": 32}

    noise: float = Field(default=0.1, ge=0)
    """Standard deviation of the noise in the images."""


@dataclass(frozen=True)
class GrayBatch:
    """Images (B, 3, S, S) and their gray levels (B,)."""

    sample_ids: tuple[str, ...]
    images: Tensor
    levels: Tensor

    def to(self, device: torch.device) -> GrayBatch:
        """The batch on a device."""
        return GrayBatch(self.sample_ids, self.images.to(device), self.levels.to(device))


class GrayImages(Dataset[tuple[str, Tensor, Tensor]]):
    """Noisy gray images; the noise depends on the draw alone."""

    def __init__(self, ids: tuple[str, ...], config: GraySettings) -> None:
        self.ids, self.config = ids, config

    def __getitem__(self, key: DrawLike) -> tuple[str, Tensor, Tensor]:
        draw = as_draw(key, 0)
        level = draw.row / len(self.ids)
        size = self.config.image_size
        noise = draw.generator(self.config.seed).normal(0, self.config.noise, (3, size, size))
        return self.ids[draw.row], torch.from_numpy(level + noise).float(), torch.tensor(level)


def collate_gray(samples: Iterable[tuple[str, Tensor, Tensor]], number: int) -> GrayBatch:
    """Stack samples."""
    ids, images, levels = zip(*samples, strict=True)
    return GrayBatch(ids, torch.stack(images), torch.stack(levels))


class GrayNet(nn.Module):
    """Encoder, mean over the finest map, and one linear layer."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder
        self.level = nn.Linear(encoder.channels[0], 1)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, S, S) images to (B,) levels."""
        levels: Tensor = self.level(self.encoder(images)[0].mean((2, 3)))[:, 0]
        return levels


class GrayObjective:
    """Mean absolute error."""

    columns = ("error",)

    def __call__(self, model: nn.Module, batch: GrayBatch, *, stage: int, generator: torch.Generator) -> StepResult:
        """The loss of a batch."""
        error = (model(batch.images) - batch.levels).abs().mean()
        return StepResult(error, {"error": StepMetric(error.detach(), torch.tensor(float(len(batch.levels))))})

    def state_dict(self) -> dict[str, Any]:
        """Nothing is kept."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing is kept."""


class GrayLevel(Task[GraySettings]):
    """The gray level of noisy images."""

    record: ClassVar[TaskRecord] = TaskRecord(
        id="gray_level",
        version=1,
        title="Gray level of noisy images",
        data="nothing; the images are drawn",
        splits=(SplitRecord(name="train", rule="8 images", size=8), SplitRecord(name="test", rule="6 images", size=6)),
        protocols=(
            GrayProtocol(name="native", summary="Absolute errors.", squared=False),
            GrayProtocol(name="strict", summary="Squared errors.", leaks="nothing but a test", squared=True),
        ),
        main_score="error",
        unit="levels",
        higher_is_better=False,
        chance="About 0.25: always the mean level.",
        citation="A package outside of hcmoco-bench",
        downloads=(),
        bad_input="Unknown ids are errors.",
    )
    settings: ClassVar[type[FinetuneSettings]] = GraySettings
    modality: ClassVar[Modality | None] = "rgb"

    def protocol(self, config: GraySettings) -> GrayProtocol:
        """See `Task.protocol`."""
        return self.record.protocol_of_type(config.protocol, GrayProtocol)

    def default_data(self, home: Path) -> dict[str, Any]:
        """None is needed."""
        return {}

    def open_data(self, config: GraySettings, split: str, *, train: bool) -> TaskData:
        """See `Task.open_data`."""
        ids = tuple(f"{split}-{number}" for number in range(8 if split == "train" else 6))
        return TaskData(
            dataset=GrayImages(ids, config),
            collate=collate_gray,
            ids=ids,
            name="gray images",
            generated=True,
            split=split,
            expected=ids,
            split_sha256=fingerprint(ids),
            manifest_sha256=None,
        )

    def build_model(self, config: GraySettings, *, fresh: bool = True) -> GrayNet:
        """See `Task.build_model`."""
        return GrayNet(task_encoder(config, "rgb", fresh=fresh))

    def build_objective(self, config: GraySettings, model: nn.Module, data: TaskData) -> GrayObjective:
        """See `Task.build_objective`."""
        return GrayObjective()

    def evaluate(
        self,
        model: nn.Module,
        data: TaskData,
        config: GraySettings,
        *,
        device: torch.device,
        progress: Progress = no_progress,
        sheet_size: int = 0,
    ) -> Evaluation:
        """See `Task.evaluate`."""
        found: dict[str, float] = {}
        for batch in evaluation_batches(data, config, device):
            found |= dict(zip(batch.sample_ids, model(batch.images).tolist(), strict=True))
        return self._score(found, data, config)

    def score_predictions(
        self,
        path: Path,
        data: TaskData,
        config: GraySettings,
        *,
        progress: Progress = no_progress,
        sheet_size: int = 0,
    ) -> Evaluation:
        """A JSON object of levels by id."""
        found = json.loads(path.read_text("utf-8"))
        check_ids(found, data.ids, path=path)
        return self._score(found, data, config)

    def scores(self, evidence: Evidence) -> dict[str, float]:
        """The mean error."""
        return {"error": float(evidence.columns["error"].mean())}

    def _score(self, found: Mapping[str, float], data: TaskData, config: GraySettings) -> Evaluation:
        errors = np.array([abs(found[name] - row / len(data)) for row, name in enumerate(data.ids)])
        errors = errors**2 if self.protocol(config).squared else errors
        evidence = Evidence("gray", data.ids, {"error": errors})
        return Evaluation(self.scores(evidence), {}, evidence, len(data.expected), len(errors))
