from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from hcmoco_bench.losses import MemoryBank, SampleLevelLoss

N, B, D = 60, 6, 8
MODALITIES = ("rgb", "depth", "keypoints")


@pytest.fixture
def bank() -> MemoryBank:
    return MemoryBank(N, D, MODALITIES, generator=torch.Generator().manual_seed(0))


def batch(n: int = B, seed: int = 1) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    rows = functional.normalize(torch.randn(3, n, D, generator=generator), dim=2)
    return {name: one.clone().requires_grad_() for name, one in zip(MODALITIES, rows, strict=True)}


def here(n: int = B, **absent: list[int]) -> dict[str, Tensor]:
    present = {name: torch.ones(n, dtype=torch.bool) for name in MODALITIES}
    for name, rows in absent.items():
        present[name][rows] = False
    return present


def run(embeddings, present, bank, *, negatives: int = 20, seed: int = 2):
    index = torch.arange(len(embeddings["rgb"])) * 3
    generator = torch.Generator().manual_seed(seed)
    return SampleLevelLoss(negatives)(embeddings, present, index, bank, generator=generator)


def test_six_directed_pairs_and_one_of_two_modalities(bank: MemoryBank) -> None:
    embeddings = batch()
    terms = run(embeddings, here(), bank)
    assert set(terms) == {f"{a}->{b}" for a in MODALITIES for b in MODALITIES if a != b}
    assert all(int(term.count) == B for term in terms.values())
    del embeddings["keypoints"]
    assert set(run(embeddings, here(), bank)) == {"rgb->depth", "depth->rgb"}


def test_by_hand() -> None:
    """One anchor at right angles to one negative, and at its positive."""
    bank = MemoryBank(2, 2, ("rgb", "depth"), generator=torch.Generator())
    for name in ("rgb", "depth"):
        bank.bank(name).copy_(torch.eye(2))
    embeddings = {"rgb": torch.tensor([[1.0, 0.0]]), "depth": torch.tensor([[0.0, 1.0]])}
    present = dict.fromkeys(embeddings, torch.tensor([True]))
    terms = SampleLevelLoss(1, temperature=0.5)(
        embeddings, present, torch.tensor([0]), bank, generator=None, candidates=torch.tensor([[0, 1]])
    )
    assert float(terms["rgb->depth"].value) == pytest.approx(math.log(1 + math.exp(-2)))
    assert float(terms["rgb->depth"].accuracy) == 1
    assert float(terms["depth->rgb"].value) == pytest.approx(math.log(1 + math.exp(2)))
    assert float(terms["depth->rgb"].accuracy) == 0


def test_missing_modalities_mask_their_pairs_only(bank: MemoryBank) -> None:
    present = here(depth=[1, 4], keypoints=[4])
    embeddings = batch()
    with torch.no_grad():
        embeddings["depth"][1] = torch.nan  # what an encoder makes of nothing
    terms = run(embeddings, present, bank)
    assert {name: int(term.count) for name, term in terms.items()} == {
        "rgb->depth": 4,
        "depth->rgb": 4,
        "rgb->keypoints": 5,
        "keypoints->rgb": 5,
        "depth->keypoints": 4,
        "keypoints->depth": 4,
    }
    sum(term.value for term in terms.values()).backward()
    assert all(one.grad.isfinite().all() for one in embeddings.values())
    assert (embeddings["depth"].grad.norm(dim=1) > 0).tolist() == present["depth"].tolist()
    assert (embeddings["keypoints"].grad.norm(dim=1) > 0).tolist() == present["keypoints"].tolist()
    # A sample with RGB alone has nobody to be compared with.
    assert (embeddings["rgb"].grad.norm(dim=1) > 0).tolist() == [True, True, True, True, False, True]


@pytest.mark.parametrize("n", [1, B])
def test_no_depth_anywhere(bank: MemoryBank, n: int) -> None:
    embeddings = batch(n)
    terms = run(embeddings, here(n, depth=list(range(n))), bank)
    for name, term in terms.items():
        assert (float(term.value) == 0 and term.accuracy.isnan()) == ("depth" in name)
    sum(term.value for term in terms.values()).backward()
    assert embeddings["depth"].grad.eq(0).all()
    assert embeddings["rgb"].grad.isfinite().all()
    assert embeddings["rgb"].grad.ne(0).any()


def test_the_draw() -> None:
    loss = SampleLevelLoss(5000)
    index = torch.tensor([4, 0, 9])
    candidates = loss.draw(index, 10, torch.Generator().manual_seed(0))
    assert candidates.shape == (3, 5001)
    assert candidates[:, 0].tolist() == index.tolist()
    assert not candidates[0, 1:].equal(candidates[1, 1:])
    for row in candidates[:, 1:]:
        share = torch.bincount(row, minlength=10) / 5000
        assert (share - 0.1).abs().max() < 0.03  # seven standard deviations
    assert candidates.equal(loss.draw(index, 10, torch.Generator().manual_seed(0)))
    assert not candidates.equal(loss.draw(index, 10, torch.Generator().manual_seed(1)))


def test_learning_it_brings_partners_together(bank: MemoryBank) -> None:
    """A few steps on free embeddings: the accuracy rises from chance to 1, and the loss falls."""
    generator = torch.Generator().manual_seed(0)
    free = {name: torch.randn(N, D, generator=generator).requires_grad_() for name in MODALITIES}
    optimizer = torch.optim.SGD(free.values(), lr=20.0)
    loss, index = SampleLevelLoss(30), torch.arange(N)
    history = []
    for _ in range(60):
        unit = {name: functional.normalize(one, dim=1) for name, one in free.items()}
        terms = loss(unit, here(N), index, bank, generator=generator)
        for name, one in unit.items():
            bank.update(name, index, one.detach(), here(N)[name])
        value = sum(term.value for term in terms.values())
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        history.append((float(value), min(float(term.accuracy) for term in terms.values())))
    assert history[0][1] < 0.3
    assert history[-1][1] > 0.95
    assert history[-1][0] < 0.5 * history[0][0]


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        SampleLevelLoss(0)
    with pytest.raises(ValueError, match="positive"):
        SampleLevelLoss(10, temperature=0.0)
