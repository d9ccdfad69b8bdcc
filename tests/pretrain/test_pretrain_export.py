"""Exports of a checkpoint: the right encoder, the Hub's folder with its card, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import timm
import torch
import yaml
from pretrain_checkpoints import write_checkpoint

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.hub.template import PLACEHOLDER
from hcmoco_bench.models.encoders import create_encoder
from hcmoco_bench.models.pointnet import PointNetEncoder
from hcmoco_bench.models.weights import load_weights
from hcmoco_bench.pretrain.export import export_checkpoint
from hcmoco_bench.pretrain.multimodal.model import MultiModalModel

IMAGE = torch.linspace(-2, 2, 3 * 64 * 64).reshape(1, 3, 64, 64)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("export") / "checkpoint.pth"


@pytest.fixture(scope="module")
def model(checkpoint: Path) -> MultiModalModel:
    return write_checkpoint(checkpoint, stores=("/home/somebody/secret/pretrain",), seed=5, batch_size=17)


@pytest.mark.parametrize("modality", ["rgb", "depth"])
@pytest.mark.parametrize("to", ["timm", "hrnet-seg", "detectron2", "a2j"])
def test_each_encoder_in_each_format(
    checkpoint: Path, model: MultiModalModel, modality: str, to: str, tmp_path: Path
) -> None:
    done = export_checkpoint(checkpoint, modality, to, tmp_path / "encoder.pth")  # type: ignore[arg-type]
    trained = model.rgb_encoder if modality == "rgb" else model.depth_encoder
    again = create_encoder(done.backbone, weights=done.path).eval()
    for ours, theirs in zip(trained(IMAGE), again(IMAGE), strict=True):
        torch.testing.assert_close(theirs, ours, rtol=0, atol=0)
    assert ("nearest" in done.note) == (to in ("timm", "detectron2")), "who fuses otherwise is told so"


def test_the_folder_for_the_hub_loads_in_timm_and_here(
    checkpoint: Path, model: MultiModalModel, tmp_path: Path
) -> None:
    folder = tmp_path / "encoder"
    export_checkpoint(checkpoint, "depth", "hub", folder)
    assert {path.name for path in folder.iterdir()} == {
        "README.md", "config.json", "model.safetensors", "pretraining.json",
    }  # fmt: skip
    theirs = timm.create_model(f"local-dir:{folder}", pretrained=True, features_only=True, feature_location="")
    for name, value in model.depth_encoder.backbone.state_dict().items():
        torch.testing.assert_close(theirs.state_dict()[name], value, rtol=0, atol=0)
    ours = create_encoder("hrnet_w18_small", weights=folder / "model.safetensors").eval()
    for expected, found in zip(model.depth_encoder(IMAGE), ours(IMAGE), strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_the_card_says_what_the_checkpoint_says(checkpoint: Path, model: MultiModalModel, tmp_path: Path) -> None:
    folder = tmp_path / "encoder"
    export_checkpoint(checkpoint, "rgb", "hub", folder, repo="me/people")
    card = (folder / "README.md").read_text("utf-8")
    assert PLACEHOLDER.search(card) is None
    header = yaml.safe_load(card.split("---")[1])
    assert header["library_name"] == "timm"
    assert header["license"] == "other", "the store is not there to be asked"
    assert "base_model" not in header, "the run began from scratch"
    parameters = sum(value.numel() for value in model.rgb_encoder.parameters())
    for fact in (
        f"{parameters:,} parameters",
        "17 samples of 64 x 64 px",
        "| seed | 5 |",
        "hf-hub:me/people",
        "`pretrain`",
    ):
        assert fact in card
    record = json.loads((folder / "pretraining.json").read_text("utf-8"))
    assert record["checkpoint_sha256"] == file_sha256(checkpoint)
    assert record["n_samples"] == 7
    assert record["config"]["stores"] == ["pretrain"]
    for text in (card, json.dumps(record)):
        assert "somebody" not in text, "no path of a machine is handed on"
    assert "from within a run" not in card


def test_an_unfinished_run_is_called_so(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "half.pth", step=9)
    export_checkpoint(tmp_path / "half.pth", "rgb", "hub", tmp_path / "half")
    assert "9 of 20 steps were done" in (tmp_path / "half" / "README.md").read_text("utf-8")


def test_points_go_to_the_hub_alone(tmp_path: Path) -> None:
    model = write_checkpoint(tmp_path / "points.pth", depth_backbone="pointnet")
    export_checkpoint(tmp_path / "points.pth", "depth", "hub", tmp_path / "points")
    assert not (tmp_path / "points" / "config.json").exists()
    again = PointNetEncoder()
    load_weights(again, tmp_path / "points" / "model.safetensors")
    for name, value in model.depth_encoder.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, rtol=0, atol=0)
    with pytest.raises(UsageError, match="--to hub"):
        export_checkpoint(tmp_path / "points.pth", "depth", "detectron2", tmp_path / "points-d2.pth")


def test_an_export_replaces_its_like_and_nothing_else(checkpoint: Path, model: MultiModalModel, tmp_path: Path) -> None:
    folder = tmp_path / "encoder"
    export_checkpoint(checkpoint, "rgb", "hub", folder)
    export_checkpoint(checkpoint, "depth", "hub", folder)
    assert json.loads((folder / "pretraining.json").read_text("utf-8"))["modality"] == "depth"
    (folder / "thesis.tex").write_text("mine")
    with pytest.raises(UsageError, match=r"thesis\.tex"):
        export_checkpoint(checkpoint, "rgb", "hub", folder)
    assert json.loads((folder / "pretraining.json").read_text("utf-8"))["modality"] == "depth"


def test_foreign_and_damaged_files_are_refused(checkpoint: Path, model: MultiModalModel, tmp_path: Path) -> None:
    foreign, cut = tmp_path / "foreign.pth", tmp_path / "cut.pth"
    torch.save({"state_dict": model.rgb_encoder.state_dict()}, foreign)
    cut.write_bytes(checkpoint.read_bytes()[:5000])
    for path, said in (
        (foreign, "not a checkpoint of hcmoco-bench"),
        (cut, "damaged"),
        (tmp_path / "no.pth", "no such"),
    ):
        with pytest.raises(DataError, match=said):
            export_checkpoint(path, "rgb", "timm", tmp_path / "out.pth")
    with pytest.raises(UsageError, match="format 'onnx' is not known"):
        export_checkpoint(checkpoint, "rgb", "onnx", tmp_path / "out.pth")
    assert not (tmp_path / "out.pth").exists()
