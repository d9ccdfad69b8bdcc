"""A network for part labels: an encoder and the segmentation head."""

from __future__ import annotations

from torch import Tensor, nn

from hcmoco_bench.errors import UsageError
from hcmoco_bench.models.encoder import Encoder
from hcmoco_bench.models.segmentation_head import SegmentationHead


class SegmentationNet(nn.Module):
    """Encoder and head; the encoder takes images, or depth as points.

    Args:
        encoder: An encoder of images or of points.
        n_classes: Number of classes.

    Raises:
        UsageError: If the encoder is something else.
    """

    def __init__(self, encoder: nn.Module, n_classes: int) -> None:
        super().__init__()
        if not isinstance(encoder, Encoder):
            raise UsageError(f"a {type(encoder).__name__} gives no maps to label; use another backbone")
        self.encoder = encoder
        self.head = SegmentationHead(encoder.channels, n_classes)

    @property
    def of_points(self) -> bool:
        """Whether the encoder takes points."""
        return self.encoder.input == "points"

    def forward(self, image: Tensor, intrinsics: Tensor | None = None) -> Tensor:
        """Class scores at the finest map's resolution.

        Args:
            image: (B, 3, H, W) normalized; for points (B, 1, H, W) meters, 0 = none.
            intrinsics: (B, 4) fx, fy, cx, cy; for points only.

        Returns:
            (B, n_classes, h, w).
        """
        maps = self.encoder(image, intrinsics, image[:, 0] > 0) if self.of_points else self.encoder(image)
        scores: Tensor = self.head(maps)
        return scores
