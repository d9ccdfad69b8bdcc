"""Tables of rows: selections, forms, what is escaped, means, and the data frame for Python."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pandas as pd
import pytest

import hcmoco_bench.leaderboard
from hcmoco_bench.errors import UsageError
from hcmoco_bench.leaderboard.board import Board, Leaderboard
from hcmoco_bench.leaderboard.collect import open_leaderboard
from hcmoco_bench.leaderboard.level import Level
from hcmoco_bench.leaderboard.mean import mean_frame
from hcmoco_bench.leaderboard.row import BoardKey, Row
from hcmoco_bench.leaderboard.standing import RankInterval, Standing
from hcmoco_bench.leaderboard.tables import Selection, bibtex, data_frame, resolution_sentence, shown_table, table_text

HOSTILE = '=HYPERLINK("http://x")|<b>&%_#$~^\\{}`\u202e'


@pytest.fixture(scope="module")
def packaged() -> Leaderboard:
    return open_leaderboard(ranked=False)


def row(name: str, score: float, *, task: str = "depth_parsing", notes: tuple[str, ...] = (), **more: object) -> Row:
    values: dict[str, object] = {
        "id": f"{task.replace('_', '-')}-{abs(hash((name, score)))}",
        "key": BoardKey(task, "native", "", "data", "test"),
        "name": name,
        "method": "cmc",
        "backbone": "hrnet_w18",
        "init": "",
        "pretrain_data": "",
        "ratio": 1.0,
        "ablation": None,
        "level": Level.EVIDENCE,
        "party": "first",
        "by": "Ann",
        "scores": {"miou": score, "macc": None},
        "main": "miou",
        "unit": "%",
        "higher_is_better": True,
        "ci95": (score - 1, score + 1),
        "notes": notes,
    }
    return Row(**{**values, **more})  # type: ignore[arg-type]


def board(*rows: Row, standing: Standing | None = None) -> Board:
    return Board(rows[0].key, "A title", rows, "miou", "%", higher_is_better=True, standing=standing)


def test_the_papers_rows_can_be_chosen(packaged: Leaderboard) -> None:
    boards = Selection(task="densepose", ratio=0.1, metric="gpsm_AP").boards(packaged)
    frame = data_frame(boards, "gpsm_AP")
    ours = frame[(frame["method"] == "hcmoco") & (frame["pretrain_data"] == "NTU RGB+D + COCO")]
    assert ours["score"].tolist() == [56.64]  # Table 1, last row
    assert set(frame["level"]) == {"paper"}
    assert set(frame["rank"]) == {""}
    found = hcmoco_bench.leaderboard.table(task="densepose", ratio=0.1, metric="gpsm_AP")
    pd.testing.assert_frame_equal(found, frame)


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({"task": "densepos"}, "did you mean densepose"),
        ({"task": "densepose", "split": "test"}, "there are minival|did you mean"),
        ({"metric": "miuo"}, "did you mean miou"),
    ],
)
def test_what_there_is_not_is_named(packaged: Leaderboard, chosen: dict[str, str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        Selection(**chosen).boards(packaged)
    with pytest.raises(UsageError, match="there is no level 'gold'"):
        hcmoco_bench.leaderboard.table(level="gold")


def test_the_level_leaves_rows_of_papers_out(packaged: Leaderboard) -> None:
    assert Selection(level=Level.EVIDENCE).boards(packaged) == ()


def test_bibtex_of_what_is_shown(packaged: Leaderboard) -> None:
    boards = Selection(task="itop_pose").boards(packaged)
    assert bibtex(packaged, boards).count("@") == 1
    assert bibtex(packaged, boards).startswith("@inproceedings{hong2022hcmoco,")


def test_hostile_texts_stay_texts_in_every_form() -> None:
    boards = [board(row(HOSTILE, 50.0, notes=(HOSTILE,)), row("plain", 40.0))]
    (first, _) = csv.DictReader(io.StringIO(table_text(boards, "csv")))
    assert first["name"] == f"'{HOSTILE}"
    assert json.loads(table_text(boards, "json"))[0]["name"] == HOSTILE
    markdown = table_text(boards, "markdown")
    line = next(line for line in markdown.splitlines() if "HYPERLINK" in line)
    assert line.count("|") - line.count("\\|") == len(shown_table(boards[0]).frame.columns) + 1
    assert "<b>" not in markdown
    latex = table_text(boards, "latex")
    body = [line for line in latex.splitlines() if not line.startswith("%")]
    (cells,) = [line for line in body if "HYPERLINK" in line]
    assert r"\&\%\_\#\$" in cells
    assert cells.count("&") - cells.count(r"\&") == len(shown_table(boards[0]).frame.columns) - 1


def test_what_all_rows_share_stands_above_and_notes_below() -> None:
    shown = shown_table(board(row("a", 50.0, notes=("All.", "Mine.")), row("b", 40.0, notes=("All.",), init="scratch")))
    assert "backbone hrnet_w18" in shown.shared
    assert "backbone" not in shown.frame.columns
    assert shown.frame["notes"].tolist() == ["1", ""]
    assert shown.notes == (("", "All."), ("1", "Mine."))


def test_ranks_and_ties_are_said() -> None:
    first, second = row("a", 50.0), row("b", 49.0)
    ranks = {first.id: RankInterval(1, 2, tied_with_best=True), second.id: RankInterval(1, 2, tied_with_best=True)}
    paper = replace(row("c", 60.0), level=Level.PAPER, ci95=None)
    made = board(first, second, paper, standing=Standing(ranks, 2.345, 30, "performers", 1000, 0.95))
    frame = data_frame([made])
    assert frame["rank"].tolist() == ["1-2", "1-2", ""]
    assert frame["tied_with_best"].tolist() == [True, True, None]
    assert data_frame([made], "macc")["rank"].tolist() == ["", "", ""]
    told = resolution_sentence(made)
    assert "2 of 2 rows with evidence are tied with the best" in told
    assert "2.3 % cannot be told apart on its 30 performers" in told


def test_a_mean_needs_every_task() -> None:
    depth, rgb = board(row("a", 50.0), row("b", 40.0)), board(row("a", 30.0, task="rgb_parsing"))
    with pytest.raises(UsageError, match=r"1 of 2 models are missing.*b \(1 missing, e\.g\. rgb-parsing"):
        mean_frame([depth, rgb])
    whole = board(row("a", 30.0, task="rgb_parsing"), row("b", 60.0, task="rgb_parsing"))
    frame = mean_frame([depth, whole])
    assert frame["name"].tolist() == ["b", "a"]
    assert frame["mean"].tolist() == [50.0, 40.0]
    with pytest.raises(UsageError, match="at least two tables"):
        mean_frame([depth])
    twice = board(row("a", 30.0, task="rgb_parsing"), row("a", 31.0, task="rgb_parsing"))
    with pytest.raises(UsageError, match="a has two rows"):
        mean_frame([depth, twice])
    with pytest.raises(UsageError, match="have no mean"):
        mean_frame([depth, Board(whole.key, "t", whole.rows, "error", "mm", higher_is_better=False)])
