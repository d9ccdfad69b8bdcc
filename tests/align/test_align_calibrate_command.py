"""`hcmoco-bench calibrate`, run in this process on skeleton files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import typer
from simulated_kinect import SimulatedKinect, simulated_joints, write_skeleton
from typer.testing import CliRunner

from hcmoco_bench.align import Calibration
from hcmoco_bench.cli import calibrate
from hcmoco_bench.sources.ntu.assets import Asset
from hcmoco_bench.sources.ntu.skeleton import read_skeleton

app = typer.Typer()
app.callback()(lambda: None)
calibrate.register(app)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ntu with ümlauts")
    for rig in ("S001C001", "S001C002"):
        points = simulated_joints(SimulatedKinect(), np.random.default_rng(0), clips=2)
        for clip in (0, 1):
            write_skeleton(folder / f"{rig}P00{clip + 1}R001A001.skeleton", points.select(points.clip == clip))
    return folder


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["calibrate", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_table_file_and_image(root: Path, tmp_path: Path) -> None:
    target, image = tmp_path / "calibration.json", tmp_path / "residuals.png"
    assert run("--root", root, "--quiet") == (0, "", "")
    code, stdout, _ = run("--root", root, "--out", target, "--plot", image, "--seed", 3)
    assert code == 0
    saved = Calibration.load(target)
    assert saved.seed == 3
    for name, rig in saved.rigs.items():
        assert name in stdout
        assert f"{rig.residuals.homography.mean:.3f}" in stdout
    assert image.read_bytes().startswith(b"\x89PNG")
    # Everything fits a terminal of 80 columns.
    assert max(map(len, stdout.split(str(target))[0].splitlines())) <= 80


def test_json_is_the_calibration(root: Path) -> None:
    code, stdout, _ = run("--root", root, "--json")
    assert code == 0
    document = json.loads(stdout)
    assert Calibration.model_validate(document["calibration"]).rigs.keys() == {"S001C001", "S001C002"}
    assert document["problems"] == []


def test_problems_are_said_and_strict_counts_them(root: Path, tmp_path: Path) -> None:
    (tmp_path / "S009C001P001R001A001.skeleton").write_bytes(b"garbage")
    arguments = ("--root", root, "--root", tmp_path)
    assert run(*arguments, "--quiet") == (0, "", "")
    code, stdout, stderr = run(*arguments)
    assert code == 0
    assert "S001C001" in stdout
    assert "rig_too_few_points S009C001: 0 tracked joints" in stderr
    assert "skeleton_garbled" in stderr
    assert run(*arguments, "--strict")[0] == 3


def test_skeletons_that_are_cut_empty_or_replaced_are_said(root: Path, tmp_path: Path) -> None:
    """As `prepare` says them, although the rig is calibrated all the same."""
    name = "S001C001P001R001A001.skeleton"
    whole = (root / name).read_bytes()
    found = {}
    for case, data in {"cut": whole[: len(whole) // 2], "none": b"0\n", "promise": b"1" + whole}.items():
        folder = tmp_path / case
        folder.mkdir()
        for path in root.iterdir():
            (folder / path.name).write_bytes(data if path.name == name else path.read_bytes())
        code, stdout, _ = run("--root", folder, "--json")
        assert code == 0
        assert len(json.loads(stdout)["calibration"]["rigs"]) == 2
        found[case] = {(problem["kind"], problem["id"]) for problem in json.loads(stdout)["problems"]}
        assert run("--root", folder, "--quiet", "--strict")[0] == 3
    clip = name.removesuffix(".skeleton")
    assert found["cut"] == found["promise"] == {("skeleton_frames_differ", clip)}
    assert found["none"] == {("skeleton_no_frames", clip)}
    code, stdout, _ = run("--root", tmp_path / "none", "--root", root, "--json")
    document = json.loads(stdout)
    assert {problem["kind"] for problem in document["problems"]} == {"copy_replaced", "duplicate_clip"}
    assert document["calibration"] == json.loads(run("--root", root, "--json")[1])["calibration"]


def test_nothing_to_calibrate(tmp_path: Path) -> None:
    code, stdout, stderr = run("--root", tmp_path, "--quiet", "--plot", tmp_path / "none.png")
    assert (code, stdout) == (1, "")
    assert "no rig could be calibrated" in stderr
    assert not (tmp_path / "none.png").exists()


def test_help_teaches() -> None:
    code, stdout, _ = run("--help")
    assert code == 0
    assert "--clips-per-rig" in stdout


def test_a_cut_skeleton_is_named_though_others_suffice(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "root")
    whole = sorted((tmp_path / "root").iterdir())[0]
    cut = whole.with_name("S001C001P003R001A001.skeleton")
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    (tmp_path / "root" / "S001C002P004R001A001.skeleton").write_bytes(b"garbage")
    skeleton = read_skeleton(Asset(cut))
    code, _, stderr = run("--root", tmp_path / "root")
    assert code == 0
    assert f"skeleton_frames_differ {cut}: " in stderr
    assert f"{skeleton.n_frames} are there" in stderr
    assert "skeleton_garbled" in stderr
    code, stdout, _ = run("--root", tmp_path / "root", "--json", "--strict")
    assert code == 3
    found = {(one["kind"], one["kept"]) for one in json.loads(stdout)["problems"]}
    assert found == {("skeleton_frames_differ", True), ("skeleton_garbled", False)}
