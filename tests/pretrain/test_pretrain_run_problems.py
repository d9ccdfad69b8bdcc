"""A run keeps the problem lines of its images: those of the data, and those that batches bring."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from hcmoco_bench.data.data_record import DataRecord, SamplesRecord, StoreRecord, data_changes
from hcmoco_bench.data.view_pairs import open_view_pairs
from hcmoco_bench.data.views import ViewOptions
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.pretrain.loading import MixedBatches
from hcmoco_bench.pretrain.run_problems import RunProblems
from hcmoco_bench.runtime.progress import current_progress, listening, no_progress
from hcmoco_bench.store.problem_file import PROBLEMS_FILE, read_problems

FIRST = Problem("a", "picture_repeated", "a", "a: is there twice")
LATER = Problem("b", "picture_unreadable", "b", "b: is damaged")


def test_lines_are_kept_once_and_over_a_resumed_run(tmp_path: Path) -> None:
    problems = RunProblems(tmp_path, writes=True)
    problems.begin([FIRST], resumed=False)
    for _ in range(3):
        problems.add([LATER, FIRST])
    assert read_problems(tmp_path / PROBLEMS_FILE) == (FIRST, LATER)
    resumed = RunProblems(tmp_path, writes=True)
    resumed.begin([FIRST], resumed=True)
    assert read_problems(tmp_path / PROBLEMS_FILE) == (FIRST, LATER)
    (note,) = resumed.notes()
    assert "1 picture_repeated, 1 picture_unreadable" in note
    anew = RunProblems(tmp_path, writes=True)
    anew.begin([], resumed=False)
    assert not (tmp_path / PROBLEMS_FILE).exists()
    assert anew.notes() == ()


def test_another_process_writes_nothing(tmp_path: Path) -> None:
    problems = RunProblems(tmp_path, writes=False)
    problems.begin([FIRST], resumed=False)
    problems.add([LATER])
    assert not list(tmp_path.iterdir())


def test_damage_that_a_batch_meets_is_in_the_file(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(4):
        pixels = np.random.default_rng(number).integers(0, 256, (40, 40, 3), np.uint8)
        Image.fromarray(pixels).save(pictures / f"{number}.jpg")
    harmed = bytearray((pictures / "2.jpg").read_bytes())
    harmed[len(harmed) // 2 : len(harmed) // 2 + 60] = b"\xff\xd0" * 30
    (pictures / "2.jpg").write_bytes(harmed)
    (pictures / "cut.jpg").write_bytes(harmed[:99])
    data = open_view_pairs([], [str(pictures)], ViewOptions(size=16), seed=0)
    problems = RunProblems(tmp_path, writes=True)
    problems.begin(data.problems, resumed=False)
    batches = MixedBatches(data.dataset, data.lengths, data.collate, batch_size=2, problems=problems)
    shown = [batch.sample_ids for batch in batches.batches(0, 0)]
    assert sorted(one for ids in shown for one in ids) == ["0.jpg", "1.jpg", "3.jpg", "3.jpg"]
    assert {problem.id for problem in read_problems(tmp_path / PROBLEMS_FILE)} == {"2.jpg", "cut.jpg"}
    assert [batch.sample_ids for batch in batches.batches(0, 1)] == shown[1:]


def test_a_changed_folder_is_other_data_also_beside_a_store() -> None:
    store = StoreRecord(path="s", manifest_sha256="a", content_sha256="b", manifest={})
    samples = {"data set 1": SamplesRecord(rows=9), "data set 2": SamplesRecord(rows=4, ids_sha256="c")}
    before = DataRecord(stores=(store,), samples=samples)
    other = samples | {"data set 2": SamplesRecord(rows=4, ids_sha256="d")}
    assert data_changes(before, before) == ()
    assert data_changes(before, DataRecord(stores=(store,), samples=other)) == (
        "data set 2 has other samples or another order",
    )


def test_steps_report_to_the_listener() -> None:
    heard: list[tuple[str, int, int | None]] = []
    assert current_progress() is no_progress
    with listening(lambda *report: heard.append(report)):
        current_progress()("checking", 1, 2)
    current_progress()("checking", 2, 2)
    assert heard == [("checking", 1, 2)]
