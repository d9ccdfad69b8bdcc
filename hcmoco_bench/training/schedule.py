"""The learning rate over a stage: linear warm-up, then a half cosine, a polynomial, steps, or none of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from hcmoco_bench.training.settings import OptimizationSettings


def cosine_factor(step: int, *, total: int, warmup: int = 0, final: float = 0.001) -> float:
    """Factor on the base learning rate for a step, counted from 0.

    Rises linearly to 1 over `warmup` steps (the first step has 1 / warmup), then falls as
    `final + (1 - final) (1 + cos(pi t)) / 2`, t from 0 to 1 over the steps that are left; `final` from `total` on.

    Args:
        step: Optimizer steps done.
        total: Steps of the stage.
        warmup: Steps of warm-up, fewer than `total`.
        final: Factor at the end.
    """
    if step < warmup:
        return (step + 1) / warmup
    t = min(1.0, (step - warmup) / max(1, total - warmup))
    return final + (1 - final) * (1 + math.cos(math.pi * t)) / 2


def poly_factor(step: int, *, total: int, warmup: int = 0, power: float = 0.9) -> float:
    """Factor on the base learning rate: (1 - t)^power, t from 0 to 1 over the steps after the warm-up."""
    if step < warmup:
        return (step + 1) / warmup
    t = min(1.0, (step - warmup) / max(1, total - warmup))
    return float((1 - t) ** power)


def falling_factor(step: int, *, falls: Sequence[int], warmup: int = 0, factor: float = 0.1) -> float:
    """Factor on the base learning rate: `factor` to the number of `falls` (steps) that lie behind."""
    if step < warmup:
        return (step + 1) / warmup
    return float(factor ** sum(step >= fall for fall in falls))


def make_schedule(
    optimizer: Optimizer, settings: OptimizationSettings, *, epochs: int, steps_per_epoch: int
) -> LambdaLR:
    """Scheduler of a stage that sets the settings' factor of the optimizer's base rates.

    Call its `step` after each optimizer step. All parameter groups get the same factor.
    """
    factor = _factor(settings, epochs, steps_per_epoch)
    if settings.schedule_at == "step":
        return LambdaLR(optimizer, factor)
    warmup = _warmup(settings, steps_per_epoch)
    later = int(settings.schedule_at == "epoch_end")

    def by_epoch(step: int) -> float:
        place = step if step < warmup else max(warmup, (step // steps_per_epoch + later) * steps_per_epoch)
        return factor(place)

    return LambdaLR(optimizer, by_epoch)


def _warmup(settings: OptimizationSettings, steps_per_epoch: int) -> int:
    return round(settings.warmup_epochs * steps_per_epoch)


def _factor(settings: OptimizationSettings, epochs: int, steps_per_epoch: int) -> Callable[[int], float]:
    total, warmup = epochs * steps_per_epoch, _warmup(settings, steps_per_epoch)
    if settings.schedule == "cosine":
        return partial(cosine_factor, total=total, warmup=warmup, final=settings.final_lr)
    if settings.schedule == "poly":
        return partial(poly_factor, total=total, warmup=warmup, power=settings.poly_power)
    ends: Sequence[float] = ()
    if settings.schedule == "step":
        ends = [number * settings.step_epochs for number in range(1, int(epochs / settings.step_epochs) + 1)]
    elif settings.schedule == "multistep":
        ends = settings.milestones
    falls = [round(end * steps_per_epoch) for end in ends]
    return partial(falling_factor, falls=falls, warmup=warmup, factor=settings.step_factor)
