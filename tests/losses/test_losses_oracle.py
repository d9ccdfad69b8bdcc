"""Values and gradients of the published implementations."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from hcmoco_bench.losses import (
    MemoryBank,
    SampleLevelLoss,
    dense_loss,
    sparse_inter_loss,
    sparse_intra_loss,
)
from hcmoco_bench.losses.bank_contrast import bank_contrast

pytestmark = pytest.mark.oracle
MODALITIES = ("rgb", "depth", "keypoints")


def read(path: Path) -> dict[str, Tensor]:
    with np.load(path, allow_pickle=False) as arrays:
        return {name: torch.tensor(arrays[name]) for name in arrays.files if arrays[name].dtype.kind != "U"}


def pair_names(path: Path) -> list[str]:
    with np.load(path, allow_pickle=False) as arrays:
        return [str(name).replace("_to_", "->") for name in arrays["pair_names"]]


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected.to(found.dtype), rtol=1e-5, atol=1e-5)


class TestSampleLevel:
    @pytest.fixture
    def reference(self, oracle: Path) -> dict[str, Tensor]:
        return read(oracle / "memory_bank.npz")

    @pytest.fixture
    def bank(self, reference: dict[str, Tensor]) -> MemoryBank:
        shape = reference["bank_rgb_before"].shape
        bank = MemoryBank(*shape, MODALITIES, float(reference["momentum"]), generator=torch.Generator())
        bank.load_state_dict({f"bank_{name}": reference[f"bank_{name}_before"] for name in MODALITIES})
        return bank

    @pytest.mark.parametrize("dense", [True, False])
    @pytest.mark.parametrize("depth_missing", [False, True])
    def test_values_and_gradients(
        self,
        oracle: Path,
        reference: dict[str, Tensor],
        bank: MemoryBank,
        depth_missing: bool,
        dense: bool,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("hcmoco_bench.losses.bank_contrast._DENSE_UP_TO", 10**9 if dense else 0)
        embeddings = {name: reference[name].clone().requires_grad_() for name in MODALITIES}
        everywhere = torch.ones(len(reference["rgb"]), dtype=torch.bool)
        present = dict.fromkeys(MODALITIES, everywhere)
        if depth_missing:
            present["depth"] = reference["has_depth"].bool()
        temperature, candidates = float(reference["temperature"]), reference["candidate_index"]
        terms = SampleLevelLoss(candidates.shape[1] - 1, temperature)(
            embeddings, present, reference["sample_index"], bank, generator=None, candidates=candidates
        )
        values = torch.stack([terms[name].value for name in pair_names(oracle / "memory_bank.npz")])
        close(values, reference["loss_depth_missing" if depth_missing else "loss_all_present"])
        values.sum().backward()

        plain = {name: reference[name].clone().requires_grad_() for name in MODALITIES}
        for a, b in permutations(MODALITIES, 2):
            both = present[a] & present[b]
            logits = torch.einsum("bkd,bd->bk", bank.bank(b)[candidates], plain[a])[both] / temperature
            torch.nn.functional.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long)).backward()
        for name in MODALITIES:
            close(embeddings[name].grad, plain[name].grad)

    @pytest.mark.parametrize("dense", [True, False])
    def test_each_anchor_agrees_with_the_published_logits(
        self, oracle: Path, reference: dict[str, Tensor], bank: MemoryBank, dense: bool
    ) -> None:
        for name, logits in zip(pair_names(oracle / "memory_bank.npz"), reference["logits"], strict=True):
            anchor, target = name.split("->")
            losses, first = bank_contrast(
                reference[anchor][None],
                bank.bank(target),
                reference["candidate_index"],
                temperature=float(reference["temperature"]),
                dense=dense,
            )
            close(losses[0], -logits.log_softmax(1)[:, 0])
            assert first[0].tolist() == (logits.argmax(1) == 0).tolist()

    def test_the_bank_after_an_update(self, reference: dict[str, Tensor], bank: MemoryBank) -> None:
        everywhere = torch.ones(len(reference["rgb"]), dtype=torch.bool)
        for name in MODALITIES:
            bank.update(name, reference["sample_index"], reference[name], everywhere)
            close(bank.bank(name), reference[f"bank_{name}_after"])


def test_dense(oracle: Path) -> None:
    reference = read(oracle / "dense_contrast.npz")
    rgb, depth = (reference[f"{name}_features"].clone().requires_grad_() for name in ("rgb", "depth"))
    rows, points = reference["sample_rows"], reference["point_index"]
    valid = torch.zeros(len(rgb), dtype=torch.bool)
    valid[rows] = True
    point_index = torch.zeros(len(rgb), points.shape[1], dtype=torch.long)
    point_index[rows] = points
    foreground = reference["foreground"] > 0
    temperature = float(reference["temperature"])
    term = dense_loss(rgb, depth, foreground, valid, temperature=temperature, point_index=point_index)
    close(term.value, reference["loss"].sum())
    assert int(term.count) == 2 * points.numel()
    term.value.backward()
    close(rgb.grad, reference["grad_rgb"])
    close(depth.grad, reference["grad_depth"])


class TestSparse:
    @pytest.fixture
    def reference(self, oracle: Path) -> dict[str, Tensor]:
        return read(oracle / "sparse_contrast.npz")

    @pytest.fixture
    def maps(self, reference: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: reference[f"{name}_features"].clone().requires_grad_() for name in ("rgb", "depth")}

    def options(self, reference: dict[str, Tensor]) -> dict[str, float | int]:
        return {"stride": int(reference["stride"]), "temperature": float(reference["temperature"])}

    def joints(self, reference: dict[str, Tensor]) -> Tensor:
        return reference["joints_yx"].flip(-1)

    def present(self, reference: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"rgb": reference["has_rgb"].bool(), "depth": reference["has_depth"].bool()}

    def test_intra(self, reference: dict[str, Tensor], maps: dict[str, Tensor]) -> None:
        keypoints = reference["keypoint_features"].clone().requires_grad_()
        terms = sparse_intra_loss(
            maps,
            keypoints,
            self.joints(reference),
            reference["visible"].bool(),
            self.present(reference),
            **self.options(reference),
        )
        values = torch.stack([terms[f"{name}->keypoints"].value for name in ("rgb", "depth")])
        close(values, reference["intra_loss"])
        values.sum().backward()
        close(maps["rgb"].grad, reference["intra_grad_rgb"])
        close(maps["depth"].grad, reference["intra_grad_depth"])
        close(keypoints.grad, reference["intra_grad_keypoints"])

    @pytest.mark.parametrize("all_visible", [False, True])
    def test_inter(self, reference: dict[str, Tensor], maps: dict[str, Tensor], all_visible: bool) -> None:
        """As published; and the right way with all joints visible, which is the same."""
        visible = reference["visible"].bool()
        term = sparse_inter_loss(
            maps,
            self.joints(reference),
            torch.ones_like(visible) if all_visible else visible,
            self.present(reference),
            ignore_visibility=not all_visible,
            count_absent=True,
            **self.options(reference),
        )
        close(term.value, reference["inter_loss"])
        term.value.backward()
        close(maps["rgb"].grad, reference["inter_grad_rgb"])
        close(maps["depth"].grad, reference["inter_grad_depth"])
