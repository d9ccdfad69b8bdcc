"""Batch statistics over two processes are those of the whole batch, also if one process has little or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from forked import run_ranks
from torch import Tensor, nn

from hcmoco_bench.training.batch_norm import share_batch_statistics

SPLITS = (3, 1, 0)
"""Images of the first process; the second has the rest."""

IMAGES = 3 * torch.randn(6, 4, 5, 5, generator=torch.Generator().manual_seed(0)) + 7


def network() -> nn.Module:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.BatchNorm2d(4), nn.Conv2d(4, 3, 3), nn.BatchNorm2d(3), nn.ReLU())
    return layers.train()


def loss(output: Tensor) -> Tensor:
    return (output * torch.arange(9.0).view(3, 3)).square().sum()


def one_process(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    for split in SPLITS:
        shared = share_batch_statistics(network())
        part = IMAGES[:split] if rank == 0 else IMAGES[split:]
        loss(shared(part)).backward()
        for parameter in shared.parameters():
            dist.all_reduce(parameter.grad)
        found = [dict(shared.state_dict()), [p.grad for p in shared.parameters()]]
        torch.save(found, f"{folder}/{split}-{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def of_two_processes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the state and gradients of each process, for all splits."""
    folder = tmp_path_factory.mktemp("two")
    run_ranks(one_process, str(folder), ranks=2)
    return folder


@pytest.mark.parametrize("split", SPLITS)
def test_two_processes_equal_one(of_two_processes: Path, split: int) -> None:
    whole = network()
    loss(whole(IMAGES)).backward()
    # a normalization after it makes some gradients zero but for rounding
    rounding = 1e-5 * max(float(parameter.grad.abs().max()) for parameter in whole.parameters())
    for rank in (0, 1):
        state, gradients = torch.load(of_two_processes / f"{split}-{rank}.pt", weights_only=True)
        for name, value in whole.state_dict().items():
            assert torch.allclose(state[name], value, rtol=1e-5, atol=1e-6), name
        for gradient, parameter in zip(gradients, whole.parameters(), strict=True):
            assert torch.allclose(gradient, parameter.grad, rtol=1e-4, atol=rounding)


def test_alone_it_is_the_usual_one_with_the_same_names() -> None:
    plain, shared = network(), share_batch_statistics(network())
    assert list(plain.state_dict()) == list(shared.state_dict())
    assert torch.equal(plain(IMAGES), shared(IMAGES))
