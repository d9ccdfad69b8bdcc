"""One step of pre-training, whole and cut into its parts, with its time and memory."""

from __future__ import annotations

import resource
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from hcmoco_bench.data.batch import Batch
from hcmoco_bench.losses.dense import dense_loss
from hcmoco_bench.losses.sparse_inter import sparse_inter_loss
from hcmoco_bench.losses.sparse_intra import sparse_intra_loss
from hcmoco_bench.losses.term import LossTerm
from hcmoco_bench.pretrain.methods.hcmoco import HCMoCo, HCMoCoSettings
from hcmoco_bench.pretrain.multimodal.model import Embeddings, MultiModalModel
from hcmoco_bench.pretrain.multimodal.sample_level import present_modalities

BANK_ROWS = 143_648
"""Training samples of the paper (NTU-60, one frame of 30)."""

FORWARD = ("RGB encoder", "depth encoder", "keypoint encoder and mappers")
LOSSES = ("sample level", "dense", "sparse intra", "sparse inter", "memory bank")
PARTS = (*FORWARD, *LOSSES, "backward through the networks", "optimizer")


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
        joints3d=torch.zeros(n, joints, 3),
        valid3d=torch.zeros(n, joints, dtype=torch.bool),
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
    """Model, objective, optimizer and a batch, on the device."""

    def __init__(self, setting: Setting) -> None:
        torch.manual_seed(0)
        self.setting, self.device = setting, torch.device(setting.device)
        config = HCMoCoSettings(
            backbone=setting.backbone,
            init="scratch",
            image_size=setting.size,
            batch_size=setting.batch,
            precision=setting.precision,  # type: ignore[arg-type]  # checked by the model
        )
        method = HCMoCo()
        self.model: MultiModalModel = method.build_model(config).to(self.device)
        for encoder in (self.model.rgb_encoder, self.model.depth_encoder):
            if setting.channels_last:
                encoder.to(memory_format=torch.channels_last)
            if setting.compile:
                encoder.compile()
        self.objective = method.build_objective(config, self.model, BANK_ROWS, self.device)
        bank = self.objective.sample_level.bank
        if bank is None:
            raise TypeError("this benchmark takes the steps with a memory bank apart")
        self.bank = bank
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
        with watch("optimizer"):
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
            loss = objective.sample_level.loss
            found = loss(leaves.global_, present, batch.index, self.bank, generator=self.generator)
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
