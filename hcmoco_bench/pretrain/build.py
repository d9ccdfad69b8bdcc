"""From settings to data, model and objective."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.data.batch import Batch
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.losses.memory_bank import MemoryBank
from hcmoco_bench.models.encoders import create_encoder
from hcmoco_bench.models.weights import load_weights
from hcmoco_bench.pretrain.config import PretrainConfig
from hcmoco_bench.pretrain.hcmoco import CMCObjective, HCMoCoObjective
from hcmoco_bench.pretrain.mmv import MMVObjective
from hcmoco_bench.pretrain.model import MultiModalModel
from hcmoco_bench.training.batch_norm import share_batch_statistics
from hcmoco_bench.training.checkpoint import load_checkpoint
from hcmoco_bench.training.objective import Objective

POINTNET = "pointnet"


def build_model(config: PretrainConfig, *, fresh: bool = True) -> MultiModalModel:
    """The model of a run with its first weights; draws from torch's generator.

    Args:
        config: The settings.
        fresh: Whether to load `config.init`; a model that takes its weights from elsewhere does not need it.

    Raises:
        UsageError: If a backbone is unknown.
        DataError: If the first weights cannot be read or do not fit.
        HubError: If they cannot be fetched.
    """
    own = _own_checkpoint(config.init) if fresh else None
    source = None if own is not None or not fresh else _encoder_weights(config.init)
    depth_name = config.depth_backbone or config.backbone
    rgb = create_encoder(config.backbone, weights=source, modality="rgb", image_size=config.image_size)
    if depth_name == POINTNET:
        from hcmoco_bench.models.pointnet import PointNetEncoder

        depth: nn.Module = PointNetEncoder()
    else:
        depth = create_encoder(depth_name, weights=source, modality="depth", image_size=config.image_size)
    model = MultiModalModel(
        rgb,
        depth,
        joint_set(config.joints),
        dim=config.dim,
        depth_as_points=depth_name == POINTNET,
        coarse=config.method == "mmv",
        share_batch_statistics=config.sync_batch_norm,
    )
    _check_strides(config, model)
    if own is not None:
        load_weights(model, own["model"], file=config.init)
    if config.sync_batch_norm:
        share_batch_statistics(model)
    return model


def load_pretrained(path: Path) -> tuple[PretrainConfig, MultiModalModel]:
    """Settings and model of a pre-training checkpoint.

    Raises:
        DataError: If it is damaged, foreign, or not of a pre-training.
    """
    state = load_checkpoint(path)
    if state["kind"] != "pretrain":
        raise DataError(f"{path}: a checkpoint of kind {state['kind']!r}, not of a pre-training", file=str(path))
    config = PretrainConfig.model_validate(state["config"])
    model = build_model(config, fresh=False)
    load_weights(model, state["model"], file=str(path))
    return config, model


def build_objective(
    config: PretrainConfig, model: MultiModalModel, n_samples: int, device: torch.device
) -> Objective[Batch]:
    """The method with its memory bank, for so many training samples."""
    if config.method == "mmv":
        return MMVObjective(temperature=config.temperature)
    shared: dict[str, Any] = {"bank": None, "temperature": config.temperature}
    if config.negatives != "batch":
        generator = torch.Generator().manual_seed(config.seed)
        bank = MemoryBank(n_samples, config.dim, momentum=config.bank_momentum, generator=generator)
        shared |= {"bank": bank.to(device), "negatives": config.negatives}
    if config.method == "cmc":
        return CMCObjective(**shared)
    return HCMoCoObjective(
        weights=config.weights,
        soft=config.dense == "soft",
        points=config.points,
        stride=model.strides[0][0],
        **shared,
    )


def _encoder_weights(init: str) -> Path | Literal["imagenet"] | None:
    if init == "scratch":
        return None
    if init == "imagenet":
        return "imagenet"
    return Path(init)


def _own_checkpoint(init: str) -> dict[str, Any] | None:
    """The checkpoint of this tool that `init` names; None if it is something else."""
    if init in ("scratch", "imagenet") or Path(init).suffix == ".safetensors":
        return None
    try:
        return load_checkpoint(Path(init))
    except DataError as error:
        if error.kind == "checkpoint_missing":
            raise UsageError(f"--init {init}: no such file; use scratch, imagenet, or a file of weights") from error
        return None  # another program's file: its encoders are looked for; a damaged one is refused there


def _check_strides(config: PretrainConfig, model: MultiModalModel) -> None:
    rgb, depth = model.strides
    if config.method == "hcmoco" and rgb[0] != depth[0]:
        raise UsageError(
            f"maps of {config.backbone} have stride {rgb[0]}, those of {config.depth_backbone} {depth[0]}; pixels can "
            "only be compared between maps of one stride, choose other backbones"
        )
