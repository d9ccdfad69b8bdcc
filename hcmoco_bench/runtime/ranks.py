"""One batch spread over processes: places, rows, sums and objects of all ranks, with and without gradients.

Without `torch.distributed` there is one rank, 0, and everything is its own.
"""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn

Object = TypeVar("Object")


def world_size() -> int:
    """Number of processes that share the batch."""
    return distributed.get_world_size() if _in_group() else 1


def rank() -> int:
    """This process's number, from 0."""
    return distributed.get_rank() if _in_group() else 0


def leave_group() -> None:
    """Leave the group of processes, if there is one; at the end of a command."""
    if _in_group():
        distributed.destroy_process_group()


def own_share(count: int) -> range:
    """This rank's numbers among 0..count-1: every number is of exactly one rank, and shares differ by one at most."""
    return range(rank(), count, world_size())


def rows_around(n_rows: int) -> tuple[int, int]:
    """Number of rows of the ranks before this one and of those after it, if each has `n_rows`."""
    return rank() * n_rows, (world_size() - 1 - rank()) * n_rows


def sum_over_ranks(values: Tensor) -> Tensor:
    """The sum of a tensor over all ranks, the same on each; without gradients."""
    values = values.detach().clone()
    if world_size() > 1:
        distributed.all_reduce(values)
    return values


def sum_over_ranks_with_gradient(values: Tensor) -> Tensor:
    """As `sum_over_ranks`; the gradients that all ranks have for the sum are summed."""
    if world_size() == 1:
        return values
    total: Tensor = _SumOverRanks.apply(values)
    return total


def broadcast_buffers(module: nn.Module) -> None:
    """Give every rank the first one's buffers: the statistics of batch normalization differ after a training step."""
    if world_size() > 1:
        for buffer in module.buffers():
            distributed.broadcast(buffer, 0)


def gather_objects(own: Object) -> list[Object]:
    """What each rank gives, in the order of the ranks, the same on each; it is pickled on the way."""
    if world_size() == 1:
        return [own]
    found: list[Object] = [own] * world_size()
    distributed.all_gather_object(found, own)
    return found


def gather_rows(rows: Tensor) -> Tensor:
    """Rows of all ranks in the order of the ranks, without gradients.

    Args:
        rows: (n, ...), any n on each rank, also 0; the other sizes are the same everywhere.

    Returns:
        (sum of n, ...), the same on each rank.
    """
    return rows.detach() if world_size() == 1 else _gather(rows.detach())[0]


def gather_rows_with_gradient(rows: Tensor) -> Tensor:
    """As `gather_rows`; the gradients that all ranks have for a row are summed on the rank it came from."""
    if world_size() == 1:
        return rows
    gathered: Tensor = _GatherRows.apply(rows)
    return gathered


def first_own_row(n_rows: int, device: torch.device) -> int:
    """Where this rank's rows begin among the gathered ones, if each rank gives `n_rows` of its own."""
    if world_size() == 1:
        return 0
    return sum(_lengths(n_rows, device)[: rank()])


def _in_group() -> bool:
    return distributed.is_available() and distributed.is_initialized()


def _lengths(n_rows: int, device: torch.device) -> list[int]:
    size = torch.tensor([n_rows], device=device)
    sizes = [torch.empty_like(size) for _ in range(world_size())]
    distributed.all_gather(sizes, size)
    return [int(one) for one in sizes]


def _gather(rows: Tensor) -> tuple[Tensor, int]:
    """Gathered rows, and where this rank's own begin."""
    lengths = _lengths(len(rows), rows.device)
    # Collectives need equal shapes and know no bool in some backends.
    wire = rows.to(torch.uint8) if rows.dtype == torch.bool else rows
    padded = wire.new_zeros(max(lengths), *rows.shape[1:])
    padded[: len(rows)] = wire
    parts = [torch.empty_like(padded) for _ in lengths]
    distributed.all_gather(parts, padded)
    whole = torch.cat([part[:length] for part, length in zip(parts, lengths, strict=True)])
    return whole.to(rows.dtype), sum(lengths[: rank()])


class _SumOverRanks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        distributed.all_reduce(total)
        return total


class _GatherRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        whole, start = _gather(rows)
        ctx.own = slice(start, start + len(rows))
        return whole

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        whole = gradients[0].contiguous().clone()
        distributed.all_reduce(whole)
        return whole[ctx.own]
