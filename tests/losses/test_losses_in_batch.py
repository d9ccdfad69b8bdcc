from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from hcmoco_bench.losses import in_batch_loss


def pair(n: int = 6, d: int = 8) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(n, d, generator=generator).requires_grad_() for _ in range(2)]


def test_equals_cross_entropy_both_ways() -> None:
    a, b = pair()
    present = torch.tensor([True, True, False, True, True, True])
    term = in_batch_loss(a, b, present, temperature=0.1)
    logits = functional.normalize(a, dim=1)[present] @ functional.normalize(b, dim=1)[present].T / 0.1
    labels = torch.arange(5)
    expected = (functional.cross_entropy(logits, labels) + functional.cross_entropy(logits.T, labels)) / 2
    torch.testing.assert_close(term.value, expected)
    assert int(term.count) == 10
    hits = torch.cat([logits.argmax(1) == labels, logits.argmax(0) == labels])
    assert float(term.accuracy) == pytest.approx(float(hits.float().mean()))
    term.value.backward()
    assert (a.grad.norm(dim=1) > 0).tolist() == present.tolist()


def test_partners_that_agree_are_found() -> None:
    a, _ = pair()
    assert float(in_batch_loss(a, 3 * a, torch.ones(6, dtype=torch.bool)).accuracy) == 1


@pytest.mark.parametrize("n", [0, 3])
def test_nobody(n: int) -> None:
    a, b = pair(n)
    term = in_batch_loss(a, b, torch.zeros(n, dtype=torch.bool))
    term.value.backward()
    assert term.value.item() == 0
    assert term.accuracy.isnan()
    assert a.grad.eq(0).all()


def test_one_sample_has_no_negatives() -> None:
    a, b = pair(1)
    term = in_batch_loss(a, b, torch.ones(1, dtype=torch.bool))
    term.value.backward()
    assert term.value.item() == pytest.approx(0, abs=1e-6)
    torch.testing.assert_close(a.grad, torch.zeros_like(a))
    assert not math.isnan(float(term.accuracy))
