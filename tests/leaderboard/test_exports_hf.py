"""Hugging Face's evaluation results, read back by huggingface_hub."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from exports_rows import CI95, HOSTILE, MEAN, SPLIT, board, leaderboard, rows
from huggingface_hub import EvalResultEntry, parse_eval_result_entries

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.leaderboard.board import Leaderboard
from hcmoco_bench.leaderboard.exports.hf import export_hf


def _entries(out: Path) -> dict[str, EvalResultEntry]:
    """The entry of each row, by the row's id."""
    found = {}
    for path in sorted((out / "models").glob("*/.eval_results/*.yaml")):
        (entry,) = parse_eval_result_entries(yaml.safe_load(path.read_text()))
        found[path.parents[1].name] = entry
    return found


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("hf") / "out"
    files = export_hf(leaderboard(), out, benchmark="me/board")
    assert sorted(files) == sorted(path for path in out.rglob("*") if path.is_file())
    return out


def test_every_row_with_a_main_score_has_an_entry_with_all_its_digits(exported: Path) -> None:
    entries = _entries(exported)
    scores = {name: entry.value for name, entry in entries.items()}
    assert scores == {"after-1": MEAN, "paper-table-9-hcmoco": 61.16, "hostile": 1e-7, "pose-1": 12.5}
    assert {entry.dataset_id for entry in entries.values()} == {"me/board"}


def test_entries_name_tasks_of_the_benchmark(exported: Path) -> None:
    benchmark: dict[str, Any] = yaml.safe_load((exported / "eval.yaml").read_text())
    assert set(benchmark) == {"name", "description", "evaluation_framework", "tasks"}
    tasks = {task["id"]: task for task in benchmark["tasks"]}
    assert {entry.task_id for entry in _entries(exported).values()} == tasks.keys()
    assert len(tasks) == len(benchmark["tasks"]) == 2
    assert tasks["depth-parsing-native-nturgbd-parsing-4k-test"]["split"] == "test"


def test_the_notes_say_level_party_protocol_split_and_interval(exported: Path) -> None:
    notes = _entries(exported)["after-1"].notes or ""
    for part in (
        "level: labels (score, interval and counts follow",
        "; the samples",
        "party: third",
        "protocol: native",
        "split: test",
        f"split_sha256: {SPLIT}",
    ):
        assert part in notes
    assert f"ci95_low: {CI95[0]!r}; ci95_high: {CI95[1]!r}" in notes
    paper = _entries(exported)["paper-table-9-hcmoco"]
    assert "level: paper (copied from a publication" in (paper.notes or "")
    assert "party" not in (paper.notes or "")
    assert (paper.source_url, paper.source_name) == ("https://arxiv.org/abs/2203.13815", "Table 9 (hong2022versatile)")


def test_hostile_texts_stay_texts(exported: Path) -> None:
    entry = _entries(exported)["hostile"]
    assert entry.source_url is None
    assert entry.source_name is None
    assert HOSTILE.split()[0] in (entry.notes or "")
    for path in exported.rglob("*.yaml"):
        assert path.read_text().isascii()
        assert "\x1b" not in path.read_text()
        assert len(path.name) < 255


def test_only_an_empty_folder_is_written_to(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds files already"):
        export_hf(leaderboard(), exported)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        export_hf(leaderboard(), tmp_path / "file")


def test_two_tables_that_paths_cannot_tell_apart_are_refused(tmp_path: Path) -> None:
    checked, _, _ = rows()
    other = replace(checked, key=replace(checked.key, data="NTURGBD Parsing 4K"))
    with pytest.raises(DataError, match="have this name") as caught:
        export_hf(Leaderboard((board(checked), board(other)), {}), tmp_path / "out")
    assert caught.value.kind == "export_name"
