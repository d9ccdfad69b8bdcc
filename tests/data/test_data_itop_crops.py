"""Crops of ITOP: joints and pixels move together, and come back to where they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from hcmoco_bench.data.itop_crops import DEPTH_FACTOR, Framing, ItopCrops, Warp, bounds_of_labels, collate_joints
from hcmoco_bench.data.normalize import normalize_depth
from hcmoco_bench.data.sample import Draw
from hcmoco_bench.sources.itop import ItopSplit, open_itop, pixels_from_world


@pytest.fixture(scope="module")
def source(generated_itop: Path) -> ItopSplit:
    return open_itop(generated_itop, "train")


@pytest.mark.parametrize(
    ("framing", "train", "warp"),
    [
        ("found", False, "nearest"),
        ("labels", False, "nearest"),
        ("found", True, "nearest"),
        ("labels", True, "nearest"),
        ("labels", True, "published"),
    ],
)
def test_there_and_back(source: ItopSplit, framing: Framing, train: bool, warp: Warp) -> None:
    crops = ItopCrops(source, framing=framing, size=96, train=train, seed=1, warp=warp)
    batch = collate_joints((crops[Draw(row, epoch=2)] for row in range(4)), 4)
    assert batch.depth.shape == (4, 1, 96, 96)
    assert batch.sample_ids == source.ids[:4]
    back = batch.to_world(batch.target[..., :2], batch.target[..., 2])
    torch.testing.assert_close(back, batch.world, rtol=0, atol=1e-3)
    # the mean is the one that normalize_depth takes out
    normalized = normalize_depth(batch.depth)
    measured = batch.depth > 0
    means = (batch.depth - normalized[:, :1])[measured]
    torch.testing.assert_close(means, batch.mean[:, None, None, None].expand_as(batch.depth)[measured])
    torch.testing.assert_close(batch.target[..., 2], DEPTH_FACTOR * (batch.world[..., 2] - batch.mean[:, None]))


@pytest.mark.parametrize("framing", ["found", "labels"])
def test_pixels_are_where_the_joints_are(source: ItopSplit, framing: Framing) -> None:
    """A depth map that says where each pixel is; crops of it must say the same as the crop's map back."""
    for train in (False, True):
        crops = ItopCrops(source, framing=framing, size=128, train=train, seed=3)
        sample = crops[Draw(1, epoch=1)]
        seen = sample.depth[0] > 0
        rows, columns = np.nonzero(seen.numpy())
        xy = np.column_stack([columns, rows]) @ sample.to_image[:, :2].numpy().T + sample.to_image[:, 2].numpy()
        nearest = xy.round().astype(int)
        depth = source.depth(1)
        assert (np.abs(depth[nearest[:, 1], nearest[:, 0]] - sample.depth[0][seen].numpy()) < 2e-3).mean() > 0.97


def test_the_published_warp_mixes_depth_and_draws_whole_numbers(source: ItopSplit) -> None:
    known = set(np.round(source.depth(1) * 1000).astype(int).ravel().tolist())
    angles: list[float] = []
    found: list[bool] = []
    mixed = 0
    for epoch in range(12):
        crops = ItopCrops(source, framing="labels", size=128, train=True, seed=3, warp="published")
        sample = crops[Draw(1, epoch=epoch)]
        seen = sample.depth[0][sample.depth[0] > 0].numpy()
        mixed += sum(value not in known for value in np.round(seen * 1000).astype(int).tolist())
        linear = np.linalg.inv(sample.to_image[:, :2].numpy().astype(np.float64))
        degrees = float(np.rad2deg(np.arctan2(linear[1, 0], linear[0, 0])))
        angles.append(degrees)
        assert degrees == pytest.approx(round(degrees), abs=1e-2)
        # there is depth around the place that the crop gives a joint
        xy = sample.target[:, :2].round().long()
        inside = ((xy >= 2) & (xy < 126)).all(dim=1)
        around = [sample.depth[0][y - 2 : y + 3, x - 2 : x + 3].max() for x, y in xy[inside].tolist()]
        found += [bool(one > 0) for one in around]
    assert mixed > 100
    assert len(set(np.round(angles))) > 5
    assert np.mean(found) > 0.9


def test_the_whole_person_is_in_the_crop_and_the_room_is_not(source: ItopSplit) -> None:
    crops = ItopCrops(source, framing="found", size=96, train=False)
    for row in range(0, len(source), 5):
        sample = crops[row]
        assert bool(sample.known)
        xy = sample.target[:, :2]
        assert bool(((xy > -4) & (xy < 100)).all())
        assert float(sample.depth.max()) < float(sample.world[:, 2].max()) + 1.0
        # proportions are kept
        linear = sample.to_image[:, :2]
        assert float(linear[0, 0]) == pytest.approx(float(linear[1, 1]))


def test_the_published_frame(source: ItopSplit) -> None:
    joints = source.joints[0]
    bounds = bounds_of_labels(joints)
    pixels = pixels_from_world(joints)
    assert bounds.far == pytest.approx(joints[:, 2].max() + 0.05)
    expected = [pixels[:, 0].min() - 25, pixels[:, 1].min() - 15, pixels[:, 0].max() + 25, pixels[:, 1].max() + 15]
    np.testing.assert_allclose(bounds.box, np.clip(expected, 0, [319, 239, 319, 239]))
    sample = ItopCrops(source, framing="labels", size=96, train=False)[0]
    assert float(sample.depth.max()) <= joints[:, 2].max() + 0.051
    # stretched: the box fills the crop in both directions
    corners = torch.tensor([[-0.5, -0.5, 1.0], [95.5, 95.5, 1.0]]) @ sample.to_image.T
    np.testing.assert_allclose(corners.flatten(), bounds.box, atol=1e-3)


def test_the_square_that_is_found_with_the_published_cut_in_depth(source: ItopSplit) -> None:
    found = ItopCrops(source, framing="found", size=96, train=False)
    cut = ItopCrops(source, framing="found_true_depth", size=96, train=False)
    removed = 0
    for row in range(0, len(source), 5):
        before, after = found[row], cut[row]
        assert torch.equal(before.to_image, after.to_image)
        deepest = float(source.joints[row][:, 2].max()) + 0.05
        assert float(after.depth.max()) <= deepest + 0.001
        kept = before.depth <= deepest - 0.001
        assert torch.equal(after.depth[kept & (before.depth > 0)], before.depth[kept & (before.depth > 0)])
        removed += int(((before.depth > deepest + 0.001) & (after.depth == 0)).sum())
    assert removed > 0


def test_draws_depend_on_row_epoch_and_seed_alone(source: ItopSplit) -> None:
    crops = ItopCrops(source, framing="found", size=64, train=True, seed=7)
    once = crops[Draw(2, epoch=3)]
    other = ItopCrops(source, framing="found", size=64, train=True, seed=7)
    other[0]
    assert torch.equal(once.depth, other[Draw(2, epoch=3)].depth)
    assert not torch.equal(once.target, other[Draw(2, epoch=4)].target)
    still = ItopCrops(source, framing="found", size=64, train=False)
    assert torch.equal(still[Draw(2, epoch=3)].depth, still[2].depth)


def test_augmentation_stays_in_its_range(source: ItopSplit) -> None:
    crops = ItopCrops(source, framing="found", size=64, train=True, seed=0)
    plain = ItopCrops(source, framing="found", size=64, train=False)[0].to_image[:, :2].double()
    scales, angles = [], []
    for epoch in range(60):
        linear = crops[Draw(0, epoch=epoch)].to_image[:, :2].double()
        scales.append(float((plain.det() / linear.det()).sqrt()))
        angles.append(float(torch.rad2deg(torch.atan2(linear[1, 0], linear[0, 0]))))
    side = 64 * float(plain[0, 0])
    assert 0.5 * side / (side + 20) <= min(scales) < 0.7
    assert 1.3 < max(scales) <= 1.5 * side / (side - 20)
    assert -15 <= min(angles) < -9
    assert 9 < max(angles) <= 15


def test_a_frame_without_anything(source: ItopSplit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ItopSplit, "depth", lambda self, row: np.zeros((240, 320), np.float32))
    sample = ItopCrops(source, framing="found", size=64, train=False)[0]
    assert not bool(sample.known)
    assert float(sample.mean) == 0
    assert not bool(sample.depth.any())
    assert bool(torch.isfinite(sample.target).all())


def test_bad_requests(source: ItopSplit) -> None:
    with pytest.raises(IndexError, match="outside"):
        ItopCrops(source, framing="found", size=64, train=False)[len(source)]
    with pytest.raises(ValueError, match="at least one"):
        collate_joints([])
