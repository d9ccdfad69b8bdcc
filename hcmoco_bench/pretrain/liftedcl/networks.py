"""The networks of a LiftedCL run with their first weights."""

from __future__ import annotations

import torch

from hcmoco_bench.models.encoders import create_encoder
from hcmoco_bench.models.first_weights import start_network
from hcmoco_bench.models.lifting_discriminator import KinematicDiscriminator, kinematic_bones
from hcmoco_bench.pretrain.liftedcl.first_weights import load_parts, read_first_weights
from hcmoco_bench.pretrain.liftedcl.model import LiftedCLModel
from hcmoco_bench.pretrain.liftedcl.settings import LiftedCLSettings
from hcmoco_bench.pretrain.liftedcl.terms import ADVERSARIAL
from hcmoco_bench.training.batch_norm import share_batch_statistics


def build_networks(settings: LiftedCLSettings, *, fresh: bool) -> LiftedCLModel:
    """Encoder, heads, key branch and discriminator of a run; draws from torch's generator.

    Args:
        settings: The settings of the run.
        fresh: Whether to load `settings.init`.

    Raises:
        UsageError: If the backbone is unknown.
        DataError: If the first weights cannot be read or do not fit.
        HubError: If they cannot be fetched.
    """
    first = read_first_weights(settings.init) if fresh else None
    source = None if first is None else first.encoder
    encoder = create_encoder(settings.backbone, weights=source, modality="rgb", image_size=settings.image_size)
    start_network(encoder, settings, drawn=source is None)
    terms = settings.weights.terms
    discriminator = None
    if ADVERSARIAL in terms:
        discriminator = KinematicDiscriminator(kinematic_bones(settings.bones), settings.discriminator_width)
    model = LiftedCLModel(
        encoder,
        terms=terms,
        dim=settings.dim,
        lifting_width=settings.lifting_width,
        discriminator=discriminator,
        key_momentum=settings.key_momentum,
    )
    if first is not None:
        load_parts(model, first)
    if model.key is not None and settings.channels_last:
        model.key.encoder.to(memory_format=torch.channels_last)
    if settings.sync_batch_norm:
        share_batch_statistics(model)
    return model
