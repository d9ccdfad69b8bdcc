"""The head of transposed convolutions over every kind of encoder."""

from __future__ import annotations

import pytest
import torch

from hcmoco_bench.errors import UsageError
from hcmoco_bench.models.deconvolution_head import DeconvolutionHead, Maps
from hcmoco_bench.models.encoders import create_encoder


@pytest.mark.parametrize(
    ("name", "maps", "layers"),
    [
        ("test_resnet", "coarsest", None),
        ("resnet18", "coarsest", 3),
        ("convnext_atto", "coarsest", 3),
        ("test_vit", "coarsest", 2),
        ("hrnet_w18_small", "coarsest", 3),
        ("hrnet_w18_small", "finest", 0),
        ("hrnet_w18_small", "all", 0),
        ("test_vit", "all", 2),
    ],
)
def test_heatmaps_have_a_quarter_of_the_image(name: str, maps: Maps, layers: int | None) -> None:
    torch.manual_seed(0)
    height, width = 64, 96
    encoder = create_encoder(name, image_size=(height, width)).eval()
    head = DeconvolutionHead(encoder.channels, encoder.strides, 5, width=8, maps=maps).eval()
    if layers is not None:
        assert sum(isinstance(one, torch.nn.ConvTranspose2d) for one in head.layers) == layers
    found = head(encoder(torch.randn(2, 3, height, width)))
    assert found.shape == (2, 5, height // 4, width // 4)
    found.sum().backward()
    assert all(one.grad is not None for one in head.parameters())


def test_the_first_weights_are_the_published_ones() -> None:
    torch.manual_seed(0)
    head = DeconvolutionHead((64, 128, 256, 512), (4, 8, 16, 32), 17)
    assert [tuple(one.weight.shape) for one in head.layers[::3]] == [
        (512, 256, 4, 4),
        (256, 256, 4, 4),
        (256, 256, 4, 4),
    ]
    for one in (*head.layers[::3], head.final):
        assert one.weight.std().item() == pytest.approx(0.001, rel=0.05)
        assert one.weight.mean().item() == pytest.approx(0, abs=1e-4)
    assert head.final.bias is not None
    assert not head.final.bias.any()


def test_maps_that_no_doubling_takes_to_a_stride_of_4_are_refused() -> None:
    with pytest.raises(UsageError, match="stride of 14 px"):
        DeconvolutionHead((192,), (14,), 17)
