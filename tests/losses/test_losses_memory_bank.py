from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from hcmoco_bench.losses import MemoryBank


def make(n: int = 20, seed: int = 0) -> MemoryBank:
    return MemoryBank(n, 4, ("rgb", "depth"), generator=torch.Generator().manual_seed(seed))


def test_rows_begin_as_different_unit_vectors() -> None:
    bank = make()
    rows = torch.cat([bank.bank("rgb"), bank.bank("depth")])
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(40))
    assert len(rows.unique(dim=0)) == 40
    assert bank.bank("rgb").equal(make().bank("rgb"))
    assert not bank.bank("rgb").equal(make(seed=1).bank("rgb"))


def test_update_by_hand() -> None:
    bank = MemoryBank(3, 2, ("rgb",), 0.75, generator=torch.Generator())
    bank.bank("rgb").copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]]))
    bank.update("rgb", torch.tensor([1]), torch.tensor([[1.0, 0.0]]), torch.tensor([True]))
    expected = torch.tensor([[1.0, 0.0], [0.25 / 0.625**0.5, 0.75 / 0.625**0.5], [0.6, 0.8]])
    torch.testing.assert_close(bank.bank("rgb"), expected)


def test_only_the_present_samples_of_that_modality_move() -> None:
    bank = make()
    before = {name: rows.clone() for name, rows in bank.state_dict().items()}
    index, present = torch.tensor([3, 5, 7]), torch.tensor([True, False, True])
    bank.update("depth", index, functional.normalize(torch.randn(3, 4), dim=1), present)
    moved = (bank.bank("depth") != before["bank_depth"]).any(1).nonzero()[:, 0]
    assert moved.tolist() == [3, 7]
    assert bank.bank("rgb").equal(before["bank_rgb"])


def test_nothing_present_moves_nothing_not_even_by_nan() -> None:
    bank = make()
    before = bank.bank("rgb").clone()
    bank.update("rgb", torch.tensor([1, 2]), torch.full((2, 4), torch.nan), torch.zeros(2, dtype=torch.bool))
    bank.update("rgb", torch.tensor([], dtype=torch.long), torch.zeros(0, 4), torch.zeros(0, dtype=torch.bool))
    assert bank.bank("rgb").equal(before)


def test_of_a_sample_that_comes_twice_the_last_one_present_counts() -> None:
    bank, other = make(), make()
    embeddings = functional.normalize(torch.randn(4, 4), dim=1)
    bank.update("rgb", torch.tensor([3, 9, 3, 3]), embeddings, torch.tensor([True, True, True, False]))
    other.update("rgb", torch.tensor([9, 3]), embeddings[1:3], torch.tensor([True, True]))
    assert bank.bank("rgb").equal(other.bank("rgb"))


def test_half_precision_embeddings_and_no_gradient() -> None:
    bank = make()
    embeddings = torch.randn(2, 4, dtype=torch.bfloat16, requires_grad=True)
    bank.update("rgb", torch.tensor([0, 1]), embeddings, torch.ones(2, dtype=torch.bool))
    assert bank.bank("rgb").dtype == torch.float32
    assert not bank.bank("rgb").requires_grad


def test_resumes_bit_by_bit(tmp_path) -> None:
    bank = make()
    steps = [(torch.randint(20, (6,)), functional.normalize(torch.randn(6, 4), dim=1)) for _ in range(4)]
    everywhere = torch.ones(6, dtype=torch.bool)
    for number, (index, embeddings) in enumerate(steps):
        if number == 2:
            torch.save(bank.state_dict(), tmp_path / "bank.pth")
        bank.update("rgb", index, embeddings, everywhere)
    resumed = make(seed=99)
    resumed.load_state_dict(torch.load(tmp_path / "bank.pth", weights_only=True))
    for index, embeddings in steps[2:]:
        resumed.update("rgb", index, embeddings, everywhere)
    assert resumed.bank("rgb").equal(bank.bank("rgb"))
    assert resumed.bank("depth").equal(bank.bank("depth"))


def test_what_makes_no_sense_is_refused() -> None:
    generator = torch.Generator()
    with pytest.raises(ValueError, match="rows"):
        MemoryBank(0, 4, generator=generator)
    with pytest.raises(ValueError, match="momentum"):
        MemoryBank(4, 4, momentum=1.0, generator=generator)
    with pytest.raises(ValueError, match="'infrared'; there are rgb, depth"):
        make().bank("infrared")
    with pytest.raises(RuntimeError, match="size mismatch"):
        make(21).load_state_dict(make().state_dict())
