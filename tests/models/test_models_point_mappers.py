"""Mappers of points: against the plain form of each embedding, for samples with and without points."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from hcmoco_bench.models.encoder import Encoder
from hcmoco_bench.models.mappers import DenseMapper, GlobalMapper
from hcmoco_bench.models.point_features import PointFeatures
from hcmoco_bench.models.point_mappers import PointDenseMapper, PointGlobalMapper

POINTS = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [9, 9, 9]]]).repeat(2, 1, 1)
TARGETS = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [0.5, 0, 0], [0, 0.5, 0], [0, 1, 0], [0, 0, 3]]]).repeat(2, 1, 1)


def some_points() -> PointFeatures:
    """Samples 0 and 2 of three; maps of two by three cells."""
    features = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0))
    return PointFeatures.at(features, POINTS, TARGETS, (2, 3), present=torch.tensor([0, 2]), size=3)


def plain_map(features: Tensor) -> Tensor:
    """(2, C, 4) features of the points to (2, C, 2, 3), cell by cell."""
    cells = []
    for target in TARGETS[0]:
        distance = (POINTS[0] - target).norm(dim=1)
        nearest = distance.argsort()[:3]
        weight = 1 / (distance[nearest] + 1e-8)
        cells.append((features[..., nearest] * weight / weight.sum()).sum(dim=-1))
    return torch.stack(cells, dim=-1).reshape(2, -1, 2, 3)


def test_features_come_back_to_the_cells_of_the_samples_that_have_points() -> None:
    points = some_points()
    maps = points.to_map()
    assert maps.shape == (3, 5, 2, 3)
    torch.testing.assert_close(maps[[0, 2]], plain_map(points.features))
    assert not maps[1].any()
    torch.testing.assert_close(points.pooled()[[0, 2]], points.features.mean(dim=2))
    assert not points.pooled()[1].any()


def test_the_global_embedding_pools_points_not_cells() -> None:
    torch.manual_seed(0)
    points, mapper = some_points(), PointGlobalMapper(5, 8)
    embedding = mapper(points)
    expected = functional.normalize(mapper.projection(points.features.mean(dim=2)), dim=1)
    torch.testing.assert_close(embedding[[0, 2]], expected)
    torch.testing.assert_close(embedding.norm(dim=1), torch.ones(3))


def test_the_dense_embedding_is_mapped_before_the_way_back() -> None:
    torch.manual_seed(0)
    points, mapper = some_points(), PointDenseMapper(5, 8)
    mapped = functional.conv1d(points.features, mapper.projection.weight)
    mean, variance = mapped.mean(dim=(0, 2)), mapped.var(dim=(0, 2), unbiased=False)
    mapped = ((mapped - mean[:, None]) / (variance[:, None] + 1e-5).sqrt()).relu()
    embedding = mapper(points)
    torch.testing.assert_close(embedding[[0, 2]], functional.normalize(plain_map(mapped), dim=1), rtol=1e-4, atol=1e-5)
    assert not embedding[1].any()
    assert (embedding >= 0).all()
    assert mapper.projection.bias is None


def test_an_encoder_that_says_nothing_has_the_mappers_of_its_pyramid() -> None:
    class Halves(Encoder):
        def __init__(self) -> None:
            super().__init__()
            self.channels, self.strides = (3, 3), (4, 8)

        def forward(
            self, image: Tensor, intrinsics: Tensor | None = None, foreground: Tensor | None = None
        ) -> tuple[Tensor, ...]:
            return functional.avg_pool2d(image, 4), functional.avg_pool2d(image, 8)

    encoder, image = Halves(), torch.rand(2, 3, 16, 16)
    torch.manual_seed(0)
    own = encoder.make_global_mapper(6), encoder.make_dense_mapper(6)
    torch.manual_seed(0)
    plain = GlobalMapper((3, 3), 6), DenseMapper((3, 3), 6)
    for mine, expected in zip(own, plain, strict=True):
        assert torch.equal(mine(encoder.encode(image)), expected(encoder(image)))
