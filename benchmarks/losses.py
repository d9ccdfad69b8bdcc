"""Time and peak memory of the sample-level loss, forward and backward, beside the plain gather.

    python benchmarks/losses.py                      # the paper's size, one core of a processor
    python benchmarks/losses.py --device cuda

All variants draw the same candidates, compare the six directed pairs of three modalities and give the same loss. The
plain gather holds, for each of the three banks, the rows of all candidates of all anchors, (batch, 1 + K, dim). Each
variant runs in a process of its own; its memory is what it adds to the banks and embeddings that lie ready. On a
processor the first run is the one that counts for memory, the median for time (CPU time, of one thread).
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import permutations
from pathlib import Path
from typing import Final

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn import functional

from hcmoco_bench.losses import MemoryBank, SampleLevelLoss
from hcmoco_bench.losses.bank_contrast import bank_contrast

MODALITIES: Final = ("rgb", "depth", "keypoints")
TEMPERATURE: Final = 0.07
STATUS: Final = Path("/proc/self/status")


@dataclass(frozen=True)
class Sizes:
    """What is compared."""

    batch: int
    negatives: int
    rows: int
    dim: int
    repeats: int
    device: str
    seed: int


@dataclass(frozen=True)
class Measured:
    """One variant: seconds of a forward and backward pass, peak bytes, and the sum of the six losses."""

    seconds: float
    bytes: int
    loss: float


Loss = Callable[[dict[str, Tensor], Tensor, MemoryBank, torch.Generator], Tensor]


def plain_gather(
    embeddings: dict[str, Tensor], index: Tensor, bank: MemoryBank, generator: torch.Generator, *, negatives: int
) -> Tensor:
    """The sum of the six losses as it is usually written: gather, multiply, cross entropy."""
    candidates = SampleLevelLoss(negatives).draw(index, bank.n_samples, generator)
    rows = {name: bank.bank(name)[candidates] for name in embeddings}
    nearest = torch.zeros_like(index)
    losses = [
        functional.cross_entropy(torch.bmm(rows[b], embeddings[a][:, :, None])[..., 0] / TEMPERATURE, nearest)
        for a, b in permutations(embeddings, 2)
    ]
    return torch.stack(losses).sum()


def sample_level(
    embeddings: dict[str, Tensor], index: Tensor, bank: MemoryBank, generator: torch.Generator, *, negatives: int
) -> Tensor:
    """The same of this package."""
    present = {name: torch.ones_like(index, dtype=torch.bool) for name in embeddings}
    terms = SampleLevelLoss(negatives, TEMPERATURE)(embeddings, present, index, bank, generator=generator)
    return torch.stack([term.value for term in terms.values()]).sum()


def multiplied(
    embeddings: dict[str, Tensor], index: Tensor, bank: MemoryBank, generator: torch.Generator, *, negatives: int
) -> Tensor:
    """The same again through products with the whole bank."""
    candidates = SampleLevelLoss(negatives).draw(index, bank.n_samples, generator)
    losses = []
    for target in embeddings:
        anchors = torch.stack([one for name, one in embeddings.items() if name != target])
        found, _ = bank_contrast(anchors, bank.bank(target), candidates, temperature=TEMPERATURE, dense=True)
        losses.append(found.mean(1).sum())
    return torch.stack(losses).sum()


VARIANTS: Final = {
    "plain gather": plain_gather,
    "hcmoco_bench": sample_level,
    "whole bank": multiplied,
}


def measure(variant: str, sizes: Sizes) -> Measured:
    """Run one variant in this process."""
    torch.set_num_threads(1)
    generator = torch.Generator(sizes.device).manual_seed(sizes.seed)
    bank = MemoryBank(sizes.rows, sizes.dim, MODALITIES, generator=generator)
    index = torch.randperm(sizes.rows, generator=generator, device=sizes.device)[: sizes.batch]
    shape = (sizes.batch, sizes.dim)
    embeddings = {
        name: functional.normalize(torch.randn(shape, generator=generator, device=sizes.device), dim=1).requires_grad_()
        for name in MODALITIES
    }
    seconds, peak, loss = [], 0, 0.0
    for number in range(sizes.repeats):
        generator.manual_seed(sizes.seed + 1)
        before = memory(sizes.device)
        start = clock(sizes.device)
        value = VARIANTS[variant](embeddings, index, bank, generator, negatives=sizes.negatives)
        value.backward()  # type: ignore[no-untyped-call]
        seconds.append(clock(sizes.device) - start)
        if number == 0:
            peak = peak_memory(sizes.device) - before
        loss = float(value.detach())
        del value
    return Measured(statistics.median(seconds), peak, loss)


def clock(device: str) -> float:
    """CPU seconds of this process, or seconds once the GPU is idle."""
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def memory(device: str) -> int:
    """Bytes in use; the peak counts from here on."""
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated()
    if STATUS.exists():
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the kernel forgets the peak
        return status_bytes("VmRSS")
    return maximum_resident()


def peak_memory(device: str) -> int:
    """The largest number of bytes in use since `memory`."""
    if device != "cpu":
        return torch.cuda.max_memory_allocated()
    return status_bytes("VmHWM") if STATUS.exists() else maximum_resident()


def status_bytes(field: str) -> int:
    """A field of Linux' account of this process."""
    found = re.search(rf"^{field}:\s+(\d+) kB$", STATUS.read_text(encoding="ascii"), re.MULTILINE)
    return 1024 * int(found[1]) if found else maximum_resident()


def maximum_resident() -> int:
    """Peak bytes since the process began."""
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def in_own_process(variant: str, arguments: list[str]) -> Measured:
    """The same by a fresh interpreter."""
    command = [sys.executable, __file__, *arguments, "--variant", variant]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Measured(**json.loads(done.stdout))


def report(found: dict[str, Measured], sizes: Sizes) -> Table:
    """The table to read."""
    plain = found["plain gather"]
    table = Table(
        title=f"Sample-level loss on {sizes.device}: batch {sizes.batch}, K {sizes.negatives:,}, "
        f"{sizes.rows:,} rows, {sizes.dim} dims"
    )
    for header in ("variant", "ms", "faster", "peak MB", "of plain's", "sum of losses"):
        table.add_column(header, justify="left" if header == "variant" else "right")
    for name, one in found.items():
        table.add_row(
            name,
            f"{1e3 * one.seconds:,.1f}",
            f"{plain.seconds / one.seconds:.1f}x",
            f"{one.bytes / 1e6:,.0f}",
            f"{one.bytes / plain.bytes:.1%}",
            f"{one.loss:.5f}",
        )
    return table


def main() -> int:
    """StepMetric all variants and print; 1 if their losses differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=224, help="anchors of a modality (default: %(default)s)")
    parser.add_argument("--negatives", type=int, default=16_384, help="K (default: %(default)s)")
    parser.add_argument("--rows", type=int, default=143_648, help="rows of a bank (default: %(default)s)")
    parser.add_argument("--dim", type=int, default=128, help="length of an embedding (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each variant (default: %(default)s)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of banks, embeddings and draws (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print plain values instead of the table")
    parser.add_argument("--variant", choices=VARIANTS, help="measure this one only, in this process; implies --json")
    options = vars(parser.parse_args())
    variant, as_json = options.pop("variant"), options.pop("json")
    sizes = Sizes(**options)
    if variant is not None:
        sys.stdout.write(json.dumps(asdict(measure(variant, sizes))) + "\n")
        return 0
    arguments = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    found = {name: in_own_process(name, arguments) for name in VARIANTS}
    if as_json:
        sys.stdout.write(json.dumps({name: asdict(one) for name, one in found.items()}, indent=2) + "\n")
    else:
        Console().print(report(found, sizes))
    losses = [one.loss for one in found.values()]
    if max(losses) - min(losses) > 1e-4 * max(losses):
        Console(stderr=True).print("the variants' losses differ")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
