"""The learning rate at hand-computed places."""

from __future__ import annotations

import pytest
import torch

from hcmoco_bench.training.schedule import cosine_factor, cosine_schedule


def test_half_a_cosine_from_one_to_the_final_factor() -> None:
    factors = [cosine_factor(step, total=100) for step in (0, 50, 100, 120)]
    assert factors == pytest.approx([1.0, 0.5005, 0.001, 0.001])


def test_warm_up_rises_in_even_steps() -> None:
    factors = [cosine_factor(step, total=14, warmup=4, final=0.0) for step in range(15)]
    assert factors[:5] == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0])
    assert factors[9] == pytest.approx(0.5)
    assert factors[14] == pytest.approx(0.0)


def test_the_scheduler_sets_the_optimisers_rate() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.03)
    scheduler = cosine_schedule(optimizer, total=4)
    rates = []
    for _ in range(4):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates == pytest.approx([0.03 * cosine_factor(step, total=4) for step in range(4)])
