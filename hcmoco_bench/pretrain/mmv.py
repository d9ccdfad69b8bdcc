"""MMV for people: RGB and depth in a fine space, keypoints joined in a coarse one, negatives from the batch.

Alayrac et al., "Self-Supervised MultiModal Versatile Networks", NeurIPS 2020 (https://arxiv.org/abs/2006.16228): the
fine-and-coarse graph. Vision and audio of the original are RGB and depth here, and keypoints take the place of text.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from hcmoco_bench.data.batch import Batch
from hcmoco_bench.losses.in_batch import in_batch_loss
from hcmoco_bench.pretrain.hcmoco import present_modalities
from hcmoco_bench.pretrain.model import Embeddings
from hcmoco_bench.pretrain.terms import columns_of, combine
from hcmoco_bench.training.objective import StepResult

FINE, COARSE = "fine/rgb-depth", "coarse/rgb-keypoints"


class MMVObjective:
    """Two terms: RGB with depth in the fine space, RGB with keypoints in the coarse space reached from it.

    As in the original, depth and keypoints are never compared in training; both lie in the coarse space all the same.
    The model must have been made with `coarse`.

    Args:
        temperature: Of both comparisons.
    """

    columns = columns_of((FINE, COARSE))

    def __init__(self, *, temperature: float = 0.07) -> None:
        self.temperature = temperature

    def __call__(self, model: nn.Module, batch: Batch, *, stage: int, generator: torch.Generator) -> StepResult:
        """Loss of a batch; the same in all stages."""
        embeddings: Embeddings = model(batch, dense=False)
        present = present_modalities(batch)
        fine = in_batch_loss(
            embeddings.fine["rgb"],
            embeddings.fine["depth"],
            present["rgb"] & present["depth"],
            temperature=self.temperature,
        )
        coarse = in_batch_loss(
            embeddings.global_["rgb"],
            embeddings.global_["keypoints"],
            present["rgb"] & present["keypoints"],
            temperature=self.temperature,
        )
        return combine({FINE: fine, COARSE: coarse}, {FINE: 1.0, COARSE: 1.0})

    def state_dict(self) -> dict[str, Any]:
        """There is no state."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """There is no state."""
