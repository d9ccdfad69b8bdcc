"""Encoders: pyramids, names, and HRNet's fusion against the formula of the published network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.models.encoder import (
    ENCODERS,
    Encoder,
    EncoderFactory,
    encoder_input,
    has_imagenet_weights,
    register_encoder,
)
from hcmoco_bench.models.encoders import check_backbone_name, create_encoder, weights_license
from hcmoco_bench.models.hrnet import create_raw_hrnet
from hcmoco_bench.models.pointnet import PointNetEncoder


@pytest.mark.parametrize(
    ("name", "channels"),
    [
        ("hrnet_w18_small", (16, 32, 64, 128)),
        ("hrnet_w18", (18, 36, 72, 144)),
        ("resnet18", (64, 128, 256, 512)),
        ("convnext_atto", (40, 80, 160, 320)),
    ],
)
def test_pyramid_starts_at_stride_4(name: str, channels: tuple[int, ...]) -> None:
    encoder = create_encoder(name).eval()
    assert encoder.channels == channels
    assert encoder.strides == (4, 8, 16, 32)
    with torch.no_grad():
        maps = encoder(torch.randn(1, 3, 64, 96))
    assert [m.shape for m in maps] == [(1, c, 64 // s, 96 // s) for c, s in zip(channels, encoder.strides, strict=True)]


@pytest.mark.parametrize(("name", "width"), [("hrnet_w32", 32), ("hrnet_w48", 48)])
def test_wide_hrnets_have_the_published_branches(name: str, width: int) -> None:
    with torch.device("meta"):
        encoder = create_encoder(name)
    assert encoder.channels == (width, 2 * width, 4 * width, 8 * width)


def test_hrnet_w18_has_the_published_keys() -> None:
    with torch.device("meta"):
        encoder = create_encoder("hrnet_w18")
    # 1,830 as counted in the published network; detectron2 knows the file with head by 1,956 keys, 1,716 of stages
    keys = list(encoder.backbone.state_dict())
    assert len(keys) == 1830
    assert sum(key.startswith("stage") for key in keys) == 1716


def test_maps_of_channels_last_backbones_come_channels_first() -> None:
    encoder = create_encoder("swin_tiny_patch4_window7_224", image_size=64).eval()
    with torch.no_grad():
        maps = encoder(torch.randn(1, 3, 64, 64))
    assert [m.shape[1] for m in maps] == list(encoder.channels)


def published_forward(network: nn.Module, image: Tensor) -> list[Tensor]:
    """HRNet-Semantic-Segmentation's forward, written out over timm's parameters."""

    def fuse(stage: nn.Module, maps: list[Tensor]) -> list[Tensor]:
        for module in stage:
            maps = [branch(m) for branch, m in zip(module.branches, maps, strict=True)]
            sums = []
            for i, target in enumerate(maps):
                total = torch.zeros_like(target)
                for j, m in enumerate(maps):
                    layer = module.fuse_layers[i][j]
                    if i == j:
                        total = total + m
                    elif j > i:
                        small = layer[1](layer[0](m))
                        total = total + functional.interpolate(small, size=target.shape[2:], mode="bilinear")
                    else:
                        total = total + layer(m)
                sums.append(total.relu())
            maps = sums
        return maps

    x = functional.relu(network.bn1(network.conv1(image)))
    x = functional.relu(network.bn2(network.conv2(x)))
    x = network.layer1(x)
    maps = fuse(network.stage2, [network.transition1[0](x), network.transition1[1](x)])
    maps = fuse(network.stage3, [*maps, network.transition2[2](maps[-1])])
    return fuse(network.stage4, [*maps, network.transition3[3](maps[-1])])


@pytest.mark.parametrize("size", [(64, 64), (73, 57)], ids=["multiple of 32", "odd, as the parsing crops of 473"])
def test_hrnet_equals_the_published_forward(size: tuple[int, int]) -> None:
    encoder = create_encoder("hrnet_w18_small").eval()
    image = torch.randn(1, 3, *size)
    with torch.no_grad():
        for own, reference in zip(encoder(image), published_forward(encoder.backbone, image), strict=True):
            torch.testing.assert_close(own, reference, rtol=1e-5, atol=1e-5)


def test_nearest_fusion_is_timm_and_differs_from_the_published_one() -> None:
    plain = timm.create_model("hrnet_w18_small", features_only=True, feature_location="").eval()
    nearest = create_raw_hrnet("hrnet_w18_small", fusion="nearest").eval()
    bilinear = create_raw_hrnet("hrnet_w18_small").eval()
    for network in (nearest, bilinear):
        network.load_state_dict(plain.state_dict(), strict=True)
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected, same, other = plain(image), nearest(image), bilinear(image)
    assert all(torch.equal(a, b) for a, b in zip(expected, same, strict=True))
    assert all((a - b).abs().max() > 0.01 * a.abs().max() for a, b in zip(expected[1:], other[1:], strict=True))


def test_nearest_fusion_cuts_off_what_is_too_much_as_detectron2_does() -> None:
    network = create_raw_hrnet("hrnet_w18_small", fusion="nearest").eval()
    module = network.stage4[0]
    maps = [torch.randn(1, 16 * 2**i, height, width) for i, (height, width) in enumerate(sizes_of(75, 101))]
    with torch.no_grad():
        branches = [branch(features) for branch, features in zip(module.branches, maps, strict=True)]
        for i, fused in enumerate(module(maps)):
            total = torch.zeros_like(branches[i])
            for j, features in enumerate(branches):
                part = module.fuse_layers[i][j](features)
                total = total + part[:, :, : total.shape[2], : total.shape[3]]
            torch.testing.assert_close(fused, total.relu())
    image = torch.randn(1, 3, 75, 101)
    with torch.no_grad():
        assert [tuple(each.shape[-2:]) for each in network(image)[1:]] == sizes_of(75, 101)


def sizes_of(height: int, width: int) -> list[tuple[int, int]]:
    """Of HRNet's branches, strides 4 to 32: each stride of 2 rounds up."""
    sizes = []
    for step in range(1, 6):
        height, width = -(-height // 2), -(-width // 2)
        if step > 1:
            sizes.append((height, width))
    return sizes


def test_an_unknown_backbone_names_near_matches() -> None:
    with pytest.raises(UsageError, match=r"hrnet_w19.*did you mean .*hrnet_w18"):
        create_encoder("hrnet_w19")


def test_a_name_like_nothing_says_what_there_is() -> None:
    with pytest.raises(UsageError, match=r"neither a timm model nor .* encoder; there are \d+, e\.g\. hrnet_w18"):
        create_encoder("qqqqqqqqqq")


def test_an_unknown_tag_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"no weights tagged 'nothing'; it has .*a1_in1k"):
        create_encoder("resnet50.nothing")


class Brightness(Encoder):
    """An encoder that another package might bring: mean colors at stride 4."""

    def __init__(self) -> None:
        super().__init__()
        self.channels, self.strides = (3,), (4,)
        self.scale = nn.Parameter(torch.ones(3))

    def forward(
        self, image: Tensor, intrinsics: Tensor | None = None, foreground: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        return (functional.avg_pool2d(image, 4, ceil_mode=True) * self.scale[:, None, None],)


@pytest.fixture
def brightness() -> Iterator[str]:
    def load(encoder: Encoder) -> None:
        assert isinstance(encoder, Brightness)
        with torch.no_grad():
            encoder.scale.fill_(5.0)

    factory = EncoderFactory(lambda image_size: Brightness(), load_imagenet=load, weights_license="mit")
    register_encoder("brightness", factory)
    yield "brightness"
    ENCODERS.unregister("brightness")


def test_a_registered_encoder_is_made_by_its_name_and_takes_weights_from_everywhere(
    brightness: str, tmp_path: Path
) -> None:
    encoder = create_encoder(brightness)
    assert isinstance(encoder, Brightness)
    assert (encoder.name, encoder.input, encoder_input(brightness)) == ("brightness", "image", "image")
    assert encoder(torch.ones(1, 3, 8, 6))[0].shape == (1, 3, 2, 2)
    assert create_encoder(brightness, weights="imagenet").scale.tolist() == [5.0, 5.0, 5.0]
    assert weights_license(brightness) == "mit"
    check_backbone_name(brightness)
    states = {
        "export.pth": {"scale": torch.tensor([1.0, 2.0, 3.0])},
        "task.pth": {"encoder.scale": torch.tensor([1.0, 2.0, 3.0]), "head.weight": torch.zeros(2)},
        "pre.pth": {"rgb_encoder.scale": torch.tensor([1.0, 2.0, 3.0]), "depth_encoder.scale": torch.zeros(3)},
    }
    for name, state in states.items():
        torch.save({"model": state}, tmp_path / name)
        loaded = create_encoder(brightness, weights=tmp_path / name, modality="rgb")
        assert loaded.scale.tolist() == [1.0, 2.0, 3.0]
    with pytest.raises(DataError, match="say which modality"):
        create_encoder(brightness, weights=tmp_path / "pre.pth")
    with pytest.raises(UsageError, match="'brightness' is registered already"):
        register_encoder(brightness, EncoderFactory(lambda image_size: Brightness()))
    with pytest.raises(UsageError, match=r"did you mean .*brightness"):
        create_encoder("brightnes")


def test_points_are_an_encoder_like_any_other(tmp_path: Path) -> None:
    encoder = create_encoder("pointnet")
    assert isinstance(encoder, PointNetEncoder)
    assert (encoder_input("pointnet"), encoder.input, encoder.name) == ("points", "points", "pointnet")
    assert not has_imagenet_weights("pointnet")
    assert has_imagenet_weights("resnet18")
    with pytest.raises(UsageError, match="no ImageNet weights of pointnet; use --init scratch"):
        create_encoder("pointnet", weights="imagenet")
    torch.save({f"depth_encoder.{name}": value for name, value in encoder.state_dict().items()}, tmp_path / "pre.pth")
    again = create_encoder("pointnet", weights=tmp_path / "pre.pth", modality="depth")
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in encoder.state_dict().items())
    with pytest.raises(ValueError, match="points need intrinsics and foreground"):
        encoder(torch.ones(1, 1, 8, 8))


def test_encoders_of_images_take_and_ignore_what_points_need() -> None:
    encoder = create_encoder("test_resnet").eval()
    image = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        plain = encoder(image)
        called_as_points = encoder(image, torch.ones(1, 4), torch.ones(1, 32, 32, dtype=torch.bool))
    assert all(torch.equal(one, other) for one, other in zip(plain, called_as_points, strict=True))


def test_a_factory_that_makes_something_else_is_refused() -> None:
    register_encoder("wrong", EncoderFactory(lambda image_size: Brightness(), input="points"))
    try:
        with pytest.raises(UsageError, match="it must make an Encoder whose input is points"):
            create_encoder("wrong")
    finally:
        ENCODERS.unregister("wrong")


def test_licenses_of_weights_are_known_where_timm_tells_them() -> None:
    assert weights_license("convnext_atto.d2_in1k") == "apache-2.0"
    assert weights_license("pointnet") == ""
