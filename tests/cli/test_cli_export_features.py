"""`export` and `view --features` from the command line, with a checkpoint of random weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from generated_trees import GeneratedTree
from PIL import Image
from typer.testing import CliRunner

from hcmoco_bench.cli.app import app
from hcmoco_bench.errors import DataError, StoreError, UsageError
from hcmoco_bench.models.encoders import create_encoder
from hcmoco_bench.prepare.ntu import prepare_ntu
from hcmoco_bench.prepare.options import check_options
from hcmoco_bench.pretrain.feature_samples import feature_samples
from hcmoco_bench.pretrain.methods.hcmoco import HCMoCoSettings
from hcmoco_bench.pretrain.registry import get_method
from hcmoco_bench.store.kinds.ntu import NtuStore
from hcmoco_bench.training.checkpoint import save_checkpoint


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = HCMoCoSettings(backbone="hrnet_w18_small", init="scratch", image_size=64)
    path = tmp_path_factory.mktemp("features") / "checkpoint.pth"
    state = {"kind": "pretrain", "config": config.to_dict(), "step": 1, "total_steps": 1}
    save_checkpoint(path, state | {"model": get_method(config.method).build_model(config).state_dict()})
    return path


@pytest.fixture(scope="module")
def store(generated_tree: GeneratedTree, tmp_path_factory: pytest.TempPathFactory) -> NtuStore:
    folder = tmp_path_factory.mktemp("features") / "store"
    return prepare_ntu([generated_tree.root], folder, check_options(set="pretrain", every=5)).store


def test_export_writes_and_says_what(checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "depth.pth"
    arguments = ["export", "--ckpt", str(checkpoint), "--modality", "depth", "--to", "hrnet-seg", "--out", str(path)]
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["path"] == str(path)
    assert said["backbone"] == "hrnet_w18_small"
    create_encoder("hrnet_w18_small", weights=path)
    plain = CliRunner().invoke(app, arguments)
    assert str(path) in plain.stdout.replace("\n", "")


def test_export_refuses(checkpoint: Path, tmp_path: Path) -> None:
    base = ["export", "--modality", "rgb", "--out", str(tmp_path / "x.pth")]
    foreign = tmp_path / "foreign.pth"
    torch.save({"weight": torch.ones(1)}, foreign)
    refused = CliRunner().invoke(app, [*base, "--ckpt", str(foreign), "--to", "timm"])
    assert isinstance(refused.exception, DataError)
    for extra in (["--to", "timm", "--push", "me/x"], ["--to", "hub", "--public"]):
        wrong = CliRunner().invoke(app, [*base, "--ckpt", str(checkpoint), *extra])
        assert isinstance(wrong.exception, UsageError)
    assert CliRunner().invoke(app, [*base, "--ckpt", str(checkpoint), "--to", "onnx"]).exit_code == 2


def test_export_puts_results_onto_the_card(checkpoint: Path, tmp_path: Path) -> None:
    split = {"id": "depth_parsing", "version": "1", "protocol": "native", "split": "test", "split_sha256": "5" * 64}
    result = {
        "task": split,
        "model": {
            "name": "mine",
            "backbone": "hrnet_w18_small",
            "pretrain": {"method": "hcmoco", "data": None, "init": "scratch"},
        },
        "data": {"name": "NTURGBD-Parsing-4K", "n_expected": 8, "n_scored": 8},
        "run": {"tool": "hcmoco-bench 0.1.0"},
        "scores": {"main": "miou", "unit": "%", "mean": 1 / 3, "all": {"miou": 1 / 3}},
        "status": {"tier": "self-reported"},
    }
    path, out = tmp_path / "result.json", tmp_path / "encoder"
    path.write_text(json.dumps(result))
    base = ["export", "--ckpt", str(checkpoint), "--results", str(path), "--out", str(out)]
    done = CliRunner().invoke(app, [*base, "--modality", "depth", "--to", "hub", "--json"])
    assert done.exit_code == 0, done.output
    (written,) = json.loads(done.stdout)["results"]
    assert Path(written).parent == out / ".eval_results"
    assert f"value: {1 / 3!r}" in Path(written).read_text()
    assert "| 0.33 |" in (out / "README.md").read_text()
    wrong = CliRunner().invoke(app, [*base, "--modality", "rgb", "--to", "hub"])
    assert isinstance(wrong.exception, UsageError)
    assert "its modality depth, not rgb" in str(wrong.exception)
    timm = CliRunner().invoke(app, [*base, "--modality", "depth", "--to", "timm"])
    assert isinstance(timm.exception, UsageError)
    assert "--results goes with --to hub" in str(timm.exception)


def test_view_features_draws_a_line_a_sample(checkpoint: Path, store: NtuStore, tmp_path: Path) -> None:
    sheet = tmp_path / "features.png"
    ids = store.spread(2)
    done = CliRunner().invoke(
        app, ["view", str(store.path), *ids, "--features", str(checkpoint), "--out", str(sheet), "-q"]
    )
    assert done.exit_code == 0, done.output
    with Image.open(sheet) as image:
        assert len(set(image.convert("RGB").resize((200, 100)).get_flattened_data())) > 500


def test_samples_come_in_the_order_asked_for_with_maps_at_stride_four(checkpoint: Path, store: NtuStore) -> None:
    ids = store.spread(3)[::-1]
    samples = feature_samples(checkpoint, store.path, ids, size=96)
    assert [sample.sample_id for sample in samples] == ids
    for sample in samples:
        assert sample.rgb.shape == (96, 96, 3)
        assert sample.foreground.any()
        assert {name: values.shape for name, values in sample.features.items()} == {
            "rgb": (128, 24, 24),
            "depth": (128, 24, 24),
        }


def test_features_need_depth_and_a_known_sample(
    checkpoint: Path, store: NtuStore, generated_tree: GeneratedTree, tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match="S099C001P001R001A001F001 is not in the store"):
        feature_samples(checkpoint, store.path, ["S099C001P001R001A001F001"])
    options = check_options(set="pretrain", every=9, rgb_only=True)
    flat = prepare_ntu([generated_tree.root], tmp_path / "flat", options).store
    with pytest.raises(DataError, match="has no depth to compare with"):
        feature_samples(checkpoint, flat.path, flat.spread(1))
