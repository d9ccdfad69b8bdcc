from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from simulated_kinect import SimulatedKinect, simulated_joints, write_skeleton

from hcmoco_bench.align import calibrate, fit_rigs
from hcmoco_bench.errors import UsageError
from hcmoco_bench.sources.ntu.names import Rig
from hcmoco_bench.sources.ntu.tree import NtuTree, scan


def write_rig(root: Path, rig: str, *, clips: int = 6, frames: int = 20, seed: int = 0, state: int = 2) -> list[Path]:
    points = simulated_joints(SimulatedKinect(), np.random.default_rng(seed), clips=clips, frames=frames)
    paths = []
    for index in range(clips):
        path = root / "nturgb+d_skeletons" / f"{rig}P{index + 1:03d}R001A001.skeleton"
        write_skeleton(path, points.select(points.clip == index), state)
        paths.append(path)
    return paths


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> NtuTree:
    root = tmp_path_factory.mktemp("rigs")
    for seed, rig in enumerate(("S001C001", "S001C002", "S017C003")):
        write_rig(root, rig, seed=seed)
    return scan([root])


def test_all_rigs_from_real_text(tree: NtuTree) -> None:
    calls: list[tuple[str, int, int | None]] = []
    calibration, problems = calibrate(tree, progress=lambda *call: calls.append(call))
    assert list(calibration.rigs) == ["S001C001", "S001C002", "S017C003"]
    assert problems == ()
    for rig in calibration.rigs.values():
        assert rig.registered is not None
        assert rig.registered.depth.fx == pytest.approx(366.2, abs=0.01)
        assert rig.n_clips == 6
    assert calls[0][1:] == (0, 3)
    assert calls[-1][1:] == (3, 3)


def test_the_number_of_workers_changes_nothing(tree: NtuTree) -> None:
    one, problems = calibrate(tree, seed=5)
    two, same = calibrate(tree, seed=5, workers=2)
    assert one.to_json() == two.to_json()
    assert problems == same


def test_chosen_rigs_are_calibrated_as_if_alone(tree: NtuTree) -> None:
    everything, _ = calibrate(tree)
    chosen, _ = calibrate(tree, rigs=[Rig(1, 2)])
    assert list(chosen.rigs) == ["S001C002"]
    assert chosen.rigs["S001C002"] == everything.rigs["S001C002"]


def test_a_rig_that_is_not_there(tree: NtuTree) -> None:
    calibration, problems = calibrate(tree, rigs=[Rig(9, 1)])
    assert calibration.rigs == {}
    assert [(problem.id, problem.kind) for problem in problems] == [("S009C001", "rig_too_few_points")]


def test_clips_are_capped_spread_and_seeded(tmp_path: Path) -> None:
    write_rig(tmp_path, "S001C001", clips=12)
    tree = scan([tmp_path])
    fits = [fit_rigs(tree, clips_per_rig=3, seed=seed).rigs[0].calibration for seed in (0, 0, 1, 2, 3)]
    assert {fit.n_clips for fit in fits} == {3}
    assert fits[0] == fits[1]
    assert len({fit.homography for fit in fits}) > 2


def test_damaged_and_empty_clips_are_replaced_without_a_word(tmp_path: Path) -> None:
    paths = write_rig(tmp_path, "S001C001", clips=10)
    paths[0].write_bytes(b"")
    paths[3].write_bytes(b"\x00\xff not a skeleton")
    paths[5].write_text("2\n0\n0\n")
    calibration, problems = calibrate(scan([tmp_path]), clips_per_rig=7)
    assert calibration.rigs["S001C001"].n_clips == 7
    assert problems == ()


def test_a_rig_without_a_good_clip_names_the_bad_ones(tmp_path: Path) -> None:
    for path in write_rig(tmp_path, "S001C001", clips=2):
        path.write_bytes(b"garbage")
    write_rig(tmp_path, "S002C001")
    calibration, problems = calibrate(scan([tmp_path]))
    assert list(calibration.rigs) == ["S002C001"]
    assert problems[0].id == "S001C001"
    assert problems[0].kind == "rig_too_few_points"
    assert not problems[0].kept
    assert [problem.kind for problem in problems[1:]] == ["skeleton_garbled"] * 2
    assert all(problem.file.endswith(".skeleton") for problem in problems[1:])


def test_nobody_tracked(tmp_path: Path) -> None:
    write_rig(tmp_path, "S001C001", state=1)
    calibration, problems = calibrate(scan([tmp_path]))
    assert calibration.rigs == {}
    assert [problem.kind for problem in problems] == ["rig_too_few_points"]
    assert "0 tracked joints" in problems[0].reason


def test_one_clip_is_enough(tmp_path: Path) -> None:
    write_rig(tmp_path, "S001C001", clips=1, frames=60)
    calibration, problems = calibrate(scan([tmp_path]))
    rig = calibration.rigs["S001C001"]
    assert rig.residuals.registered is not None
    assert rig.residuals.registered.mean < 0.01
    assert 0 < rig.residuals.registered.n < rig.n_points
    assert problems == ()


def test_a_homography_without_registered_model_is_kept_and_said(tmp_path: Path) -> None:
    path = tmp_path / "nturgb+d_skeletons" / "S001C001P001R001A001.skeleton"
    points = simulated_joints(SimulatedKinect(), np.random.default_rng(0), clips=30)
    one_depth = points.select(np.abs(points.xyz[:, 2] - np.median(points.xyz[:, 2])) < 0.04)
    frames = np.arange(len(one_depth)) // 25 + 1
    one_depth.frame[:] = frames
    write_skeleton(path, one_depth)
    calibration, problems = calibrate(scan([tmp_path]))
    assert calibration.rigs["S001C001"].registered is None
    assert [(problem.kind, problem.kept) for problem in problems] == [("rig_homography_only", True)]
    assert "at one depth" in problems[0].reason


def test_an_empty_tree(tmp_path: Path) -> None:
    calibration, problems = calibrate(scan([tmp_path]))
    assert calibration.rigs == {}
    assert problems == ()


@pytest.mark.parametrize("options", [{"clips_per_rig": 0}, {"workers": 0}])
def test_senseless_options(tree: NtuTree, options: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        calibrate(tree, **options)
