"""HCMoCo: hierarchical contrastive learning of RGB, depth and keypoints (the paper's sections 3.3 and 3.4)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from hcmoco_bench.data.batch import Batch
from hcmoco_bench.losses.dense import dense_loss
from hcmoco_bench.losses.in_batch import in_batch_sample_level
from hcmoco_bench.losses.memory_bank import MemoryBank
from hcmoco_bench.losses.sample_level import SampleLevelLoss
from hcmoco_bench.losses.sparse_inter import sparse_inter_loss
from hcmoco_bench.losses.sparse_intra import sparse_intra_loss
from hcmoco_bench.losses.term import LossTerm
from hcmoco_bench.pretrain.config import TermWeights
from hcmoco_bench.pretrain.model import MODALITIES, Embeddings
from hcmoco_bench.pretrain.terms import columns_of, combine
from hcmoco_bench.runtime.shared_draws import own_part, with_others_skipped
from hcmoco_bench.training.objective import StepResult

SAMPLE_PAIRS = tuple(f"{anchor}->{other}" for anchor in MODALITIES for other in MODALITIES if anchor != other)
INTRA_MAPS = ("rgb", "depth")


class HCMoCoObjective:
    """Stage 0: the sample level; stage 1: all terms, each with its weight.

    The loss is the weighted sum of all terms of all levels, as published: six directed pairs at the sample level, the
    dense term, the keypoints with each of the two maps, and the inter-sample term.

    Args:
        bank: One row per training sample; on the device of training. None: the sample level compares within the batch.
        weights: Of the levels.
        soft: Whether the dense targets fall off with distance, or are the same cell alone.
        negatives: Negatives an anchor at the sample level, drawn from the bank.
        temperature: Of all terms.
        points: Pixels an image in the dense term.
        stride: Input pixels per cell of the maps.
    """

    def __init__(
        self,
        bank: MemoryBank | None,
        weights: TermWeights,
        *,
        soft: bool = True,
        negatives: int = 16_384,
        temperature: float = 0.07,
        points: int = 400,
        stride: int = 4,
    ) -> None:
        self.bank, self.weights, self.soft = bank, weights, soft
        self.temperature, self.points, self.stride = temperature, points, stride
        self.sample_level = SampleLevelLoss(negatives=negatives, temperature=temperature)

    @property
    def columns(self) -> tuple[str, ...]:
        """The terms with a weight, and their accuracies."""
        names: list[str] = []
        if self.weights.sample:
            names += (f"sample/{pair}" for pair in SAMPLE_PAIRS)
        if self.weights.dense:
            names.append("dense")
        if self.weights.sparse_intra:
            names += (f"sparse_intra/{name}->keypoints" for name in INTRA_MAPS)
        if self.weights.sparse_inter:
            names.append("sparse_inter")
        return columns_of(tuple(names))

    def __call__(self, model: nn.Module, batch: Batch, *, stage: int, generator: torch.Generator) -> StepResult:
        """Loss of a batch; the memory bank takes its embeddings in."""
        weights = self.weights
        dense = stage > 0 and any((weights.dense, weights.sparse_intra, weights.sparse_inter))
        return self.of_embeddings(model(batch, dense=dense), batch, generator)

    def of_embeddings(self, embeddings: Embeddings, batch: Batch, generator: torch.Generator) -> StepResult:
        """The same of a batch that was embedded already; without maps, the sample level alone.

        Args:
            embeddings: Of the batch.
            batch: It.
            generator: Draws negatives and points.
        """
        terms: dict[str, LossTerm] = {}
        factors: dict[str, float] = {}
        for name, term, weight in self._terms(embeddings, batch, bool(embeddings.maps), generator):
            terms[name], factors[name] = term, weight
        result = combine(terms, factors)
        if self.weights.sample and self.bank is not None:
            for name, present in present_modalities(batch).items():
                self.bank.update(name, batch.index, embeddings.global_[name].detach(), present)
        return result

    def _terms(
        self, embeddings: Embeddings, batch: Batch, dense: bool, generator: torch.Generator
    ) -> Iterator[tuple[str, LossTerm, float]]:
        weights, present = self.weights, present_modalities(batch)
        images = {name: present[name] for name in INTRA_MAPS}
        if weights.sample:
            for pair, term in self._sample_level(embeddings.global_, present, batch.index, generator).items():
                yield f"sample/{pair}", term, weights.sample
        if dense and weights.dense:
            valid = batch.has_rgb & batch.has_depth & batch.has_foreground
            dense_term = partial(
                dense_loss,
                embeddings.maps["rgb"],
                embeddings.maps["depth"],
                batch.foreground,
                valid,
                points=self.points,
                temperature=self.temperature,
                soft=self.soft,
                generator=generator,
            )
            yield "dense", with_others_skipped(dense_term, len(batch), self.points, generator), weights.dense
        if dense and weights.sparse_intra:
            intra = sparse_intra_loss(
                embeddings.maps,
                embeddings.keypoints,
                batch.joints,
                batch.visible,
                images,
                stride=self.stride,
                temperature=self.temperature,
            )
            for name, term in intra.items():
                yield f"sparse_intra/{name}", term, weights.sparse_intra
        if dense and weights.sparse_inter:
            term = sparse_inter_loss(
                embeddings.maps, batch.joints, batch.visible, images, stride=self.stride, temperature=self.temperature
            )
            yield "sparse_inter", term, weights.sparse_inter

    def _sample_level(
        self, embeddings: dict[str, Tensor], present: dict[str, Tensor], index: Tensor, generator: torch.Generator
    ) -> dict[str, LossTerm]:
        bank = self.bank
        if bank is None:
            return in_batch_sample_level(embeddings, present, temperature=self.temperature)

        def draw(n_rows: int) -> Tensor:
            return self.sample_level.draw(index.new_zeros(n_rows), bank.n_samples, generator)

        candidates = own_part(draw, len(index))
        candidates[:, 0] = index
        return self.sample_level(embeddings, present, index, bank, generator=None, candidates=candidates)

    def state_dict(self) -> dict[str, Any]:
        """The memory bank; without one, nothing."""
        if self.bank is None:
            return {}
        return {name: tensor.detach().cpu() for name, tensor in self.bank.state_dict().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put the memory bank back."""
        if self.bank is not None:
            self.bank.load_state_dict(state)


class CMCObjective(HCMoCoObjective):
    """CMC with three modalities (Tian et al., ECCV 2020, https://arxiv.org/abs/1906.05849): the sample level alone.

    Args:
        bank: One row per training sample; None: the comparison is within the batch.
        negatives: Negatives an anchor, drawn from the bank.
        temperature: Of the comparison.
    """

    def __init__(self, bank: MemoryBank | None, *, negatives: int = 16_384, temperature: float = 0.07) -> None:
        weights = TermWeights(sample=1, dense=0, sparse_intra=0, sparse_inter=0)
        super().__init__(bank, weights, negatives=negatives, temperature=temperature)


def present_modalities(batch: Batch) -> dict[str, Tensor]:
    """By modality, (B,) bool: the samples that have it."""
    return {"rgb": batch.has_rgb, "depth": batch.has_depth, "keypoints": batch.has_keypoints}
