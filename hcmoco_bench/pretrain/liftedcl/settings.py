"""Settings of LiftedCL; the defaults are what its released code runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field, ValidationError, model_validator

from hcmoco_bench.data.views import ViewOptions
from hcmoco_bench.models.lifting import LIFTING_WIDTH
from hcmoco_bench.models.lifting_discriminator import DISCRIMINATOR_WIDTH, Bones
from hcmoco_bench.pretrain.liftedcl.terms import TERMS, Term
from hcmoco_bench.pretrain.settings import PretrainSettings
from hcmoco_bench.runtime.settings import Added, Flag, Location, Paper, Published, Settings, TrainingOnly

_VIEWS: Final = ViewOptions()

Weight = Annotated[float, Field(ge=0), Paper()]
Share = Annotated[float, Field(ge=0, le=1)]
Range = Annotated[tuple[float, ...], Field(min_length=2, max_length=2)]


class LiftedWeights(Settings):
    """Weights of the terms; a term of weight 0 is left out, and its networks are neither made nor run."""

    invariant: Weight = 0.5
    """Weight of the contrast of whole views (MoCo)."""
    equivariant: Weight = 0.5
    """Weight of the contrast of cells that show the same place."""
    adversarial: Weight = 0.5
    """Weight of the term that lets lifted poses look human; 0 leaves out the discriminator too."""

    @property
    def terms(self) -> frozenset[Term]:
        """The terms that are on."""
        return frozenset(term for term in TERMS if getattr(self, term))


class ViewSettings(Settings):
    """How the two views of an image are drawn, in the order in which each is made."""

    region: Literal["person", "image"] = _VIEWS.region
    """Where views of an image of a store are taken from: the square around the person, or the whole image."""
    scale: Range = _VIEWS.scale
    """Smallest and largest area of a view, as a fraction of the region's area."""
    ratio: Range = _VIEWS.ratio
    """Smallest and largest width of a view's region over its height."""
    jitter_probability: Share = _VIEWS.jitter_probability
    """Probability of changing brightness, contrast, saturation and hue, in random order."""
    brightness: Share = _VIEWS.brightness
    """Largest relative change of brightness."""
    contrast: Share = _VIEWS.contrast
    """Largest relative change of contrast."""
    saturation: Share = _VIEWS.saturation
    """Largest relative change of saturation."""
    hue: Annotated[float, Field(ge=0, le=0.5)] = _VIEWS.hue
    """Largest shift of the hue, as a fraction of the color circle."""
    gray_probability: Share = _VIEWS.gray_probability
    """Probability of removing color."""
    blur_probability: Share = _VIEWS.blur_probability
    """Probability of a Gaussian blur."""
    blur_sigma: Range = _VIEWS.blur_sigma
    """Smallest and largest standard deviation of the blur in pixels of the view."""
    flip_probability: Share = _VIEWS.flip_probability
    """Probability of mirroring left to right, after all other changes."""


class LiftedCLSettings(PretrainSettings):
    """Settings of LiftedCL."""

    section: ClassVar[str] = "LiftedCL"
    defaults: ClassVar[dict[str, Any]] = {
        "method": "liftedcl",
        "backbone": "resnet50",
        "init": "imagenet",
        "image_size": 256,
        "batch_size": 64,
        "optimizer": "sgd",
        "lr": 0.03,
        "momentum": 0.9,
        "weight_decay": 1e-4,
        "schedule": "cosine",
        "schedule_at": "epoch_start",
        "final_lr": 0.0,
    }
    published: ClassVar[Mapping[str, Published]] = {
        "backbone": Published(
            "resnet50.tv_in1k",
            "The authors start from a file of ImageNet weights with torchvision's names, which are probably these; "
            "timm's default tag is a later and stronger training of the same network.",
        ),
    }

    epochs: Annotated[int, Field(ge=1), TrainingOnly(), Paper()] = 200
    """Number of epochs."""
    pictures: Annotated[tuple[str, ...], Flag("--pictures"), Location()] = ()
    """Folders of pictures to learn from, beside or instead of stores; each counts as one store in the mixture."""
    prior: str = "generated"
    """Real poses for the discriminator: `generated`, poses of the generator's people, or the path of a prior file
    (`hcmoco-bench prior` makes one; the release's `norm_joints.pt` is read too)."""
    weights: LiftedWeights = LiftedWeights()
    """Weights of the terms."""
    views: ViewSettings = ViewSettings()
    """How the two views of an image are drawn."""
    queue: Annotated[int, Field(ge=1), TrainingOnly(), Paper()] = 65_536
    """Keys in each queue, a multiple of the batch size. The command line of the released code says 8,192, which it
    does not use."""
    temperature: Annotated[float, Field(gt=0), TrainingOnly(), Paper()] = 0.2
    """Temperature of both contrasts. The command line of the released code says 0.07, which it does not use."""
    key_momentum: Annotated[float, Field(ge=0, lt=1), TrainingOnly(), Paper()] = 0.999
    """Share of the key encoder's old weights that each step keeps."""
    dim: Annotated[int, Field(ge=1), Paper()] = 128
    """Length of the embeddings of views and cells."""
    grid: Annotated[int, Field(ge=2), TrainingOnly(), Paper()] = 16
    """Side of the grid on which the common part of two views is compared, in cells."""
    lifting_width: Annotated[int, Field(ge=1), Paper()] = LIFTING_WIDTH
    """Width of the hidden layers of the lifting network."""
    discriminator_width: Annotated[int, Field(ge=2), Paper()] = DISCRIMINATOR_WIDTH
    """Width of each branch of the discriminator."""
    discriminator_lr: Annotated[float, Field(gt=0), TrainingOnly(), Paper()] = 0.03
    """Learning rate of the discriminator, which stays constant."""
    discriminator_momentum: Annotated[float, Field(ge=0, lt=1), TrainingOnly(), Added(), Paper()] = 0.9
    """Momentum of the discriminator's optimizer: that of SGD, or Adam's first beta. In short runs with Adam, 0 keeps
    the lifted poses from becoming the same for every image."""
    bones: Annotated[
        Bones,
        Published(
            "released",
            "One of the authors' 15 bones connects the left ankle with the belly where the belly and the neck are "
            "meant, and the head has none.",
        ),
    ] = "mended"
    """Bones whose products the discriminator sees: mended (the 16 limbs of the skeleton) or released."""

    @model_validator(mode="after")
    def _check_terms(self) -> LiftedCLSettings:
        if not self.weights.terms:
            raise ValueError("all weights are 0; there is nothing to learn")
        if self.warmup_epochs >= self.epochs:
            raise ValueError(f"warmup_epochs is {self.warmup_epochs}, but the run has {self.epochs} epochs")
        try:
            self.view_options()
        except ValidationError as error:
            reasons = "; ".join(line["msg"].removeprefix("Value error, ") for line in error.errors())
            raise ValueError(f"views: {reasons}") from error
        return self

    def view_options(self) -> ViewOptions:
        """The options with which the two views of each image are drawn."""
        return ViewOptions(number=2, size=self.image_size, **self.views.model_dump())

    def without_effect(self) -> frozenset[str]:
        """See `Settings.without_effect`."""
        idle = set()
        if not self.weights.adversarial:
            idle |= {
                "prior",
                "bones",
                "lifting_width",
                "discriminator_width",
                "discriminator_lr",
                "discriminator_momentum",
            }
        if not self.weights.equivariant:
            idle.add("grid")
        if not (self.weights.invariant or self.weights.equivariant):
            idle |= {"queue", "temperature", "key_momentum", "dim"}
        return super().without_effect() | idle
