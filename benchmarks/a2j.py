"""Time of A2J's loss, forward and backward, beside a loop over the batch.

    python benchmarks/a2j.py                      # 12 crops of 288x288, one core of a processor
    python benchmarks/a2j.py --device cuda

Ours starts from what the heads' last convolutions give, (B, anchors x joints, h, w), and ends with its gradient. The
loop is how it is usually written: joints are the last axis, and each sample's weights are enlarged to those of its
offsets. It gets its inputs in that order, contiguous, so that moving axes there and back is not counted against it.
Exit code 1 if values or gradients differ, or the goal is missed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Final

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from hcmoco_bench.losses.a2j import a2j_loss
from hcmoco_bench.models.anchor_votes import ANCHOR_OFFSETS, AnchorHeads, count_votes

GOAL: Final = 3.0
"""Times as fast as the loop."""

STRIDE: Final = 4
ANCHORS: Final = len(ANCHOR_OFFSETS) ** 2

Maps = tuple[Tensor, Tensor, Tensor]
"""Outputs of the three heads: (B, A J, h, w), (B, A J 2, h, w) and (B, A J, h, w)."""


def ours(maps: Maps, target: Tensor) -> Tensor:
    """The loss of this package."""
    batch, joints, (height, width) = len(target), target.shape[1], maps[0].shape[-2:]
    heads = AnchorHeads(
        maps[0].view(batch, ANCHORS, joints, height, width),
        maps[1].view(batch, ANCHORS, joints, 2, height, width),
        maps[2].view(batch, ANCHORS, joints, height, width),
    )
    votes = count_votes(heads, stride=STRIDE)
    return a2j_loss(votes.anchors, votes.places, votes.depths, target).total


def joints_last(maps: Maps, joints: int) -> Maps:
    """The maps as the loop takes them: (B, h w A, J, channels)."""
    first, second, third = (
        one.permute(0, 2, 3, 1).reshape(len(one), one[0, 0].numel() * ANCHORS, joints, -1).contiguous() for one in maps
    )
    return first, second, third


def loop(maps: Maps, target: Tensor) -> Tensor:
    """The same, sample by sample, of maps by `joints_last`."""
    logits, offsets, depths = maps
    cells = round((logits.shape[1] // ANCHORS) ** 0.5)
    anchors = grid(cells, cells).to(target)
    first, second = [], []
    for n in range(len(target)):
        weights = torch.softmax(logits[n, ..., 0], dim=0)
        xy_weights = weights[..., None].expand(-1, -1, 2)
        xy, deep = target[n, :, :2], target[n, :, 2]
        difference = (xy - (xy_weights * anchors[:, None]).sum(0)).abs()
        first.append(smooth(difference, 1.0).mean())
        places = anchors[:, None] + offsets[n]
        difference = (xy - (xy_weights * places).sum(0)).abs()
        spatial = smooth(difference, 1.0).mean() * 0.5
        difference = (deep - (weights * depths[n, ..., 0]).sum(0)).abs()
        second.append(spatial + smooth(difference, 3.0).mean())
    return torch.stack(first).mean() + 3.0 * torch.stack(second).mean()


def smooth(difference: Tensor, beta: float) -> Tensor:
    """Smooth L1 of absolute differences."""
    return torch.where(difference <= beta, 0.5 / beta * difference**2, difference - 0.5 * beta)


def grid(height: int, width: int) -> Tensor:
    """(h w A, 2) places of the anchors, px (x, y)."""
    steps = torch.tensor(ANCHOR_OFFSETS)
    y, x, i, j = torch.meshgrid(torch.arange(height), torch.arange(width), steps, steps, indexing="ij")
    return torch.stack([x * STRIDE + j, y * STRIDE + i], dim=-1).reshape(-1, 2)


def measure(
    loss: Callable[[Maps, Tensor], Tensor], maps: Maps, target: Tensor, repeats: int
) -> tuple[float, float, Maps]:
    """Median seconds of a forward and backward pass, the loss, and the gradients."""
    seconds, value, gradients = [], 0.0, maps
    for _ in range(repeats + 1):
        leaves = tuple(one.detach().requires_grad_() for one in maps)
        start = clock(target.device)
        found = loss((leaves[0], leaves[1], leaves[2]), target)
        gradients = torch.autograd.grad(found, leaves)  # type: ignore[assignment]
        seconds.append(clock(target.device) - start)
        value = float(found.detach())
    return statistics.median(seconds[1:]), value, gradients


def clock(device: torch.device) -> float:
    """CPU seconds of this process, or seconds once the GPU is idle."""
    if device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def main() -> int:
    """StepMetric both and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=12, help="crops (default: %(default)s)")
    parser.add_argument("--size", type=int, default=288, help="side of a crop, px (default: %(default)s)")
    parser.add_argument("--joints", type=int, default=15, help="(default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=5, help="(default: %(default)s)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print plain values instead of the table")
    options = parser.parse_args()
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    cells, channels = options.size // STRIDE, ANCHORS * options.joints

    def random(*shape: int, scale: float) -> Tensor:
        return (torch.randn(*shape, generator=generator) * scale).to(options.device)

    maps = (
        random(options.batch, channels, cells, cells, scale=2.0),
        random(options.batch, 2 * channels, cells, cells, scale=5.0),
        random(options.batch, channels, cells, cells, scale=10.0),
    )
    target = torch.rand(options.batch, options.joints, 3, generator=generator).to(options.device)
    target = target * torch.tensor([options.size, options.size, 50.0], device=target.device)
    moved = joints_last(maps, options.joints)
    plain, plain_value, plain_gradients = measure(loop, moved, target, options.repeats)
    fast, value, found_gradients = measure(ours, maps, target, options.repeats)
    gradients = joints_last(found_gradients, options.joints)
    same = abs(value - plain_value) <= 1e-4 * abs(plain_value) and all(
        torch.allclose(a, b, rtol=1e-3, atol=1e-3 * float(b.abs().max()))
        for a, b in zip(gradients, plain_gradients, strict=True)
    )
    found = {"loop": plain, "ours": fast, "faster": plain / fast, "loss": value, "same": same}
    if options.json:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    else:
        table = Table(title=f"A2J's loss on {options.device}: {options.batch} crops of {options.size} px")
        for header in ("variant", "ms", "faster", "loss"):
            table.add_column(header, justify="left" if header == "variant" else "right")
        table.add_row("loop over the batch", f"{1e3 * plain:,.0f}", "1.0x", f"{plain_value:.5f}")
        table.add_row("hcmoco_bench", f"{1e3 * fast:,.0f}", f"{plain / fast:.1f}x", f"{value:.5f}")
        Console().print(table)
    return 0 if same and plain / fast >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
