"""An encoder of images that timm does not know: two convolutions at strides 4 and 8."""

from __future__ import annotations

from torch import Tensor, nn

from hcmoco_bench.models.encoder import Encoder, EncoderFactory


class TwoConvolutions(Encoder):
    """A map of 8 channels at stride 4, and one of 16 at stride 8."""

    def __init__(self) -> None:
        super().__init__()
        self.channels, self.strides = (8, 16), (4, 8)
        self.fine = nn.Sequential(nn.Conv2d(3, 8, 7, stride=4, padding=3), nn.BatchNorm2d(8), nn.ReLU())
        self.coarse = nn.Sequential(nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.BatchNorm2d(16), nn.ReLU())

    def forward(
        self, image: Tensor, intrinsics: Tensor | None = None, foreground: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """See `Encoder.forward`."""
        fine = self.fine(image)
        return fine, self.coarse(fine)


FACTORY = EncoderFactory(make=lambda image_size: TwoConvolutions(), weights_license="mit")
