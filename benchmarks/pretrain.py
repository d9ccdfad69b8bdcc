"""How fast pre-training is, what a step consists of, and what each switch changes.

    python benchmarks/pretrain.py                     # a GPU if there is one, else the CPU; generates a small store
    python benchmarks/pretrain.py --store STORE       # loading is measured on this store
    python benchmarks/pretrain.py --synthetic         # random tensors, no store, no loading

Every measurement runs in a process of its own. A step is that of training: the objective of stage one (sample level) or
two (all terms) against memory banks of 143,648 rows, backward, SGD. The parts of a step are measured by cutting it at
the embeddings: each loss is computed and differentiated on its own, then the gradients go back through the networks.
On a GPU the paper's setting is measured (320x320, batch 224), and the time of its 200 epochs projected; on a CPU
HRNet-W18 pairs at 160x160, where the losses may take less than a tenth of the step.

What a step is stands in `pretrain_step.py`. With `--synthetic` nothing is generated, prepared or loaded.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch
from pretrain_step import BANK_ROWS, LOSSES, PARTS, Setting, Speed, measure

from hcmoco_bench.data.batch import collate

STAGE_EPOCHS = 100
LOSS_SHARE_GOAL = 0.10
GPU_HOURS_GOAL = 12.0


def measure_fresh(setting: Setting, limit: float) -> Speed:
    """Run one setting in a process of its own."""
    command = [sys.executable, str(Path(__file__).resolve()), "--measure", json.dumps(asdict(setting))]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return Speed(failure=f"not done within {limit:.0f} s")
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if "Error" in line]
        return Speed(failure=(errors or lines or ["died"])[-1][:150])
    return Speed(**json.loads(done.stdout.splitlines()[-1]))


def loading_speed(store: Path, size: int, workers: int, batch: int) -> float:
    """Samples a second that loading alone gives, second epoch on; workers of the loader, 0 for this process."""
    from hcmoco_bench.data.ntu_store import NtuStoreDataset
    from hcmoco_bench.pretrain.loading import MixedBatches

    dataset = NtuStoreDataset(store, size=size)
    batch = min(batch, max(1, len(dataset) // 4))
    data = MixedBatches(dataset, (len(dataset),), collate, batch_size=batch, workers=workers)
    for _ in data.batches(0, 0):
        pass
    epochs = -(-512 // len(dataset))
    begin = time.perf_counter()
    samples = sum(len(one) for epoch in range(epochs) for one in data.batches(1 + epoch, 0))
    return samples / (time.perf_counter() - begin)


def switches(base: Setting, *, compiled: bool) -> dict[str, Setting]:
    """The ways to run that are compared."""
    ways = {
        "fp32": base,
        "fp32, channels_last": replace(base, channels_last=True),
        "bf16": replace(base, precision="bf16"),
        "bf16, channels_last": replace(base, precision="bf16", channels_last=True),
    }
    if compiled:
        ways["fp32, compile"] = replace(base, compile=True)
        ways["bf16, channels_last, compile"] = replace(base, precision="bf16", channels_last=True, compile=True)
    return ways


def show_parts(name: str, setting: Setting, speed: Speed) -> None:
    """Print what a step consists of."""
    total = sum(speed.parts.values())
    print(f"\nA step of stage two in parts, {name}, batch {setting.batch} ({total:.3f} s; whole: {speed.stage2:.3f} s)")
    for part in PARTS:
        print(f"  {part:32s} {1000 * speed.parts[part]:10.1f} ms {100 * speed.parts[part] / total:6.1f} %")
    losses = sum(speed.parts[part] for part in LOSSES)
    print(f"  {'all losses':32s} {1000 * losses:10.1f} ms {100 * speed.loss_share:6.1f} %")


def show_switches(found: dict[str, Speed], batch: int) -> None:
    """Print the effect of the switches."""
    print(f"\n{'switches':32s} {'stage 1':>12s} {'stage 2':>12s} {'peak memory':>13s} {'stage 2 is':>11s}")
    base = next((speed for speed in found.values() if not speed.failure), None)
    for name, speed in found.items():
        if speed.failure or base is None:
            print(f"{name:32s} {speed.failure}")
            continue
        print(
            f"{name:32s} {batch / speed.stage1:10.2f}/s {batch / speed.stage2:10.2f}/s {speed.memory:9,.0f} MiB "
            f"{base.stage2 / speed.stage2:9.2f}x"
        )


def projected_hours(speed: Speed, batch: int) -> float:
    """Hours of 100 epochs of each stage over the paper's samples, if loading keeps up."""
    return STAGE_EPOCHS * BANK_ROWS / batch * (speed.stage1 + speed.stage2) / 3600


def main() -> None:
    """Run the measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, help="prepared NTU store for loading; otherwise one is generated")
    parser.add_argument("--synthetic", action="store_true", help="leave loading out: no store is needed")
    parser.add_argument("--backbone", default="hrnet_w18")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--size", type=int, help="320 on a GPU, 160 on a CPU")
    parser.add_argument("--batch", type=int, help="224 on a GPU, 8 on a CPU")
    parser.add_argument("--steps", type=int, help="timed steps of each kind; 20 on a GPU, 3 on a CPU")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--workers", type=int, nargs="+", default=(0, 1, 2), help="loading processes")
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    parser.add_argument("--only", nargs="+", help="only these lines of the table of switches")
    parser.add_argument("--limit", type=float, default=900, help="seconds a setting may take")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(asdict(measure(Setting(**json.loads(arguments.measure))))))
        return
    gpu = arguments.device == "cuda"
    base = Setting(
        backbone=arguments.backbone,
        size=arguments.size or (320 if gpu else 160),
        batch=arguments.batch or (224 if gpu else 8),
        device=arguments.device,
        threads=arguments.threads,
        steps=arguments.steps or (20 if gpu else 3),
    )
    machine = torch.cuda.get_device_name() if gpu else f"CPU, {base.threads} thread(s)"
    print(f"{base.backbone} pairs at {base.size}x{base.size}, batch {base.batch}, {machine}, torch {torch.__version__}")
    taken_apart = "bf16, channels_last" if gpu else "fp32"
    ways = {
        name: replace(way, parts=name == taken_apart)
        for name, way in switches(base, compiled=not arguments.no_compile).items()
        if arguments.only is None or name in arguments.only
    }
    found: dict[str, Speed] = {}
    for name, way in ways.items():
        found[name] = measure_fresh(way, arguments.limit)
        print(f"  {name}: {found[name].failure or 'measured'}", flush=True)
    show_switches(found, base.batch)
    met = not all(speed.failure for speed in found.values())
    for name, speed in found.items():
        if speed.parts:
            show_parts(name, ways[name], speed)
            met &= speed.loss_share < LOSS_SHARE_GOAL
            print(f"  goal: the losses take less than {100 * LOSS_SHARE_GOAL:.0f} %")
    loading = {} if arguments.synthetic else measure_loading(arguments.store, base, arguments.workers)
    if gpu:
        fastest = min((s for s in found.values() if not s.failure), key=lambda s: s.stage1 + s.stage2, default=None)
        if fastest is not None:
            hours = projected_hours(fastest, base.batch)
            met &= hours <= GPU_HOURS_GOAL
            print(
                f"\n{2 * STAGE_EPOCHS} epochs of {BANK_ROWS:,} samples: {hours:.1f} hours with the fastest switches if "
                f"loading keeps up ({base.batch / fastest.stage1:.0f} samples/s); goal: {GPU_HOURS_GOAL:.0f}"
            )
    if arguments.json:
        speeds = {name: asdict(speed) for name, speed in found.items()}
        document = {"machine": machine, "setting": asdict(base), "speeds": speeds, "loading": loading}
        arguments.json.write_text(json.dumps(document, indent=2))
    print(f"\nGoals {'met' if met else 'MISSED'}.")
    sys.exit(not met)


def measure_loading(store: Path | None, base: Setting, workers: Sequence[int]) -> dict[int, float]:
    """Print and return samples a second of loading alone, by number of workers."""
    from generated_store import generated_store

    with tempfile.TemporaryDirectory() as name:
        folder = store or generated_store(Path(name), clips=9, seed=1, frames=10)
        speeds = {number: loading_speed(folder, base.size, number, base.batch) for number in workers}
    print(f"\nloading alone, crops of {base.size}x{base.size}")
    for number, speed in speeds.items():
        print(f"  {number} workers {speed:10.0f} samples/s")
    return speeds


if __name__ == "__main__":
    main()
