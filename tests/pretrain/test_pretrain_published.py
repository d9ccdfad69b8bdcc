"""`--config published`: the settings that declare what the authors' code does, and one step of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from hcmoco_bench.data.batch import Batch
from hcmoco_bench.pretrain.methods.hcmoco import Draws, HCMoCoObjective, HCMoCoSettings
from hcmoco_bench.pretrain.multimodal.model import Embeddings
from hcmoco_bench.pretrain.multimodal.sample_level import SAMPLE_PAIRS, make_sample_level
from hcmoco_bench.pretrain.recipes import make_pretrain_settings
from hcmoco_bench.pretrain.registry import method_names
from hcmoco_bench.runtime.recipes import PUBLISHED
from hcmoco_bench.runtime.settings import describe_settings, published_values


class Step:
    """A whole step of the authors' second stage on given embeddings, replayed."""

    def __init__(self, file: Path, *, recipe: str | None) -> None:
        with np.load(file, allow_pickle=False) as arrays:
            self.given = {name: arrays[name] for name in arrays.files}
        option = {name: self.given[name].item() for name in ("stride", "temperature", "bank_momentum")}
        candidates = self.tensor("candidate_index").long()
        settings = make_pretrain_settings(
            recipe,
            {
                "method": "hcmoco",
                "negatives": candidates.shape[1] - 1,
                "temperature": option["temperature"],
                "bank_momentum": option["bank_momentum"],
                "dim": self.given["rgb_global"].shape[1],
            },
        )
        assert isinstance(settings, HCMoCoSettings)
        banks = {name: self.tensor(f"bank_{name}_before") for name in ("rgb", "depth", "keypoints")}
        level = make_sample_level(settings, len(banks["rgb"]), torch.device("cpu"))
        level.load_state_dict({f"bank_{name}": bank.clone() for name, bank in banks.items()})
        self.bank = level.bank
        self.objective = HCMoCoObjective(
            level,
            settings.weights,
            soft=settings.dense == "soft",
            points=self.given["point_index"].shape[1],
            stride=int(option["stride"]),
            inter_joints=settings.inter_joints,
            inter_samples=settings.inter_samples,
        )
        self.leaves = {
            name: self.tensor(name).requires_grad_()
            for name in ("rgb_global", "depth_global", "keypoint_global", "rgb_map", "depth_map", "keypoint_joints")
        }
        embeddings = Embeddings(
            {name: self.leaves[f"{name.removesuffix('s')}_global"] for name in ("rgb", "depth", "keypoints")},
            {"rgb": self.leaves["rgb_map"], "depth": self.leaves["depth_map"]},
            self.leaves["keypoint_joints"],
        )
        draws = Draws(candidates, self.tensor("point_index").long())
        self.result = self.objective.of_embeddings(embeddings, self.batch(), torch.Generator(), draws)
        self.result.loss.backward()

    def tensor(self, name: str) -> Tensor:
        return torch.from_numpy(np.array(self.given[name]))

    def batch(self) -> Batch:
        size, side = len(self.given["sample_index"]), self.given["foreground"].shape[-1]
        visible = self.tensor("visible") > 0
        return Batch(
            sample_ids=tuple(map(str, range(size))),
            sources=("ntu",) * size,
            index=self.tensor("sample_index").long(),
            rgb=torch.zeros(size, 3, side, side, dtype=torch.uint8),
            depth=torch.zeros(size, 1, side, side),
            foreground=self.tensor("foreground") > 0,
            parts=torch.zeros(size, side, side, dtype=torch.uint8),
            joints=self.tensor("joints_yx").flip(-1).float(),
            visible=visible,
            intrinsics=torch.ones(size, 4),
            has_rgb=self.tensor("has_rgb") > 0,
            has_depth=self.tensor("has_depth") > 0,
            has_foreground=self.tensor("has_person") > 0,
            has_parts=torch.zeros(size, dtype=torch.bool),
            joints3d=torch.zeros(size, visible.shape[1], 3),
            valid3d=torch.zeros_like(visible),
        )


@pytest.fixture(scope="module")
def step(oracle: Path) -> Step:
    return Step(oracle / "hcmoco_step.npz", recipe=PUBLISHED)


@pytest.mark.oracle
class TestPublishedStep:
    def test_terms(self, step: Step) -> None:
        found = {name: float(metric.value) for name, metric in step.result.metrics.items()}
        pairs = [str(name).replace("_to_", "->") for name in step.given["pair_names"]]
        assert sorted(pairs) == sorted(SAMPLE_PAIRS)
        expected = {f"sample/{pair}": value for pair, value in zip(pairs, step.given["loss/sample"], strict=True)}
        expected["dense"] = step.given["loss/dense"].sum()
        expected["sparse_inter"] = step.given["loss/sparse_inter"].item()
        for name, value in zip(("rgb", "depth"), step.given["loss/sparse_intra"], strict=True):
            expected[f"sparse_intra/{name}->keypoints"] = value
        assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-5, abs=1e-5)
        assert float(step.result.loss) == pytest.approx(step.given["loss/total"].item(), rel=1e-5)

    def test_gradients(self, step: Step) -> None:
        for name, leaf in step.leaves.items():
            expected = step.tensor(f"grad/{name}")
            assert leaf.grad is not None
            off = float((leaf.grad - expected).abs().max() / expected.abs().max())
            assert off < 2e-5, f"{name}: {off}"

    def test_banks_take_in_what_zeros_became(self, step: Step) -> None:
        assert step.bank is not None
        for name in ("rgb", "depth", "keypoints"):
            expected = step.tensor(f"bank_{name}_after")
            torch.testing.assert_close(step.bank.bank(name), expected, rtol=0, atol=1e-6)

    def test_default_is_the_intended_step(self, oracle: Path) -> None:
        step = Step(oracle / "hcmoco_step.npz", recipe=None)
        assert step.bank is not None
        torch.testing.assert_close(step.bank.bank("depth"), step.tensor("intended/bank_depth_after"), rtol=0, atol=1e-6)
        found = float(step.result.metrics["sparse_inter"].value)
        assert found == pytest.approx(step.given["intended/sparse_inter"].item(), rel=1e-5)


@pytest.mark.parametrize("method", method_names())
def test_recipe_sets_every_difference_and_nothing_else(method: str) -> None:
    published = make_pretrain_settings(PUBLISHED, {}, method=method)
    default = make_pretrain_settings(None, {}, method=method)
    values = published_values(type(default))
    before, after = default.model_dump(), published.model_dump()
    changed: dict[str, Any] = {name: value for name, value in after.items() if value != before[name]}
    assert changed == values
    marked = {record.name for record in describe_settings(type(default)) if record.published}
    assert marked == set(values)


def test_single_settings_win_over_the_recipe() -> None:
    settings = make_pretrain_settings(PUBLISHED, {"method": "hcmoco", "batch_norm_momentum": 0.05})
    assert isinstance(settings, HCMoCoSettings)
    assert (settings.batch_norm_momentum, settings.inter_joints) == (0.05, "all")
