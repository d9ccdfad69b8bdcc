"""The terms of the body's loss, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from hcmoco_bench.losses.body import BodyTensors, body_loss


@pytest.fixture
def true() -> BodyTensors:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(2, *shape, generator=generator)

    return BodyTensors(draw(5, 3, 3), draw(4), draw(14, 3), draw(14, 2), draw(30, 3))


def test_by_hand(true: BodyTensors) -> None:
    both = torch.tensor([True, True])
    assert all(float(value) == 0 for value in vars(body_loss(true, true, both)).values())
    moved = BodyTensors(
        true.rotations + 0.5,
        true.shape + torch.tensor([[1.0], [3.0]]),
        true.joints + 0.1,
        true.places - 0.2,
        true.vertices - 0.3,
    )
    loss = body_loss(moved, true, both)
    assert float(loss.pose) == pytest.approx(0.25)
    assert float(loss.shape) == pytest.approx((1 + 9) / 2)
    assert float(loss.joints3d) == pytest.approx(0.01, rel=1e-4)
    assert float(loss.joints2d) == pytest.approx(0.04, rel=1e-4)
    assert float(loss.vertices) == pytest.approx(0.3, rel=1e-4)


def test_shapes_of_another_model_do_not_count(true: BodyTensors) -> None:
    moved = replace(true, shape=(true.shape + torch.tensor([[1.0], [3.0]])).requires_grad_())
    loss = body_loss(moved, replace(true, shape=true.shape.clone()), torch.tensor([True, False]))
    assert float(loss.shape.detach()) == pytest.approx(1.0)
    loss.shape.backward()
    assert moved.shape.grad is not None
    assert (moved.shape.grad[1] == 0).all()
    lost = torch.full_like(true.shape, torch.nan)
    assert float(body_loss(moved, replace(true, shape=lost), torch.tensor([False, False])).shape.detach()) == 0
