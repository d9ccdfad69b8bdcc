"""`eval --protocol all` on a task of 3-D pose whose people are drawn here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from generated_poses import Points, people
from typer.testing import CliRunner, Result

from hcmoco_bench.body.joints import joint_mapping
from hcmoco_bench.cli.app import app
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.files.hashing import fingerprint
from hcmoco_bench.metrics.pose_alignment import convention_errors
from hcmoco_bench.metrics.pose_conventions import PosePair
from hcmoco_bench.results.evidence import Evidence
from hcmoco_bench.results.statistics import bootstrap_interval
from hcmoco_bench.tasks.core.conventions import (
    convention_figures,
    evaluate_conventions,
    tasks_with_conventions,
)
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings
from hcmoco_bench.tasks.core.plausibility import AS_GIVEN_NOTE
from hcmoco_bench.tasks.core.predictions import check_ids
from hcmoco_bench.tasks.core.protocol import Protocol
from hcmoco_bench.tasks.core.record import SplitRecord, TaskRecord
from hcmoco_bench.tasks.core.registry import TASKS, register_task
from hcmoco_bench.tasks.core.subset import Subset
from hcmoco_bench.tasks.core.task import Task
from hcmoco_bench.tasks.core.task_data import TaskData

NUMBER = 24
TRUE = people(NUMBER)
IDS = tuple(f"P{row // 6}_{row:02d}" for row in range(NUMBER))
ACTIONS = tuple("walking" if row % 3 else "sitting" for row in range(NUMBER))
FOUND = TRUE + np.random.default_rng(1).normal(0, 0.05, TRUE.shape)


def _not_collated(samples: Iterable[Any], size: int) -> Any:
    raise NotImplementedError


class StandingPeople(Task[Any]):
    """Poses of people who stand about; predictions are an .npz of ids and joints (N, 17, 3), meters."""

    record: ClassVar[TaskRecord] = TaskRecord(
        id="standing_people",
        version=1,
        title="Poses of people who stand about",
        data="nothing; the people are drawn",
        splits=(SplitRecord(name="test", rule="all"), SplitRecord(name="half", rule="every other")),
        protocols=(Protocol(name="native", summary="MPJPE."), Protocol(name="other", summary="MPJPE.")),
        main_score="mpjpe",
        unit="mm",
        higher_is_better=False,
        chance="The mean pose.",
        citation="none",
        downloads=(),
        bad_input="Unknown ids are errors.",
    )

    def default_data(self, home: Path) -> dict[str, Any]:
        return {}

    def open_data(self, config: Any, split: str, *, train: bool) -> TaskData:
        ids = IDS[:: 2 if split == "half" else 1]
        people_of = tuple(name.split("_")[0] for name in ids)
        return TaskData(
            dataset=Subset(TRUE, tuple(range(len(ids)))),
            collate=_not_collated,
            ids=ids,
            name="people",
            generated=True,
            split=split,
            expected=ids,
            split_sha256=fingerprint(ids),
            manifest_sha256=None,
            groups=people_of,
        )

    def pose_pairs(self, path: Path, data: TaskData, config: Any) -> tuple[PosePair, ...]:
        with np.load(path) as arrays:
            ids, joints = arrays["ids"].tolist(), arrays["joints"].astype(np.float64)
        check_ids(ids, data.ids, path=path)
        rows = [ids.index(name) for name in data.ids]
        true = [IDS.index(name) for name in data.ids]
        return (self.pair(joints[rows], true),)

    def pair(self, prediction: Points, rows: list[int]) -> PosePair:
        """A pair of the people in some rows."""
        return PosePair(
            prediction,
            TRUE[rows],
            np.ones((len(rows), 17), bool),
            "h36m17",
            tuple(IDS[row] for row in rows),
            actions=tuple(ACTIONS[row] for row in rows),
        )

    def _none(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError

    build_model = build_objective = evaluate = score_predictions = scores = _none


PAIR = StandingPeople().pair(FOUND, list(range(NUMBER)))


@pytest.fixture(autouse=True)
def task() -> Iterator[StandingPeople]:
    register_task(StandingPeople)
    yield StandingPeople()
    TASKS.unregister("standing_people")


def written(path: Path, joints: Points, ids: tuple[str, ...] = IDS) -> Path:
    order = np.random.default_rng(2).permutation(len(ids))
    np.savez(path, ids=np.array(ids)[order], joints=joints[order])
    return path


def run(path: Path, *more: str, task: str = "standing_people") -> Result:
    return CliRunner().invoke(app, ["eval", "--task", task, "--predictions", str(path), "--protocol", "all", *more])


def test_json_has_the_figure_of_every_convention(tmp_path: Path) -> None:
    done = run(written(tmp_path / "a.npz", FOUND), "--json", "--bootstrap", "50")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    conventions = found["conventions"]
    assert len(conventions) == 3 * 7
    assert found["unit"] == "mm"
    assert (found["n_samples"], found["data"], found["split"], found["protocol"]) == (
        NUMBER,
        "people (generated)",
        "test",
        "native",
    )
    moved = (FOUND - FOUND[:, :1]) - (TRUE - TRUE[:, :1])
    errors = 1000 * np.linalg.norm(moved, axis=2).mean(1)
    entry = conventions["h36m17_pelvis"]
    assert entry["error_mm"] == pytest.approx(errors.mean())
    assert entry["ci95_mm"][0] < entry["error_mm"] < entry["ci95_mm"][1]
    sitting = np.array(ACTIONS) == "sitting"
    assert entry["mean_of_actions_mm"] == pytest.approx((errors[sitting].mean() + errors[~sitting].mean()) / 2)
    assert (entry["n_joints"], entry["alignment"], entry["center"]) == (17, "root", "pelvis")
    assert entry["published"]["videopose3d"] == "protocol #1"
    assert conventions["h36m16_pelvis"]["n_joints"] == 16
    assert conventions["lsp14_hips"]["published"] == {"hmr2018": "MPJPE", "vibe2020": "MPJPE"}
    assert set(found["published"]) >= {"videopose3d", "hmr2018", "spin2019"}
    assert any("intervals draw whole groups (4 people or videos)" in note for note in found["notes"])


def test_the_table_says_who_measures_so_and_that_no_result_is_written(tmp_path: Path) -> None:
    done = run(written(tmp_path / "a.npz", FOUND), "--bootstrap", "0")
    assert done.exit_code == 0, done.output
    text = " ".join(done.stdout.split())
    for part in (
        "lsp14_similarity",
        "HMR: Kanazawa et al., End-to-end Recovery of Human Shape and Pose, CVPR 2018",
        "h36m16: the 17 joints of Human3.6M without the root",
        "lsp14_hips: HMR (MPJPE), VIBE (MPJPE)",
        "_rigid: turned and moved to the least sum of squares, without scale and without mirroring",
        "24 samples",
        "no result file is written",
    ):
        assert part in text, part
    assert "95 %" not in text
    assert list(tmp_path.iterdir()) == [tmp_path / "a.npz"]
    quiet = run(tmp_path / "a.npz", "--quiet")
    assert (quiet.exit_code, quiet.stdout) == (0, "")


def _mean_error(evidence: Evidence) -> float:
    return float(evidence.columns["error"].mean())


def test_intervals_are_those_of_the_bootstrap_over_groups() -> None:
    groups = [name.split("_")[0] for name in IDS]
    for given, draws in ((groups, 40), (None, 40)):
        for figure in convention_figures([PAIR], groups=given, bootstrap=draws)[::5]:
            errors = convention_errors(figure.measured).error_mm
            evidence = Evidence("errors", IDS, {"error": errors})
            expected = bootstrap_interval(
                evidence, lambda one: float(one.columns["error"].mean()), n=draws, groups=given
            )
            assert figure.ci95 == pytest.approx(expected)
            assert figure.error_mm == pytest.approx(errors.mean())


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        (1000 * FOUND, "look like millimeters, not like meters along the camera's axes (x to the right, y down, z "),
        (100 * (FOUND - FOUND[:, :1]), "look like centimeters,"),
        (FOUND * [1, -1, 1], "look like meters with y mirrored,"),
        (
            FOUND[:, np.roll(np.arange(17), 3)],
            "meters with the joints in the order right shoulder, right elbow,",
        ),
    ],
)
def test_slips_are_refused_before_anything_is_measured(tmp_path: Path, wrong: Points, what: str) -> None:
    path = written(tmp_path / "a.npz", wrong)
    refused = run(path, "--json")
    assert (refused.exit_code, refused.stdout) == (1, "")
    told = str(refused.exception)
    figure = {one.measured.convention.name: one.error_mm for one in convention_figures([PAIR], bootstrap=0)}
    assert isinstance(refused.exception, DataError)
    assert refused.exception.kind == "predictions_implausible"
    assert what in told
    assert f"Corrected, they have an MPJPE of {figure['h36m17_pelvis']:.1f} mm (PA-MPJPE " in told
    given = run(path, "--json", "--as-given", "--bootstrap", "0")
    assert given.exit_code == 0
    summary = json.loads(given.stdout)
    assert AS_GIVEN_NOTE in summary["notes"]
    assert summary["conventions"]["h36m17_pelvis"]["error_mm"] > 2 * figure["h36m17_pelvis"]


def test_positions_about_a_point_have_no_absolute_figures(tmp_path: Path) -> None:
    absolute = json.loads(run(written(tmp_path / "a.npz", FOUND), "--json", "--bootstrap", "0").stdout)
    for name, about in (("root", FOUND[:, :1]), ("mean", FOUND.mean(1, keepdims=True))):
        found = json.loads(run(written(tmp_path / f"{name}.npz", FOUND - about), "--json", "--bootstrap", "0").stdout)
        assert any("positions about a point" in note for note in found["notes"])
        left_out = set(absolute["conventions"]) - set(found["conventions"])
        assert left_out == {f"{joints}_absolute" for joints in ("h36m17", "h36m16", "lsp14")}
        for convention, entry in found["conventions"].items():
            assert entry["error_mm"] == pytest.approx(absolute["conventions"][convention]["error_mm"])


def test_a_part_of_the_split_and_other_splits(tmp_path: Path, task: StandingPeople) -> None:
    half = written(tmp_path / "half.npz", FOUND[::2], IDS[::2])
    with pytest.raises(DataError, match="12 missing") as caught:
        evaluate_conventions(task, half, make_finetune_settings(task, {}))
    assert caught.value.kind == "predictions_ids"
    found = json.loads(run(half, "--split", "half", "--json", "--bootstrap", "0").stdout)
    assert (found["n_samples"], found["split"]) == (12, "half")


def test_poses_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    joints = FOUND.copy()
    joints[3, 4, 0] = np.nan
    refused = run(written(tmp_path / "a.npz", joints))
    assert isinstance(refused.exception, DataError)
    assert refused.exception.kind == "prediction_not_finite"
    assert IDS[3] in str(refused.exception)


def test_what_all_cannot_do_is_said_in_a_sentence(tmp_path: Path) -> None:
    path = written(tmp_path / "a.npz", FOUND)
    for more, told in (
        (("--out", str(tmp_path / "r.json")), "writes no result, since a result has one protocol; leave out --out"),
        (("--name", "mine"), "leave out --name"),
    ):
        refused = run(path, *more)
        assert isinstance(refused.exception, UsageError)
        assert told in str(refused.exception)
    model = ["eval", "--task", "standing_people", "--ckpt", str(path), "--protocol", "all"]
    refused = CliRunner().invoke(app, model)
    assert isinstance(refused.exception, UsageError)
    assert "score a model (--ckpt) under one protocol at a time" in str(refused.exception)
    other = run(path, task="depth_parsing")
    assert isinstance(other.exception, UsageError)
    assert (
        "depth_parsing: --protocol all compares conventions of 3-D pose, which this task does not predict; tasks"
        in (str(other.exception))
    )
    assert "standing_people" in str(other.exception)
    assert "standing_people" in tasks_with_conventions()
    assert "depth_parsing" not in tasks_with_conventions()


def test_the_same_people_in_two_joint_sets() -> None:
    lsp = joint_mapping("h36m17", "lsp14")
    other = PosePair(FOUND[:, lsp], TRUE[:, lsp], np.ones((NUMBER, 14), bool), "lsp14", IDS)
    both = {one.measured.convention.name: one for one in convention_figures([other, PAIR], bootstrap=10)}
    alone = {one.measured.convention.name: one for one in convention_figures([PAIR], bootstrap=10)}
    assert both.keys() == alone.keys()
    for name, figure in alone.items():
        assert both[name].error_mm == pytest.approx(figure.error_mm)
        assert both[name].ci95 == pytest.approx(figure.ci95)
    assert convention_figures([], bootstrap=10) == ()
