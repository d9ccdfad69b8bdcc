"""A network that is contrasted between modalities and labels pixels from the embeddings that they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hcmoco_bench.data.batch import Batch
from hcmoco_bench.modality import Modality
from hcmoco_bench.models.embedding_head import EmbeddingHead
from hcmoco_bench.pretrain.multimodal.model import Embeddings, MultiModalModel


@dataclass(frozen=True)
class SharedEmbeddingOutput:
    """What the network gives for a batch in training.

    Attributes:
        embeddings: Embeddings of all samples; None without contrast.
        rows: (N,) rows of the labeled samples.
        scores: (N, C, H, W) class scores of the labeled samples, at the size of the input.
    """

    embeddings: Embeddings | None
    rows: Tensor
    scores: Tensor


class SharedEmbeddingNet(nn.Module):
    """Encoders and mappers as in pre-training, and one head on the embeddings that the modalities share.

    In training the head sees the dense embedding of the source, or the maximum of both sources; `reader` puts it on
    any one modality.

    Args:
        features: Encoders and mappers; both encoders have the same strides.
        n_classes: Number of classes.
        sources: Modalities that labels are learned with.
        contrast: Whether to embed all samples; otherwise only the sources of labeled samples are encoded, and the
            other encoder stays as it is.
    """

    def __init__(
        self, features: MultiModalModel, n_classes: int, *, sources: tuple[Modality, ...], contrast: bool
    ) -> None:
        super().__init__()
        self.features = features
        (stride, *_), _ = features.strides
        self.head = EmbeddingHead(features.dim, n_classes, stride)
        self.sources, self.contrast = sources, contrast

    def forward(self, batch: Batch) -> SharedEmbeddingOutput:
        """Embeddings and class scores of a training batch."""
        labeled = batch.has_parts
        for name in self.sources:
            labeled = labeled & (batch.has_rgb if name == "rgb" else batch.has_depth)
        rows = labeled.nonzero()[:, 0]
        embeddings = self.features(batch, dense=True) if self.contrast else None
        if embeddings is not None:
            maps = [embeddings.maps[name][rows] for name in self.sources]
        elif len(rows):
            maps = [self._map(name, batch, rows) for name in self.sources]
        else:
            maps = [torch.zeros(0, self.features.dim, 1, 1, device=batch.index.device)]
        fused = maps[0] if len(maps) == 1 else torch.maximum(maps[0], maps[1])
        return SharedEmbeddingOutput(embeddings, rows, self.head(fused))

    def reader(self, modality: Modality) -> ModalityReader:
        """The network for images of one modality alone; it shares all weights."""
        return ModalityReader(self, modality)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compile the encoders, which take most of the time; the rest depends on which modalities the samples have."""
        for encoder in (self.features.rgb_encoder, self.features.depth_encoder):
            encoder.compile(*args, **kwargs)

    def _map(self, name: Modality, batch: Batch, rows: Tensor) -> Tensor:
        image = batch.rgb if name == "rgb" else batch.depth
        return self.features.dense_map(name, image[rows], batch.intrinsics[rows], batch.foreground[rows])


class ModalityReader(nn.Module):
    """One encoder and mapper with the head, in evaluation mode; the parts of the other modality are not touched.

    Args:
        net: The network.
        modality: The modality of the images.
    """

    def __init__(self, net: SharedEmbeddingNet, modality: Modality) -> None:
        super().__init__()
        features = net.features
        self.encoder = features.rgb_encoder if modality == "rgb" else features.depth_encoder
        self.mapper = features.dense_mappers[modality]
        self.head = net.head
        self.eval()

    def forward(self, image: Tensor, intrinsics: Tensor | None = None) -> Tensor:
        """(B, 3, H, W) normalized images to (B, C, H, W) class scores; intrinsics play no part."""
        scores: Tensor = self.head(self.mapper(self.encoder(image)))
        return scores
