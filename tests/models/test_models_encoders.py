"""Encoders: pyramids, names, and HRNet's fusion against the formula of the published network."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from hcmoco_bench.errors import UsageError
from hcmoco_bench.models.encoders import create_encoder
from hcmoco_bench.models.hrnet import create_raw_hrnet


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


def test_an_unknown_backbone_names_near_matches() -> None:
    with pytest.raises(UsageError, match=r"hrnet_w19.*did you mean .*hrnet_w18"):
        create_encoder("hrnet_w19")


def test_a_name_like_nothing_says_what_there_is() -> None:
    with pytest.raises(UsageError, match=r"not a timm model; timm has \d+, e\.g\. hrnet_w18"):
        create_encoder("qqqqqqqqqq")


def test_an_unknown_tag_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"no weights tagged 'nothing'; it has .*a1_in1k"):
        create_encoder("resnet50.nothing")
