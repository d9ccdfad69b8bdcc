from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from hcmoco_bench.losses import dense_loss
from hcmoco_bench.losses.dense import _draw_points


def maps(n: int = 3, *, size: int = 10, channels: int = 6) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    rgb, depth = torch.randn(2, n, channels, size, size, generator=generator)
    return rgb.clone().requires_grad_(), depth.clone().requires_grad_()


def person(n: int = 3) -> Tensor:
    """In an input of 40x40 px, for maps of stride 4."""
    mask = torch.zeros(n, 40, 40, dtype=torch.bool)
    mask[:, 8:30, 12:28] = True
    return mask


def everywhere(n: int = 3) -> Tensor:
    return torch.ones(n, dtype=torch.bool)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("soft", [True, False])
def test_equals_eq_3_written_out(soft: bool) -> None:
    rgb, depth = maps(1)
    points = [33, 34, 57, 34]  # one comes twice
    term = dense_loss(rgb, depth, person(1), everywhere(1), soft=soft, point_index=torch.tensor([points]))
    a, b = (
        functional.normalize(one[0], dim=0).flatten(1).T.double().tolist() for one in (rgb.detach(), depth.detach())
    )
    total = 0.0
    for one, other in ((a, b), (b, a)):
        for i, p in enumerate(points):
            weights = [math.exp(-math.hypot(p // 10 - q // 10, p % 10 - q % 10)) for q in points]
            target = [w / sum(weights) for w in weights] if soft else [float(i == j) for j in range(len(points))]
            logits = [sum(x * y for x, y in zip(one[p], other[q], strict=True)) / 0.07 for q in points]
            normalizer = math.log(sum(map(math.exp, logits)))
            total += sum(w * (normalizer - logit) for w, logit in zip(target, logits, strict=True)) / len(points)
    assert term.value.item() == pytest.approx(total, rel=1e-5)
    assert int(term.count) == 8


@pytest.mark.parametrize("soft", [True, False])
def test_gradients_by_differences(soft: bool) -> None:
    """Of the function in float32; central differences along random directions."""
    rgb, depth = maps(2)
    index = torch.randint(100, (2, 12), generator=seeded())

    def value(a: Tensor, b: Tensor) -> Tensor:
        return dense_loss(a, b, person(2), everywhere(2), soft=soft, temperature=0.5, point_index=index).value

    gradients = torch.autograd.grad(value(rgb, depth), (rgb, depth))
    along = [torch.randn(rgb.shape, generator=seeded(seed)) for seed in (1, 2)]
    step = 1e-2
    with torch.no_grad():
        up = value(rgb + step * along[0], depth + step * along[1])
        down = value(rgb - step * along[0], depth - step * along[1])
    expected = sum(float((g * d).sum()) for g, d in zip(gradients, along, strict=True))
    assert float(up - down) / (2 * step) == pytest.approx(expected, rel=2e-2, abs=2e-3)


def test_equal_maps_of_distinct_features_are_found_exactly() -> None:
    features = torch.eye(100).view(1, 100, 10, 10)
    term = dense_loss(features, features, person(1), everywhere(1), soft=False, generator=seeded())
    assert float(term.accuracy) == 1
    other = features.flip(2)
    assert float(dense_loss(features, other, person(1), everywhere(1), generator=seeded()).accuracy) < 0.2


def test_points_are_drawn_on_the_person_uniformly_and_reproducibly() -> None:
    mask = torch.zeros(2, 50, dtype=torch.bool)
    mask[0, [0, 7, 8, 49]] = True
    mask[1, 13] = True
    cells = _draw_points(mask, 8000, seeded())
    assert cells[1].eq(13).all()
    count = torch.bincount(cells[0], minlength=50)
    assert count.nonzero()[:, 0].tolist() == [0, 7, 8, 49]
    assert (count[mask[0]] - 2000).abs().max() < 200  # five standard deviations
    assert cells.equal(_draw_points(mask, 8000, seeded()))
    assert not cells.equal(_draw_points(mask, 8000, seeded(1)))


def test_gradient_stays_on_the_person_of_valid_images() -> None:
    rgb, depth = maps(4)
    mask = person(4)
    mask[2] = False
    valid = torch.tensor([True, False, True, True])
    term = dense_loss(rgb, depth, mask, valid, generator=seeded())
    assert int(term.count) == 2 * 2 * 400
    term.value.backward()
    inside = mask[:, ::4, ::4] & valid[:, None, None]
    for gradient in (rgb.grad, depth.grad):
        assert gradient.isfinite().all()
        assert gradient.abs().sum(1)[~inside].eq(0).all()
        assert gradient.abs().sum(1)[inside].gt(0).float().mean() > 0.9


@pytest.mark.parametrize(("soft", "why"), list(itertools.product([True, False], ["no depth", "nobody", "no image"])))
def test_nothing_to_learn(soft: bool, why: str) -> None:
    n = 0 if why == "no image" else 2
    rgb, depth = maps(n)
    mask = torch.zeros_like(person(n)) if why == "nobody" else person(n)
    valid = torch.zeros(n, dtype=torch.bool) if why == "no depth" else everywhere(n)
    term = dense_loss(rgb, depth, mask, valid, soft=soft, generator=seeded())
    term.value.backward()
    assert term.value.item() == 0
    assert int(term.count) == 0
    assert term.accuracy.isnan()
    assert rgb.grad.eq(0).all()
    assert depth.grad.eq(0).all()


def test_one_cell_has_nothing_to_tell_apart() -> None:
    """All points fall on one cell: the loss is that of guessing, the gradient nothing."""
    rgb, depth = maps(1)
    mask = torch.zeros(1, 40, 40, dtype=torch.bool)
    mask[0, 12, 20] = True
    term = dense_loss(rgb, depth, mask, everywhere(1), points=50, generator=seeded())
    term.value.backward()
    assert term.value.item() == pytest.approx(2 * math.log(50), rel=1e-5)
    torch.testing.assert_close(rgb.grad, torch.zeros_like(rgb), atol=1e-5, rtol=0)


def test_half_precision_and_channels_last() -> None:
    rgb, depth = maps()
    expected = dense_loss(rgb.bfloat16(), depth.bfloat16(), person(), everywhere(), generator=seeded())
    last = (one.detach().bfloat16().to(memory_format=torch.channels_last) for one in (rgb, depth))
    with torch.autocast("cpu", torch.bfloat16):
        found = dense_loss(*last, person(), everywhere(), generator=seeded())
    assert found.value.dtype == torch.float32
    torch.testing.assert_close(found.value, expected.value)
