from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from hcmoco_bench.losses import bank_contrast as room
from hcmoco_bench.losses.bank_contrast import bank_contrast

WAYS = pytest.mark.parametrize("dense", [True, False])


def units(*shape: int, seed: int = 0) -> Tensor:
    return functional.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


def draw(n: int, batch: int, negatives: int) -> Tensor:
    return torch.randint(n, (batch, 1 + negatives), generator=torch.Generator().manual_seed(5))


def plain(anchors: Tensor, bank: Tensor, candidates: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """The plain gather, in double precision."""
    logits = torch.einsum("mbd,bkd->mbk", anchors.double(), bank.double()[candidates]) / temperature
    rivals = logits.masked_fill(candidates == candidates[:, :1], -torch.inf)
    return -logits.log_softmax(2)[..., 0], logits[..., 0] > rivals.amax(2)


@WAYS
@pytest.mark.parametrize("floats", [1, 1000, 1 << 20], ids=["one by one", "some", "all at once"])
@pytest.mark.parametrize(
    ("rows", "negatives"), [(500, 40), (7, 60), (1, 3)], ids=["many rows", "rows come often", "one row"]
)
def test_equals_the_plain_gather(
    dense: bool, floats: int, rows: int, negatives: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_BUFFER", {"cpu": floats})
    anchors, bank, candidates = units(2, 9, 16).requires_grad_(), units(rows, 16, seed=1), draw(rows, 9, negatives)
    weights = torch.rand(2, 9)
    losses, first = bank_contrast(anchors, bank, candidates, temperature=0.07, dense=dense)
    (found,) = torch.autograd.grad((losses * weights).sum(), anchors)
    expected, expected_first = plain(anchors, bank, candidates, 0.07)
    (gradient,) = torch.autograd.grad((expected * weights).sum(), anchors)
    torch.testing.assert_close(losses.double(), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found, gradient, rtol=1e-5, atol=1e-5)
    assert first.tolist() == expected_first.tolist()


@WAYS
def test_an_anchor_at_its_positive_ranks_first_though_the_positive_is_drawn_again(dense: bool) -> None:
    bank = units(50, 8)
    candidates = draw(50, 6, 30)
    candidates[:, 7] = candidates[:, 0]
    losses, first = bank_contrast(bank[candidates[:, 0]][None], bank, candidates, temperature=0.07, dense=dense)
    assert first.all()
    assert (losses > 0.69).all()  # at least one rival is as near: log 2


@WAYS
@pytest.mark.parametrize("scale", [1e-3, 50.0, 1e4])
def test_logits_of_any_size_are_finite(dense: bool, scale: float) -> None:
    """Embeddings are unit vectors by contract; a method that forgets it gets large losses, not nan."""
    anchors, bank, candidates = (scale * units(1, 4, 8)).requires_grad_(), units(30, 8, seed=1), draw(30, 4, 20)
    losses, _ = bank_contrast(anchors, bank, candidates, temperature=0.07, dense=dense)
    expected, _ = plain(anchors, bank, candidates, 0.07)
    torch.testing.assert_close(losses.double(), expected, rtol=1e-4, atol=1e-4)
    losses.sum().backward()
    assert anchors.grad.isfinite().all()


@WAYS
def test_no_anchor(dense: bool) -> None:
    anchors = torch.zeros(2, 0, 8, requires_grad=True)
    losses, first = bank_contrast(anchors, units(10, 8), draw(10, 0, 4), temperature=0.07, dense=dense)
    losses.sum().backward()
    assert losses.shape == first.shape == (2, 0)
    assert anchors.grad.shape == anchors.shape


@WAYS
def test_is_in_full_precision_under_autocast(dense: bool) -> None:
    anchors, bank, candidates = units(1, 4, 16).bfloat16(), units(30, 16, seed=1), draw(30, 4, 20)
    with torch.autocast("cpu", torch.bfloat16):
        losses, _ = bank_contrast(anchors.requires_grad_(), bank, candidates, temperature=0.07, dense=dense)
    losses.sum().backward()
    torch.testing.assert_close(losses.double(), plain(anchors.float(), bank, candidates, 0.07)[0], rtol=1e-5, atol=1e-5)
    assert anchors.grad.dtype == torch.bfloat16


def test_the_cheaper_way_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    for name in ("_gather", "_multiply"):
        way = getattr(room, name)
        monkeypatch.setattr(room, name, lambda *args, name=name, way=way: (taken.append(name), way(*args))[1])
    for rows in (20, 2000):
        bank_contrast(units(1, 2, 8), units(rows, 8), draw(rows, 2, 20), temperature=0.07)
    assert taken == ["_multiply", "_gather"]
