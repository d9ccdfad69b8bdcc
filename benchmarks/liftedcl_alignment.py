"""Time of LiftedCL's dense alignment: a whole batch at once beside a loop over the pairs.

    python benchmarks/liftedcl_alignment.py                      # batch 64, maps 128 x 8 x 8, one core
    python benchmarks/liftedcl_alignment.py --device cuda

Both ways align the same maps forward and backward and give the same grids. The loop is written as the release writes
it: for each pair it mirrors back, cuts the cells out and resizes them with `interpolate`. The ways take turns in one
process with one thread. On a processor, figures are processor time, so that other work on the machine counts as little
as possible.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn import functional

from hcmoco_bench.losses.liftedcl.alignment import align_cells, overlap_cells


@dataclass(frozen=True)
class Pairs:
    """Maps of pairs of views, with their boxes (top, left, height, width) and whether they are mirrored."""

    query: Tensor
    key: Tensor
    query_boxes: Tensor
    key_boxes: Tensor
    query_flipped: Tensor
    key_flipped: Tensor


def make_pairs(batch: int, channels: int, side: int, device: str) -> Pairs:
    """Random maps of random crops of images of 400 x 300 px."""
    generator = torch.Generator().manual_seed(0)

    def boxes() -> Tensor:
        size = torch.tensor([400.0, 300.0])
        extent = size * (0.45 + 0.55 * torch.rand(batch, 2, generator=generator))
        return torch.cat([(size - extent) * torch.rand(batch, 2, generator=generator), extent], dim=1).round()

    maps = [torch.randn(batch, channels, side, side, generator=generator) for _ in range(2)]
    flips = [torch.rand(batch, generator=generator) > 0.5 for _ in range(2)]
    return Pairs(*(one.to(device) for one in (*maps, boxes(), boxes(), *flips)))


def at_once(pairs: Pairs, query: Tensor) -> tuple[Tensor, Tensor]:
    """This package's way."""
    found = align_cells(
        query,
        pairs.key,
        query_boxes=pairs.query_boxes,
        key_boxes=pairs.key_boxes,
        query_flipped=pairs.query_flipped,
        key_flipped=pairs.key_flipped,
    )
    return found.query, found.key


def one_by_one(pairs: Pairs, query: Tensor) -> tuple[Tensor, Tensor]:
    """The release's way."""
    size = (query.shape[2], query.shape[3])
    ranges = overlap_cells(pairs.query_boxes, pairs.key_boxes, query_size=size, key_size=size)
    queries, keys = [], []
    for row in range(len(query)):
        if not ranges.valid[row]:
            queries.append(query.new_zeros(256, query.shape[1]))
            keys.append(query.new_zeros(256, query.shape[1]))
            continue
        queries.append(_cut(query[row], ranges.query[row], bool(pairs.query_flipped[row])))
        with torch.no_grad():
            keys.append(_cut(pairs.key[row], ranges.key[row], bool(pairs.key_flipped[row])))
    return torch.cat(queries), torch.cat(keys)


def _cut(features: Tensor, cells: Tensor, flipped: bool) -> Tensor:
    upright = features.flip(-1) if flipped else features
    top, bottom, left, right = cells.tolist()
    part = upright[None, :, top:bottom, left:right]
    grid = functional.interpolate(part, (16, 16), mode="bilinear", align_corners=True)
    return functional.normalize(grid[0].flatten(1).T, dim=1)


def seconds(way: Callable[[Pairs, Tensor], tuple[Tensor, Tensor]], pairs: Pairs, probe: Tensor) -> float:
    """Duration of a forward and backward pass."""
    query = pairs.query.clone().requires_grad_()
    clock = time.perf_counter if query.device.type == "cuda" else time.process_time
    _wait(query)
    started = clock()
    grids, _ = way(pairs, query)
    grids.backward(probe)  # type: ignore[no-untyped-call]
    _wait(query)
    return clock() - started


def _wait(tensor: Tensor) -> None:
    if tensor.device.type == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--channels", type=int, default=128)
    parser.add_argument("--side", type=int, default=8, help="rows and columns of the maps")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(1)
    pairs = make_pairs(options.batch, options.channels, options.side, options.device)
    largest = max(
        float((a - b).abs().max())
        for a, b in zip(at_once(pairs, pairs.query), one_by_one(pairs, pairs.query), strict=True)
    )
    probe = torch.randn(options.batch * 256, options.channels, generator=torch.Generator().manual_seed(1))
    probe = probe.to(options.device)
    times: dict[str, list[float]] = {"at once": [], "one by one": []}
    for _ in range(options.rounds):
        times["at once"].append(seconds(at_once, pairs, probe))
        times["one by one"].append(seconds(one_by_one, pairs, probe))
    table = Table("way", "fastest, ms", "median, ms", title=f"{options.batch} pairs, {options.device}")
    for name, found in times.items():
        table.add_row(name, f"{1000 * min(found):.1f}", f"{1000 * statistics.median(found):.1f}")
    console = Console()
    console.print(table)
    ratios = [slow / fast for fast, slow in zip(times["at once"], times["one by one"], strict=True)]
    fastest = min(times["one by one"]) / min(times["at once"])
    console.print(
        f"at once is {fastest:.1f} times as fast (median of the rounds' ratios: {statistics.median(ratios):.1f}); "
        f"the grids differ by {largest:.1e} at most"
    )


if __name__ == "__main__":
    main()
