"""How fast pre-training is, what a step consists of, and what each switch changes.

    python benchmarks/pretrain.py                     # a GPU if there is one, else the CPU; generates a small store
    python benchmarks/pretrain.py --store STORE       # loading is measured on this store
    python benchmarks/pretrain.py --synthetic         # random tensors, no store, no loading

Every measurement runs in a process of its own. A step is that of training: the objective of stage one (sample level) or
two (all terms) against memory banks of 143,648 rows, backward, SGD. The parts of a step are measured by cutting it at
the embeddings: each loss is computed and differentiated on its own, then the gradients go back through the networks.
On a GPU the paper's setting is measured (320x320, batch 224), and the time of its 200 epochs projected; on a CPU
HRNet-W18 pairs at 160x160, where the losses may take less than a tenth of the step.

With `--synthetic` nothing but torch, timm, numpy, OpenCV, safetensors and pydantic is imported.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from generated_store import generated_store
from torch import Tensor, nn

from hcmoco_bench.data.batch import Batch, collate
from hcmoco_bench.losses.dense import dense_loss
from hcmoco_bench.losses.sparse_inter import sparse_inter_loss
from hcmoco_bench.losses.sparse_intra import sparse_intra_loss
from hcmoco_bench.losses.term import LossTerm
from hcmoco_bench.pretrain.build import build_model, build_objective
from hcmoco_bench.pretrain.config import PretrainConfig
from hcmoco_bench.pretrain.hcmoco import HCMoCoObjective, present_modalities
from hcmoco_bench.pretrain.model import Embeddings, MultiModalModel

BANK_ROWS = 143_648
"""Training samples of the paper (NTU-60, one frame of 30)."""

STAGE_EPOCHS = 100
LOSS_SHARE_GOAL = 0.10
GPU_HOURS_GOAL = 12.0

FORWARD = ("RGB encoder", "depth encoder", "keypoint encoder and mappers")
LOSSES = ("sample level", "dense", "sparse intra", "sparse inter", "memory bank")
PARTS = (*FORWARD, *LOSSES, "backward through the networks", "optimiser")


@dataclass(frozen=True)
class Setting:
    """One way to run.

    Attributes:
        backbone: Of both image encoders.
        size: Side of the crops, px.
        batch: Samples a step.
        device: cpu or cuda.
        threads: Of the CPU.
        steps: Timed steps of each kind.
        precision: fp32 or bf16.
        channels_last: Memory layout of the encoders.
        compile: Whether encoders are compiled.
        parts: Also take a step apart.
    """

    backbone: str
    size: int
    batch: int
    device: str
    threads: int
    steps: int
    precision: str = "fp32"
    channels_last: bool = False
    compile: bool = False
    parts: bool = False


@dataclass(frozen=True)
class Speed:
    """What a setting gave.

    Attributes:
        stage1: Seconds of a step of stage one, median.
        stage2: Seconds of a step of stage two, median.
        parts: Seconds of each part of a step of stage two, medians.
        memory: Peak memory, MiB: of the GPU's allocator, or of the process.
        failure: Why there is none of these; empty if there is.
    """

    stage1: float = 0.0
    stage2: float = 0.0
    parts: dict[str, float] = field(default_factory=dict)
    memory: float = 0.0
    failure: str = ""

    @property
    def loss_share(self) -> float:
        """Share of the losses in a step of stage two."""
        return sum(self.parts[name] for name in LOSSES) / sum(self.parts.values())


def random_batch(setting: Setting, joints: int, seed: int = 0) -> Batch:
    """A batch of noise in which every sample has all modalities and a person amid the crop."""
    generator = torch.Generator().manual_seed(seed)
    n, size = setting.batch, setting.size
    foreground = torch.zeros(n, size, size, dtype=torch.bool)
    foreground[:, size // 8 : -size // 8, size // 3 : -size // 3] = True
    depth = (2.5 + torch.rand(n, 1, size, size, generator=generator)) * foreground[:, None]
    here = torch.ones(n, dtype=torch.bool)
    return Batch(
        sample_ids=tuple(f"noise-{row}" for row in range(n)),
        sources=("ntu",) * n,
        index=torch.randint(BANK_ROWS, (n,), generator=generator),
        rgb=torch.randint(256, (n, 3, size, size), dtype=torch.uint8, generator=generator),
        depth=depth,
        foreground=foreground,
        parts=torch.zeros(n, size, size, dtype=torch.uint8),
        joints=size * torch.rand(n, joints, 2, generator=generator),
        visible=torch.ones(n, joints, dtype=torch.bool),
        intrinsics=torch.tensor([366.0, 366.0, size / 2, size / 2]).repeat(n, 1),
        has_rgb=here,
        has_depth=here,
        has_foreground=here,
        has_parts=~here,
    )


class Stopwatch:
    """Seconds by part; waits for the GPU before it looks at the clock."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds: dict[str, list[float]] = defaultdict(list)

    def now(self) -> float:
        """The time, once everything that was asked for is done."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Time what is done in the block."""
        begin = self.now()
        yield
        self.seconds[name].append(self.now() - begin)

    def medians(self) -> dict[str, float]:
        """Median seconds by part."""
        return {name: statistics.median(values) for name, values in self.seconds.items()}


class Bench:
    """Model, objective, optimiser and a batch, on the device."""

    def __init__(self, setting: Setting) -> None:
        torch.manual_seed(0)
        self.setting, self.device = setting, torch.device(setting.device)
        config = PretrainConfig(
            backbone=setting.backbone,
            init="scratch",
            image_size=setting.size,
            batch_size=setting.batch,
            precision=setting.precision,  # type: ignore[arg-type]  # checked by the model
        )
        self.model: MultiModalModel = build_model(config).to(self.device)
        for encoder in (self.model.rgb_encoder, self.model.depth_encoder):
            if setting.channels_last:
                encoder.to(memory_format=torch.channels_last)
            if setting.compile:
                encoder.compile()
        objective = build_objective(config, self.model, BANK_ROWS, self.device)
        if not isinstance(objective, HCMoCoObjective) or objective.bank is None:
            raise TypeError("this takes the steps of HCMoCo apart")
        self.objective, self.bank = objective, objective.bank
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay
        )
        self.generator = torch.Generator(device=self.device).manual_seed(0)
        self.batch = random_batch(setting, self.model.keypoint_encoder.n_joints).to(self.device)
        self.model.train()

    def autocast(self) -> torch.autocast:
        """As the training loop."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.setting.precision == "bf16")

    def step(self, stage: int) -> None:
        """One step of training."""
        self.optimizer.zero_grad(set_to_none=True)
        with self.autocast():
            result = self.objective(self.model, self.batch, stage=stage, generator=self.generator)
        torch.autograd.backward(result.loss)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), float("inf"))
        self.optimizer.step()

    def step_in_parts(self, watch: Stopwatch) -> None:
        """The same for stage two, in parts."""
        self.optimizer.zero_grad(set_to_none=True)
        with self.autocast():
            found = self._forward(watch)
            leaves = _leaves(found)
            self._losses(leaves, watch)
        outputs = [*found.global_.values(), *found.maps.values(), found.keypoints]
        inputs = [*leaves.global_.values(), *leaves.maps.values(), leaves.keypoints]
        with watch("backward through the networks"):
            torch.autograd.backward(outputs, [leaf.grad for leaf in inputs])
        with watch("optimiser"):
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), float("inf"))
            self.optimizer.step()

    def _forward(self, watch: Stopwatch) -> Embeddings:
        started: dict[str, float] = {}
        spent: dict[str, float] = {}

        def begin(name: str, module: nn.Module, inputs: Any) -> None:
            started[name] = watch.now()

        def end(name: str, module: nn.Module, inputs: Any, outputs: Any) -> None:
            spent[name] = watch.now() - started[name]

        hooks = []
        for name, encoder in zip(FORWARD[:2], (self.model.rgb_encoder, self.model.depth_encoder), strict=True):
            hooks += [
                encoder.register_forward_pre_hook(partial(begin, name)),
                encoder.register_forward_hook(partial(end, name)),
            ]
        first = watch.now()
        found: Embeddings = self.model(self.batch, dense=True)
        spent[FORWARD[2]] = watch.now() - first - sum(spent.values())
        for hook in hooks:
            hook.remove()
        for name, seconds in spent.items():
            watch.seconds[name].append(seconds)
        return found

    def _losses(self, leaves: Embeddings, watch: Stopwatch) -> None:
        batch, objective = self.batch, self.objective
        present = present_modalities(batch)
        shared: dict[str, Any] = {"temperature": objective.temperature}

        def all_pairs() -> Sequence[LossTerm]:
            found = objective.sample_level(leaves.global_, present, batch.index, self.bank, generator=self.generator)
            return tuple(found.values())

        def dense() -> Sequence[LossTerm]:
            return (
                dense_loss(
                    leaves.maps["rgb"],
                    leaves.maps["depth"],
                    batch.foreground,
                    batch.has_depth,
                    points=objective.points,
                    generator=self.generator,
                    **shared,
                ),
            )

        shared_sparse = shared | {"stride": objective.stride}
        places = (batch.joints, batch.visible, present)
        ways: dict[str, Callable[[], Sequence[LossTerm]]] = {
            "sample level": all_pairs,
            "dense": dense,
            "sparse intra": lambda: tuple(
                sparse_intra_loss(leaves.maps, leaves.keypoints, *places, **shared_sparse).values()
            ),
            "sparse inter": lambda: (sparse_inter_loss(leaves.maps, *places, **shared_sparse),),
        }
        for name, way in ways.items():
            with watch(name):
                torch.autograd.backward(torch.stack([term.value for term in way()]).sum())
        with watch("memory bank"):
            for name, embedding in leaves.global_.items():
                self.bank.update(name, batch.index, embedding.detach(), present[name])


def _leaves(found: Embeddings) -> Embeddings:
    def leaf(value: Tensor) -> Tensor:
        return value.detach().requires_grad_()

    return Embeddings(
        global_={name: leaf(value) for name, value in found.global_.items()},
        maps={name: leaf(value) for name, value in found.maps.items()},
        keypoints=leaf(found.keypoints),
    )


def measure(setting: Setting) -> Speed:
    """Run one setting in this process."""
    torch.set_num_threads(setting.threads)
    torch.backends.cudnn.benchmark = True
    bench = Bench(setting)
    watch = Stopwatch(bench.device)
    for _ in range(2):  # the first steps compile, choose kernels and allocate
        bench.step(0)
        bench.step(1)
    for _ in range(setting.steps):
        for stage in (0, 1):
            with watch(str(stage)):
                bench.step(stage)
    # of whole steps: leaves and gradients of the parts come in addition
    memory = (
        torch.cuda.max_memory_allocated() / 2**20
        if bench.device.type == "cuda"
        else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    )
    whole = watch.medians()
    watch.seconds.clear()
    if setting.parts:
        bench.step_in_parts(watch)
        watch.seconds.clear()
        for _ in range(setting.steps):
            bench.step_in_parts(watch)
    return Speed(whole["0"], whole["1"], watch.medians(), memory)


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
    with tempfile.TemporaryDirectory() as name:
        folder = store or generated_store(Path(name), clips=9, seed=1, frames=10)
        speeds = {number: loading_speed(folder, base.size, number, base.batch) for number in workers}
    print(f"\nloading alone, crops of {base.size}x{base.size}")
    for number, speed in speeds.items():
        print(f"  {number} workers {speed:10.0f} samples/s")
    return speeds


if __name__ == "__main__":
    main()
