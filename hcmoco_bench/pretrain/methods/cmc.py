"""CMC for people: the sample level alone, in all stages.

Tian et al., "Contrastive Multiview Coding", ECCV 2020 (https://arxiv.org/abs/1906.05849), with RGB, depth and keypoints
as the views.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import nn

from hcmoco_bench.data.batch import Batch
from hcmoco_bench.pretrain.method import MethodRecord
from hcmoco_bench.pretrain.multimodal.method import MultimodalMethod
from hcmoco_bench.pretrain.multimodal.model import Embeddings, MultiModalModel
from hcmoco_bench.pretrain.multimodal.sample_level import SAMPLE_COLUMNS, SampleLevelObjective, make_sample_level
from hcmoco_bench.pretrain.multimodal.settings import SampleLevelRunSettings
from hcmoco_bench.pretrain.multimodal.terms import columns_of, combine
from hcmoco_bench.training.objective import StepResult


class CMCSettings(SampleLevelRunSettings):
    """Settings of CMC."""

    defaults: ClassVar[dict[str, Any]] = {"method": "cmc"}


class CMCObjective(SampleLevelObjective):
    """Whole samples compared across three modalities.

    Args:
        sample_level: The comparison, with its memory bank.
    """

    columns = columns_of(SAMPLE_COLUMNS)

    def __call__(self, model: nn.Module, batch: Batch, *, stage: int, generator: torch.Generator) -> StepResult:
        """Loss of a batch, the same in all stages; the memory bank takes its embeddings in."""
        return self.of_embeddings(model(batch, dense=False), batch, generator)

    def of_embeddings(self, embeddings: Embeddings, batch: Batch, generator: torch.Generator) -> StepResult:
        """The same for a batch that is embedded already.

        Args:
            embeddings: Embeddings of the batch.
            batch: The batch.
            generator: Draws the negatives.
        """
        found = self.sample_level.terms(embeddings.global_, batch, generator)
        terms = {f"sample/{pair}": term for pair, term in found.items()}
        result = combine(terms, dict.fromkeys(terms, 1.0))
        self.sample_level.update(embeddings.global_, batch)
        return result


class CMC(MultimodalMethod):
    """The sample level of HCMoCo throughout; a baseline of its paper."""

    record: ClassVar[MethodRecord] = MethodRecord(
        name="cmc",
        title="CMC",
        phrase="contrastive multiview coding with three modalities",
        summary=("CMC compares whole samples across RGB, depth and 2-D keypoints, against a memory bank."),
        data="RGB, depth and 2-D joints; samples that lack a modality take part with the others",
        citation="Yonglong Tian, Dilip Krishnan, Phillip Isola: Contrastive Multiview Coding, ECCV 2020",
        url="https://arxiv.org/abs/1906.05849",
    )
    settings: ClassVar[type[CMCSettings]] = CMCSettings
    joint_training: ClassVar[bool] = True

    def build_objective(
        self, settings: CMCSettings, model: MultiModalModel, n_samples: int, device: torch.device
    ) -> CMCObjective:
        """See `Method.build_objective`."""
        return CMCObjective(make_sample_level(settings, n_samples, device))
