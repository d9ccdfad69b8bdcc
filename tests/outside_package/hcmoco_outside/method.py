"""An adversarial method with two optimizers: codes of RGB crops shall be those of their mirror images, and normal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from hcmoco_bench.data.batch import Batch, collate
from hcmoco_bench.data.mixing import MixedDataset
from hcmoco_bench.data.normalize import normalize_rgb
from hcmoco_bench.data.ntu_store import NtuStoreDataset
from hcmoco_bench.errors import UsageError
from hcmoco_bench.models.encoders import create_encoder
from hcmoco_bench.pretrain.method import Method, MethodRecord, PretrainData
from hcmoco_bench.pretrain.settings import PretrainSettings
from hcmoco_bench.runtime.settings import Paper
from hcmoco_bench.training.objective import StepMetric, StepResult
from hcmoco_bench.training.optimizers import OptimizerPlan
from hcmoco_bench.training.settings import Stage


class AdversarialSettings(PretrainSettings):
    """Settings of the method."""

    section: ClassVar[str] = "Adversary"
    defaults: ClassVar[Mapping[str, Any]] = {"method": "adversarial", "optimizer": "adam", "lr": 0.001}

    epochs: Annotated[int, Field(ge=1)] = 2
    """Number of epochs."""
    code: Annotated[int, Field(ge=1), Paper("16")] = 8
    """Length of a code."""
    adversary_lr: Annotated[float, Field(gt=0)] = 0.01
    """Learning rate of the discriminator."""
    adversary_every: Annotated[int, Field(ge=1)] = 2
    """Steps of the encoder from one step of the discriminator to the next."""


class AdversarialModel(nn.Module):
    """Encoder with a linear code, and a discriminator of codes."""

    def __init__(self, encoder: nn.Module, code: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.project = nn.LazyLinear(code)
        self.discriminator = nn.Sequential(nn.Linear(code, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))

    def forward(self, images: Tensor | None = None, codes: Tensor | None = None) -> Tensor:
        """Codes of images, or judgements of codes."""
        if images is None:
            judged: Tensor = self.discriminator(codes)
            return judged
        maps = self.encoder(images)
        found: Tensor = self.project(torch.cat([one.mean((2, 3)) for one in maps], dim=1))
        return found


class AdversarialObjective:
    """The encoder's turn, then the discriminator's on the same codes."""

    columns = ("mirror", "fooled", "told_apart")

    def __call__(self, model: nn.Module, batch: Batch, *, stage: int, generator: torch.Generator) -> StepResult:
        """The encoder's turn alone."""
        return next(self.turns(model, batch, stage=stage, generator=generator))

    def turns(self, model: nn.Module, batch: Batch, *, stage: int, generator: torch.Generator) -> Iterator[StepResult]:
        """Codes agree with those of the mirror image and fool the discriminator; then it learns."""
        images = normalize_rgb(batch.rgb)
        codes, mirrored = model(images), model(images.flip(-1))
        mirror = (codes - mirrored).square().mean()
        fooled = (model(codes=codes) - 1).square().mean()
        number = torch.tensor(float(len(batch)))
        metrics = {"mirror": StepMetric(mirror.detach(), number), "fooled": StepMetric(fooled.detach(), number)}
        yield StepResult(mirror + fooled, metrics)
        real = torch.randn(codes.shape, generator=generator)
        told = model(codes=codes.detach()).square().mean() + (model(codes=real) - 1).square().mean()
        yield StepResult(told, {"told_apart": StepMetric(told.detach(), number)})

    def state_dict(self) -> dict[str, Any]:
        """Nothing is kept."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing is kept."""


class Adversarial(Method):
    """A method with two optimizers, each with a rate and steps of its own."""

    record: ClassVar[MethodRecord] = MethodRecord(
        name="adversarial",
        title="Adversarial codes",
        phrase="codes that agree with those of the mirror image and follow a normal distribution",
        summary="Codes of RGB agree with those of the mirror image and look normal to a discriminator.",
        data="RGB",
        citation="A package outside of hcmoco-bench",
        url="https://example.org/adversarial",
    )
    settings: ClassVar[type[AdversarialSettings]] = AdversarialSettings

    def default_data(self, home: Path) -> dict[str, Any]:
        """There is none."""
        raise UsageError("adversarial: give --store")

    def open_data(self, settings: AdversarialSettings) -> PretrainData:
        """RGB crops of NTU stores."""
        datasets = [
            NtuStoreDataset(Path(store), "train", size=settings.image_size, joints="mpii16", train=True, hide="depth")
            for store in settings.stores
        ]
        mixture = MixedDataset(datasets)
        return PretrainData(mixture, mixture.lengths, collate)

    def build_model(self, settings: AdversarialSettings, *, fresh: bool = True) -> AdversarialModel:
        """Encoder and discriminator."""
        encoder = create_encoder(settings.backbone, weights=None, modality="rgb", image_size=settings.image_size)
        model = AdversarialModel(encoder, settings.code)
        with torch.no_grad():
            model.eval()(torch.zeros(2, 3, settings.image_size, settings.image_size))
        return model.train()

    def build_objective(
        self, settings: AdversarialSettings, model: Any, n_samples: int, device: torch.device
    ) -> AdversarialObjective:
        """See the objective."""
        return AdversarialObjective()

    def stages(self, settings: AdversarialSettings) -> tuple[Stage, ...]:
        """One."""
        return (Stage("only", settings.epochs),)

    def optimizers(self, settings: AdversarialSettings) -> tuple[OptimizerPlan, ...]:
        """The encoder's, and the discriminator's with its own rate and steps."""
        other = settings.model_copy(update={"lr": settings.adversary_lr, "schedule": "constant"})
        return (
            OptimizerPlan("encoder", settings, lambda model: [{"params": [*_of(model, "encoder", "project")]}]),
            OptimizerPlan(
                "discriminator",
                other,
                lambda model: [{"params": [*_of(model, "discriminator")]}],
                every=settings.adversary_every,
            ),
        )

    def encoders(self, model: AdversarialModel) -> Mapping[str, nn.Module]:
        """The RGB encoder alone."""
        return {"rgb": model.encoder}

    def backbones(self, settings: AdversarialSettings) -> Mapping[str, str]:
        """The RGB encoder alone."""
        return {"rgb": settings.backbone}


def _of(model: nn.Module, *parts: str) -> Iterator[nn.Parameter]:
    for part in parts:
        yield from model.get_submodule(part).parameters()
