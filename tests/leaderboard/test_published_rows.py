"""Rows of the leaderboard from printed tables."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from published_cases import packaged, small

from hcmoco_bench.leaderboard.level import Level
from hcmoco_bench.leaderboard.published.rows import published_rows
from hcmoco_bench.leaderboard.published.strips import strips
from hcmoco_bench.leaderboard.row import Row

A = "values = [60.12, 85.40, 61.30, 40.10, 70.00, 41.00]"


@cache
def rows() -> dict[str, Row]:
    return {row.id: row for row in published_rows(packaged())}


def test_every_figure_is_in_a_row() -> None:
    """Also those that several tables print: each strip is a source of one row, which has its figures."""
    by_source = {(source.label, row.key, row.ratio): row for row in rows().values() for source in row.sources}
    for strip in strips(packaged()):
        label = f"{strip.table.table}, row {strip.number} ({strip.row.printed})"
        row = by_source[label, strip.run.key, float(strip.run.ratio)]
        for name, value in strip.figures.items():
            figure, _, of_class = name.partition("/")
            found = row.per_class[of_class][figure] if of_class else row.scores[figure]
            assert found == pytest.approx(float(value), abs=0.011)


def test_rows_are_of_papers() -> None:
    assert len(rows()) == len(published_rows(packaged())) == 119
    for row in rows().values():
        assert (row.level, row.party, row.by, row.ranked, row.result) == (Level.PAPER, None, "", False, None)
        assert row.score is not None
        assert row.sources


def test_rows_of_each_board() -> None:
    assert Counter((row.key.task, row.key.variant, row.key.split) for row in rows().values()) == {
        ("densepose", "", "minival"): 27,
        ("rgb_parsing", "", "test"): 34,
        ("itop_pose", "", "test"): 32,
        ("depth_parsing", "", "test"): 4,
        ("depth_parsing", "", "v3_test"): 7,
        ("depth_parsing", "points", "v3_test"): 3,
        ("cross_modality", "rgb_to_depth", "test"): 3,
        ("cross_modality", "depth_to_rgb", "test"): 3,
        ("missing_modality", "only_rgb", "test"): 3,
        ("missing_modality", "only_depth", "test"): 3,
    }


def test_one_run_in_four_tables() -> None:
    row = rows()["hcmoco-table-01-row-06-ten"]
    assert [source.label for source in row.sources] == [
        "Table 1, row 6 (CMC [45])",
        "Table 3, row 1 (Sample-level Mod-invariant)",
        "Table 9, row 16 (CMC [45])",
        "Table 9, row 21 (Ablation1)",
    ]
    assert (row.method, row.ablation, row.ratio, len(row.scores)) == ("cmc", 1, 0.1, 36)


def test_rows_that_contradict_each_other_stay_apart() -> None:
    first, second = rows()["hcmoco-table-01-row-02-full"], rows()["hcmoco-table-09-row-02"]
    assert (first.score, second.score) == (64.97, 62.03)
    assert (first.key, first.method, first.init, first.ratio) == (second.key, second.method, second.init, second.ratio)
    note = "Table 1 prints 60.33, 64.97, 65.66 and 66.96 for CMC"
    assert any(one.startswith(note) for one in first.notes)
    assert any(one.startswith(note) for one in second.notes)
    repeated = rows()["hcmoco-table-01-row-01-full"]
    assert any("all 36 figures of the row of CMC*" in one for one in repeated.notes)
    untouched = rows()["hcmoco-table-01-row-02-ten"]
    assert not any("Table 1 prints" in one for one in untouched.notes)


def test_a_last_digit_makes_no_second_row() -> None:
    row = rows()["hcmoco-table-01-row-05-full"]
    assert row.score == 66.48  # of Table 1; Table 9 prints 66.49
    assert any("66.48 in Table 1 and 66.49 in Table 9" in note for note in row.notes)


def test_exchanged_columns_stay_as_printed() -> None:
    as_printed, of_table_5 = rows()["hcmoco-table-03-row-04-itop-first"], rows()["hcmoco-table-05-row-04-tenth"]
    assert (as_printed.ratio, of_table_5.ratio) == (0.001, 0.001)
    assert (as_printed.score, of_table_5.score) == (65.83, 62.36)
    for row in (as_printed, of_table_5):
        assert any(note.startswith("Table 5 prints 65.83 at 0.2 %") for note in row.notes)
    for step in ("02", "03"):
        for column in ("first", "second"):
            row = rows()[f"hcmoco-table-03-row-{step}-itop-{column}"]
            assert any("with the two columns exchanged" in note for note in row.notes)


def test_points() -> None:
    row = rows()["hcmoco-table-08-row-01-nturgbd"]
    assert (row.name, row.method, row.backbone, row.key.variant) == ("From scratch", "scratch", "pointnet", "points")
    assert len(row.per_class) == 24
    assert "background" not in row.per_class
    assert any("background is left out" in note for note in row.notes)


def test_a_row_without_its_main_score(tmp_path: Path) -> None:
    row = published_rows([small(tmp_path)])[2]
    assert (row.id, row.main, row.score) == ("doe2026-table-1-row-02-full", "gps_AP", None)
    assert row.scores == {"bbox_AP": 62.0, "bbox_AP50": 86.0}


@pytest.mark.parametrize(("figure", "expected"), [("60.13", 4), ("60.14", 5)])
def test_which_figures_agree(tmp_path: Path, figure: str, expected: int) -> None:
    tables = [small(tmp_path), small(tmp_path, ("60.12", figure), name="doe2026-table-2")]
    found = published_rows(tables)
    assert len(found) == expected
    assert len({row.id for row in found}) == expected
