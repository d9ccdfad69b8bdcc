"""LiftedCL on two processes: losses, gradients and queues of one process, and keys from a shuffled batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from forked import run_ranks
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from hcmoco_bench.data.view_pairs import ViewPairBatch
from hcmoco_bench.data.views import ViewBatch
from hcmoco_bench.losses.liftedcl.key_queue import KeyQueue
from hcmoco_bench.models.encoder import Encoder
from hcmoco_bench.models.lifting_discriminator import KinematicDiscriminator, kinematic_bones
from hcmoco_bench.pretrain.liftedcl.model import LiftedCLModel
from hcmoco_bench.pretrain.liftedcl.objective import LiftedCLObjective
from hcmoco_bench.pretrain.liftedcl.real_poses import RealPoses
from hcmoco_bench.pretrain.liftedcl.settings import LiftedWeights
from hcmoco_bench.priors.skeleton_prior import SkeletonPrior
from hcmoco_bench.training.batch_norm import share_batch_statistics

B, D, K, STEPS = 8, 6, 24, 3
CASES = {"shared statistics": (True, True), "no statistics": (False, False), "own statistics": (True, False)}
"""By name: whether the encoder has batch norm, and whether that is shared by the processes."""


class Small(Encoder):
    """One convolution, with or without batch norm; notes the batches that it sees in training."""

    channels, strides = (8,), (4,)

    def __init__(self, *, batch_norm: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 4, stride=4)
        self.norm = nn.BatchNorm2d(8) if batch_norm else nn.Identity()
        self.seen: list[Tensor] = []

    def forward(self, image: Tensor, *_: Any) -> tuple[Tensor, ...]:
        self.seen.append(image.detach())
        return (self.norm(self.conv(image)).relu(),)


def make_batch(step: int, rows: slice) -> ViewPairBatch:
    generator = torch.Generator().manual_seed(step)

    def views() -> ViewBatch:
        images = torch.randint(0, 256, (B, 3, 16, 16), generator=generator, dtype=torch.uint8)
        boxes = torch.tensor([[0.0, 0.0, 50.0, 40.0]]) + 20 * torch.rand(B, 4, generator=generator)
        return ViewBatch(images[rows], boxes[rows], (torch.rand(B, generator=generator) > 0.5)[rows])

    return ViewPairBatch(tuple(map(str, range(B)))[rows], views(), views())


def steps_of(rank: int, ranks: int, *, batch_norm: bool, shared: bool) -> dict[str, Any]:
    """Some steps with both optimizers; what is left after them."""
    torch.manual_seed(0)
    network = LiftedCLModel(
        Small(batch_norm=batch_norm),
        dim=D,
        lifting_width=8,
        discriminator=KinematicDiscriminator(kinematic_bones("mended"), 8),
        key_momentum=0.5,
    )
    if shared:
        share_batch_statistics(network)
    model = DistributedDataParallel(network, find_unused_parameters=True) if ranks > 1 else network
    queues = {name: KeyQueue(K, D, generator=torch.Generator().manual_seed(1)) for name in ("invariant", "equivariant")}
    joints = torch.randn(30, 17, 3, generator=torch.Generator().manual_seed(2)).numpy()
    prior = SkeletonPrior.of(joints, torch.zeros(30).numpy(), metric=False, source="a test")
    objective = LiftedCLObjective(queues, LiftedWeights(), RealPoses(prior, torch.device("cpu")), grid=4)
    optimizers = [
        torch.optim.SGD([*parameters], lr=0.05, momentum=0.9)
        for parameters in (network.query_parameters(), network.discriminator_parameters())
    ]
    generator = torch.Generator().manual_seed(3)
    found: dict[str, Any] = {"losses": [], "batches": []}
    part = B // ranks
    for step in range(STEPS):
        batch = make_batch(step, slice(rank * part, (rank + 1) * part))
        turns = objective.turns(model, batch, stage=0, generator=generator)
        for optimizer in optimizers:
            optimizer.zero_grad()
            result = next(turns)
            result.loss.backward()
            optimizer.step()
            found["losses"].append(result.loss.detach())
    found["state"] = {name: value.clone() for name, value in network.state_dict().items()}
    found["queues"] = {name: value.clone() for name, value in objective.queue_state().items()}
    found["keys seen"] = torch.stack(network.key.encoder.seen)
    found["trained keys"] = [name for name, one in network.key.named_parameters() if one.grad is not None]
    return found


def work(rank: int, ranks: int, folder: Path) -> None:
    torch.set_num_threads(1)
    if ranks > 1:
        distributed.init_process_group("gloo", f"file://{folder}/meeting", rank=rank, world_size=ranks)
    found = {
        name: steps_of(rank, ranks, batch_norm=batch_norm, shared=shared)
        for name, (batch_norm, shared) in CASES.items()
    }
    torch.save(found, folder / f"{ranks}-{rank}.pth")
    if ranks > 1:
        distributed.destroy_process_group()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """By process: `1-0` of one; `2-0` and `2-1` of two."""
    folder = tmp_path_factory.mktemp("ranks")
    for ranks in (1, 2):
        run_ranks(work, ranks, folder, ranks=ranks)
    return {name: torch.load(folder / f"{name}.pth", weights_only=True) for name in ("1-0", "2-0", "2-1")}


@pytest.mark.parametrize("case", ["shared statistics", "no statistics"])
def test_losses_weights_and_queues_are_those_of_one_process(found: dict[str, Any], case: str) -> None:
    single, first, second = (found[name][case] for name in ("1-0", "2-0", "2-1"))
    for whole, one, other in zip(single["losses"], first["losses"], second["losses"], strict=True):
        torch.testing.assert_close((one + other) / 2, whole, rtol=1e-5, atol=1e-6)
    for part in ("state", "queues"):
        for name, value in single[part].items():
            torch.testing.assert_close(
                first[part][name], value, rtol=1e-4, atol=1e-5, msg=lambda text, n=name: f"{n}: {text}"
            )
            assert first[part][name].equal(second[part][name]) or "running" in name, name


def test_both_processes_hold_the_same_queues_and_weights_with_statistics_of_their_own(found: dict[str, Any]) -> None:
    first, second = (found[name]["own statistics"] for name in ("2-0", "2-1"))
    for part in ("state", "queues"):
        for name, value in first[part].items():
            assert "running" in name or value.equal(second[part][name]), name
    assert int(first["queues"]["invariant.pointer"]) == STEPS * B % K


def test_keys_come_from_a_shuffled_batch(found: dict[str, Any]) -> None:
    # Without a shuffle, the statistics of a process's keys would be of its own queries' images alone.
    single = found["1-0"]["own statistics"]["keys seen"]
    halves = [found[name]["own statistics"]["keys seen"] for name in ("2-0", "2-1")]
    mixed = 0
    for step in range(STEPS):
        places = [
            [next(row for row in range(B) if image.equal(single[step][row])) for image in half[step]] for half in halves
        ]
        assert sorted(places[0] + places[1]) == list(range(B))
        mixed += set(places[0]) != set(range(B // 2))
    assert mixed == STEPS


def test_the_key_branch_is_not_trained(found: dict[str, Any]) -> None:
    assert not any(one[case]["trained keys"] for one in found.values() for case in CASES)
