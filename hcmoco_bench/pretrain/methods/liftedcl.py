"""LiftedCL: contrasts of views and of their cells, and features from which human poses can be lifted.

Chen et al., "LiftedCL: Lifting Contrastive Learning for Human-Centric Perception", ICLR 2023
(https://openreview.net/forum?id=WHlt5tLz12T); released code: https://github.com/RichardChen20/LiftedCL.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

import torch
from matplotlib.figure import Figure
from torch import nn

from hcmoco_bench.data.view_pairs import open_view_pairs
from hcmoco_bench.errors import UsageError
from hcmoco_bench.losses.liftedcl.key_queue import KeyQueue, check_queue
from hcmoco_bench.models.encoder import encoder_input
from hcmoco_bench.models.encoders import check_backbone_name
from hcmoco_bench.pretrain.init_report import InitReport
from hcmoco_bench.pretrain.liftedcl.first_weights import describe_first_weights, read_first_weights
from hcmoco_bench.pretrain.liftedcl.lifted_poses import figure_of_lifted
from hcmoco_bench.pretrain.liftedcl.map_size import check_map
from hcmoco_bench.pretrain.liftedcl.model import LiftedCLModel
from hcmoco_bench.pretrain.liftedcl.networks import build_networks
from hcmoco_bench.pretrain.liftedcl.objective import LiftedCLObjective
from hcmoco_bench.pretrain.liftedcl.real_poses import RealPoses
from hcmoco_bench.pretrain.liftedcl.settings import LiftedCLSettings
from hcmoco_bench.pretrain.liftedcl.terms import ADVERSARIAL, EQUIVARIANT, INVARIANT
from hcmoco_bench.pretrain.liftedcl.watch import notices_of
from hcmoco_bench.pretrain.method import Method, MethodRecord, PretrainData
from hcmoco_bench.pretrain.notice import Notice
from hcmoco_bench.priors.open_prior import open_prior
from hcmoco_bench.store.manifest import MANIFEST_FILE
from hcmoco_bench.training.loss_table import read_losses
from hcmoco_bench.training.optimizers import OptimizerPlan
from hcmoco_bench.training.settings import Stage

DEFAULT_STORE: Final = "pretrain"
"""Store in the home folder that a run learns from if it names no data."""

LIFTED_FILE: Final = "lifted.png"
"""Figure of lifted poses in the folder of a finished run."""


class LiftedCL(Method):
    """Contrastive learning with a lifting network, on RGB images alone."""

    record: ClassVar[MethodRecord] = MethodRecord(
        name="liftedcl",
        title="LiftedCL",
        phrase="contrasts of views and of their cells, and poses lifted from features that look human",
        summary=(
            "LiftedCL compares two views of an image as a whole and cell by cell, against queues of earlier views, and "
            "lifts a 3-D pose from the features of each view, which a discriminator shall not tell from real poses."
        ),
        data="RGB images of people, from stores or folders of pictures, and 3-D poses that belong to none of them",
        citation="Ziwei Chen, Qiang Li, Xiaofeng Wang, Wankou Yang: LiftedCL: Lifting Contrastive Learning for "
        "Human-Centric Perception, ICLR 2023",
        url="https://openreview.net/forum?id=WHlt5tLz12T",
    )
    settings: ClassVar[type[LiftedCLSettings]] = LiftedCLSettings

    def has_data(self, settings: LiftedCLSettings) -> bool:
        """See `Method.has_data`; folders of pictures count too."""
        return bool(settings.stores or settings.pictures)

    def default_data(self, home: Path) -> dict[str, Any]:
        """See `Method.default_data`; the store that `prepare ntu --set pretrain` makes."""
        store = home / DEFAULT_STORE
        if not (store / MANIFEST_FILE).is_file():
            raise UsageError(
                f"{store}: no prepared store. Give --pictures with a folder of images of people, or --store with any "
                "store of RGB images (hcmoco-bench prepare ntu, coco or mpii makes one)"
            )
        return {"stores": (str(store),)}

    def check(self, settings: LiftedCLSettings) -> None:
        """See `Method.check`; the encoder takes images, and the queues take whole batches in."""
        check_backbone_name(settings.backbone)
        if encoder_input(settings.backbone) == "points":
            raise UsageError(f"backbone {settings.backbone} takes points, and liftedcl has images; choose another")
        if settings.weights.terms & {INVARIANT, EQUIVARIANT}:
            check_queue(settings.queue, settings.batch_size)
        if EQUIVARIANT in settings.weights.terms:
            check_map(settings.backbone, settings.image_size)

    def open_data(self, settings: LiftedCLSettings) -> PretrainData:
        """See `Method.open_data`; two views of each image."""
        data = open_view_pairs(
            settings.stores, settings.pictures, settings.view_options(), seed=settings.seed, overlap=settings.overlap
        )
        return PretrainData(data.dataset, data.lengths, data.collate, data.problems, data.fingerprints)

    def build_model(self, settings: LiftedCLSettings, *, fresh: bool = True) -> LiftedCLModel:
        """See `Method.build_model`."""
        return build_networks(settings, fresh=fresh)

    def build_objective(
        self, settings: LiftedCLSettings, model: LiftedCLModel, n_samples: int, device: torch.device
    ) -> LiftedCLObjective:
        """See `Method.build_objective`; the queues begin with random keys, which the seed decides."""
        terms = settings.weights.terms
        generator = torch.Generator().manual_seed(settings.seed)
        queues: dict[str, KeyQueue] = {
            name: KeyQueue(settings.queue, settings.dim, generator=generator).to(device)
            for name in (INVARIANT, EQUIVARIANT)
            if name in terms
        }
        real = RealPoses(open_prior(settings.prior), device) if ADVERSARIAL in terms else None
        return LiftedCLObjective(
            queues,
            settings.weights,
            real,
            temperature=settings.temperature,
            grid=settings.grid,
            accumulate=settings.accumulate,
        )

    def continue_from(self, settings: LiftedCLSettings, model: LiftedCLModel, objective: Any) -> InitReport | None:
        """See `Method.continue_from`; heads, key branch and discriminator where they fit, and the queues."""
        first = read_first_weights(settings.init)
        if not first.source:
            return None
        report, with_queues = describe_first_weights(model, first, objective.queue_state())
        if with_queues:
            objective.load_state_dict(dict(first.queues))
        return report

    def stages(self, settings: LiftedCLSettings) -> tuple[Stage, ...]:
        """See `Method.stages`; there is one."""
        return (Stage("liftedcl", settings.epochs),)

    def optimizers(self, settings: LiftedCLSettings) -> tuple[OptimizerPlan, ...]:
        """See `Method.optimizers`; the discriminator has one of its own, whose rate stays constant."""
        generator = OptimizerPlan(
            "generator", settings, lambda model: [{"params": [*_network(model).query_parameters()]}]
        )
        if ADVERSARIAL not in settings.weights.terms:
            return (generator,)
        momentum = settings.discriminator_momentum
        constant = settings.replace(
            lr=settings.discriminator_lr, momentum=momentum, schedule="constant", warmup_epochs=0.0
        )
        discriminator = OptimizerPlan(
            "discriminator",
            constant,
            lambda model: [{"params": [*_network(model).discriminator_parameters()]}],
            first_beta=momentum,
        )
        return (generator, discriminator)

    def encoders(self, model: LiftedCLModel) -> Mapping[str, nn.Module]:
        """See `Method.encoders`; the query encoder."""
        return {"rgb": model.rgb_encoder}

    def backbones(self, settings: LiftedCLSettings) -> Mapping[str, str]:
        """See `Method.backbones`."""
        return {"rgb": settings.backbone}

    def notices(self, settings: LiftedCLSettings, losses: Path) -> tuple[Notice, ...]:
        """See `Method.notices`; a collapse, or a discriminator that runs away."""
        return notices_of(read_losses(losses), steps_to_fill=settings.queue // settings.batch_size)

    def figures(
        self, settings: LiftedCLSettings, model: LiftedCLModel, data: PretrainData, losses: Path
    ) -> Mapping[str, Figure]:
        """See `Method.figures`; `lifted.png`, if poses are lifted."""
        if ADVERSARIAL not in settings.weights.terms:
            return {}
        return {LIFTED_FILE: figure_of_lifted(model, data, open_prior(settings.prior), read_losses(losses))}


def _network(model: nn.Module) -> LiftedCLModel:
    if not isinstance(model, LiftedCLModel):
        raise TypeError(f"the optimizers of liftedcl train a LiftedCLModel, not a {type(model).__name__}")
    return model
