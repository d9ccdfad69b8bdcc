"""A head that labels pixels by their dense embeddings, whichever modality these come from."""

from __future__ import annotations

from torch import Tensor, nn


class EmbeddingHead(nn.Module):
    """Two 3x3 convolutions of the embedding's width with batch norm and ReLU, and a 1x1 convolution to the classes.

    HCMoCo, supplement 1.6: attached to the dense mapper of one modality, or to the maximum of two, and moved to another
    one for the test.

    Args:
        dim: Length of the embeddings.
        n_classes: Number of classes.
    """

    def __init__(self, dim: int, n_classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(2):
            layers += [nn.Conv2d(dim, dim, 3, padding=1, bias=False), nn.BatchNorm2d(dim), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers)
        self.scores = nn.Conv2d(dim, n_classes, 1)

    def forward(self, embeddings: Tensor) -> Tensor:
        """(B, dim, h, w) of length 1 to (B, n_classes, h, w); for B = 0 nothing, which still has a gradient."""
        if not len(embeddings):
            shape = (0, self.scores.out_channels, *embeddings.shape[-2:])
            return embeddings.new_zeros(shape) + 0 * self.scores.weight.sum()
        scores: Tensor = self.scores(self.layers(embeddings))
        return scores
