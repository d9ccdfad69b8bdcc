"""Building blocks of the DensePose R-CNN, each against a plain version."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import roi_align

from hcmoco_bench.errors import UsageError
from hcmoco_bench.models.densepose.anchors import PyramidAnchors
from hcmoco_bench.models.densepose.decoder import PyramidDecoder
from hcmoco_bench.models.densepose.head import DensePoseHead
from hcmoco_bench.models.densepose.hrfpn import HRFPN, Pooling
from hcmoco_bench.models.densepose.roi_align import PyramidRoIAlign

CHANNELS, STRIDES = (4, 6, 8, 10), (4, 8, 16, 32)


def make_maps(height: int, width: int) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    return tuple(
        torch.randn(2, channels, math.ceil(height / stride), math.ceil(width / stride), generator=generator)
        for channels, stride in zip(CHANNELS, STRIDES, strict=True)
    )


@pytest.mark.parametrize(("pooling", "levels"), [("learned", 5), ("average", 5), ("average", 2), ("learned", 3)])
@pytest.mark.parametrize("size", [(1, 64), (65, 130), (200, 320)])
def test_the_padded_images_cells_cover_the_image(pooling: Pooling, levels: int, size: tuple[int, int]) -> None:
    neck = HRFPN(CHANNELS, STRIDES, width=8, levels=levels, pooling=pooling).eval()
    height, width = (neck.padded_size(side) for side in size)
    assert height % 32 == width % 32 == 0
    pyramid = neck(make_maps(height, width))
    assert list(pyramid) == ["p1", "p2", "p3", "p4", "p5"][:levels]
    for stride, level in zip(neck.strides, pyramid.values(), strict=True):
        assert level.shape[:2] == (2, 8)
        assert level.shape[2] * stride >= size[0]
        assert level.shape[3] * stride >= size[1]
        assert level.shape[2] * stride == pyramid["p1"].shape[2] * 4


def test_average_pooling_is_that_of_the_paper() -> None:
    neck = HRFPN(CHANNELS, STRIDES, width=8, levels=3, pooling="average").eval()
    maps = make_maps(64, 96)
    joined = torch.cat([functional.interpolate(m, (16, 24), mode="bilinear", align_corners=False) for m in maps], 1)
    reduced = torch.einsum("oc,bchw->bohw", neck.reduce[0].weight[:, :, 0, 0], joined)
    reduced = reduced + neck.reduce[0].bias[:, None, None]
    blocks = reduced.reshape(2, 8, 4, 4, 6, 4).mean(dim=(3, 5))
    expected = functional.conv2d(blocks, neck.smooth[2].weight, neck.smooth[2].bias, padding=1)
    torch.testing.assert_close(neck(maps)["p3"], expected, rtol=1e-4, atol=1e-5)


def test_learned_enlarging_reads_each_map_where_it_lies() -> None:
    # cell (i, j) of a map of stride 4 s adds to the s s cells from (s i, s j) on, and to what the kernel reaches beyond
    neck = HRFPN(CHANNELS, STRIDES, width=8).eval()
    for layer, features, stride in zip(neck.enlarge, make_maps(96, 96), STRIDES, strict=True):
        alone = torch.zeros_like(features[:1])
        alone[0, :, 2, 1] = 1
        changed = torch.nonzero((layer[0](alone) != 0).any(dim=1)[0])
        step = stride // 4
        assert changed.min(dim=0).values.tolist() == [2 * step, step]
        assert changed.max(dim=0).values.tolist() == [2 * step + 3, step + 3]


def test_a_backbone_without_stride_4_is_refused() -> None:
    with pytest.raises(UsageError, match="stride 4"):
        HRFPN((8, 16), (8, 16))


def test_anchors_have_their_area_ratio_and_place() -> None:
    maps = [torch.zeros(2, 1, 6, 7), torch.zeros(2, 1, 3, 3)]
    anchors = PyramidAnchors((32.0, 64.0), (4, 8))(ImageList(torch.zeros(2, 3, 64, 64), [(60, 60)] * 2), maps)
    assert len(anchors) == 2
    boxes = anchors[0].reshape(-1, 3, 4)
    assert len(boxes) == 6 * 7 + 3 * 3
    width, height = boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]
    torch.testing.assert_close((height / width), torch.tensor([0.5, 1.0, 2.0]).expand(len(boxes), 3))
    torch.testing.assert_close((height * width).sqrt()[:42], torch.full((42, 3), 32.0))
    center = (boxes[..., :2] + boxes[..., 2:]) / 2
    torch.testing.assert_close(center[7 * 2 + 3, 1], torch.tensor([12.0, 8.0]))  # row 2, column 3 at stride 4
    torch.testing.assert_close(center[42 + 3 + 2, 1], torch.tensor([16.0, 8.0]))  # row 1, column 2 at stride 8


def test_regions_are_read_from_the_level_of_their_size_and_stay_in_order() -> None:
    strides = (4, 8, 16, 32, 64)
    maps = [torch.randn(2, 3, 512 // stride, 512 // stride) for stride in strides]
    align = PyramidRoIAlign(5, strides)
    boxes = [
        torch.tensor([[0.0, 0, 30, 30], [10, 10, 500, 500], [5, 5, 125, 125]]),
        torch.tensor([[20.0, 40, 244, 264], [1, 1, 511, 511]]),
    ]
    # 224 px at level 4 (stride 16); each level is for twice the side of the one before
    expected_levels = [0, 3, 1, 2, 3]
    assert align.levels(torch.cat(boxes)).tolist() == expected_levels
    result = align(maps, boxes)
    regions = [(image, box) for image, own in enumerate(boxes) for box in own]
    for row, ((image, box), level) in enumerate(zip(regions, expected_levels, strict=True)):
        alone = roi_align(maps[level][image : image + 1], [box[None]], 5, 1 / strides[level], 2)[0]
        torch.testing.assert_close(result[row], alone)


def test_no_regions_give_no_features() -> None:
    maps = [torch.randn(2, 3, 16, 16), torch.randn(2, 3, 8, 8)]
    assert PyramidRoIAlign(7, (4, 8))(maps, [torch.zeros(0, 4)] * 2).shape == (0, 3, 7, 7)


def test_the_decoder_adds_every_level() -> None:
    decoder = PyramidDecoder(4, (4, 8, 16), hidden=6, out=5)
    pyramid = {f"p{i + 1}": torch.randn(1, 4, 16 // 2**i, 24 // 2**i) for i in range(3)}
    total = torch.zeros(1, 6, 16, 24)
    for name, layers in decoder.levels.items():
        features = pyramid[name]
        for layer in layers:
            if isinstance(layer, torch.nn.Conv2d):
                features = functional.conv2d(features, layer.weight, layer.bias, padding=1).clamp(min=0)
            else:
                features = functional.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)
        total = total + features
    expected = functional.conv2d(total, decoder.predictor.weight, decoder.predictor.bias)
    torch.testing.assert_close(decoder(pyramid), expected)


@pytest.mark.parametrize(("convolutions", "coarse"), [(0, 2), (3, 15)])
def test_the_heads_charts_have_four_times_the_side(convolutions: int, coarse: int) -> None:
    head = DensePoseHead(6, convolutions=convolutions, width=8, coarse_channels=coarse)
    charts = head(torch.randn(3, 6, 7, 7))
    assert charts.coarse.shape == (3, coarse, 28, 28)
    assert charts.fine.shape == charts.u.shape == charts.v.shape == (3, 25, 28, 28)
    assert len(head(torch.zeros(0, 6, 7, 7))) == 0
