"""Encoders written for other programs: each program's own way of reading finds every weight."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file

from hcmoco_bench.errors import UsageError
from hcmoco_bench.models.encoders import TimmEncoder, create_encoder
from hcmoco_bench.models.export import FORMATS, encoder_state, fusion_of, write_encoder
from hcmoco_bench.models.pointnet import PointNetEncoder

IMAGE = torch.linspace(-2, 2, 3 * 64 * 64).reshape(1, 3, 64, 64)


@pytest.fixture(scope="module")
def hrnet() -> TimmEncoder:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        encoder = create_encoder("hrnet_w18_small").eval()
    for name, buffer in encoder.named_buffers():
        if name.endswith("running_mean"):
            buffer.fill_(0.05)
    return encoder


def _file(to: str, folder: Path) -> Path:
    return folder / f"{to}.{'safetensors' if to == 'timm' else 'pth'}"


@pytest.fixture(scope="module")
def wide() -> TimmEncoder:
    """An HRNet that detectron2 can build too."""
    return create_encoder("hrnet_w18").eval()


@pytest.mark.parametrize("to", sorted(set(FORMATS) - {"detectron2"}))
def test_what_is_written_reads_back_to_the_same_features(hrnet: TimmEncoder, to: str, tmp_path: Path) -> None:
    path = _file(to, tmp_path / "new")
    written = write_encoder(hrnet, to, path)
    assert written.path == path
    assert written.tensors == len(hrnet.backbone.state_dict())
    assert written.parameters == sum(value.numel() for value in hrnet.parameters())
    again = create_encoder("hrnet_w18_small", weights=path).eval()
    for ours, theirs in zip(hrnet(IMAGE), again(IMAGE), strict=True):
        torch.testing.assert_close(theirs, ours, rtol=0, atol=0)


def test_the_formats_are_those_of_the_naming_table() -> None:
    assert set(FORMATS) == {"timm", "hrnet-seg", "detectron2", "a2j"}


def test_segmentation_and_a2j_find_a_bare_state_dict_of_published_names(hrnet: TimmEncoder, tmp_path: Path) -> None:
    # the stem and a fusion layer, by the names in hrnetv2_w18_imagenet_pretrained.pth
    published = ("conv1.weight", "bn2.running_var", "layer1.0.downsample.0.weight", "stage4.0.fuse_layers.3.0.2.1.bias")
    for to in ("hrnet-seg", "a2j"):
        path = _file(to, tmp_path)
        write_encoder(hrnet, to, path)
        content = torch.load(path, weights_only=True)
        for name in published:
            torch.testing.assert_close(content[name], hrnet.backbone.state_dict()[name])
        assert not path.read_bytes().startswith(b"PK"), "their torch is older than the zip format"


def test_detectron2_finds_its_bottom_up(wide: TimmEncoder, tmp_path: Path) -> None:
    path = _file("detectron2", tmp_path)
    write_encoder(wide, "detectron2", path)
    content = torch.load(path, weights_only=True)
    assert set(content) == {"model"}
    assert {name.removeprefix("backbone.bottom_up.") for name in content["model"]} == set(wide.backbone.state_dict())
    assert all(name.startswith("backbone.bottom_up.") for name in content["model"])
    assert len(content["model"]) != 1956, "that number makes DensePose rename the keys"
    again = create_encoder("hrnet_w18", weights=path)
    expected = wide.backbone.state_dict()
    for name, value in again.backbone.state_dict().items():
        assert torch.equal(value, expected[name]), name


def test_timm_loads_its_file_by_itself(hrnet: TimmEncoder, tmp_path: Path) -> None:
    path = _file("timm", tmp_path)
    write_encoder(hrnet, "timm", path)
    theirs = timm.create_model(
        "hrnet_w18_small", features_only=True, feature_location="", checkpoint_path=str(path)
    ).eval()
    nearest = create_encoder("hrnet_w18_small", weights=path, fusion="nearest").eval()
    for ours, found in zip(nearest(IMAGE), theirs(IMAGE)[1:], strict=True):
        torch.testing.assert_close(found, ours, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["resnet18", "convnext_atto", "mobilenetv3_small_050"])
def test_other_backbones_have_the_names_of_timms_full_model(name: str, tmp_path: Path) -> None:
    encoder = create_encoder(name).eval()
    path = tmp_path / "encoder.safetensors"
    write_encoder(encoder, "timm", path)
    full = timm.create_model(name)
    result = full.load_state_dict(load_file(path), strict=False)
    assert result.unexpected_keys == []
    assert all(key.startswith(("fc.", "head.", "conv_head.", "classifier.")) for key in result.missing_keys)
    again = create_encoder(name, weights=path).eval()
    for ours, theirs in zip(encoder(IMAGE), again(IMAGE), strict=True):
        torch.testing.assert_close(theirs, ours, rtol=0, atol=0)


def test_a_transformer_keeps_its_own_names(tmp_path: Path) -> None:
    encoder = create_encoder("vit_tiny_patch16_224", image_size=64)
    full = set(timm.create_model("vit_tiny_patch16_224", img_size=64).state_dict())
    assert set(encoder_state(encoder)) <= full


def test_fusion_is_told(hrnet: TimmEncoder) -> None:
    assert fusion_of(hrnet) == "bilinear"
    assert fusion_of(create_encoder("hrnet_w18_small", fusion="nearest")) == "nearest"
    assert fusion_of(create_encoder("resnet18")) == ""


def test_what_is_refused(hrnet: TimmEncoder, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not known; use one of"):
        write_encoder(hrnet, "caffe", tmp_path / "x.pth")
    with pytest.raises(UsageError, match=r"reads \.pth files"):
        write_encoder(hrnet, "detectron2", tmp_path / "x.safetensors")
    with pytest.raises(UsageError, match=r"hrnet_w18_small.*it can load hrnet_w18, hrnet_w32, hrnet_w48"):
        write_encoder(hrnet, "detectron2", tmp_path / "x.pth")
    with pytest.raises(UsageError, match="takes an HRNet, this encoder is resnet18"):
        write_encoder(create_encoder("resnet18"), "hrnet-seg", tmp_path / "x.pth")
    with pytest.raises(UsageError, match="PointNetEncoder has no place in timm"):
        write_encoder(PointNetEncoder(), "timm", tmp_path / "x.pth")
    assert not list(tmp_path.iterdir())
