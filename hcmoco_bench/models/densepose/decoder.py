"""The levels of a pyramid summed at stride 4: what DensePose's head reads in detectron2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn


class ConvReLU(nn.Conv2d):
    """A convolution with its ReLU."""

    def forward(self, features: Tensor) -> Tensor:
        """The activations."""
        return super().forward(features).relu()


class PyramidDecoder(nn.Module):
    """Semantic branch of Panoptic FPN (https://arxiv.org/abs/1901.02446): the head's map holds every level.

    Args:
        width: Channels of the pyramid.
        strides: Of its levels, the first the one that all are brought to, each twice the one before.
        hidden: Channels of the convolutions.
        out: Channels of the result.
    """

    def __init__(self, width: int, strides: Sequence[int], *, hidden: int = 256, out: int = 256) -> None:
        super().__init__()
        self.levels = nn.ModuleDict()
        for number in range(len(strides)):
            layers: list[nn.Module] = []
            for step in range(max(1, number)):
                layers.append(ConvReLU(width if step == 0 else hidden, hidden, 3, padding=1))
                if number:
                    layers.append(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False))
            self.levels[f"p{number + 1}"] = nn.Sequential(*layers)
        self.predictor = nn.Conv2d(hidden, out, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]  # convolutions made here have one

    def forward(self, pyramid: Mapping[str, Tensor]) -> Tensor:
        """(B, out, h, w) at the finest level's size, from (B, width, h, w) for each level by its name."""
        total: Tensor | None = None
        for name, layers in self.levels.items():
            part = layers(pyramid[name])
            total = part if total is None else total + part
        result: Tensor = self.predictor(total)
        return result
