"""The learning rate at hand-computed places."""

from __future__ import annotations

import math

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


def test_the_rate_of_an_epoch_is_that_of_its_start_or_end() -> None:
    by_step = rates(OptimizationSettings(lr=0.03), 4, 3)
    start = rates(OptimizationSettings(lr=0.03, schedule_at="epoch_start"), 4, 3)
    assert start == pytest.approx([by_step[step // 3 * 3] for step in range(12)])
    # the authors' rule: epochs are counted from 1, and the last one has the smallest rate
    published = [3e-5 + (0.03 - 3e-5) * (1 + math.cos(math.pi * epoch / 4)) / 2 for epoch in range(1, 5)]
    end = rates(OptimizationSettings(lr=0.03, schedule_at="epoch_end"), 4, 3)
    assert end == pytest.approx([published[step // 3] for step in range(12)])


def test_a_warm_up_rises_by_step_wherever_the_course_is_read() -> None:
    options = {"lr": 1.0, "schedule": "poly", "warmup_epochs": 1.5}
    for at in ("epoch_start", "epoch_end"):
        found = rates(OptimizationSettings(schedule_at=at, **options), 3, 2)
        assert found[:3] == pytest.approx([1 / 3, 2 / 3, 1.0])
        assert found[3:] == sorted(found[3:], reverse=True)
        assert found[4] == found[5] < 1


def test_steps_fall_between_epochs() -> None:
    step = OptimizationSettings(lr=1.0, schedule="step", step_epochs=2, step_factor=0.5)
    assert rates(step, 5, 2) == [1.0] * 4 + [0.5] * 4 + [0.25] * 2
    several = OptimizationSettings(
        lr=1.0, schedule="multistep", milestones=(1, 1.5), step_factor=0.1, warmup_epochs=0.5
    )
    assert rates(several, 2, 4) == pytest.approx([0.5, 1.0, 1.0, 1.0, 0.1, 0.1, 0.01, 0.01])
