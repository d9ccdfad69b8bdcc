"""Mappers: against the plain form of each embedding."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from hcmoco_bench.errors import UsageError
from hcmoco_bench.models.mappers import DenseMapper, GlobalMapper, KeypointMapper, normalize

CHANNELS = (4, 6, 8)


def pyramid() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    sizes = ((12, 20), (6, 10), (3, 5))
    return [torch.randn(2, c, *size, generator=generator) for c, size in zip(CHANNELS, sizes, strict=True)]


def test_global_embedding_is_pool_concatenate_project_normalize() -> None:
    mapper = GlobalMapper(CHANNELS, dim=16)
    pooled = torch.cat([m.flatten(2).mean(-1) for m in pyramid()], dim=1)
    expected = functional.normalize(mapper.projection(pooled), dim=1)
    torch.testing.assert_close(mapper(pyramid()), expected)
    torch.testing.assert_close(mapper(pyramid()).norm(dim=1), torch.ones(2))


def test_dense_embedding_is_enlarge_concatenate_convolve_normalize_with_its_gradients() -> None:
    mapper = DenseMapper(CHANNELS, dim=16).double()
    maps = [m.double().requires_grad_() for m in pyramid()]
    enlarged = [functional.interpolate(m, size=(12, 20), mode="bilinear", align_corners=False) for m in maps]
    plain = functional.normalize(mapper.projection(torch.cat(enlarged, dim=1)), dim=1)
    torch.testing.assert_close(mapper(maps), plain)
    weight = torch.randn_like(plain)
    inputs = [*maps, *mapper.parameters()]
    for own, reference in zip(
        torch.autograd.grad((mapper(maps) * weight).sum(), inputs),
        torch.autograd.grad((plain * weight).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(own, reference)


def test_dense_embedding_with_sides_that_do_not_halve() -> None:
    maps = [torch.randn(1, 4, 9, 15), torch.randn(1, 6, 5, 8), torch.randn(1, 8, 3, 4)]
    assert DenseMapper(CHANNELS, dim=8)(maps).shape == (1, 8, 9, 15)


def test_one_map_is_enough() -> None:
    assert DenseMapper([4], dim=8)(pyramid()[:1]).shape == (2, 8, 12, 20)
    assert GlobalMapper([4], dim=8)(pyramid()[:1]).shape == (2, 8)


def test_a_pyramid_of_another_height_is_refused() -> None:
    with pytest.raises(UsageError, match="takes 3 maps, not 2"):
        DenseMapper(CHANNELS)(pyramid()[:2])


def test_keypoint_embeddings() -> None:
    mapper = KeypointMapper(in_dim=6, dim=8)
    joints = torch.randn(3, 5, 6)
    sample, sparse = mapper(joints)
    torch.testing.assert_close(sample, functional.normalize(mapper.projection(joints.mean(1)), dim=1))
    torch.testing.assert_close(sparse, functional.normalize(joints, dim=2))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_zero_vector_stays_zero_with_finite_gradient(dtype: torch.dtype) -> None:
    features = torch.zeros(2, 4, dtype=dtype, requires_grad=True)
    result = normalize(features, dim=1)
    result.sum().backward()
    assert result.dtype == dtype
    assert not result.any()
    assert features.grad is not None
    assert features.grad.isfinite().all()
