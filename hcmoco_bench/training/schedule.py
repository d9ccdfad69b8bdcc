"""The learning rate over a stage: linear warm-up, then a half cosine."""

from __future__ import annotations

import math
from functools import partial

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def cosine_factor(step: int, *, total: int, warmup: int = 0, final: float = 0.001) -> float:
    """Factor on the base learning rate for a step, counted from 0.

    Rises linearly to 1 over `warmup` steps (the first step has 1 / warmup), then falls as
    `final + (1 - final) (1 + cos(pi t)) / 2`, t from 0 to 1 over the steps that are left; `final` from `total` on.

    Args:
        step: Optimiser steps done.
        total: Steps of the stage.
        warmup: Steps of warm-up, fewer than `total`.
        final: Factor at the end.
    """
    if step < warmup:
        return (step + 1) / warmup
    t = min(1.0, (step - warmup) / max(1, total - warmup))
    return final + (1 - final) * (1 + math.cos(math.pi * t)) / 2


def cosine_schedule(optimizer: Optimizer, *, total: int, warmup: int = 0, final: float = 0.001) -> LambdaLR:
    """Scheduler that sets `cosine_factor` of the optimiser's base rate; call its `step` after each optimiser step."""
    return LambdaLR(optimizer, partial(cosine_factor, total=total, warmup=warmup, final=final))
