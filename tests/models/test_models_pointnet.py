"""Depth as points: geometry, the choice of pixels, the network, and images with little or nothing in them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from hcmoco_bench.errors import UsageError
from hcmoco_bench.models.foreground_points import back_project, cell_points, choose_foreground
from hcmoco_bench.models.mappers import DenseMapper, GlobalMapper
from hcmoco_bench.models.pointnet import PUBLISHED_LEVELS, Level, PointNet, PointNetEncoder

SMALL = (
    Level(64, (0.2, 0.4), (4, 8), ((8, 8), (8, 16)), 24),
    Level(16, (0.4, 0.6), (4, 8), ((16, 16), (16, 16)), 32),
    Level(4, (0.6, 1.0), (4, 4), ((16, 32), (16, 32)), 32),
)


def scene(size: int = 2, side: int = 48) -> tuple[Tensor, Tensor, Tensor]:
    """A tilted plane with a person-sized hole around it: depth, intrinsics, foreground."""
    depth = torch.zeros(size, 1, side, side)
    rows = torch.arange(30)[:, None] * 0.01
    for b in range(size):
        depth[b, 0, 10:40, 12:36] = 2.5 + 0.3 * b + rows + torch.arange(24) * 0.004 * (b + 1)
    intrinsics = torch.tensor([[60.0, 60.0, side / 2, side / 2]]).repeat(size, 1)
    return depth, intrinsics, depth[:, 0] > 0


def small_encoder(n_points: int = 64) -> PointNetEncoder:
    torch.manual_seed(0)
    return PointNetEncoder(n_points, SMALL)


def test_back_projection_is_the_inverse_of_the_pinhole() -> None:
    depth, intrinsics, _ = scene()
    intrinsics[1] = torch.tensor([70.0, 65.0, 20.0, 30.5])
    x, y, z = back_project(depth[:, 0], intrinsics).unbind(-1)
    fx, fy, cx, cy = intrinsics[:, :, None, None].unbind(1)
    inside = z > 0
    v, u = torch.meshgrid(torch.arange(48.0), torch.arange(48.0), indexing="ij")
    torch.testing.assert_close((cx + fx * x / z)[inside], u.expand(2, 48, 48)[inside])
    torch.testing.assert_close((cy - fy * y / z)[inside], v.expand(2, 48, 48)[inside], rtol=1e-5, atol=1e-4)
    assert not torch.stack([x, y, z])[:, ~inside].any()
    assert y[0, 10, 24] > y[0, 39, 24]


def test_choice_is_every_pixel_once_where_the_numbers_agree() -> None:
    valid = torch.rand(3, 200, generator=torch.Generator().manual_seed(1)) < 0.3
    valid[:, 0] = True
    for row in valid:
        n = int(row.sum())
        assert choose_foreground(row[None], n)[0].tolist() == row.nonzero()[:, 0].tolist()


@pytest.mark.parametrize("seed", [None, 3])
def test_choice_thins_out_evenly_and_repeats_evenly(seed: int | None) -> None:
    valid = torch.zeros(2, 1000, dtype=torch.bool)
    valid[0, ::2] = True  # 500 pixels
    valid[1, [4, 9, 700]] = True
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    chosen = choose_foreground(valid, 100, generator=generator)
    assert valid.gather(1, chosen).all()
    assert len(set(chosen[0].tolist())) == 100
    assert (chosen[0].diff() <= 20).all()
    counts = torch.bincount(chosen[1], minlength=1000)[[4, 9, 700]]
    assert counts.sum() == 100
    assert counts.max() - counts.min() <= 1


def test_cells_hold_the_mean_of_their_valid_pixels() -> None:
    points = torch.randn(1, 6, 5, 3)
    valid = torch.zeros(1, 6, 5, dtype=torch.bool)
    valid[0, 1, 1] = valid[0, 2, 3] = valid[0, 5, 4] = True
    points[0, 0, 0] = torch.nan
    means, occupied = cell_points(points, valid, 4)
    assert occupied.tolist() == [[True, False, False, True]]
    torch.testing.assert_close(means[0, 0], (points[0, 1, 1] + points[0, 2, 3]) / 2)
    torch.testing.assert_close(means[0, 3], points[0, 5, 4])


def test_the_published_network_gives_one_map_at_stride_4() -> None:
    encoder = PointNetEncoder()
    assert encoder.channels == (128,)
    assert encoder.strides == (4,)
    assert [level.n_centers for level in encoder.network.levels] == [4096, 1024, 256, 64]
    assert encoder.network.levels == PUBLISHED_LEVELS


def test_sides_that_are_no_multiple_of_four() -> None:
    depth, intrinsics, foreground = scene(side=46)
    (features,) = small_encoder().eval()(depth, intrinsics, foreground)
    assert features.shape == (2, 24, 12, 12)


def test_mappers_take_its_map_and_gradients_reach_every_parameter() -> None:
    encoder = small_encoder()
    maps = encoder(*scene())
    loss = GlobalMapper(encoder.channels)(maps)[:, 0].sum() + DenseMapper(encoder.channels)(maps)[:, 0].sum()
    loss.backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all()
        assert parameter.grad.any(), name


def test_features_do_not_depend_on_the_order_of_the_points_beyond_the_first() -> None:
    torch.manual_seed(1)
    # balls that hold fewer points than are looked at: the order then picks nothing
    network = PointNet([Level(64, (0.3,), (64,), ((8, 16),), 16), Level(16, (1.0,), (64,), ((16, 16),), 16)]).eval()
    points = torch.randn(1, 64, 3)
    order = torch.cat([torch.zeros(1, dtype=torch.int64), 1 + torch.randperm(63)])
    with torch.no_grad():
        torch.testing.assert_close(network(points)[..., order], network(points[:, order]), rtol=1e-4, atol=1e-5)


def test_features_do_not_depend_on_where_the_body_stands() -> None:
    torch.manual_seed(1)
    network = PointNet(SMALL).eval().double()
    points = torch.randn(1, 64, 3).double() * 0.3
    with torch.no_grad():
        torch.testing.assert_close(
            network(points), network(points + torch.tensor([0.5, -0.25, 3.0])), rtol=1e-3, atol=1e-4
        )


def test_the_body_is_seen_and_the_background_is_not() -> None:
    encoder = small_encoder().eval()
    depth, intrinsics, foreground = scene()
    with torch.no_grad():
        (features,) = encoder(depth, intrinsics, foreground)
        walled = torch.where(foreground[:, None], depth, 4.0)
        (same,) = encoder(walled, intrinsics, foreground)
        bent = depth.clone()
        bent[:, :, 20:30] -= 0.4 * (bent[:, :, 20:30] > 0)
        (other,) = encoder(bent, intrinsics, foreground)
    assert torch.equal(features, same)
    assert not torch.allclose(features, other)
    assert features[0, :, 4:8, 4:8].flatten(1).std(dim=1).max() > 0
    # cells without foreground hold one and the same vector
    assert torch.equal(features[:, :, 0, 0], features[:, :, -1, -1])


def test_the_meter_of_the_crop_counts_not_its_pixels() -> None:
    encoder = small_encoder().eval()
    depth, intrinsics, foreground = scene()
    moved = torch.roll(depth, (3, -4), dims=(2, 3))
    with torch.no_grad():
        (here,) = encoder(depth, intrinsics, foreground)
        (there,) = encoder(moved, intrinsics + torch.tensor([0, 0, -4.0, 3.0]), moved[:, 0] > 0)
    torch.testing.assert_close(here[:, :, 0, 0], there[:, :, 0, 0], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("pixels", [1, 2, 3, 20])
def test_fewer_points_than_asked_for_are_repeated(pixels: int) -> None:
    depth = torch.zeros(1, 1, 16, 16)
    depth.view(-1)[torch.arange(pixels) * 11 + 5] = 3.0
    encoder = small_encoder()
    (features,) = encoder(depth, torch.tensor([[60.0, 60.0, 8.0, 8.0]]), depth[:, 0] > 0)
    features.sum().backward()
    assert features.isfinite().all()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())


@pytest.mark.parametrize("training", [True, False])
def test_no_foreground_anywhere_is_zero_with_zero_gradients(training: bool) -> None:
    encoder = small_encoder().train(training)
    before = {name: buffer.clone() for name, buffer in encoder.named_buffers()}
    depth, intrinsics, foreground = scene()
    (features,) = encoder(depth, intrinsics, torch.zeros_like(foreground))
    assert features.shape == (2, 24, 12, 12)
    assert not features.any()
    features.sum().backward()
    assert all(p.grad is not None and not p.grad.any() for p in encoder.parameters())
    assert all(torch.equal(buffer, before[name]) for name, buffer in encoder.named_buffers())


def test_an_image_without_foreground_does_not_touch_the_others() -> None:
    depth, intrinsics, foreground = scene(3)
    foreground[1] = False
    depth[1, 0, 0, 0] = torch.nan
    (mixed,) = small_encoder()(depth, intrinsics, foreground)
    (alone,) = small_encoder()(depth[[0, 2]], intrinsics[[0, 2]], foreground[[0, 2]])
    assert torch.equal(mixed[[0, 2]], alone)
    assert not mixed[1].any()


def test_foreground_without_depth_is_left_out() -> None:
    depth, intrinsics, foreground = scene()
    holes = depth.clone()
    holes[:, :, 15:18] = 0
    holes[0, 0, 20, 20] = torch.inf
    with torch.no_grad():
        (features,) = small_encoder().eval()(holes, intrinsics, foreground)
        measured = (holes[:, 0] > 0) & holes[:, 0].isfinite()
        (same,) = small_encoder().eval()(holes, intrinsics, foreground & measured)
    assert features.isfinite().all()
    assert torch.equal(features, same)


def test_bf16_stays_near_float32() -> None:
    encoder = small_encoder().eval()
    with torch.no_grad():
        (exact,) = encoder(*scene())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            (rough,) = encoder(*scene())
    assert (exact - rough.float()).abs().max() < 0.05 * exact.abs().max()


def test_levels_must_shrink() -> None:
    with pytest.raises(UsageError, match="at most as many centers"):
        PointNet(tuple(reversed(SMALL)))
