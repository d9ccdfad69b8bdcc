"""Generated people, whose true color positions are known: what both modes reach over all person pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hcmoco_bench.align import Calibration, Mode, calibrate, color_map
from hcmoco_bench.sources.ntu.depth import read_depth
from hcmoco_bench.sources.ntu.tree import NtuTree, scan
from hcmoco_bench.synth.ntu.ntu_tree import TreeOptions, write_tree
from hcmoco_bench.synth.ntu.tree_plan import plan_clips
from hcmoco_bench.synth.ntu.truth import read_cameras, read_truth

pytestmark = pytest.mark.slow
FRAMES = 16


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> tuple[NtuTree, Path, Calibration]:
    root = tmp_path_factory.mktemp("generated")
    truth = root / "truth"
    write_tree(root / "tree", plan_clips(3, 4, n_frames=FRAMES), TreeOptions(4, noise=False, truth=truth))
    tree = scan([root / "tree"])
    calibration, problems = calibrate(tree)
    assert problems == ()
    return tree, truth, calibration


def errors(generated: tuple[NtuTree, Path, Calibration], mode: Mode) -> NDArray[np.float64]:
    """Px of the depth frame, over all person pixels: hidden ones and those without depth included."""
    tree, truth, calibration = generated
    cameras = read_cameras(truth)
    found = []
    for clip in tree.clips.values():
        kinect = cameras[str(clip.name.rig)]
        for frame in range(1, FRAMES + 1):
            known = read_truth(truth, clip.name, frame)
            person = known.z > 0
            if clip.depth is None or not person.any():
                continue
            where = color_map(calibration.rig(clip.name.rig), read_depth(clip.depth.frame(frame)), mode)
            off = np.linalg.norm(where[person] - known.color_xy[person], axis=1)
            found.append(off * kinect.depth.fx / kinect.color.fx)
    return np.concatenate(found)


def test_registered_against_the_truth(generated: tuple[NtuTree, Path, Calibration]) -> None:
    registered, homography = errors(generated, "registered"), errors(generated, "homography")
    assert len(registered) > 10_000
    assert registered.mean() <= 0.35
    assert np.percentile(registered, 95) <= 0.8
    assert registered.mean() <= homography.mean() / 4
    # These rigs have no more than a pinhole's geometry: only what the color camera does not see can be off.
    assert np.percentile(registered, 95) <= 0.02


def test_the_cameras_that_made_it_are_found(generated: tuple[NtuTree, Path, Calibration]) -> None:
    _, truth, calibration = generated
    for name, kinect in read_cameras(truth).items():
        model = calibration.rigs[name].registered
        assert model is not None
        assert model.depth.fx == pytest.approx(kinect.depth.fx, abs=0.01)
        assert model.depth.cx == pytest.approx(kinect.depth.cx, abs=0.01)
        assert model.color.baseline == pytest.approx(np.linalg.norm(kinect.color_from_depth[:, 3]), abs=5e-4)
