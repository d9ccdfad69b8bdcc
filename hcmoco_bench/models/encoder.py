"""What an encoder is, and the registry of the encoders that are not timm backbones."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

from torch import Tensor, nn

from hcmoco_bench.errors import UsageError
from hcmoco_bench.models.mappers import EMBEDDING_DIM, DenseMapper, GlobalMapper
from hcmoco_bench.runtime.registry import Registry

EncoderInput = Literal["image", "points"]
"""What an encoder takes: normalized images of three channels, or depth in meters that it reads as points."""


class Encoder(nn.Module, ABC):
    """A pyramid of feature maps from an image, or from depth as points.

    All encoders are called alike, with the image, the intrinsics and the foreground; `input` says which image to give.
    Heads of tasks take the pyramid. What pre-training compares is made by the encoder's mappers from what it encodes:
    by default both are those of a pyramid, and an encoder that knows more than its maps overrides all three methods.

    Attributes:
        input: What the encoder takes.
        name: Name of its architecture, as `create_encoder` takes it.
        channels: Channels of each map, finest first.
        strides: Input pixels per cell of each map, never falling.
    """

    input: ClassVar[EncoderInput] = "image"
    name: str
    channels: tuple[int, ...]
    strides: tuple[int, ...]

    @abstractmethod
    def forward(
        self, image: Tensor, intrinsics: Tensor | None = None, foreground: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """Features of a batch.

        Args:
            image: For the input `image`, (B, 3, H, W) float, normalized, depth with its one channel repeated. For
                `points`, (B, 1, H, W) float meters, 0 = none.
            intrinsics: (B, 4) float fx, fy, cx, cy in pixels of `image`; only points need them.
            foreground: (B, H, W) bool, the pixels to read; only points need it.

        Returns:
            One (B, C, h, w) map per entry of `channels`, finest first; h = ceil(H / stride).

        Raises:
            ValueError: If points come without intrinsics or foreground.
        """

    def encode(self, image: Tensor, intrinsics: Tensor | None = None, foreground: Tensor | None = None) -> Any:
        """What the encoder's own mappers take, from the arguments of `forward`; by default the pyramid."""
        return self(image, intrinsics, foreground)

    def make_global_mapper(self, dim: int = EMBEDDING_DIM) -> nn.Module:
        """A new mapper from what `encode` gives to (B, dim) embeddings of samples, of length 1."""
        return GlobalMapper(self.channels, dim)

    def make_dense_mapper(self, dim: int = EMBEDDING_DIM) -> nn.Module:
        """A new mapper from what `encode` gives to (B, dim, h, w) embeddings of the finest map's cells, of length 1."""
        return DenseMapper(self.channels, dim)


@dataclass(frozen=True)
class EncoderFactory:
    """How an encoder is made, and what is known of it before that.

    Attributes:
        make: Makes it with weights from torch's generator; takes the side of the square input in px, None if unknown.
        input: What the encoder takes; that of the encoder it makes.
        load_imagenet: Loads ImageNet weights into the encoder; None if there are none.
        weights_license: License of those weights; empty where it is unknown.
    """

    make: Callable[[int | None], Encoder]
    input: EncoderInput = "image"
    load_imagenet: Callable[[Encoder], Any] | None = None
    weights_license: str = ""


ENCODERS: Final[Registry[EncoderFactory]] = Registry(
    "encoder",
    EncoderFactory,
    "hcmoco_bench.encoders",
    {
        "pointnet": "hcmoco_bench.models.pointnet:FACTORY",
        "pointnet_small": "hcmoco_bench.models.pointnet:FACTORY_SMALL",
        "resnet101_caffe": "hcmoco_bench.models.caffe_resnet:RESNET101",
        "resnet50_caffe": "hcmoco_bench.models.caffe_resnet:RESNET50",
    },
)


def register_encoder(name: str, factory: EncoderFactory) -> None:
    """Add an encoder in this process; `--backbone NAME` then takes it, also where timm has the name.

    A package that is installed beside this one names its factories in the entry-point group `hcmoco_bench.encoders`
    instead.

    Raises:
        UsageError: If an encoder of that name is registered already.
    """
    ENCODERS.register(name, factory)


def encoder_input(name: str) -> EncoderInput:
    """What the encoder of a name takes, without building it; names that are not registered are timm's.

    Raises:
        UsageError: If a package offers the name and cannot be loaded.
    """
    return ENCODERS.get(name).input if name in ENCODERS else "image"


def has_imagenet_weights(name: str) -> bool:
    """Whether `imagenet` can be asked of an encoder; of timm's, all are assumed to have such weights.

    Raises:
        UsageError: If a package offers the name and cannot be loaded.
    """
    return name not in ENCODERS or ENCODERS.get(name).load_imagenet is not None


def make_registered(name: str, image_size: int | None) -> Encoder:
    """A registered encoder with weights from torch's generator.

    Raises:
        UsageError: If there is none of that name, or its factory makes something else than it declares.
    """
    factory = ENCODERS.get(name)
    encoder = factory.make(image_size)
    if not isinstance(encoder, Encoder) or encoder.input != factory.input:
        raise UsageError(
            f"encoder {name!r}: its factory makes a {type(encoder).__name__}; it must make an Encoder whose input is "
            f"{factory.input}"
        )
    encoder.name = name
    return encoder
