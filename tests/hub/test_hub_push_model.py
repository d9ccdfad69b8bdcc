"""Pushing an encoder, against a real HTTP server on the loopback interface."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from hub_fake_server import FakeHub, Repository
from safetensors.torch import save

from hcmoco_bench.errors import DataError, HubError, StoreError
from hcmoco_bench.hub.model_card import MethodFacts, ModelFacts, TrainingData, render_model_card
from hcmoco_bench.hub.push import PushTarget
from hcmoco_bench.hub.push_model import push_model, write_model_folder
from hcmoco_bench.store.kinds.ntu import LICENSE_NTU
from hcmoco_bench.store.manifest import LICENSE_GENERATED

GENERATED = TrainingData("pretrain", True, LICENSE_GENERATED, 540, "a" * 64)
LICENSED = TrainingData("ntu60", False, LICENSE_NTU, 143_648, "b" * 64)
FACTS = ModelFacts(
    repo="me/encoder",
    modality="depth",
    backbone="hrnet_w18",
    parameters=9_563_468,
    fusion="bilinear",
    in_timm=True,
    method=MethodFacts("hcmoco", "hierarchical contrastive learning", "Hong et al., CVPR 2022."),
    config={
        "method": "hcmoco", "backbone": "hrnet_w18", "depth_backbone": None, "init": "imagenet", "image_size": 320,
        "stage1_epochs": 100, "stage2_epochs": 100, "batch_size": 224, "optimizer": "sgd", "lr": 0.03, "momentum": 0.9,
        "weight_decay": 1e-4, "final_lr": 0.001, "warmup_epochs": 0.0, "precision": "bf16", "joints": "mpii16",
        "seed": 0, "weights": {"sample": 1.0, "dense": 1.0, "sparse_intra": 1.0, "sparse_inter": 1.0}, "dense": "soft",
        "negatives": 16_384, "temperature": 0.07, "stores": ["/data/ntu60"],
    },
    steps=128_200,
    total_steps=128_200,
    n_samples=143_648,
    data=(LICENSED,),
    checkpoint_sha256="c" * 64,
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_model_folder(tmp_path / "encoder", save({"weight": torch.ones(3)}), FACTS)
    return tmp_path / "encoder"


def test_push_uploads_the_export_and_nothing_else_to_a_private_repository(hub: FakeHub, folder: Path) -> None:
    (folder / "notes.md").write_text("mine")
    assert push_model(folder, PushTarget("me/encoder"), quiet=True) == f"{hub.url}/me/encoder"
    repository = hub.repositories["models/me/encoder"]
    assert repository.private
    assert {name: data for name, data in repository.files.items() if name != ".gitattributes"} == {
        path.name: path.read_bytes() for path in folder.iterdir() if path.name not in ("notes.md", ".cache")
    }
    push_model(folder, PushTarget("me/encoder"), quiet=True)


def test_public_only_when_asked(hub: FakeHub, folder: Path) -> None:
    push_model(folder, PushTarget("me/open", public=True), quiet=True)
    assert not hub.repositories["models/me/open"].private
    with pytest.raises(HubError, match="is public; give --public"):
        push_model(folder, PushTarget("me/open"), quiet=True)


def test_a_foreign_repository_is_not_touched(hub: FakeHub, folder: Path) -> None:
    hub.repositories["models/me/encoder"] = Repository(private=True, files={"pytorch_model.bin": b"1"})
    with pytest.raises(HubError, match=r"export did not write \(pytorch_model\.bin"):
        push_model(folder, PushTarget("me/encoder"), quiet=True)
    assert hub.repositories["models/me/encoder"].files == {"pytorch_model.bin": b"1"}


@pytest.mark.parametrize(
    ("refused", "status", "expected"),
    [
        ("POST /api/repos/create", 401, "does not accept the token"),
        ("POST /api/repos/create", 402, "choose another account$"),
        ("POST /api/models/me/encoder/preupload", 403, "may not write to me/encoder"),
        ("POST /api/models/me/encoder/commit", 413, "ask the Hub for room$"),
    ],
)
def test_refusals_are_one_sentence(hub: FakeHub, folder: Path, refused: str, status: int, expected: str) -> None:
    hub.refusals[refused] = (status, "no")
    with pytest.raises(HubError, match=expected) as caught:
        push_model(folder, PushTarget("me/encoder"), quiet=True)
    assert "\n" not in str(caught.value)


def test_only_whole_exports_are_pushed(hub: FakeHub, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="is not an exported encoder"):
        push_model(tmp_path / "empty", PushTarget("me/encoder"))
    (folder / "model.safetensors").unlink()
    with pytest.raises(DataError, match="files of this export are missing"):
        push_model(folder, PushTarget("me/encoder"))
    write_model_folder(folder, b"", FACTS)
    with pytest.raises(HubError, match="is not a repository name"):
        push_model(folder, PushTarget("encoder"), quiet=True)
    assert hub.repositories == {}


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        write_model_folder(tmp_path / "file" / "encoder", b"", FACTS)


def test_the_card_of_licensed_data() -> None:
    card = render_model_card(FACTS)
    header = yaml.safe_load(card.split("---")[1])
    assert header["license"] == "other"
    assert header["base_model"] == "timm/hrnet_w18.ms_aug_in1k"
    assert re.search("{{|{%|{#", card) is None
    assert LICENSE_NTU in card
    assert "143,648 training samples" in card
    assert "Trained on generated people" not in card
    assert "trained with bilinear\nenlarging" in card


def test_meanings_stand_beside_the_settings_and_unused_settings_are_left_out() -> None:
    card = render_model_card(replace(FACTS, meanings={"lr": "Base | rate."}, unused=("weights", "momentum")))
    rows = [line for line in card.splitlines() if line.startswith("| `")]
    assert "| `lr` | `0.03` | Base \\| rate. |" in rows
    assert "| `seed` | `0` |  |" in rows
    assert not [row for row in rows if "weights" in row or "`momentum`" in row]
    assert "momentum" not in card


def test_a_task_like_run_of_one_stage_says_its_epochs() -> None:
    config = {"method": "x", "init": "scratch", "stores": [], "image_size": 64, "epochs": 1, "optimizer": "lion"}
    card = render_model_card(replace(FACTS, config=config))
    assert "Optimizer: lion." in card
    assert "The run was set to 1 epoch (128,200 steps)." in card


def test_the_card_of_generated_data_warns() -> None:
    card = render_model_card(replace(FACTS, data=(GENERATED,)))
    assert yaml.safe_load(card.split("---")[1])["license"] == "cc0-1.0"
    assert "Trained on generated people only" in card


def test_a_mixture_is_under_the_strictest_terms() -> None:
    card = render_model_card(replace(FACTS, data=(GENERATED, LICENSED)))
    assert yaml.safe_load(card.split("---")[1])["license"] == "other"
    assert LICENSE_NTU in card
    assert "Trained on generated people" not in card
    unknown = render_model_card(replace(FACTS, data=(GENERATED, TrainingData("gone", None, "", None, ""))))
    assert "The license of a part of the training data is not recorded here" in unknown
