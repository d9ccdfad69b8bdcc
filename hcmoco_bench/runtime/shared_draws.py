"""Random draws for a batch spread over processes: each takes its rows of what one process would have drawn for all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from hcmoco_bench.runtime.ranks import rows_around

Result = TypeVar("Result")


def own_part(draw: Callable[[int], Tensor], n_rows: int) -> Tensor:
    """The own rows of a draw for the whole batch.

    Args:
        draw: Draws for that many rows; its generator is in the same state in every process.
        n_rows: Rows of this process; the same in every process.
    """
    before, after = rows_around(n_rows)
    return draw(before + n_rows + after)[before : before + n_rows]


def with_others_skipped(use: Callable[[], Result], n_rows: int, width: int, generator: torch.Generator) -> Result:
    """Let something draw `(n_rows, width)` uniform numbers, with those of the other processes drawn and thrown away.

    On the CPU the numbers are then the own rows of one large draw; on a GPU they are independent ones.
    """
    before, after = rows_around(n_rows)
    _skip(before, width, generator)
    result = use()
    _skip(after, width, generator)
    return result


def _skip(n_rows: int, width: int, generator: torch.Generator) -> None:
    if n_rows:
        torch.rand(n_rows, width, generator=generator, device=generator.device)
