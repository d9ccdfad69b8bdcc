"""Integral regression: means of heatmaps against plain loops, px of the input, and the loss by hand."""

from __future__ import annotations

import itertools

import pytest
import torch

from hcmoco_bench.losses.integral_pose import integral_pose_loss
from hcmoco_bench.models.encoders import create_encoder
from hcmoco_bench.models.integral_pose import IntegralPose, volume_mean


def test_means_are_those_of_plain_loops() -> None:
    volume = torch.randn((2, 3, 4, 5, 6), generator=torch.Generator().manual_seed(0))
    x, y, z = volume_mean(volume)
    for sample, joint in itertools.product(range(2), range(3)):
        total, sums = 0.0, [0.0, 0.0, 0.0]
        for k, j, i in itertools.product(range(4), range(5), range(6)):
            weight = float(volume[sample, joint, k, j, i].double().exp())
            total += weight
            sums = [one + weight * place for one, place in zip(sums, (i, j, k), strict=True)]
        found = [float(mean[sample, joint]) for mean in (x, y, z)]
        assert found == pytest.approx([one / total for one in sums], abs=1e-5)


def test_half_precision_does_not_round_places() -> None:
    volume = torch.randn((1, 1, 16, 16, 16), generator=torch.Generator().manual_seed(0))
    exact = volume_mean(volume.bfloat16().float())
    for one, other in zip(volume_mean(volume.bfloat16()), exact, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("size", [32, 64])
def test_a_sharp_heatmap_gives_the_center_of_its_cell(size: int) -> None:
    net = IntegralPose(create_encoder("test_resnet"), 2, size=size, depth_range=2.0, width=8).eval()
    cells = size // 4
    assert net.depth_bins == cells
    volume = torch.full((1, 2, cells, cells, cells), -1e4)
    volume[0, 0, 0, 0, 0] = volume[0, 1, cells - 1, 2, cells - 1] = 0
    net.head = torch.nn.Sequential()
    net.encoder.forward = lambda image, *_: volume.flatten(1, 2)  # type: ignore[method-assign]
    places, depths = net(torch.zeros((1, 3, size, size)))
    # The first cell covers px 0 to 3, and the first 2 m / cells of the range.
    assert places[0].tolist() == [[1.5, 1.5], [size - 2.5, 9.5]]
    assert depths[0].tolist() == pytest.approx([-1 + 1 / cells, 1 - 1 / cells])


def test_the_loss_by_hand() -> None:
    places = torch.tensor([[[10.0, 20.0], [30.0, 40.0]]])
    depths = torch.tensor([[0.5, -0.25]])
    target = torch.tensor([[[14.0, 20.0, 0.5], [30.0, 32.0, 0.25]]])
    found = integral_pose_loss(places, depths, target, size=64, depth_range=2.0)
    assert float(found) == pytest.approx((4 / 64 + 8 / 64 + 0.5 / 2) / 2)
