"""Two processes with unequal parts of a batch give the single process's losses, gradients and banks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from forked import run_ranks
from torch import Tensor, distributed, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from hcmoco_bench.losses import (
    LossTerm,
    MemoryBank,
    SampleLevelLoss,
    dense_loss,
    in_batch_loss,
    in_batch_sample_level,
    sparse_inter_loss,
    sparse_intra_loss,
)

N, B, J, C, D, K, P = 40, 7, 5, 6, 8, 25, 12
MODALITIES = ("rgb", "depth", "keypoints")
PARTS = {1: [slice(0, B)], 2: [slice(0, 3), slice(3, B)]}


def make_batch() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    index = torch.tensor([3, 11, 3, 8, 20, 39, 11])  # some come twice, also on different ranks
    candidates = torch.randint(N, (B, 1 + K), generator=generator)
    candidates[:, 0] = index
    foreground = torch.ones(B, 40, 40, dtype=torch.bool)
    return {
        "index": index,
        "candidates": candidates,
        "rgb": torch.randn(B, 10, 10, C, generator=generator),
        "depth": torch.randn(B, 10, 10, C, generator=generator),
        "keypoints": torch.randn(B, J, C, generator=generator),
        "joints": 40 * torch.rand(B, J, 2, generator=generator),
        "visible": torch.rand(B, J, generator=generator) > 0.3,
        "has_rgb": torch.ones(B, dtype=torch.bool),
        "has_depth": torch.tensor([True, False, True, True, True, False, True]),
        "has_keypoints": torch.tensor([True, True, False, True, True, True, True]),
        "foreground": foreground,
        "points": torch.randint(100, (B, P), generator=generator),
    }


def terms_of(model: nn.Module, batch: dict[str, Tensor], bank: MemoryBank, which: str) -> LossTerm:
    """One objective through one linear layer that serves all modalities."""
    rgb, depth = (model(batch[name]).permute(0, 3, 1, 2) for name in ("rgb", "depth"))
    keypoints = model(batch["keypoints"])
    present = {name: batch[f"has_{name}"] for name in MODALITIES}
    embeddings = {"rgb": rgb.mean((2, 3)), "depth": depth.mean((2, 3)), "keypoints": keypoints.mean(1)}
    embeddings = {name: functional.normalize(one, dim=1) for name, one in embeddings.items()}
    maps = {"rgb": rgb, "depth": depth}
    if which == "bank":
        before = SampleLevelLoss(K)(
            embeddings, present, batch["index"], bank, generator=None, candidates=batch["candidates"]
        )["rgb->depth"]
        for name in MODALITIES:
            bank.update(name, batch["index"], embeddings[name], present[name])
        return before
    if which.startswith("sample "):
        return SampleLevelLoss(K)(
            embeddings, present, batch["index"], bank, generator=None, candidates=batch["candidates"]
        )[which.removeprefix("sample ")]
    if which in ("dense soft", "dense hard"):
        return dense_loss(
            rgb, depth, batch["foreground"], batch["has_depth"], soft=which == "dense soft", point_index=batch["points"]
        )
    if which.startswith("intra "):
        terms = sparse_intra_loss(maps, keypoints, batch["joints"], batch["visible"], present)
        return terms[which.removeprefix("intra ")]
    if which.startswith("inter "):
        published = which == "inter published"
        return sparse_inter_loss(
            maps, batch["joints"], batch["visible"], present, ignore_visibility=published, count_absent=published
        )
    if which.startswith("in batch "):
        return in_batch_sample_level(embeddings, present)[which.removeprefix("in batch ")]
    return in_batch_loss(embeddings["rgb"], embeddings["depth"], batch["has_depth"])


OBJECTIVES = [
    *(f"sample {a}->{b}" for a in MODALITIES for b in MODALITIES if a != b),
    "dense soft",
    "dense hard",
    "intra rgb->keypoints",
    "intra depth->keypoints",
    "inter right",
    "inter published",
    "in batch",
    "in batch rgb->keypoints",
    "in batch depth->rgb",
    "bank",
]


CASES = {"both have depth": slice(0, 0), "one has depth": PARTS[2][1]}
"""Which samples lose their depth: a whole rank's, so that it has nothing to add to some objectives."""


def work(rank: int, ranks: int, folder: Path) -> None:
    torch.set_num_threads(1)
    if ranks > 1:
        distributed.init_process_group("gloo", f"file://{folder}/meeting", rank=rank, world_size=ranks)
    found: dict[str, Any] = {}
    for case, without_depth in CASES.items():
        torch.manual_seed(0)
        layer = nn.Linear(C, D)
        model = DistributedDataParallel(layer) if ranks > 1 else layer
        bank = MemoryBank(N, D, MODALITIES, generator=torch.Generator().manual_seed(4))
        whole = make_batch()
        whole["has_depth"][without_depth] = False
        batch = {name: tensor[PARTS[ranks][rank]] for name, tensor in whole.items()}
        for which in OBJECTIVES:
            model.zero_grad()
            term = terms_of(model, batch, bank, which)
            term.value.backward()
            gradients = [one.grad.clone() for one in layer.parameters()]
            found[f"{which}, {case}"] = [term.value.detach(), term.accuracy, term.count, *gradients]
        found[f"banks, {case}"] = list(bank.state_dict().values())
    torch.save(found, folder / f"{ranks}-{rank}.pth")
    if ranks > 1:
        distributed.destroy_process_group()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, list[Tensor]]]:
    """By process (`1-0` of one; `2-0` and `2-1` of two) and objective."""
    folder = tmp_path_factory.mktemp("ranks")
    for ranks in (1, 2):
        run_ranks(work, ranks, folder, ranks=ranks)
    return {name: torch.load(folder / f"{name}.pth", weights_only=True) for name in ("1-0", "2-0", "2-1")}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_two_processes_equal_one(found: dict[str, dict[str, list[Tensor]]], objective: str, case: str) -> None:
    single, first, second = (one[f"{objective}, {case}"] for one in found.values())
    assert float(single[2]) > 0
    assert single[3].ne(0).any()
    for one in (first, second):
        for a, b in zip(one, single, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_two_processes_hold_the_same_bank_as_one(found: dict[str, dict[str, list[Tensor]]], case: str) -> None:
    single, first, second = (one[f"banks, {case}"] for one in found.values())
    for a, b, expected in zip(first, second, single, strict=True):
        assert a.equal(b)
        assert a.equal(expected)
