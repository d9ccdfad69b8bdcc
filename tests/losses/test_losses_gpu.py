"""A GPU gives the processor's losses and gradients."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from hcmoco_bench.losses import (
    MemoryBank,
    SampleLevelLoss,
    dense_loss,
    in_batch_loss,
    sparse_inter_loss,
    sparse_intra_loss,
)

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

B, C, J, N = 9, 32, 16, 700


def inputs(device: str) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    visible = torch.rand(B, J, generator=generator) > 0.2
    foreground = torch.rand(B, 80, 80, generator=generator) > 0.5
    floats = {
        "rgb": torch.randn(B, C, 20, 20, generator=generator),
        "depth": torch.randn(B, C, 20, 20, generator=generator),
        "keypoints": torch.randn(B, J, C, generator=generator),
    }
    rest = {"joints": 80 * torch.rand(B, J, 2, generator=generator), "visible": visible, "foreground": foreground}
    rest |= {"has_rgb": torch.ones(B, dtype=torch.bool), "has_depth": torch.arange(B) % 3 > 0}
    leaves = {name: one.to(device).requires_grad_() for name, one in floats.items()}
    return leaves | {name: one.to(device) for name, one in rest.items()}


def sample_level(x: dict[str, Tensor]) -> Tensor:
    embeddings = {"rgb": x["rgb"].mean((2, 3)), "depth": x["depth"].mean((2, 3)), "keypoints": x["keypoints"].mean(1)}
    embeddings = {name: functional.normalize(one, dim=1) for name, one in embeddings.items()}
    present = {"rgb": x["has_rgb"], "depth": x["has_depth"], "keypoints": x["has_rgb"]}
    bank = MemoryBank(N, C, generator=torch.Generator().manual_seed(1)).to(x["rgb"].device)
    index = torch.arange(B, device=x["rgb"].device)
    values = []
    for negatives in (100, 1000):  # rows gathered, and the whole bank
        generator = torch.Generator().manual_seed(2)
        terms = SampleLevelLoss(negatives)(embeddings, present, index, bank, generator=generator)
        values += [term.value for term in terms.values()]
        for name, one in embeddings.items():
            bank.update(name, index, one, present[name])
    return torch.stack(values).sum()


def dense(x: dict[str, Tensor]) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return dense_loss(x["rgb"], x["depth"], x["foreground"], x["has_depth"], generator=generator).value


def sparse(x: dict[str, Tensor]) -> Tensor:
    maps, present = {name: x[name] for name in ("rgb", "depth")}, {"rgb": x["has_rgb"], "depth": x["has_depth"]}
    intra = sparse_intra_loss(maps, x["keypoints"], x["joints"], x["visible"], present)
    inter = sparse_inter_loss(maps, x["joints"], x["visible"], present)
    return torch.stack([*(term.value for term in intra.values()), inter.value]).sum()


def in_batch(x: dict[str, Tensor]) -> Tensor:
    return in_batch_loss(x["rgb"].mean((2, 3)), x["keypoints"].mean(1), x["has_depth"]).value


@pytest.mark.parametrize("loss", [sample_level, dense, sparse, in_batch])
def test_a_gpu_equals_the_processor(loss: Callable[[dict[str, Tensor]], Tensor]) -> None:
    found = []
    for device in ("cpu", "cuda"):
        x = inputs(device)
        value = loss(x)
        value.backward()
        found.append([value.detach().cpu(), *(one.grad.cpu() for one in x.values() if one.grad is not None)])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
