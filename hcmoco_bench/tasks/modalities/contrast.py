"""The contrastive methods that can be trained beside labels, and a task's training as a run of one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

import torch

from hcmoco_bench.data.batch import Batch
from hcmoco_bench.data.ntu_store import Hidden
from hcmoco_bench.errors import UsageError
from hcmoco_bench.models.settings import NetworkSettings
from hcmoco_bench.pretrain.multimodal.method import MultimodalMethod
from hcmoco_bench.pretrain.multimodal.model import Embeddings, MultiModalModel
from hcmoco_bench.pretrain.multimodal.networks import build_networks
from hcmoco_bench.pretrain.multimodal.settings import (
    DenseTermSettings,
    EmbeddingSettings,
    InterSampleSettings,
    MultimodalSettings,
    SampleLevelSettings,
)
from hcmoco_bench.pretrain.registry import get_method, method_names
from hcmoco_bench.pretrain.settings import PretrainSettings
from hcmoco_bench.runtime.settings import validated
from hcmoco_bench.tasks.modalities.settings import NO_CONTRAST, SharedEmbeddingSettings
from hcmoco_bench.training.objective import StepResult

_SHARED: Final = frozenset(
    {"backbone", "stores", "overlap", "image_size", "batch_size", "accumulate", "sync_batch_norm", "seed"}
    | EmbeddingSettings.model_fields.keys()
    | SampleLevelSettings.model_fields.keys()
    | DenseTermSettings.model_fields.keys()
    | InterSampleSettings.model_fields.keys()
    | NetworkSettings.model_fields.keys()
)
"""Settings that mean the same in a task and in a pre-training, as far as they change what is learned."""


class EmbeddingObjective(Protocol):
    """An objective of a method with `joint_training`: it also takes batches that are embedded already."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of its terms."""

    def of_embeddings(self, embeddings: Embeddings, batch: Batch, generator: torch.Generator) -> StepResult:
        """The loss of an embedded batch."""

    def to(self, device: torch.device) -> None:
        """Move its state to a device."""

    def state_dict(self) -> dict[str, Any]:
        """Its state."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put its state back."""


def joint_methods() -> tuple[str, ...]:
    """Names of the methods whose terms can be trained beside labels, in alphabetical order."""
    return tuple(name for name in method_names() if _method(name) is not None)


def trains_jointly(settings: PretrainSettings) -> bool:
    """Whether a pre-training is by a method whose networks and terms a task can train on beside labels."""
    return _method(settings.method) is not None


def contrast_method(config: SharedEmbeddingSettings) -> MultimodalMethod | None:
    """The method whose terms are learned beside the labels; None for the labels alone.

    Raises:
        UsageError: If there is no such method, or its terms cannot be trained beside labels; lists those that can.
    """
    if config.contrastive == NO_CONTRAST:
        return None
    found = _method(config.contrastive)
    if found is None:
        choices = ", ".join((*joint_methods(), NO_CONTRAST))
        raise UsageError(
            f"contrastive = {config.contrastive}: its terms cannot be trained beside labels; use {choices}"
        )
    return found


def contrast_settings(config: SharedEmbeddingSettings, hidden: Hidden) -> MultimodalSettings:
    """The training of a task as a pre-training: its stores, what is hidden of them, its terms and first weights.

    Args:
        config: The settings of the task.
        hidden: Modality of the labeled store that no training may read.

    Raises:
        UsageError: If the method is unknown, or a setting is one that it cannot use.
    """
    method = contrast_method(config)
    model = MultimodalSettings if method is None else method.settings
    same = {name: getattr(config, name) for name in _SHARED if name in model.model_fields}
    labeled = config.stores[:1] and (hidden,)
    values: Mapping[str, Any] = {
        **same,
        "init": config.ckpt or config.init,
        "hide": (*labeled, *("nothing" for _ in config.stores[1:])),
    }
    return validated(model, values, f"settings of {config.task}")


def check_contrast(config: SharedEmbeddingSettings, hidden: Hidden) -> None:
    """Check the training of a task as a pre-training; see `contrast_settings` for the arguments.

    Raises:
        UsageError: If the method is unknown, a setting is one that it cannot use, or it has nothing to compare.
    """
    method, settings = contrast_method(config), contrast_settings(config, hidden)
    if method is not None:
        method.check(settings)


def build_features(config: SharedEmbeddingSettings, hidden: Hidden, *, fresh: bool) -> MultiModalModel:
    """Encoders and mappers of a task; see `Method.build_model`."""
    method, settings = contrast_method(config), contrast_settings(config, hidden)
    if method is None:
        return build_networks(settings, coarse=False, fresh=fresh)
    return method.build_model(settings, fresh=fresh)


def build_contrast(
    config: SharedEmbeddingSettings, hidden: Hidden, model: MultiModalModel, n_samples: int
) -> EmbeddingObjective | None:
    """The contrastive terms, with their state on the CPU; None for the labels alone.

    Args:
        config: The settings of the task.
        hidden: Modality of the labeled store that no training may read.
        model: What `build_features` gave.
        n_samples: Number of training samples.

    Raises:
        UsageError: If there are too few samples to compare.
    """
    method = contrast_method(config)
    if method is None:
        return None
    settings = contrast_settings(config, hidden)
    method.check_data(settings, n_samples)
    objective: Any = method.build_objective(settings, model, n_samples, torch.device("cpu"))
    found: EmbeddingObjective = objective
    return found


def _method(name: str) -> MultimodalMethod | None:
    method = get_method(name)
    return method if isinstance(method, MultimodalMethod) and method.joint_training else None
