"""MMV for people: RGB and depth in a fine space, keypoints joined in a coarse one, negatives from the batch.

Alayrac et al., "Self-Supervised MultiModal Versatile Networks", NeurIPS 2020 (https://arxiv.org/abs/2006.16228): the
fine-and-coarse graph. Vision and audio of the original are RGB and depth here, and keypoints take the place of text.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import nn

from hcmoco_bench.data.batch import Batch
from hcmoco_bench.losses.in_batch import in_batch_loss
from hcmoco_bench.pretrain.method import MethodRecord
from hcmoco_bench.pretrain.multimodal.enough_to_compare import check_batch_contrast, check_samples
from hcmoco_bench.pretrain.multimodal.method import MultimodalMethod
from hcmoco_bench.pretrain.multimodal.model import Embeddings, MultiModalModel
from hcmoco_bench.pretrain.multimodal.sample_level import present_modalities
from hcmoco_bench.pretrain.multimodal.settings import ContrastSettings, MultimodalSettings
from hcmoco_bench.pretrain.multimodal.terms import columns_of, combine
from hcmoco_bench.training.objective import StepResult

FINE, COARSE = "fine/rgb-depth", "coarse/rgb-keypoints"


class MMVSettings(ContrastSettings, MultimodalSettings):
    """Settings of MMV."""

    defaults: ClassVar[dict[str, Any]] = {"method": "mmv"}


class MMVObjective:
    """Two terms: RGB with depth in the fine space, RGB with keypoints in the coarse space reached from it.

    As in the original, depth and keypoints are never compared in training; both lie in the coarse space all the same.
    The model must have been made with `coarse`.

    Args:
        temperature: Temperature of both comparisons.
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


class MMV(MultimodalMethod):
    """Fine and coarse spaces, negatives from the batch; a baseline of HCMoCo's paper."""

    record: ClassVar[MethodRecord] = MethodRecord(
        name="mmv",
        title="MMV",
        phrase="fine and coarse embedding spaces with negatives from the batch",
        summary=(
            "MMV compares RGB with depth in a fine space and RGB with 2-D keypoints in a coarse space that is reached "
            "from it; the negatives are the other samples of the batch."
        ),
        data="RGB, depth and 2-D joints; a comparison takes the samples that have both modalities",
        citation=(
            "Jean-Baptiste Alayrac, Adria Recasens, Rosalia Schneider, Relja Arandjelovic, Jason Ramapuram, Jeffrey De "
            "Fauw, Lucas Smaira, Sander Dieleman, Andrew Zisserman: Self-Supervised MultiModal Versatile Networks, "
            "NeurIPS 2020"
        ),
        url="https://arxiv.org/abs/2006.16228",
    )
    settings: ClassVar[type[MMVSettings]] = MMVSettings
    coarse: ClassVar[bool] = True

    def check(self, settings: MultimodalSettings) -> None:
        """See `Method.check`; every comparison is within the batch."""
        check_batch_contrast(settings.batch_size, settings.accumulate)

    def check_data(self, settings: MultimodalSettings, n_samples: int) -> None:
        """See `Method.check_data`."""
        check_samples("batch", n_samples)

    def build_objective(
        self, settings: MMVSettings, model: MultiModalModel, n_samples: int, device: torch.device
    ) -> MMVObjective:
        """See `Method.build_objective`."""
        return MMVObjective(temperature=settings.temperature)
