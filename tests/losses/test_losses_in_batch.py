from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from hcmoco_bench.losses import MemoryBank, SampleLevelLoss, in_batch_loss, in_batch_sample_level

MODALITIES = ("rgb", "depth", "keypoints")


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
    assert term.count.item() == 0
    assert math.isnan(float(term.accuracy))


def embeddings_of_all(n: int = 6, d: int = 8) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    drawn = torch.randn(3, n, d, generator=generator)
    return {
        name: functional.normalize(one, dim=1).requires_grad_() for name, one in zip(MODALITIES, drawn, strict=True)
    }


def test_sample_level_is_that_of_banks_which_hold_the_batch() -> None:
    embeddings = embeddings_of_all()
    n = len(embeddings["rgb"])
    present = dict.fromkeys(MODALITIES, torch.ones(n, dtype=torch.bool))
    bank = MemoryBank(n, 8, generator=torch.Generator().manual_seed(0))
    for name in MODALITIES:
        bank.bank(name).copy_(embeddings[name].detach())
    candidates = torch.stack([torch.arange(i, i + n) % n for i in range(n)])  # each sample's own row, then the others
    banked = SampleLevelLoss(n - 1, temperature=0.2)(
        embeddings, present, torch.arange(n), bank, generator=None, candidates=candidates
    )
    within = in_batch_sample_level(embeddings, present, temperature=0.2)
    assert set(within) == set(banked)
    for pair, term in within.items():
        torch.testing.assert_close(term.value, banked[pair].value)
        assert float(term.accuracy) == float(banked[pair].accuracy)
        assert int(term.count) == n
    rgb_to_depth = torch.autograd.grad(within["rgb->depth"].value, embeddings.values(), allow_unused=True)
    to_anchors, to_partners, to_others = rgb_to_depth
    (from_bank,) = torch.autograd.grad(banked["rgb->depth"].value, [embeddings["rgb"]])
    # what is left of the gradient once the part along the embedding, which has length 1, is taken out
    along = (from_bank * embeddings["rgb"]).sum(1, keepdim=True) * embeddings["rgb"]
    torch.testing.assert_close(to_anchors, from_bank - along)
    assert to_partners.ne(0).any(), "partners learn too, unlike rows of a bank"
    assert to_others is None


def test_sample_level_leaves_out_who_lacks_a_modality() -> None:
    embeddings = embeddings_of_all()
    has_depth = torch.tensor([True, False, True, True, False, True])
    everyone = torch.ones_like(has_depth)
    present = {"rgb": everyone, "depth": has_depth, "keypoints": everyone}
    terms = in_batch_sample_level(embeddings, present, temperature=0.2)
    logits = embeddings["keypoints"][has_depth] @ embeddings["depth"][has_depth].T / 0.2
    expected = functional.cross_entropy(logits, torch.arange(4))
    torch.testing.assert_close(terms["keypoints->depth"].value, expected)
    assert {pair: int(term.count) for pair, term in terms.items()} == {
        pair: 4 if "depth" in pair else 6 for pair in terms
    }
    torch.autograd.backward([term.value for term in terms.values()])
    assert embeddings["depth"].grad.ne(0).any(1).tolist() == has_depth.tolist()
    nobody = dict.fromkeys(MODALITIES, torch.zeros_like(has_depth))
    assert all(term.value.item() == 0 for term in in_batch_sample_level(embeddings, nobody).values())
