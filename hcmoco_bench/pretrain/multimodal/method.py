"""What methods that compare RGB, depth and keypoints have in common."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeGuard

from torch import nn

from hcmoco_bench.data.batch import collate
from hcmoco_bench.pretrain.init_report import InitReport
from hcmoco_bench.pretrain.initial_state import read_initial_state
from hcmoco_bench.pretrain.method import Method, PretrainData
from hcmoco_bench.pretrain.multimodal.continuing import continue_objective
from hcmoco_bench.pretrain.multimodal.enough_to_compare import check_batch_contrast, check_samples
from hcmoco_bench.pretrain.multimodal.model import MultiModalModel
from hcmoco_bench.pretrain.multimodal.networks import build_networks
from hcmoco_bench.pretrain.multimodal.settings import MultimodalSettings, SampleLevelRunSettings
from hcmoco_bench.pretrain.multimodal.stores import default_stores, open_mixture
from hcmoco_bench.training.objective import Objective
from hcmoco_bench.training.settings import Stage


class MultimodalMethod(Method):
    """A method whose model is a `MultiModalModel`; a subclass adds the objective.

    Attributes:
        coarse: Whether RGB and depth have a space of their own, from which the one shared with keypoints is reached.
        joint_training: Whether the objective has `of_embeddings`, so that a task can train its head beside it on the
            same embeddings.
    """

    settings: ClassVar[type[MultimodalSettings]]
    coarse: ClassVar[bool] = False
    joint_training: ClassVar[bool] = False

    def default_data(self, home: Path) -> dict[str, Any]:
        """See `Method.default_data`; the store that `prepare ntu --set pretrain` makes."""
        return {"stores": default_stores(home)}

    def open_data(self, settings: MultimodalSettings) -> PretrainData:
        """See `Method.open_data`; the training splits of the stores, mixed in equal shares."""
        mixture = open_mixture(settings)
        return PretrainData(mixture, mixture.lengths, collate)

    def check(self, settings: MultimodalSettings) -> None:
        """See `Method.check`; a comparison within the batch needs two samples."""
        if _compares_samples(settings) and settings.negatives == "batch":
            check_batch_contrast(settings.batch_size, settings.accumulate)

    def check_data(self, settings: MultimodalSettings, n_samples: int) -> None:
        """See `Method.check_data`; there are as many samples as negatives."""
        if _compares_samples(settings):
            check_samples(settings.negatives, n_samples)

    def build_model(self, settings: MultimodalSettings, *, fresh: bool = True) -> MultiModalModel:
        """See `Method.build_model`."""
        return build_networks(settings, coarse=self.coarse, fresh=fresh)

    def continue_from(
        self, settings: MultimodalSettings, model: MultiModalModel, objective: Objective[Any]
    ) -> InitReport | None:
        """See `Method.continue_from`; the memory bank, if its size is that of the run."""
        state = read_initial_state(settings.init)
        return None if state is None else continue_objective(model, objective, state)

    def stages(self, settings: MultimodalSettings) -> tuple[Stage, ...]:
        """See `Method.stages`; the sample level alone, then all terms."""
        return (Stage("sample", settings.stage1_epochs), Stage("all", settings.stage2_epochs))

    def encoders(self, model: MultiModalModel) -> Mapping[str, nn.Module]:
        """See `Method.encoders`."""
        return {"rgb": model.rgb_encoder, "depth": model.depth_encoder}

    def backbones(self, settings: MultimodalSettings) -> Mapping[str, str]:
        """See `Method.backbones`."""
        return {"rgb": settings.backbone, "depth": settings.depth_backbone or settings.backbone}


def _compares_samples(settings: MultimodalSettings) -> TypeGuard[SampleLevelRunSettings]:
    return isinstance(settings, SampleLevelRunSettings) and settings.compares_samples()
