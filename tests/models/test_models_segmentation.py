"""The segmentation network: sizes, the published head, and points."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hcmoco_bench.errors import UsageError
from hcmoco_bench.models.encoders import create_encoder
from hcmoco_bench.models.pointnet import Level, PointNetEncoder
from hcmoco_bench.models.segmentation import SegmentationNet
from hcmoco_bench.models.segmentation_head import SegmentationHead


def test_the_head_is_the_published_one() -> None:
    head = SegmentationHead((18, 36, 72, 144), 25)
    shapes = {name: tuple(value.shape) for name, value in head.named_parameters() if value.ndim > 1}
    assert shapes == {"layers.0.weight": (270, 270, 1, 1), "layers.3.weight": (25, 270, 1, 1)}
    assert [type(layer) for layer in head.layers] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.Conv2d]


def test_the_head_by_hand() -> None:
    """Identity convolutions: the scores are the maps, enlarged bilinearly and in their order."""
    head = SegmentationHead((1, 1), 2).eval()
    with torch.no_grad():
        for layer in (head.layers[0], head.layers[3]):
            layer.weight.copy_(torch.eye(2)[..., None, None])
            layer.bias.zero_()
    fine, coarse = torch.rand(1, 1, 4, 4), torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
    scores = head([fine, coarse]) * (1 + head.layers[1].eps) ** 0.5  # what batch norm divides by
    torch.testing.assert_close(scores[:, :1], fine)
    assert scores[0, 1, 0].tolist() == pytest.approx([0.0, 0.25, 0.75, 1.0])


def test_scores_have_the_finest_maps_size() -> None:
    model = SegmentationNet(create_encoder("test_resnet"), 25).eval()
    assert not model.of_points
    assert model(torch.randn(2, 3, 64, 96)).shape == (2, 25, 16, 24)


def test_points_need_a_camera_and_other_modules_are_refused() -> None:
    encoder = PointNetEncoder(32, (Level(16, (0.1,), (4,), ((8, 8),), 16),))
    model = SegmentationNet(encoder, 25)
    assert model.of_points
    depth = torch.rand(2, 1, 16, 16) + 1
    scores = model(depth, torch.tensor([[20.0, 20.0, 8.0, 8.0]] * 2))
    assert scores.shape == (2, 25, 4, 4)
    with pytest.raises(ValueError, match="intrinsics"):
        model(depth)
    with pytest.raises(UsageError, match="Conv2d gives no maps"):
        SegmentationNet(nn.Conv2d(1, 1, 1), 25)
