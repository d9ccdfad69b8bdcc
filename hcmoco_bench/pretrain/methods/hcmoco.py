"""HCMoCo: hierarchical contrastive learning of RGB, depth and keypoints (the paper's sections 3.3 and 3.4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar, Final, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from hcmoco_bench.data.batch import Batch
from hcmoco_bench.errors import UsageError
from hcmoco_bench.losses.dense import dense_loss
from hcmoco_bench.losses.sparse_inter import sparse_inter_loss
from hcmoco_bench.losses.sparse_intra import sparse_intra_loss
from hcmoco_bench.losses.term import LossTerm
from hcmoco_bench.pretrain.method import MethodRecord
from hcmoco_bench.pretrain.multimodal.method import MultimodalMethod
from hcmoco_bench.pretrain.multimodal.model import Embeddings, MultiModalModel
from hcmoco_bench.pretrain.multimodal.sample_level import (
    SAMPLE_COLUMNS,
    SampleLevel,
    SampleLevelObjective,
    make_sample_level,
    present_modalities,
)
from hcmoco_bench.pretrain.multimodal.settings import (
    DenseTermSettings,
    InterSampleSettings,
    MultimodalSettings,
    SampleLevelRunSettings,
    SampleLevelSettings,
)
from hcmoco_bench.pretrain.multimodal.terms import columns_of, combine
from hcmoco_bench.runtime.settings import Paper, Settings
from hcmoco_bench.runtime.shared_draws import with_others_skipped
from hcmoco_bench.training.objective import StepResult

INTRA_MAPS = ("rgb", "depth")

Weight = Annotated[float, Field(ge=0), Paper()]


class TermWeights(Settings):
    """Weights of the terms (the lambdas of the paper's equation 1); 0 leaves a term out."""

    sample: Weight = 1.0
    """Weight of the sample level; it counts in both stages."""
    dense: Weight = 1.0
    """Weight of the dense intra-sample term between RGB and depth, in the second stage."""
    sparse_intra: Weight = 1.0
    """Weight of the terms between the maps at the joints and the keypoints' own embeddings, in the second stage."""
    sparse_inter: Weight = 1.0
    """Weight of the term between joints of all samples of the batch, in the second stage."""


class HCMoCoSettings(InterSampleSettings, DenseTermSettings, SampleLevelRunSettings):
    """Settings of HCMoCo."""

    section: ClassVar[str] = "Terms"
    defaults: ClassVar[dict[str, Any]] = {"method": "hcmoco"}

    weights: TermWeights = TermWeights()
    """Weights of the terms."""

    @model_validator(mode="after")
    def _check_weights(self) -> HCMoCoSettings:
        if self.weights.sample == 0 and self.stage1_epochs:
            raise ValueError("stage 1 is the sample level alone; with weights.sample = 0 give stage1_epochs = 0")
        if not any(self.weights.model_dump().values()):
            raise ValueError("all weights are 0; there is nothing to learn")
        return self

    def compares_samples(self) -> bool:
        """See `SampleLevelRunSettings.compares_samples`."""
        return self.weights.sample > 0

    def without_effect(self) -> frozenset[str]:
        """See `Settings.without_effect`."""
        idle = frozenset() if self.weights.dense else frozenset(DenseTermSettings.model_fields)
        if not self.weights.sample:
            idle |= SampleLevelSettings.model_fields.keys() - {"temperature"}
        if not self.weights.sparse_inter:
            idle |= InterSampleSettings.model_fields.keys()
        return super().without_effect() | idle


@dataclass(frozen=True)
class Draws:
    """What a step draws, given instead of drawn.

    Attributes:
        candidates: (B, 1 + K) int64 rows of the memory bank, each sample's own first; None to draw them.
        points: (B, P) int64 cells `y * w + x` of the maps; None to draw them.
    """

    candidates: Tensor | None = None
    points: Tensor | None = None


NO_DRAWS: Final = Draws()
"""Everything is drawn."""


class HCMoCoObjective(SampleLevelObjective):
    """Stage 0: the sample level; stage 1: all terms, each with its weight.

    The loss is the weighted sum of all terms of all levels, as published: six directed pairs at the sample level, the
    dense term, the keypoints with each of the two maps, and the inter-sample term.

    Args:
        sample_level: Comparison of whole samples, with its memory bank.
        weights: Weights of the terms.
        soft: Whether the dense targets fall off with distance, or are the same cell alone.
        points: Pixels per image in the dense term.
        stride: Input pixels per cell of the maps.
        inter_joints: Joints that the inter-sample term compares; see `InterSampleSettings`.
        inter_samples: Samples that it compares at a time; None for all.
    """

    def __init__(
        self,
        sample_level: SampleLevel,
        weights: TermWeights,
        *,
        soft: bool = True,
        points: int = 400,
        stride: int = 4,
        inter_joints: Literal["visible", "all"] = "visible",
        inter_samples: int | None = None,
    ) -> None:
        super().__init__(sample_level)
        self.inter_joints, self.inter_samples = inter_joints, inter_samples
        self.weights, self.soft = weights, soft
        self.temperature, self.points, self.stride = sample_level.temperature, points, stride

    @property
    def columns(self) -> tuple[str, ...]:
        """The terms with a weight, and their accuracies."""
        names: list[str] = []
        if self.weights.sample:
            names += SAMPLE_COLUMNS
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

    def of_embeddings(
        self, embeddings: Embeddings, batch: Batch, generator: torch.Generator, draws: Draws = NO_DRAWS
    ) -> StepResult:
        """The same of a batch that was embedded already; without maps, the sample level alone.

        Args:
            embeddings: Of the batch.
            batch: It.
            generator: Draws negatives and points.
            draws: Negatives and points to use instead of drawn ones.
        """
        terms: dict[str, LossTerm] = {}
        factors: dict[str, float] = {}
        for name, term, weight in self._terms(embeddings, batch, bool(embeddings.maps), generator, draws):
            terms[name], factors[name] = term, weight
        result = combine(terms, factors)
        if self.weights.sample:
            self.sample_level.update(embeddings.global_, batch)
        return result

    def _terms(
        self, embeddings: Embeddings, batch: Batch, dense: bool, generator: torch.Generator, draws: Draws
    ) -> Iterator[tuple[str, LossTerm, float]]:
        weights, present = self.weights, present_modalities(batch)
        images = {name: present[name] for name in INTRA_MAPS}
        if weights.sample:
            for pair, term in self.sample_level.terms(embeddings.global_, batch, generator, draws.candidates).items():
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
                point_index=draws.points,
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
            everything = self.inter_joints == "all"
            term = sparse_inter_loss(
                embeddings.maps,
                batch.joints,
                batch.visible,
                images,
                stride=self.stride,
                temperature=self.temperature,
                ignore_visibility=everything,
                count_absent=everything,
                at_a_time=self.inter_samples,
            )
            yield "sparse_inter", term, weights.sparse_inter


class HCMoCo(MultimodalMethod):
    """Sample level, dense and sparse terms, in two stages."""

    record: ClassVar[MethodRecord] = MethodRecord(
        name="hcmoco",
        title="HCMoCo",
        phrase="hierarchical contrastive learning of RGB, depth and 2-D keypoints",
        summary=(
            "HCMoCo compares RGB, depth and 2-D keypoints of the same person at three levels: whole samples against a "
            "memory bank, pixels of the RGB and depth maps, and joints across modalities and samples. The first stage "
            "has the sample level alone, the second all terms."
        ),
        data="RGB, depth and 2-D joints; samples that lack a modality take part with the others",
        citation=(
            "Fangzhou Hong, Liang Pan, Zhongang Cai, Ziwei Liu: Versatile Multi-Modal Pre-Training for Human-Centric "
            "Perception, CVPR 2022"
        ),
        url="https://arxiv.org/abs/2203.13815",
    )
    settings: ClassVar[type[HCMoCoSettings]] = HCMoCoSettings
    joint_training: ClassVar[bool] = True

    def check(self, settings: HCMoCoSettings) -> None:  # type: ignore[override]  # as in build_objective
        """See `Method.check`; the dense term tells points from each other."""
        super().check(settings)
        if settings.weights.dense and settings.points < 2:
            raise UsageError("points = 1 leaves the dense term nothing to tell a point from; give --points 2 or more")

    def build_model(self, settings: MultimodalSettings, *, fresh: bool = True) -> MultiModalModel:
        """See `Method.build_model`; the dense term needs maps of one stride."""
        model = super().build_model(settings, fresh=fresh)
        rgb, depth = model.strides
        if rgb[0] != depth[0]:
            raise UsageError(
                f"maps of {settings.backbone} have stride {rgb[0]}, those of {settings.depth_backbone} {depth[0]}; "
                "pixels can only be compared between maps of one stride, choose other backbones"
            )
        return model

    def build_objective(
        self, settings: HCMoCoSettings, model: MultiModalModel, n_samples: int, device: torch.device
    ) -> HCMoCoObjective:
        """See `Method.build_objective`."""
        return HCMoCoObjective(
            make_sample_level(settings, n_samples, device),
            settings.weights,
            soft=settings.dense == "soft",
            points=settings.points,
            stride=model.strides[0][0],
            inter_joints=settings.inter_joints,
            inter_samples=settings.inter_samples,
        )
