"""The learning rate at hand-computed places."""

from __future__ import annotations

import pytest
import torch

from hcmoco_bench.training.schedule import cosine_factor, make_schedule, poly_factor
from hcmoco_bench.training.settings import OptimizationSettings


def test_half_a_cosine_from_one_to_the_final_factor() -> None:
    factors = [cosine_factor(step, total=100) for step in (0, 50, 100, 120)]
    assert factors == pytest.approx([1.0, 0.5005, 0.001, 0.001])


def test_warm_up_rises_in_even_steps() -> None:
    factors = [cosine_factor(step, total=14, warmup=4, final=0.0) for step in range(15)]
    assert factors[:5] == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0])
    assert factors[9] == pytest.approx(0.5)
    assert factors[14] == pytest.approx(0.0)


def test_poly_falls_to_nothing() -> None:
    factors = [poly_factor(step, total=100) for step in (0, 50, 99, 100, 101)]
    assert factors == pytest.approx([1.0, 0.5**0.9, 0.01**0.9, 0.0, 0.0])


def rates(options: OptimizationSettings, epochs: int, steps_per_epoch: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=options.lr)
    scheduler = make_schedule(optimizer, options, epochs=epochs, steps_per_epoch=steps_per_epoch)
    found = []
    for _ in range(epochs * steps_per_epoch):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def test_the_scheduler_sets_the_optimizers_rate() -> None:
    expected = [0.03 * cosine_factor(step, total=4) for step in range(4)]
    assert rates(OptimizationSettings(lr=0.03), 2, 2) == pytest.approx(expected)
    assert rates(OptimizationSettings(lr=0.5, schedule="constant"), 3, 1) == [0.5, 0.5, 0.5]


def test_steps_fall_between_epochs() -> None:
    step = OptimizationSettings(lr=1.0, schedule="step", step_epochs=2, step_factor=0.5)
    assert rates(step, 5, 2) == [1.0] * 4 + [0.5] * 4 + [0.25] * 2
    several = OptimizationSettings(
        lr=1.0, schedule="multistep", milestones=(1, 1.5), step_factor=0.1, warmup_epochs=0.5
    )
    assert rates(several, 2, 4) == pytest.approx([0.5, 1.0, 1.0, 1.0, 0.1, 0.1, 0.01, 0.01])
