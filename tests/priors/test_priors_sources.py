"""Priors of a prepared NTU store and of Human3.6M's files: mapping, sides, units, and what is left out."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from hcmoco_bench.body import joint_mapping, joint_set
from hcmoco_bench.cli.app import app
from hcmoco_bench.errors import DataError, StoreError, UsageError
from hcmoco_bench.priors.checks import skeleton_faults
from hcmoco_bench.priors.hinges import hinges
from hcmoco_bench.priors.human36m import human36m_prior
from hcmoco_bench.priors.ntu import ntu_prior
from hcmoco_bench.priors.prior_file import prior_fault, read_prior, write_prior
from hcmoco_bench.priors.selection import Selection
from hcmoco_bench.priors.skeleton_prior import SkeletonPrior
from hcmoco_bench.priors.statistics import skeleton_statistics, trunk_pitch
from hcmoco_bench.sources.human36m.layout import POSITION_FOLDER
from hcmoco_bench.sources.ntu import Asset
from hcmoco_bench.sources.ntu.skeleton import read_skeleton
from hcmoco_bench.store.registry import open_store
from hcmoco_bench.synth.human36m.position_file import write_positions

H17, H32 = joint_set("h36m17"), joint_set("h36m32")


def test_the_mapping_swaps_sides_as_the_others_from_kinect_do() -> None:
    kinect, mapping = joint_set("kinect25"), joint_mapping("kinect25", "h36m17")
    other = {"left": "right", "right": "left"}
    for name, index in zip(H17.joints, mapping.tolist(), strict=True):
        side, _, part = name.partition(" ")
        if part:
            assert kinect.joints[index] == f"{other[side]} {part}"
    central = {name: kinect.joints[index] for name, index in zip(H17.joints, mapping, strict=True) if " " not in name}
    assert central == {
        "root": "spine base",
        "belly": "spine mid",
        "neck": "spine shoulder",
        "nose": "neck",
        "head": "head",
    }
    # Where both sets are mapped to others, they agree: shoulders, elbows, wrists, hips, knees, ankles.
    shared = joint_mapping("kinect25", "shared13")
    for name, index in zip(joint_set("shared13").joints, shared.tolist(), strict=True):
        if name in H17.joints:
            assert mapping[H17.index(name)] == index


def test_ntu(parsing_store: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    made = ntu_prior(parsing_store, progress=lambda label, done, total: told.append((done, total)))
    prior = made.prior
    store = open_store(parsing_store)
    rows = list(store.rows("train"))
    assert told[-1] == (len(rows), len(rows))
    assert len(prior) + sum(made.left_out.values()) == len(rows)
    assert len(prior) > 3
    assert prior_fault(prior) is None
    assert prior.metric
    assert prior.pitch is None
    assert prior.source.startswith("generated people in NTU's layout, split train: ")
    assert set(prior.body.tolist()) <= {row["performer"] for row in rows}
    # By hand: the first row whose joints are all tracked.
    mapping = joint_mapping("kinect25", "h36m17")
    row = next(row for row in rows if (np.array(row["bodies"][0]["tracking"])[mapping] == 2).all())
    joints = np.array(row["bodies"][0]["joints_xyz"])[mapping] * [1, -1, 1]
    np.testing.assert_allclose(prior.joints[0], joints - joints[0], atol=1e-6)
    assert read_prior(write_prior(tmp_path / "a.safetensors", prior)).sha256 == prior.sha256


def test_ntu_shows_people_as_ordinary_images_do(parsing_store: Path) -> None:
    """Limbs bend the right way, and who faces the camera has the right hip at the smaller x."""
    prior = ntu_prior(parsing_store).prior
    found = hinges(prior.joints)
    assert found.wrong_way.mean() < 0.1
    assert hinges(prior.joints[:, H17.flip]).wrong_way.sum() > found.wrong_way.sum()
    width = prior.joints[:, H17.index("left hip"), 0] - prior.joints[:, H17.index("right hip"), 0]
    # In NTU people face the camera, more or less.
    assert (width > 0).mean() > 0.8
    assert skeleton_statistics(prior.joints).upside_down < 0.1


def change_body(body: dict[str, Any], change: str) -> None:
    joints = body["joints_xyz"]
    match change:
        case "untracked":
            body["tracking"][5] = 1
        case "nan":
            joints[4][0] = float("nan")
        case "furniture":
            body["joints_xyz"] = [[0.1, 0.2, 3.0]] * 25
        case "uneven":  # a forearm three times as long
            joints[6] = [3 * end - 2 * start for end, start in zip(joints[6], joints[5], strict=True)]


def changed_store(store: Path, tmp_path: Path, change: str) -> Path:
    """A copy of the store whose skeletons are changed."""
    copy = shutil.copytree(store, tmp_path / "store")
    for path in open_store(copy).shards("train"):
        table = pq.read_table(path)
        rows = table.to_pylist()
        for row in rows:
            for body in row["bodies"]:
                change_body(body, change)
            row["bodies"] = [] if change == "nobody" else row["bodies"]
        pq.write_table(pa.Table.from_pylist(rows, table.schema), path)
    return copy


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("untracked", "a joint is not tracked: "),
        ("nan", "a joint is not tracked: "),
        ("furniture", "no person's bones: "),
        ("uneven", "left and right differ: "),
        ("nobody", "nobody: "),
    ],
)
def test_bodies_that_are_none_are_counted(parsing_store: Path, tmp_path: Path, change: str, message: str) -> None:
    copy = changed_store(parsing_store, tmp_path, change)
    with pytest.raises(DataError, match="no skeleton for a prior") as caught:
        ntu_prior(copy)
    assert caught.value.kind == "prior_empty"
    assert message in str(caught.value)


def test_stores_without_skeletons(tmp_path: Path, photograph_root: Path) -> None:
    store = tmp_path / "store"
    prepare = ["prepare", "mpii", "--root", str(photograph_root), "--out", str(store), "--workers", "1", "-q"]
    assert CliRunner().invoke(app, prepare).exit_code == 0
    with pytest.raises(UsageError, match="has no skeletons of a Kinect"):
        ntu_prior(store)
    with pytest.raises(StoreError):
        ntu_prior(tmp_path)


def recording(prior: SkeletonPrior, body: int) -> np.ndarray:
    """(F, 32, 3) mm in front of a camera: one body's skeletons, in the published set."""
    joints = np.zeros((int((prior.body == body).sum()), 32, 3))
    joints[:, joint_mapping("h36m32", "h36m17")] = prior.joints[prior.body == body]
    return 1000 * (joints + np.array([0.3, -0.2, 5.0]))


@pytest.fixture
def human36m(tmp_path: Path, prior: SkeletonPrior) -> Path:
    """Recordings of a training subject each, and of a test subject."""
    root = tmp_path / "human36m"
    for body, (subject, name) in enumerate([(1, "Walking"), (5, "Sitting 1"), (5, "Sitting 2"), (9, "Walking")]):
        folder = root / f"S{subject}" / POSITION_FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        write_positions(folder / f"{name}.54138969.cdf", recording(prior, body))
    return root


def test_human36m(human36m: Path, prior: SkeletonPrior) -> None:
    told: list[int] = []
    made = human36m_prior(human36m, every=4, progress=lambda label, done, total: told.append(done))
    found = made.prior
    assert told == [0, 1, 2, 3]
    assert (made.left_out, made.problems) == ({}, ())
    assert found.body.tolist() == [1] * 10 + [5] * 20
    expected = np.concatenate([prior.joints[prior.body == body][::4] for body in range(3)])
    np.testing.assert_allclose(found.joints, expected, atol=2e-6)
    assert found.source == "Human3.6M, training subjects 1 5, one frame in 4: 30 of 30 skeletons"
    assert prior_fault(found) is None
    few = human36m_prior(human36m, every=4, number=3).prior
    np.testing.assert_array_equal(few.joints, found.joints[[5, 15, 25]])
    assert "3 of 30" in few.source
    assert trunk_pitch(found.joints) == pytest.approx(trunk_pitch(expected), abs=1e-3)


def test_human36m_without_a_training_subject(human36m: Path) -> None:
    for subject in ("S1", "S5"):
        (human36m / subject).rename(human36m / f"other {subject}")
    with pytest.raises(DataError, match="no joint positions") as caught:
        human36m_prior(human36m)
    assert caught.value.kind == "no_positions"
    assert str(human36m) in str(caught.value)


def test_a_damaged_recording_is_named_and_the_others_are_used(human36m: Path) -> None:
    path = human36m / "S5" / POSITION_FOLDER / "Sitting 1.54138969.cdf"
    path.write_bytes(path.read_bytes()[:300])
    made = human36m_prior(human36m, every=1)
    assert len(made.prior) == 80
    assert [problem.kind for problem in made.problems] == ["positions_unreadable"]
    assert str(path) in made.problems[0].reason
    for other in human36m.glob(f"S[15]/{POSITION_FOLDER}/*.cdf"):
        other.write_bytes(b"")
    with pytest.raises(DataError, match="no skeleton for a prior"):
        human36m_prior(human36m)


def test_human36m_bad_arguments(tmp_path: Path, human36m: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        human36m_prior(tmp_path / "none")
    for arguments in ({"number": 0}, {"every": 0}):
        with pytest.raises(UsageError, match="give 1 or more"):
            human36m_prior(human36m, **arguments)
    with pytest.raises(UsageError, match="give 1 or more"):
        ntu_prior(human36m, number=0)


def test_a_selection_is_at_even_distances(standing: np.ndarray) -> None:
    selection = Selection()
    sizes = np.linspace(0.8, 1.2, 10)
    selection.add(standing * sizes[:, None, None] + [1, 2, 3], 4)
    selection.add(standing * np.nan, 5)
    made = selection.made(5, source="a test", file=Path("here"))
    np.testing.assert_allclose(made.prior.joints[:, 6, 1], 0.84 * sizes[1::2], atol=1e-6)
    assert made.prior.body.tolist() == [4] * 5
    assert made.left_out == {"no person's bones": 1}
    assert made.prior.source == "a test: 5 of 10 skeletons"


@pytest.mark.real
def test_real_skeletons_of_ntu_are_people_whose_right_hip_is_at_the_smaller_x(real_files: Path) -> None:
    faces = bent = tried = 0
    for path in sorted((real_files / "ntu").glob("*.skeleton")):
        skeleton = read_skeleton(Asset(path))
        joints = (skeleton.joints_xyz * [1, -1, 1])[:, joint_mapping("kinect25", "h36m17")]
        tracked = (skeleton.tracking == 2).all(1)
        joints = (joints - joints[:, :1])[tracked]
        tried += len(joints)
        faces += int((joints[:, H17.index("right hip"), 0] < joints[:, H17.index("left hip"), 0]).sum())
        bent += int(hinges(joints).wrong_way.any(1).sum())
        assert not any(skeleton_faults(joints, metric=True))
    assert tried > 20
    assert faces == tried
    assert bent <= 0.1 * tried
