"""`pretrain --init` with a whole pre-training: HCMoCo's own files and this tool's, networks and memory bank."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

from hcmoco_bench.cli.app import app
from hcmoco_bench.errors import UsageError
from hcmoco_bench.models.foreign.hcmoco import PublishedHCMoCo
from hcmoco_bench.pretrain.init_report import InitReport
from hcmoco_bench.pretrain.recipes import make_pretrain_settings
from hcmoco_bench.pretrain.registry import get_method
from hcmoco_bench.pretrain.settings import PretrainSettings
from hcmoco_bench.training.checkpoint import load_checkpoint

SMALL = {"backbone": "hrnet_w18_small", "stage1_epochs": 0}


def started(settings: PretrainSettings) -> tuple[dict[str, Tensor], dict[str, Tensor], InitReport | None]:
    """Networks and memory bank of a run before its first step, and what it says of them."""
    method = get_method(settings.method)
    torch.manual_seed(1)
    model = method.build_model(settings)
    objective = method.build_objective(settings, model, len(method.open_data(settings)), torch.device("cpu"))
    report = method.continue_from(settings, model, objective)
    return model.state_dict(), objective.state_dict(), report


@pytest.fixture(scope="module")
def begun(settings: dict[str, Any]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Networks and memory bank of a run that starts from scratch."""
    model, bank, report = started(make_pretrain_settings(None, settings | SMALL))
    assert report is None
    return model, bank


@pytest.fixture(scope="module")
def published(
    begun: tuple[dict[str, Tensor], dict[str, Tensor]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Tensor], dict[str, Tensor]]:
    """What HCMoCo's trainer saves of such a run with other weights, and these in this package's names."""
    generator = torch.Generator().manual_seed(5)

    def other(value: Tensor) -> Tensor:
        return torch.rand(value.shape, generator=generator) if value.is_floating_point() else value + 3

    model, bank = ({name: other(value) for name, value in state.items()} for state in begun)
    form = PublishedHCMoCo()
    trainer = {"opt": argparse.Namespace(epochs=200, mem="bank"), "optimizer": {"state": {}}, "epoch": np.int64(100)}
    path = tmp_path_factory.mktemp("published") / "ckpt_epoch_100.pth"
    torch.save(form.to_published(model) | form.objective_to_published(bank) | trainer, path)
    return path, model, bank


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


def test_hcmocos_checkpoint_continues_whole_and_bit_for_bit(
    settings: dict[str, Any], published: tuple[Path, dict[str, Tensor], dict[str, Tensor]]
) -> None:
    path, model, bank = published
    networks, rows, report = started(make_pretrain_settings(None, settings | SMALL | {"init": str(path)}))
    assert same(networks, model)
    assert same(rows, bank)
    assert report is not None
    assert report.source == "ckpt_epoch_100.pth, a file of HCMoCo (PyContrast)"
    assert report.taken == (
        *("RGB encoder", "depth encoder", "keypoint encoder (SemGCN)"),
        *("global mapper of RGB", "global mapper of depth", "global mapper of keypoints"),
        *("dense mapper of RGB", "dense mapper of depth"),
        f"memory bank ({len(bank['bank_rgb']):,} rows)",
    )
    assert report.left == ("opt", "optimizer", "epoch")


def test_what_does_not_fit_is_left_and_named(
    settings: dict[str, Any],
    begun: tuple[dict[str, Tensor], dict[str, Tensor]],
    published: tuple[Path, dict[str, Tensor], dict[str, Tensor]],
    tmp_path: Path,
) -> None:
    _, model, bank = published
    form = PublishedHCMoCo()
    first_stage = {name: value for name, value in model.items() if not name.startswith("dense_mappers")}
    first_stage["keypoint_encoder.gconv_output.e"] = torch.zeros(1, 7)
    content = form.to_published(first_stage) | form.objective_to_published({n: v[:-1] for n, v in bank.items()})
    torch.save(content, tmp_path / "current.pth")
    given = settings | SMALL | {"init": str(tmp_path / "current.pth")}
    networks, rows, report = started(make_pretrain_settings(None, given))
    kept = ("dense_mappers", "keypoint_encoder")
    assert same(networks, {name: begun[0][name] if name.startswith(kept) else value for name, value in model.items()})
    assert same(rows, begun[1])
    assert report is not None
    count = len(bank["bank_rgb"])
    assert report.left == (
        "keypoint encoder (SemGCN): of another size, it keeps its first weights",
        "dense mapper of RGB: not in the file, it keeps its first weights",
        "dense mapper of depth: not in the file, it keeps its first weights",
        f"memory bank: it has {count - 1:,} rows of 128, this run {count:,} of 128",
    )
    without = make_pretrain_settings(None, given | {"negatives": "batch"})
    assert started(without)[2].left[-1] == "memory bank: this run compares without one"  # type: ignore[union-attr]


def test_another_backbone_is_named(
    settings: dict[str, Any], published: tuple[Path, dict[str, Tensor], dict[str, Tensor]]
) -> None:
    given = settings | SMALL | {"init": str(published[0]), "backbone": "test_resnet"}
    with pytest.raises(UsageError, match="its backbone is hrnet_w18_small, here it is test_resnet; give --backbone"):
        started(make_pretrain_settings(None, given))


def test_the_command_says_what_it_took(
    settings: dict[str, Any], published: tuple[Path, dict[str, Tensor], dict[str, Tensor]], tmp_path: Path
) -> None:
    path, model, _ = published
    words = ["pretrain", "--store", settings["stores"][0], "--init", str(path), "--backbone", SMALL["backbone"]]
    words += ["--size", "64", "--batch-size", "16", "--epochs", "0", "1", "--set", "negatives=16"]
    words += ["--set", "points=8", "--lr", "1e-12", "--out", str(tmp_path / "run")]
    shown = CliRunner().invoke(app, words, catch_exceptions=False)
    assert shown.exit_code == 0, shown.output
    assert "begins with ckpt_epoch_100.pth, a file of HCMoCo (PyContrast)" in shown.output
    assert "memory bank (" in shown.output
    assert "left:  opt; optimizer; epoch" in shown.output
    trained = load_checkpoint(tmp_path / "run" / "checkpoint.pth")["model"]
    for name in ("rgb_encoder.backbone.conv1.weight", "keypoint_mapper.projection.weight"):
        torch.testing.assert_close(trained[name], model[name], rtol=0, atol=1e-6)


def test_a_pretraining_of_this_tool_hands_over_its_memory_bank(
    settings: dict[str, Any], finished_run: Path, small: PretrainSettings
) -> None:
    path = finished_run / "checkpoint.pth"
    saved = load_checkpoint(path)
    networks, rows, report = started(small.model_copy(update={"init": str(path)}))
    assert same(networks, saved["model"])
    assert same(rows, saved["bank"])
    assert report is not None
    assert report.taken[-1] == f"memory bank ({len(rows['bank_rgb']):,} rows)"
    assert {"optimizer", "step"} <= set(report.left)
    assert json.dumps(report.left)
