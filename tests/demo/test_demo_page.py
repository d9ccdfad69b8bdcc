"""The demo's page: what it opens with, its sentences, and commands that are whole."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from hcmoco_bench.demo.page import DemoFigure, DemoPage, DemoScore, DemoStep, write_page
from hcmoco_bench.leaderboard.ties import PairComparison

COMPARISON = PairComparison(
    first="pre-trained",
    second="from scratch",
    first_score=12.3,
    second_score=10.3,
    difference=2.0,
    low=0.5,
    high=3.5,
    p_value=0.01,
    adjusted_p_value=0.01,
    better="pre-trained",
    level=0.95,
    comparisons=1,
    n_samples=30,
    n_groups=5,
    grouped_by="performers",
    score="mIoU",
    unit="points",
)


def page_of(tmp_path: Path, **changed: object) -> str:
    given: dict[str, object] = {
        "opening": [DemoFigure("sheet.png", "Samples", "a"), DemoFigure("features.png", "Features", "b")],
        "closing": [DemoFigure("run/curves.png", "Curves", '"quoted"')],
        "steps": [DemoStep("a <b>", 'tool --out "x & y"', 1.25, "2 > 1"), DemoStep("c", "tool", 2.0, "")],
        "folder": Path("/home/me"),
        "by_hand": Path("demo/by-hand"),
        "scores": [DemoScore("a & b", 12.34, (10.0, 15.0), "%"), DemoScore("c", 5.0, None, "%")],
        "comparison": COMPARISON,
    }
    return write_page(tmp_path, DemoPage(**{**given, **changed})).read_text("utf-8")  # type: ignore[arg-type]


def test_images_come_first_then_scores_then_curves_then_commands(tmp_path: Path) -> None:
    page = page_of(tmp_path)
    order = ["sheet.png", "features.png", COMPARISON.verdict, COMPARISON.grounds, "12.3 %", "curves.png", "tool --out"]
    places = [page.index(word) for word in order]
    assert places == sorted(places)


def test_everything_is_escaped(tmp_path: Path) -> None:
    page = page_of(tmp_path)
    for expected in ("a &lt;b&gt;", "x &amp; y", "2 &gt; 1", "<span>a &amp; b</span>", "&#34;quoted&#34;"):
        assert expected in page
    assert "<strong>12.3 %</strong> (10.0 to 15.0)" in page
    assert "<strong>5.0 %</strong></span>" in page
    assert "took 3 seconds" in page


@pytest.mark.parametrize(
    "command", ["python -c 'print(\"x\")'", "tool --set 'trackers=[]' --out a<b", "t " + "x" * 500]
)
def test_a_command_is_one_block_that_says_exactly_the_command(tmp_path: Path, command: str) -> None:
    page = page_of(tmp_path, steps=[DemoStep("s", command, 1.0, "")])
    blocks = re.findall(r"<pre[^>]*><code>(.*?)</code></pre>", page, flags=re.DOTALL)
    assert list(map(html.unescape, blocks)) == [command]
    style = page[page.index("<style>") : page.index("</style>")]
    assert re.search(r"^pre \{[^}]*overflow-x: auto; white-space: pre;", style, flags=re.MULTILINE)


def test_nothing_is_loaded_from_elsewhere(tmp_path: Path) -> None:
    page = page_of(tmp_path)
    assert re.findall(r"https?://|//[a-z]", re.sub(r"<!--.*?-->", "", page)) == []
    assert re.findall(r'(?:src|href)="([^"]+)"', page) == [
        "sheet.png", "sheet.png", "features.png", "features.png", "run/curves.png", "run/curves.png",
    ]  # fmt: skip


def test_without_scores_there_is_no_such_section(tmp_path: Path) -> None:
    page = page_of(tmp_path, scores=(), comparison=None)
    assert "Depth parsing" not in page
    assert "verdict" not in page[page.index("<body>") :]


def test_the_leaderboard_is_linked_where_there_is_one(tmp_path: Path) -> None:
    assert "leaderboard" not in page_of(tmp_path)
    assert 'href="leaderboard-page/index.html"' in page_of(tmp_path, leaderboard="leaderboard-page/index.html")
