"""FPN and ResNets as detectron2 builds them."""

from __future__ import annotations

import pytest
import timm
import torch
from torch.nn import functional

from hcmoco_bench.errors import UsageError
from hcmoco_bench.models.densepose.fpn import FPN
from hcmoco_bench.models.densepose.rcnn import DensePoseRCNN
from hcmoco_bench.models.densepose.settings import RCNNSettings
from hcmoco_bench.models.encoders import create_encoder

CHANNELS, STRIDES = (2, 3, 4, 5), (4, 8, 16, 32)


def test_the_pyramid_is_the_papers() -> None:
    torch.manual_seed(0)
    neck = FPN(CHANNELS, STRIDES, width=6)
    maps = tuple(
        torch.randn(1, count, 128 // stride, 96 // stride) for count, stride in zip(CHANNELS, STRIDES, strict=True)
    )
    found = neck(maps)
    state = neck.state_dict()
    above = None
    for level in (3, 2, 1, 0):
        block = f"pyramid.inner_blocks.{level}.0"
        lateral = functional.conv2d(maps[level], state[f"{block}.weight"], state[f"{block}.bias"])
        above = lateral if above is None else lateral + above.repeat_interleave(2, 2).repeat_interleave(2, 3)
        block = f"pyramid.layer_blocks.{level}.0"
        expected = functional.conv2d(above, state[f"{block}.weight"], state[f"{block}.bias"], padding=1)
        torch.testing.assert_close(found[f"p{level + 1}"], expected)
    torch.testing.assert_close(found["p5"], found["p4"][:, :, ::2, ::2])
    assert (neck.strides, neck.region_levels) == ((4, 8, 16, 32, 64), 4)
    assert [neck.padded_size(side) for side in (1, 32, 33)] == [32, 32, 64]


def test_other_maps_and_levels_are_refused() -> None:
    with pytest.raises(UsageError, match=r"strides 4, 8, 16, .*\(8, 16\)"):
        FPN((2, 3), (8, 16), levels=3)
    with pytest.raises(UsageError, match="give levels=5"):
        FPN(CHANNELS, STRIDES, levels=4)


def test_the_stride_of_a_stage_is_in_its_first_convolution() -> None:
    torch.manual_seed(0)
    encoder = create_encoder("resnet50_caffe").eval()
    for name, value in encoder.backbone.named_parameters():
        if name.endswith("bn3.weight"):
            value.data.fill_(1.0)  # timm begins with zeros, which leave the shortcuts alone
    usual = timm.create_model("resnet50", features_only=True, out_indices=(1, 2)).eval()
    usual.load_state_dict({k: v for k, v in encoder.backbone.state_dict().items() if k in usual.state_dict()})
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        maps, (first, second) = encoder(image), usual(image)
        block = encoder.backbone["layer2"][0]
        hidden = functional.conv2d(first, block.conv1.weight, stride=2)
        hidden = block.bn2(functional.conv2d(block.bn1(hidden).relu(), block.conv2.weight, padding=1)).relu()
        shortcut = block.downsample[1](functional.conv2d(first, block.downsample[0].weight, stride=2))
        expected = (block.bn3(functional.conv2d(hidden, block.conv3.weight)) + shortcut).relu()
        torch.testing.assert_close(block(first), expected)
    assert torch.equal(maps[0], first)
    assert maps[1].shape == second.shape
    assert not torch.allclose(maps[1], second)
    assert (encoder.name, encoder.channels, encoder.strides) == ("resnet50_caffe", (256, 512, 1024, 2048), STRIDES)


@pytest.mark.parametrize("decoder", [True, False])
def test_regions_are_read_from_all_levels_but_the_last(decoder: bool) -> None:
    torch.manual_seed(0)
    sizes = RCNNSettings(
        neck="fpn", width=8, box_width=8, decoder_width=8, convolutions=0, head_width=8, pooled=7, decoder=decoder
    )
    model = DensePoseRCNN(create_encoder("resnet18"), sizes)
    assert len(model.proposals.anchor_generator.strides) == 5
    assert model.people.box_roi_pool.strides == STRIDES
    assert model.regions.strides == (STRIDES[:1] if decoder else STRIDES)
    boxes = [torch.tensor([[0.0, 0.0, 40.0, 60.0], [5.0, 5.0, 20.0, 30.0]])]
    output = model(torch.randn(1, 3, 64, 64), [(64, 64)], boxes, [torch.tensor([True, True])])
    sum(output.losses.values()).backward()
    assert model.neck.pyramid.inner_blocks[3][0].weight.grad.abs().sum() > 0
    with torch.no_grad():
        (found,) = model.eval()(torch.randn(1, 3, 64, 64), [(64, 64)])
    assert found.finite


def test_images_are_padded_for_an_fpn_as_in_detectron2() -> None:
    torch.manual_seed(0)
    sizes = RCNNSettings(
        neck="fpn", width=8, box_width=8, decoder_width=8, convolutions=0, head_width=8, pooled=7, smallest_score=0.0
    )
    model = DensePoseRCNN(create_encoder("resnet18"), sizes).eval()
    image = torch.randn(1, 3, 50, 70)
    together = functional.pad(image, (0, 60, 0, 60))
    with torch.no_grad():
        (alone,) = model(image, [(50, 70)])
        (published,) = model(together, [(50, 70)], padded=False)
    assert len(alone.boxes) > 0
    assert torch.equal(alone.boxes, published.boxes)
