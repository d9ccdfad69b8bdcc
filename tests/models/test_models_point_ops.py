"""Point operations against slow plain versions, point by point."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from hcmoco_bench.errors import UsageError
from hcmoco_bench.models import point_ops
from hcmoco_bench.models.point_ops import ball_query, farthest_point_sample, group, interpolate, three_nearest


def cloud(n_points: int, *, seed: int = 0, size: int = 2) -> Tensor:
    return torch.randn(size, n_points, 3, generator=torch.Generator().manual_seed(seed))


def distance(a: Tensor, b: Tensor) -> float:
    return float(np.sqrt(((a.numpy().astype(np.float64) - b.numpy().astype(np.float64)) ** 2).sum()))


def plain_farthest(points: Tensor, n_samples: int) -> list[int]:
    chosen = [0]
    while len(chosen) < n_samples:
        away = [min(distance(point, points[c]) for c in chosen) for point in points]
        chosen.append(int(np.argmax(away)))
    return chosen


def plain_ball(points: Tensor, center: Tensor, radius: float, count: int) -> list[int]:
    inside = [i for i, point in enumerate(points) if distance(point, center) < radius][:count]
    if not inside:
        inside = [int(np.argmin([distance(point, center) for point in points]))]
    return inside + [inside[0]] * (count - len(inside))


def plain_three(points: Tensor, target: Tensor) -> tuple[list[int], list[float]]:
    away = [distance(point, target) for point in points]
    nearest = [int(i) for i in np.argsort(away, kind="stable")[:3]]
    nearest += [nearest[0]] * (3 - len(nearest))
    inverse = [1 / (away[i] + 1e-8) for i in nearest]
    return nearest, [value / sum(inverse) for value in inverse]


@pytest.mark.parametrize("n_samples", [1, 2, 17, 40])
def test_farthest_point_sample_is_the_plain_one(n_samples: int) -> None:
    points = cloud(40)
    assert farthest_point_sample(points, n_samples).tolist() == [plain_farthest(p, n_samples) for p in points]


def test_farthest_point_samples_are_nested() -> None:
    points = cloud(200)
    sample = farthest_point_sample(points, 64)
    among = points.gather(1, sample[..., None].expand(-1, -1, 3))
    assert torch.equal(sample[:, :20], farthest_point_sample(points, 20))
    assert farthest_point_sample(among, 20).tolist() == [list(range(20))] * 2


def test_repeated_points_are_sampled_once_and_then_the_first_again() -> None:
    points = cloud(3, size=1).repeat(1, 4, 1)
    sample = farthest_point_sample(points, 6)[0].tolist()
    assert sorted(sample[:3]) == [0, 1, 2]
    assert sample[3:] == [0, 0, 0]


def test_distinct_samples_take_copies_in_their_order_and_else_change_nothing() -> None:
    points = cloud(3, size=1).repeat(1, 4, 1)
    sample = farthest_point_sample(points, 12, distinct=True)[0].tolist()
    assert sample[:3] == farthest_point_sample(points, 3)[0].tolist()
    assert sample[3:] == [index for index in range(12) if index not in sample[:3]]
    assert torch.equal(farthest_point_sample(cloud(40), 40, distinct=True), farthest_point_sample(cloud(40), 40))
    with pytest.raises(UsageError, match="a cloud of 12 points has no 13 distinct ones"):
        farthest_point_sample(points, 13, distinct=True)


@pytest.mark.parametrize("entries", [1 << 26, 500], ids=["one table", "in pieces"])
def test_ball_query_is_the_plain_one_at_every_scale(monkeypatch: pytest.MonkeyPatch, entries: int) -> None:
    monkeypatch.setattr(point_ops, "TABLE_ENTRIES", entries)
    points, centers = cloud(50), cloud(23, seed=1)
    radii, counts = (0.05, 0.6, 3.0), (4, 8, 60)
    for found, radius, count in zip(ball_query(points, centers, radii, counts), radii, counts, strict=True):
        assert found.tolist() == [
            [plain_ball(p, center, radius, count) for center in c] for p, c in zip(points, centers, strict=True)
        ]


@pytest.mark.parametrize("n_points", [1, 2, 3, 50])
def test_three_nearest_is_the_plain_one(n_points: int) -> None:
    points, targets = cloud(n_points), cloud(19, seed=1)
    index, weights = three_nearest(targets, points)
    for b in range(2):
        for m in range(19):
            plain_index, plain_weights = plain_three(points[b], targets[b, m])
            assert index[b, m].tolist() == plain_index
            np.testing.assert_allclose(weights[b, m].numpy(), plain_weights, rtol=1e-4)


def test_a_target_on_a_point_takes_its_feature() -> None:
    points, features = cloud(30), torch.randn(2, 5, 30)
    torch.testing.assert_close(interpolate(features, *three_nearest(points, points)), features, rtol=1e-4, atol=1e-5)


def test_distances_hold_far_from_the_origin() -> None:
    # 3 m away, 0.025 m balls: distances through a matrix product in float32 would be off by millimeters
    points = cloud(40) * 0.02 + torch.tensor([0.4, -0.9, 3.5])
    centered = points.double() - torch.tensor([0.4, -0.9, 3.5]).double()
    far = ball_query(points, points, (0.025,), (8,))[0]
    near = ball_query(centered.float(), centered.float(), (0.025,), (8,))[0]
    assert torch.equal(far, near)


def test_grouping_picks_and_hands_gradients_to_what_it_picked() -> None:
    features = torch.randn(2, 3, 7, requires_grad=True)
    index = torch.randint(0, 7, (2, 4, 5))
    picked = group(features, index)
    for b in range(2):
        torch.testing.assert_close(picked[b], features[b][:, index[b]])
    picked.sum().backward()
    counts = torch.stack([torch.bincount(index[b].flatten(), minlength=7) for b in range(2)])
    torch.testing.assert_close(features.grad, counts[:, None].expand(2, 3, 7).float())


def test_half_precision_points_are_measured_in_float32() -> None:
    points = cloud(30).bfloat16()
    assert torch.equal(three_nearest(points, points)[0], three_nearest(points.float(), points.float())[0])


def test_a_batch_of_none_passes_and_a_cloud_of_none_is_refused() -> None:
    none = torch.zeros(0, 9, 3)
    assert farthest_point_sample(none, 4).shape == (0, 4)
    assert ball_query(none, none[:, :2], (1.0,), (3,))[0].shape == (0, 2, 3)
    assert three_nearest(none, none)[0].shape == (0, 9, 3)
    assert group(torch.zeros(0, 5, 9), torch.zeros(0, 2, 3, dtype=torch.int64)).shape == (0, 5, 2, 3)
    empty = torch.zeros(2, 0, 3)
    with pytest.raises(UsageError, match="without points"):
        farthest_point_sample(empty, 4)
    with pytest.raises(UsageError, match="without points"):
        three_nearest(cloud(3), empty)
