"""Exports of a checkpoint: the right encoder, the Hub's folder with its card, and what is refused."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import yaml
from pretrain_checkpoints import write_checkpoint

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.models.encoders import create_encoder
from hcmoco_bench.models.pointnet import PointNetEncoder
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
@pytest.mark.parametrize("to", ["timm", "hrnet-seg", "a2j"])
def test_each_encoder_in_each_format(
    checkpoint: Path, model: MultiModalModel, modality: str, to: str, tmp_path: Path
) -> None:
    done = export_checkpoint(checkpoint, modality, to, tmp_path / "encoder.pth")  # type: ignore[arg-type]
    trained = model.rgb_encoder if modality == "rgb" else model.depth_encoder
    again = create_encoder(done.backbone, weights=done.path).eval()
    for ours, theirs in zip(trained(IMAGE), again(IMAGE), strict=True):
        torch.testing.assert_close(theirs, ours, rtol=0, atol=0)
    assert ("nearest" in done.note) == (to == "timm"), "who fuses otherwise is told so"


def test_a_backbone_that_detectron2_cannot_build_is_refused(
    checkpoint: Path, model: MultiModalModel, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"hrnet_w18_small.*stay random.*hrnet_w18, hrnet_w32, hrnet_w48"):
        export_checkpoint(checkpoint, "rgb", "detectron2", tmp_path / "encoder.pth")
    assert not list(tmp_path.iterdir())


def test_the_folder_for_the_hub_loads_in_timm_and_here(
    checkpoint: Path, model: MultiModalModel, tmp_path: Path
) -> None:
    folder = tmp_path / "encoder"
    export_checkpoint(checkpoint, "depth", "hub", folder)
    assert {path.name for path in folder.iterdir()} == {
        "README.md", "config.json", "model.safetensors", "pretraining.json",
    }  # fmt: skip
    theirs = timm.create_model(f"local-dir:{folder}", pretrained=True, features_only=True, feature_location="")
    loaded = theirs.state_dict()
    for name, value in model.depth_encoder.backbone.state_dict().items():
        torch.testing.assert_close(loaded[name], value, rtol=0, atol=0)
    ours = create_encoder("hrnet_w18_small", weights=folder / "model.safetensors").eval()
    for expected, found in zip(model.depth_encoder(IMAGE), ours(IMAGE), strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_the_card_says_what_the_checkpoint_says(checkpoint: Path, model: MultiModalModel, tmp_path: Path) -> None:
    folder = tmp_path / "encoder"
    export_checkpoint(checkpoint, "rgb", "hub", folder, repo="me/people")
    card = (folder / "README.md").read_text("utf-8")
    assert re.search("{{|{%|{#", card) is None
    header = yaml.safe_load(card.split("---")[1])
    assert header["library_name"] == "timm"
    assert header["license"] == "other", "the store is not there to be asked"
    assert "base_model" not in header, "the run began from scratch"
    parameters = sum(value.numel() for value in model.rgb_encoder.parameters())
    for fact in (
        f"{parameters:,} parameters",
        "Each step saw 17 samples",
        "64 x 64 px",
        "| `seed` | `5` |",
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
    assert "taken during a run" not in card


SCHEDULES = {"poly_power", "step_epochs", "step_factor", "milestones"}
"""Settings of schedules other than the cosine."""

OF_100_EPOCHS = "The run was set to 100 epochs of the first stage and 100 of the second (20 steps)."

RUNS: dict[str, tuple[dict[str, Any], set[str], str]] = {
    "paper": (
        {},
        set(),
        "Optimizer: SGD with momentum 0.9, learning rate 0.03, weight decay 0.0001. Each step saw 224 samples in fp32.",
    ),
    "adam": (
        {
            "optimizer": "adam", "lr": 0.001, "clip": 1.5, "warmup_epochs": 0.5, "precision": "bf16",
            "negatives": "batch", "stage1_epochs": 1, "stage2_epochs": 15, "batch_size": 32, "trackers": (),
        },
        {"momentum", "bank_momentum"},
        (
            "Optimizer: Adam, learning rate 0.001, weight decay 0.0001, 0.5 epochs of warm-up, gradients clipped to a "
            "norm of 1.5. Each step saw 32 samples in bf16. "
            "The run was set to 1 epoch of the first stage and 15 of the second (20 steps)."
        ),
    ),
    "cmc": (
        {"method": "cmc", "stores": ("/data/a", "/data/b"), "hide": ("depth", "nothing"), "weight_decay": 1e-5},
        set(),
        "Optimizer: SGD with momentum 0.9, learning rate 0.03, weight decay 1e-05. Each step saw 224 samples in fp32.",
    ),
    "mmv": (
        {"method": "mmv", "optimizer": "adam", "momentum": 0.5, "seed": 3, "accumulate": 4, "channels_last": True},
        {"momentum"},
        "Optimizer: Adam, learning rate 0.03, weight decay 0.0001. Each step saw 224 samples in fp32.",
    ),
    "without the dense term": (
        {"weights": {"dense": 0.0}},
        {"dense", "points"},
        "Optimizer: SGD with momentum 0.9, learning rate 0.03, weight decay 0.0001. Each step saw 224 samples in fp32.",
    ),
}  # fmt: skip
"""Settings of a run, those of them that it takes no notice of, and the sentences of its card."""


@pytest.mark.parametrize("name", RUNS)
def test_the_card_gives_every_setting_of_the_run_and_no_other(name: str, tmp_path: Path) -> None:
    given, unused, sentences = RUNS[name]
    write_checkpoint(tmp_path / "run.pth", **given)
    export_checkpoint(tmp_path / "run.pth", "rgb", "hub", tmp_path / "out")
    config = json.loads((tmp_path / "out" / "pretraining.json").read_text("utf-8"))["config"]
    weights = config.pop("weights", {})
    expected = {key: value for key, value in config.items() if key not in unused | SCHEDULES}
    expected |= {f"weights.{term}": weight for term, weight in weights.items()}
    card = (tmp_path / "out" / "README.md").read_text("utf-8")
    training = card[card.index("## Training") : card.index("## Data")]
    rows = re.findall(r"^\| `(.+?)` \| `(.*?)` \| (.+) \|$", training, flags=re.MULTILINE)
    table = {key: value for key, value, meaning in rows}
    assert all(meaning.strip() for _, _, meaning in rows)
    assert {
        key: value if isinstance(expected.get(key), str) else json.loads(value) for key, value in table.items()
    } == (expected)
    prose = " ".join(line for line in training.splitlines()[1:] if not line.startswith("|")).split("These are")[0]
    assert " ".join(prose.split()) == (sentences if "run was set" in sentences else f"{sentences} {OF_100_EPOCHS}")


def test_the_card_cites_the_method_that_was_run(tmp_path: Path) -> None:
    for method, (title, author) in {
        "hcmoco": ("HCMoCo", "Fangzhou Hong"),
        "cmc": ("CMC", "Yonglong Tian"),
        "mmv": ("MMV", "Jean-Baptiste Alayrac"),
    }.items():
        write_checkpoint(tmp_path / f"{method}.pth", method=method)
        export_checkpoint(tmp_path / f"{method}.pth", "rgb", "hub", tmp_path / method)
        card = (tmp_path / method / "README.md").read_text("utf-8")
        assert f"Method: {author}" in card
        assert f"of a pre-training with {title} (" in card


def test_an_unfinished_run_is_called_so(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "half.pth", step=9)
    export_checkpoint(tmp_path / "half.pth", "rgb", "hub", tmp_path / "half")
    assert "9 of 20 steps were done" in (tmp_path / "half" / "README.md").read_text("utf-8")


def test_points_go_to_the_hub_alone(tmp_path: Path) -> None:
    model = write_checkpoint(tmp_path / "points.pth", depth_backbone="pointnet")
    export_checkpoint(tmp_path / "points.pth", "depth", "hub", tmp_path / "points")
    assert not (tmp_path / "points" / "config.json").exists()
    card = (tmp_path / "points" / "README.md").read_text("utf-8")
    assert 'encoder = create_encoder("pointnet", weights=weights)' in card
    assert "Input: depth (B, 1, H, W) in meters" in card
    again = create_encoder("pointnet", weights=tmp_path / "points" / "model.safetensors")
    assert isinstance(again, PointNetEncoder)
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


def test_files_of_any_name(checkpoint: Path, model: MultiModalModel, tmp_path: Path) -> None:
    folder = tmp_path / (os.fsdecode("数据".encode("gbk")) + " a[b] [v2] :smile:")
    folder.mkdir()
    shutil.copyfile(checkpoint, folder / "checkpoint.pth")
    for to, file in (("timm", "a.pth"), ("timm", "a.safetensors"), ("hrnet-seg", "b.pth"), ("a2j", "c.pth")):
        path = export_checkpoint(folder / "checkpoint.pth", "depth", to, folder / file).path
        again = create_encoder("hrnet_w18_small", weights=path).eval()
        for ours, theirs in zip(model.depth_encoder(IMAGE), again(IMAGE), strict=True):
            torch.testing.assert_close(theirs, ours, rtol=0, atol=0)
    export_checkpoint(folder / "checkpoint.pth", "depth", "hub", folder / "hub")
    for path in sorted((folder / "hub").iterdir()):
        if path.suffix in (".json", ".md"):
            path.read_text("utf-8")
