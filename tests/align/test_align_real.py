"""Real skeletons: what FACTS measured must be reached on joints that the fit has not seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hcmoco_bench.align import align_rgb, apply_homography, calibrate, calibrate_rig, rig_points
from hcmoco_bench.sources.ntu.names import ClipName
from hcmoco_bench.sources.ntu.skeleton import parse_skeleton
from hcmoco_bench.sources.ntu.tree import scan
from hcmoco_bench.sources.ntu.video import decode_frames

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def skeleton_files(real_files: Path) -> list[Path]:
    paths = sorted((real_files / "ntu").glob("*.skeleton"))
    if not paths:
        pytest.fail(f"{real_files / 'ntu'} holds no skeleton")
    return paths


def test_held_out_residuals(real_files: Path) -> None:
    calibration, problems = calibrate(scan([real_files / "ntu"]))
    assert problems == ()
    assert calibration.rigs
    for rig in calibration.rigs.values():
        assert rig.residuals.homography.mean <= 0.3
        assert rig.residuals.registered is not None
        assert rig.residuals.registered.mean <= 0.1
        assert rig.registered is not None
        assert 360 < rig.registered.depth.fx < 372
        assert 1040 < rig.registered.color.fx < 1075
        assert 0.04 < rig.registered.color.baseline < 0.07


@pytest.mark.parametrize("seed", range(3))
def test_a_fifth_of_garbage_does_not_move_real_rigs(skeleton_files: list[Path], seed: int) -> None:
    rng = np.random.default_rng(seed)
    for path in skeleton_files:
        name = ClipName.parse(path.stem)
        skeleton = parse_skeleton(path.read_bytes(), source=str(path))
        points = rig_points(name.rig, [(name, skeleton)], rng=rng)
        dirty = points.select(np.arange(len(points)))
        wrong = rng.random(len(points)) < 0.2
        n = int(wrong.sum())
        dirty.depth_xy[wrong] = rng.uniform(0, [512, 424], (n, 2))
        dirty.color_xy[wrong] = rng.uniform(0, [1920, 1080], (n, 2))
        before, after = calibrate_rig(points, seed=0), calibrate_rig(dirty, seed=0)
        shift = apply_homography(before.homography, points.color_xy) - apply_homography(
            after.homography, points.color_xy
        )
        assert np.abs(shift).max() < 0.02
        assert before.registered is not None
        assert after.registered is not None
        z = points.xyz[:, 2]
        moved = before.registered.color_xy(points.depth_xy, z) - after.registered.color_xy(points.depth_xy, z)
        assert np.abs(moved).max() < 0.02


def test_the_real_video_lands_on_its_joints(real_files: Path) -> None:
    """The rig of the real clip is calibrated from a skeleton of the same rig; the warp keeps colors at the joints."""
    tree = scan([real_files / "ntu"])
    calibration, _ = calibrate(tree)
    checked = 0
    for clip in tree.clips.values():
        if clip.rgb is None or str(clip.name.rig) not in calibration.rigs:
            continue
        rig = calibration.rigs[str(clip.name.rig)]
        _, rgb = next(iter(decode_frames(clip.rgb, [10])))
        aligned = align_rgb(rgb, None, rig, "homography")
        target = np.stack(np.meshgrid(np.arange(150, 380, 20), np.arange(80, 330, 20)), axis=-1).reshape(-1, 2)
        source = np.rint(apply_homography(np.linalg.inv(np.array(rig.homography)), target)).astype(int)
        around = np.stack([rgb[y - 1 : y + 2, x - 1 : x + 2].mean(axis=(0, 1)) for x, y in source])
        assert np.abs(aligned[target[:, 1], target[:, 0]] - around).mean() < 4
        checked += 1
    assert checked
