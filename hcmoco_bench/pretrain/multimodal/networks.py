"""The networks of a multimodal run, with their first weights."""

from __future__ import annotations

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.errors import UsageError
from hcmoco_bench.models.encoder import encoder_input
from hcmoco_bench.models.encoders import create_encoder
from hcmoco_bench.models.first_weights import named_weights, start_network
from hcmoco_bench.pretrain.initial_state import read_initial_state
from hcmoco_bench.pretrain.multimodal.continuing import load_networks
from hcmoco_bench.pretrain.multimodal.model import MultiModalModel
from hcmoco_bench.pretrain.multimodal.settings import MultimodalSettings
from hcmoco_bench.training.batch_norm import share_batch_statistics


def build_networks(settings: MultimodalSettings, *, coarse: bool, fresh: bool) -> MultiModalModel:
    """Encoders and mappers of a run; draws from torch's generator.

    Args:
        settings: The settings of the run.
        coarse: Whether RGB and depth are compared in a fine space that leads to a coarse one.
        fresh: Whether to load `settings.init`.

    Raises:
        UsageError: If a backbone is unknown, or that of RGB takes points.
        DataError: If the first weights cannot be read or do not fit.
        HubError: If they cannot be fetched.
    """
    state = read_initial_state(settings.init) if fresh else None
    source = None if state is not None or not fresh else named_weights(settings.init)
    if encoder_input(settings.backbone) == "points":
        raise UsageError(
            f"backbone {settings.backbone} takes points, and RGB has none; give it as depth_backbone alone"
        )
    depth_name = settings.depth_backbone or settings.backbone
    of_depth = source if encoder_input(depth_name) == "image" else None
    size = settings.image_size
    encoders = (
        create_encoder(settings.backbone, weights=source, modality="rgb", image_size=size),
        create_encoder(depth_name, weights=of_depth, modality="depth", image_size=size),
    )
    for encoder in encoders:
        if encoder.input == "image":
            start_network(encoder, settings, drawn=source is None)
    model = MultiModalModel(
        *encoders,
        joint_set(settings.joints),
        dim=settings.dim,
        coarse=coarse,
        share_batch_statistics=settings.sync_batch_norm,
        absent_depth=settings.absent_depth,
    )
    if state is not None:
        load_networks(model, state, backbone=settings.backbone, init=settings.init)
    if settings.sync_batch_norm:
        share_batch_statistics(model)
    return model
