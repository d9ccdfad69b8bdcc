"""The loss of cross-modality supervision and missing modalities."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from hcmoco_bench.data.batch import Batch
from hcmoco_bench.data.parsing import IGNORE
from hcmoco_bench.tasks.modalities.contrast import EmbeddingObjective
from hcmoco_bench.tasks.modalities.net import SharedEmbeddingOutput
from hcmoco_bench.tasks.parsing.objective import pixel_loss
from hcmoco_bench.training.objective import StepMetric, StepResult


class SharedEmbeddingObjective:
    """Contrastive terms of all samples, and the cross entropy of the labeled ones (the paper's supplement 1.6 and 1.7).

    Args:
        contrast: The contrastive terms; None for the labels alone.
        weights: (C,) weights of the classes; None if all weigh the same.
        parsing_weight: Weight of the cross entropy.
    """

    def __init__(self, contrast: EmbeddingObjective | None, weights: Tensor | None, parsing_weight: float) -> None:
        self.contrast, self.weights, self.parsing_weight = contrast, weights, parsing_weight

    @property
    def columns(self) -> tuple[str, ...]:
        """Cross entropy and share of correct pixels, then the contrastive terms."""
        return ("parsing", "accuracy", *(self.contrast.columns if self.contrast else ()))

    def __call__(self, model: nn.Module, batch: Batch, *, stage: int, generator: torch.Generator) -> StepResult:
        """The loss of a batch."""
        output: SharedEmbeddingOutput = model(batch)
        labels = batch.parts[output.rows].long()
        parsing, accuracy = pixel_loss(output.scores, labels, self.weights)
        counted = (labels != IGNORE).sum()
        loss = self.parsing_weight * parsing
        measures = {"parsing": StepMetric(parsing.detach(), counted), "accuracy": accuracy}
        if self.contrast is not None and output.embeddings is not None:
            self.contrast.to(batch.index.device)
            contrast = self.contrast.of_embeddings(output.embeddings, batch, generator)
            loss, measures = loss + contrast.loss, {**measures, **contrast.metrics}
        return StepResult(loss, measures)

    def state_dict(self) -> dict[str, Any]:
        """The state of the contrastive terms, e.g. a memory bank."""
        return self.contrast.state_dict() if self.contrast else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put that state back."""
        if self.contrast:
            self.contrast.load_state_dict(state)
