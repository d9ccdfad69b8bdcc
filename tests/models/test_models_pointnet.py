"""Depth as points: geometry, the choice of pixels, the network, and images with little or nothing in them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from forked import run_ranks
from neighbor_offsets import clouds_of
from torch import Tensor, nn

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.models.encoder import encoder_input
from hcmoco_bench.models.encoders import create_encoder
from hcmoco_bench.models.foreground_points import back_project, cell_points, choose_foreground, fill_background
from hcmoco_bench.models.pointnet import PUBLISHED_LEVELS, Level, PointNet, PointNetEncoder
from hcmoco_bench.models.weights import load_weights
from hcmoco_bench.training.batch_norm import share_batch_statistics

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


def seeded(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_choice_is_every_pixel_once_in_an_order_of_its_own() -> None:
    valid = torch.rand(3, 200, generator=seeded(1)) < 0.3
    valid[:, 0] = True
    for row in valid:
        pixels = row.nonzero()[:, 0]
        chosen = choose_foreground(row[None], len(pixels), generator=seeded())[0]
        assert chosen.sort().values.tolist() == pixels.tolist()
        assert chosen.tolist() != pixels.tolist()
        assert chosen.tolist() == choose_foreground(row[None], len(pixels), generator=seeded())[0].tolist()
        assert chosen.tolist() != choose_foreground(row[None], len(pixels), generator=seeded(4))[0].tolist()


def test_choice_repeats_evenly_and_no_pixel_before_all_have_come() -> None:
    valid = torch.zeros(2, 1000, dtype=torch.bool)
    valid[0, ::2] = True  # 500 pixels
    valid[1, [4, 9, 700]] = True
    chosen = choose_foreground(valid, 100, generator=seeded())
    assert valid.gather(1, chosen).all()
    assert len(set(chosen[0].tolist())) == 100
    rounds = chosen[1, :99].reshape(33, 3)
    assert sorted(rounds[0].tolist()) == [4, 9, 700]
    assert (rounds == rounds[0]).all()


def test_choice_takes_every_pixel_with_the_same_chance() -> None:
    valid = torch.zeros(1, 60, dtype=torch.bool)
    valid[0, 10:50] = True
    generator = seeded()
    first = torch.stack([choose_foreground(valid, 10, generator=generator)[0] for _ in range(2000)])
    counts = torch.bincount(first.flatten(), minlength=60)[10:50]
    expected, deviation = 2000 * 10 / 40, (2000 * 0.25 * 0.75) ** 0.5
    assert ((counts - expected).abs() < 4 * deviation).all()


def test_choice_does_not_depend_on_the_other_images() -> None:
    valid = torch.rand(5, 300, generator=seeded(1)) < torch.tensor([0.1, 0.3, 0.5, 0.7, 0.9])[:, None]
    together = choose_foreground(valid, 64, generator=seeded())
    for row, chosen in zip(valid, together, strict=True):
        assert torch.equal(choose_foreground(row[None], 64, generator=seeded())[0], chosen)


def test_background_is_filled_with_the_mean_depth_of_the_image() -> None:
    depth = torch.tensor([[[2.0, torch.nan], [0.0, 4.0]], [[9.0, 1.0], [torch.inf, 0.0]]])
    valid = torch.tensor([[[True, False], [False, True]], [[False, True], [False, False]]])
    filled = fill_background(depth, valid)
    assert filled.tolist() == [[[2.0, 3.0], [3.0, 4.0]], [[1.0, 1.0], [1.0, 1.0]]]


def test_cells_hold_the_mean_of_their_valid_pixels_or_of_all() -> None:
    points = torch.randn(1, 6, 5, 3, generator=seeded())
    valid = torch.zeros(1, 6, 5, dtype=torch.bool)
    valid[0, 1, 1] = valid[0, 2, 3] = valid[0, 5, 4] = True
    means = cell_points(points, valid, 4)
    torch.testing.assert_close(means[0, 0], (points[0, 1, 1] + points[0, 2, 3]) / 2)
    torch.testing.assert_close(means[0, 1], points[0, :4, 4].mean(dim=0))
    torch.testing.assert_close(means[0, 2], points[0, 4:, :4].mean(dim=(0, 1)))
    torch.testing.assert_close(means[0, 3], points[0, 5, 4])


def test_the_published_network_gives_one_map_at_stride_4() -> None:
    encoder = PointNetEncoder()
    assert encoder.channels == (128,)
    assert encoder.strides == (4,)
    assert [level.n_centers for level in encoder.network.levels] == [4096, 1024, 256, 64]
    assert encoder.network.levels == PUBLISHED_LEVELS


def test_the_small_network_has_the_shape_of_the_published_one() -> None:
    encoder = create_encoder("pointnet_small", modality="depth", image_size=48).eval()
    assert isinstance(encoder, PointNetEncoder)
    assert (encoder.channels, encoder.strides, encoder.n_points) == ((32,), (4,), 512)
    levels = encoder.network.levels
    assert [level.n_centers for level in levels] == [512, 128, 32, 8]
    assert [level.radii for level in levels] == [level.radii for level in PUBLISHED_LEVELS]
    (features,) = encoder(*scene())
    assert features.shape == (2, 32, 12, 12)
    assert encoder_input("pointnet_small") == "points"


def test_sides_that_are_no_multiple_of_four() -> None:
    depth, intrinsics, foreground = scene(side=46)
    (features,) = small_encoder().eval()(depth, intrinsics, foreground)
    assert features.shape == (2, 24, 12, 12)


def test_its_mappers_take_what_it_encodes_and_gradients_reach_every_parameter() -> None:
    encoder = small_encoder()
    points = encoder.encode(*scene())
    mappers = [encoder.make_global_mapper(8), encoder.make_dense_mapper(8)]
    sum(mapper(points)[:, 0].sum() for mapper in mappers).backward()
    for module in (encoder, *mappers):
        for name, parameter in module.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all()
            assert parameter.grad.any(), name


@pytest.mark.parametrize("n_points", [64, 1024])
def test_an_image_is_encoded_alone_as_in_a_batch_and_whatever_was_drawn_before(n_points: int) -> None:
    """720 pixels of a person and 216 of another: more than 64 points, fewer than 1,024."""
    encoder = small_encoder(n_points).eval()
    depth, intrinsics, foreground = scene(3)
    foreground[1, 10:31] = False
    with torch.no_grad():
        clouds = clouds_of(encoder.network, lambda: encoder(depth, intrinsics, foreground))
        (together,) = encoder(depth, intrinsics, foreground)
        for b in range(3):
            one = (depth[b : b + 1], intrinsics[b : b + 1], foreground[b : b + 1])
            torch.manual_seed(b)
            torch.rand(5)
            alone = clouds_of(encoder.network, lambda one=one: encoder(*one))
            assert all(torch.equal(mine[0], theirs[b]) for mine, theirs in zip(alone, clouds, strict=True))
            torch.testing.assert_close(encoder(*one)[0][0], together[b], rtol=1e-4, atol=1e-5)


def test_pixels_that_are_repeated_are_centers_equally_often() -> None:
    encoder = PointNetEncoder(100, (Level(100, (0.2,), (4,), ((8,),), 8),))
    depth = torch.zeros(1, 1, 16, 16)
    depth.view(-1)[torch.arange(40) * 6] = 3.0
    _, centers = clouds_of(encoder.network, lambda: encoder(depth, torch.tensor([[60.0] * 4]), depth[:, 0] > 0))
    _, counts = centers[0].unique(dim=0, return_counts=True)
    assert sorted(counts.tolist()) == [2] * 20 + [3] * 20


def test_files_of_the_network_that_saw_one_side_of_each_ball_are_refused(tmp_path: Path) -> None:
    current = create_encoder("pointnet").state_dict()
    old = {name.replace("abstraction", "down").replace("propagation", "up"): value for name, value in current.items()}
    torch.save({f"depth_encoder.{name}": value for name, value in old.items()}, tmp_path / "old.pth")
    with pytest.raises(DataError, match=r"old\.pth: its PointNet\+\+ is of an earlier version.* train it again"):
        create_encoder("pointnet", weights=tmp_path / "old.pth", modality="depth")
    model = nn.ModuleDict({"encoder": create_encoder("pointnet")})
    with pytest.raises(DataError, match=r"model\.pth: its PointNet\+\+ is of an earlier version"):
        load_weights(model, {f"encoder.{name}": value for name, value in old.items()}, file="model.pth")


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
    # a cell beside the body, at the mean depth, is like the body's edge there, and not like another
    beside, left, right = features[0, :, 6, 2], features[0, :, 6, 3], features[0, :, 6, 8]
    assert (beside - left).norm() < (beside - right).norm()


def test_the_meter_of_the_crop_counts_not_its_pixels() -> None:
    torch.manual_seed(0)
    # every ball holds every point: the order, which follows the pixels, picks nothing
    encoder = PointNetEncoder(720, (Level(720, (5.0,), (720,), ((4, 4),), 8),)).eval()
    depth, intrinsics, foreground = scene(1)
    moved = torch.roll(depth, (4, -8), dims=(2, 3))
    with torch.no_grad():
        (here,) = encoder(depth, intrinsics, foreground)
        (there,) = encoder(moved, intrinsics + torch.tensor([0, 0, -8.0, 4.0]), moved[:, 0] > 0)
    body = (slice(None), slice(None), slice(2, 10), slice(3, 9))
    torch.testing.assert_close(torch.roll(there, (-1, 2), dims=(2, 3))[body], here[body], rtol=1e-3, atol=1e-4)
    assert here[body].flatten(2).std(dim=2).max() > 1e-3


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
    encoder = small_encoder()
    modules = nn.ModuleList([encoder, encoder.make_dense_mapper(8)]).train(training)
    before = {name: buffer.clone() for name, buffer in modules.named_buffers()}
    depth, intrinsics, foreground = scene()
    (features,) = encoder(depth, intrinsics, torch.zeros_like(foreground))
    assert features.shape == (2, 24, 12, 12)
    assert not features.any()
    embeddings = modules[1](encoder.encode(depth, intrinsics, torch.zeros_like(foreground)))
    assert embeddings.shape == (2, 8, 12, 12)
    assert not embeddings.any()
    (features.sum() + embeddings.sum()).backward()
    assert all(p.grad is not None and not p.grad.any() for p in modules.parameters())
    assert all(torch.equal(buffer, before[name]) for name, buffer in modules.named_buffers())


def _one_process(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    encoder = small_encoder()
    mapper = encoder.make_dense_mapper(8)
    for module in (encoder, mapper):
        share_batch_statistics(module)
    depth, intrinsics, foreground = scene()
    values = mapper(encoder.encode(depth, intrinsics, foreground if rank == 0 else torch.zeros_like(foreground)))
    values.square().sum().backward()
    state = {name: buffer for module in (encoder, mapper) for name, buffer in module.named_buffers()}
    torch.save([values.detach(), state], f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_a_process_without_foreground_does_not_keep_the_others_waiting(tmp_path: Path) -> None:
    run_ranks(_one_process, str(tmp_path), ranks=2)
    (values, state), (nothing, same) = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    encoder = small_encoder()
    mapper = encoder.make_dense_mapper(8)
    torch.testing.assert_close(values, mapper(encoder.encode(*scene())), rtol=1e-3, atol=1e-4)
    assert not nothing.any()
    assert all(torch.equal(same[name], buffer) for name, buffer in state.items())


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
