"""The encoders of the three modalities with their mappers, from a batch to the embeddings that are compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from hcmoco_bench.body.joints import JointSet
from hcmoco_bench.data.batch import Batch
from hcmoco_bench.data.normalize import normalize_depth, normalize_joints, normalize_rgb
from hcmoco_bench.models.encoder import Encoder
from hcmoco_bench.models.mappers import KeypointMapper, normalize
from hcmoco_bench.models.semgcn import SemGCN

MODALITIES = ("rgb", "depth", "keypoints")
KEYPOINT_WIDTH = 128


@dataclass(frozen=True)
class Embeddings:
    """Embeddings of a batch of B samples, float32, of length 1; zeros where a missing modality was not encoded.

    Attributes:
        global_: By modality (`rgb`, `depth`, `keypoints`): (B, dim), all in one space.
        maps: By `rgb` and `depth`: (B, dim, h, w) dense embeddings; empty if they were not asked for.
        keypoints: (B, J, 128) sparse embeddings of the joints.
        fine: By `rgb` and `depth`: (B, dim) in the fine space; only of a model that has one.
    """

    global_: dict[str, Tensor]
    maps: dict[str, Tensor]
    keypoints: Tensor
    fine: dict[str, Tensor] = field(default_factory=dict)


class MultiModalModel(nn.Module):
    """Encoders and mappers of RGB, depth and 2-D keypoints (the paper's section 3.4).

    Only samples that have a modality go through its encoder, so that missing images do not bend batch statistics and
    cost nothing; for depth the authors' way, zeros through the encoder, can be had.

    Args:
        rgb_encoder: Takes images.
        depth_encoder: Takes depth repeated to three channels, or depth as points, as its `input` says.
        joints: The joint set; its graph is that of the keypoint encoder.
        dim: Length of the embeddings.
        coarse: Whether RGB and depth are compared in a fine space, and reach from it a coarse one that keypoints share
            (MMV).
        share_batch_statistics: The encoders talk to those of other processes; each then runs even without a sample.
        absent_depth: Whether samples without depth stay out of the depth encoder (`skip`) or go through it and its
            batch norm as zeros (`zeros`).
    """

    def __init__(
        self,
        rgb_encoder: Encoder,
        depth_encoder: Encoder,
        joints: JointSet,
        *,
        dim: int = 128,
        coarse: bool = False,
        share_batch_statistics: bool = False,
        absent_depth: Literal["skip", "zeros"] = "skip",
    ) -> None:
        super().__init__()
        self.rgb_encoder, self.depth_encoder = rgb_encoder, depth_encoder
        self.keypoint_encoder = SemGCN(len(joints), joints.edges, out_dim=KEYPOINT_WIDTH)
        self.global_mappers = nn.ModuleDict()
        self.dense_mappers = nn.ModuleDict()
        for name, encoder in (("rgb", rgb_encoder), ("depth", depth_encoder)):
            self.global_mappers[name] = encoder.make_global_mapper(dim)
            self.dense_mappers[name] = encoder.make_dense_mapper(dim)
        self.keypoint_mapper = KeypointMapper(KEYPOINT_WIDTH, dim)
        self.coarse_mapper = nn.Linear(dim, dim) if coarse else None
        self.dim, self.share_batch_statistics = dim, share_batch_statistics
        self.absent_depth = absent_depth

    @property
    def strides(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Input pixels per cell of the maps of the RGB and of the depth encoder, finest first."""
        return self.rgb_encoder.strides, self.depth_encoder.strides

    def forward(self, batch: Batch, *, dense: bool = True) -> Embeddings:
        """Embed a batch.

        Args:
            batch: B samples.
            dense: Whether to make the maps too.
        """
        rgb, rgb_map = self._images("rgb", batch, batch.has_rgb, dense)
        encoded = torch.ones_like(batch.has_depth) if self.absent_depth == "zeros" else batch.has_depth
        depth, depth_map = self._images("depth", batch, encoded, dense)
        skeleton = batch.joints if batch.skeleton is None else batch.skeleton
        keypoints, sparse = self.keypoint_mapper(self.keypoint_encoder(normalize_joints(skeleton, batch.visible)))
        embeddings, fine = {"rgb": rgb, "depth": depth}, {}
        if self.coarse_mapper is not None:
            fine = embeddings
            embeddings = {name: normalize(self.coarse_mapper(value).float(), dim=1) for name, value in fine.items()}
        embeddings["keypoints"] = keypoints.float()
        maps = {}
        if rgb_map is not None and depth_map is not None:
            maps = {"rgb": rgb_map, "depth": depth_map}
        return Embeddings(embeddings, maps, sparse.float(), fine)

    def dense_map(self, name: str, image: Tensor, intrinsics: Tensor, foreground: Tensor) -> Tensor:
        """Dense embeddings of one modality alone.

        Args:
            name: `rgb` or `depth`.
            image: (B, 3, H, W) uint8, or (B, 1, H, W) meters.
            intrinsics: (B, 4), for depth as points.
            foreground: (B, H, W) bool, for depth as points.

        Returns:
            (B, dim, h, w) float32 of length 1.
        """
        dense: Tensor = self.dense_mappers[name](self._features(name, image, intrinsics, foreground))
        return dense.float()

    def _images(self, name: str, batch: Batch, present: Tensor, dense: bool) -> tuple[Tensor, Tensor | None]:
        """(B, dim) embeddings, and (B, dim, h, w) maps if asked for."""
        rows = present.nonzero()[:, 0]
        size, everything = len(present), len(rows) == len(present)
        if len(rows) == 0 and not (self.share_batch_statistics and self.training):
            return self._nothing(name, batch, dense)
        features = self._encode(name, batch, None if everything else rows)
        embedding = self.global_mappers[name](features).float()
        dense_map = self.dense_mappers[name](features).float() if dense else None
        if everything:
            return embedding, dense_map
        return _spread(embedding, rows, size), None if dense_map is None else _spread(dense_map, rows, size)

    def _encode(self, name: str, batch: Batch, rows: Tensor | None) -> Any:
        def chosen(tensor: Tensor) -> Tensor:
            return tensor if rows is None else tensor[rows]

        image = chosen(batch.rgb if name == "rgb" else batch.depth)
        return self._features(name, image, chosen(batch.intrinsics), chosen(batch.foreground))

    def _features(self, name: str, image: Tensor, intrinsics: Tensor, foreground: Tensor) -> Any:
        """What the encoder of a modality gives to its mappers."""
        encoder = self._encoder(name)
        if encoder.input == "image":
            image = normalize_rgb(image) if name == "rgb" else normalize_depth(image)
        return encoder.encode(image, intrinsics, foreground)

    def _encoder(self, name: str) -> Encoder:
        return self.rgb_encoder if name == "rgb" else self.depth_encoder

    def _nothing(self, name: str, batch: Batch, dense: bool) -> tuple[Tensor, Tensor | None]:
        """Zeros, for a batch in which no sample has the modality."""
        stride = self._encoder(name).strides[0]
        size, (height, width) = len(batch.has_rgb), batch.rgb.shape[-2:]
        device = batch.rgb.device
        embedding = torch.zeros(size, self.dim, device=device)
        if not dense:
            return embedding, None
        return embedding, torch.zeros(size, self.dim, -(-height // stride), -(-width // stride), device=device)


def _spread(values: Tensor, rows: Tensor, size: int) -> Tensor:
    """Values of some rows among zeros for the others."""
    return values.new_zeros(size, *values.shape[1:]).index_copy(0, rows, values)
