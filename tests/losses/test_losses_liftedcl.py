"""LiftedCL's losses: the published alignment in every kind of overlap, plain loops, cross entropy, and the queue."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from hcmoco_bench.errors import UsageError
from hcmoco_bench.losses.liftedcl.adversarial import discriminator_losses, lifting_loss
from hcmoco_bench.losses.liftedcl.alignment import align_cells, overlap_cells
from hcmoco_bench.losses.liftedcl.key_queue import KeyQueue
from hcmoco_bench.losses.liftedcl.queue_contrast import queue_logits, queue_losses


class Views:
    """Pairs of maps with their boxes, and their alignment."""

    def __init__(self, maps: tuple[Tensor, Tensor], crops: tuple[Tensor, Tensor], side: int = 16) -> None:
        self.query, self.key = maps
        self.crops, self.side = crops, side

    def align(self):
        (query, key) = self.crops
        return align_cells(
            self.query,
            self.key,
            query_boxes=query[:, :4],
            key_boxes=key[:, :4],
            query_flipped=query[:, 4] > 0,
            key_flipped=key[:, 4] > 0,
            side=self.side,
        )


@pytest.mark.oracle
class TestPublishedAlignment:
    @pytest.fixture
    def arrays(self, oracle: Path) -> dict[str, np.ndarray]:
        with np.load(oracle / "liftedcl_alignment.npz", allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}

    @pytest.fixture
    def views(self, arrays: dict[str, np.ndarray]) -> Views:
        maps = (torch.tensor(arrays["query_map"], requires_grad=True), torch.tensor(arrays["key_map"]))
        crops = (torch.tensor(arrays["query_crop"]), torch.tensor(arrays["key_crop"]))
        return Views(maps, crops, int(arrays["grid"]))

    def test_cells(self, arrays: dict[str, np.ndarray], views: Views) -> None:
        sizes = [(maps.shape[2], maps.shape[3]) for maps in (views.query, views.key)]
        query, key = (crop[:, :4] for crop in views.crops)
        found = overlap_cells(query, key, query_size=sizes[0], key_size=sizes[1])
        wrong = [
            str(arrays["case"][pair])
            for pair in range(len(query))
            if bool(found.valid[pair]) != bool(arrays["valid"][pair])
            or (
                arrays["valid"][pair]
                and not (
                    (found.query[pair].numpy() == arrays["query_cells"][pair]).all()
                    and (found.key[pair].numpy() == arrays["key_cells"][pair]).all()
                )
            )
        ]
        assert not wrong
        assert {"touching", "empty_in_both", "same_crop", "one_cell"} <= set(arrays["case"].tolist())

    def test_grids_logits_losses_and_gradient(self, arrays: dict[str, np.ndarray], views: Views) -> None:
        found, temperature = views.align(), float(arrays["temperature"])
        close(found.query, arrays["query_grid"], 1e-5)
        close(found.key, arrays["key_grid"], 1e-5)
        close((found.query * found.key).sum(1, keepdim=True), arrays["positive"], 1e-5)
        queue = torch.tensor(arrays["queue"]).T.contiguous()
        rows = torch.tensor(arrays["logit_rows"]).long()
        logits = queue_logits(found.query[rows], found.key[rows], queue, temperature=temperature)
        close(logits, arrays["logits"], 1e-5)
        losses, _ = queue_losses(found.query, found.key, queue, temperature=temperature)
        close(losses.view(len(found.valid), -1).mean(1), arrays["pair_loss"], 1e-5)
        assert float(losses.mean().detach()) == pytest.approx(float(arrays["dense_loss"]), abs=1e-5)
        invalid = losses.view(len(found.valid), -1)[~found.valid]
        close(invalid, np.full(invalid.shape, math.log(len(queue) + 1), np.float32), 1e-5)
        losses.mean().backward()
        expected = arrays["grad_query_map"]
        close(views.query.grad, expected, 2e-5 * float(np.abs(expected).max()))
        assert not found.key.requires_grad


def plainly_aligned(maps: Tensor, cells: Tensor, valid: Tensor, flipped: Tensor, side: int) -> Tensor:
    """One pair at a time, with PyTorch's own resizing."""
    found = []
    for row in range(len(maps)):
        if not valid[row]:
            found.append(torch.zeros(side * side, maps.shape[1]))
            continue
        upright = maps[row].flip(-1) if flipped[row] else maps[row]
        top, bottom, left, right = cells[row].tolist()
        part = upright[None, :, top:bottom, left:right]
        grid = functional.interpolate(part, (side, side), mode="bilinear", align_corners=True)
        found.append(functional.normalize(grid[0].flatten(1).T, dim=1))
    return torch.cat(found)


@given(seed=st.integers(0, 2**31), side=st.integers(2, 9), size=st.tuples(st.integers(1, 9), st.integers(1, 9)))
@settings(max_examples=40, deadline=None)
def test_aligned_at_once_is_aligned_one_by_one(seed: int, side: int, size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randn(2, 6, 3, *size, generator=generator)
    boxes = torch.randint(0, 40, (2, 6, 4), generator=generator).float()
    boxes[..., 2:] += 1
    flipped = torch.rand(2, 6, generator=generator) > 0.5
    crops = tuple(torch.cat([box, flip[:, None].float()], 1) for box, flip in zip(boxes, flipped, strict=True))
    found = Views((maps[0], maps[1]), crops, side).align()
    ranges = overlap_cells(boxes[0], boxes[1], query_size=size, key_size=size)
    for own, which, cells in ((found.query, 0, ranges.query), (found.key, 1, ranges.key)):
        plain = plainly_aligned(maps[which], cells, ranges.valid, flipped[which], side)
        torch.testing.assert_close(own, plain, rtol=0, atol=3e-5)


def test_the_same_crop_mirrored_shows_the_same_places() -> None:
    maps = torch.randn(3, 5, 8, 6, generator=torch.Generator().manual_seed(0))
    box = torch.tensor([[3.0, 5.0, 70.0, 50.0]]).expand(3, -1)
    plain, mirrored = (torch.cat([box, torch.full((3, 1), flip)], 1) for flip in (0.0, 1.0))
    found = Views((maps, maps.flip(-1)), (plain, mirrored)).align()
    torch.testing.assert_close(found.query, found.key)
    assert found.valid.all()


def test_losses_and_gradients_are_those_of_cross_entropy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hcmoco_bench.losses.liftedcl.queue_contrast._FLOATS", {"cpu": 100, "gpu": 100})
    generator = torch.Generator().manual_seed(0)
    units = [functional.normalize(torch.randn(n, 6, generator=generator), dim=1) for n in (17, 17, 30)]
    units[0][3] = units[1][3] = 0.0  # a pair without a common cell
    queries = units[0].clone().requires_grad_()
    weight = torch.rand(17, generator=generator)
    losses, first = queue_losses(queries, units[1], units[2], temperature=0.2)
    (weight * losses).sum().backward()
    plain = units[0].clone().requires_grad_()
    logits = queue_logits(plain, units[1], units[2], temperature=0.2)
    expected = functional.cross_entropy(logits, torch.zeros(17, dtype=torch.long), reduction="none")
    (weight * expected).sum().backward()
    torch.testing.assert_close(losses, expected)
    torch.testing.assert_close(queries.grad, plain.grad)
    assert first.tolist() == (logits.argmax(1) == 0).tolist()


def test_losses_are_float32_under_autocast() -> None:
    generator = torch.Generator().manual_seed(0)
    units = [functional.normalize(torch.randn(8, 6, generator=generator), dim=1) for _ in range(3)]
    expected, _ = queue_losses(*units, temperature=0.2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, _ = queue_losses(*units, temperature=0.2)
    assert found.equal(expected)


class TestQueue:
    def test_takes_batches_in_and_replaces_the_oldest(self) -> None:
        queue = KeyQueue(6, 2, generator=torch.Generator().manual_seed(0))
        before = queue.rows.clone()
        assert torch.linalg.vector_norm(before, dim=1) == pytest.approx(1.0)
        for number in range(4):
            queue.enqueue(torch.full((2, 2), float(number)))
        assert queue.rows[:, 0].tolist() == [3.0, 3.0, 1.0, 1.0, 2.0, 2.0]
        assert int(queue.pointer) == 2

    def test_refuses_a_batch_that_would_be_split(self) -> None:
        queue = KeyQueue(10, 2, generator=torch.Generator())
        with pytest.raises(UsageError, match=r"queue of 10 keys is no multiple of the batch of 4.*8 or 12"):
            queue.enqueue(torch.zeros(4, 2))
        with pytest.raises(UsageError, match=r"set queue to 16"):
            queue.enqueue(torch.zeros(16, 2))

    def test_continues_from_its_state(self) -> None:
        queue, other = (KeyQueue(6, 2, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
        queue.enqueue(torch.ones(4 - 1, 2))
        other.load_state_dict(queue.state_dict())
        for one in (queue, other):
            one.enqueue(torch.full((3, 2), 2.0))
        assert queue.rows.equal(other.rows)
        assert int(other.pointer) == 0

    def test_needs_rows(self) -> None:
        with pytest.raises(ValueError, match="needs rows"):
            KeyQueue(0, 2, generator=torch.Generator())


def test_the_game_of_least_squares() -> None:
    lifted, real = torch.tensor([0.0, 1.0, 3.0]), torch.tensor([1.0, 0.5])
    assert float(lifting_loss(lifted)) == pytest.approx(5 / 3)
    fake, true = discriminator_losses(lifted, real)
    assert float(fake) == pytest.approx(10 / 3)
    assert float(true) == pytest.approx(0.125)


def close(found: Tensor, expected: np.ndarray, tolerance: float) -> None:
    torch.testing.assert_close(found.detach(), torch.tensor(expected), rtol=0, atol=tolerance)
