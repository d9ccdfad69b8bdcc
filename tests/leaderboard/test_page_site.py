"""The files of a site: their bytes, their folder, their policy, and what charts and tables hold; without a browser."""

from __future__ import annotations

import base64
import hashlib
import re
import tracemalloc
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from page_rows import board, checked_row, paper_row, segmentation
from page_site import PARSING, SHORT, SmallSite

from hcmoco_bench.body import part_table
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.leaderboard.board import Leaderboard
from hcmoco_bench.leaderboard.figure_names import figure_label
from hcmoco_bench.leaderboard.page import frame, write_site
from hcmoco_bench.leaderboard.page.addresses import board_file
from hcmoco_bench.leaderboard.page.board_page import board_page
from hcmoco_bench.leaderboard.page.charts.ablation_bars import ablation_bars
from hcmoco_bench.leaderboard.page.charts.class_heat import MOST_ROWS, class_heats
from hcmoco_bench.leaderboard.page.charts.ratio_chart import MOST_LINES, ratio_chart
from hcmoco_bench.leaderboard.page.charts.scale import Scale, round_ticks, tick_text
from hcmoco_bench.leaderboard.page.figures import decimals_of, exact, rounded, web_address
from hcmoco_bench.leaderboard.page.frame import MOST_SCRIPT_BYTES, TEMPLATES
from hcmoco_bench.leaderboard.page.index_page import index_page
from hcmoco_bench.leaderboard.page.row_texts import labels_of
from hcmoco_bench.leaderboard.row import EvidenceFile, Row
from hcmoco_bench.results import Evidence


def papers(scores: Mapping[str, tuple[float, float]], key=PARSING, **changes) -> list[Row]:
    """Rows of papers by id: share of labels and score."""
    return [paper_row(name, key, {"miou": score}, ratio=ratio, **changes) for name, (ratio, score) in scores.items()]


def one_table(rows: list[Row]) -> Leaderboard:
    return Leaderboard((board(PARSING, "Parsing", rows),), {})


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class TestFolder:
    def test_the_same_tables_give_the_same_bytes(self, small_site: SmallSite, tmp_path: Path) -> None:
        told: list[tuple[int, int | None]] = []
        site = write_site(small_site.leaderboard, tmp_path, progress=lambda _, done, total: told.append((done, total)))
        assert content(tmp_path) == content(small_site.folder)
        pages = list(tmp_path.rglob("*.html"))
        assert (site.files, site.bytes) == (len(pages), sum(path.stat().st_size for path in pages))
        assert told == [(number, site.files) for number in range(1, site.files + 1)]

    def test_every_link_leads_somewhere(self, small_site: SmallSite) -> None:
        for page in small_site.folder.rglob("*.html"):
            for address in re.findall(r'href="([^"]*)"', page.read_text(encoding="utf-8")):
                if not address.startswith(("https://", "data:", "#")):
                    assert (page.parent / address.split("#")[0]).is_file(), address

    def test_pages_of_an_earlier_site_are_removed(self, tmp_path: Path) -> None:
        rows = [checked_row(tmp_path / "evidence", name, PARSING, [segmentation(1, n=2)]) for name in ("a", "b")]
        out = tmp_path / "out"
        write_site(one_table(rows), out)
        (out / "model" / ".b.html.1-abc.tmp").write_bytes(b"left by a dead process")
        write_site(one_table(rows[:1]), out)
        assert sorted(path.name for path in (out / "model").iterdir()) == ["a.html"]
        write_site(one_table(papers({"p": (1, 50.0)})), out)
        assert sorted(path.name for path in out.iterdir()) == ["board", "index.html", "site.json"]

    @pytest.mark.parametrize("what", ["note.txt", "model/own.html", ".git/config", "index.html"])
    def test_a_folder_with_other_things_is_refused_and_left_alone(self, tmp_path: Path, what: str) -> None:
        (tmp_path / what).parent.mkdir(exist_ok=True)
        (tmp_path / what).write_text("mine")
        before = content(tmp_path)
        with pytest.raises(UsageError, match=re.escape(what)):
            write_site(one_table(papers({"p": (1, 50.0)})), tmp_path)
        assert content(tmp_path) == before

    def test_a_file_added_to_a_site_is_refused(self, tmp_path: Path) -> None:
        table = one_table(papers({"p": (1, 50.0)}))
        write_site(table, tmp_path)
        (tmp_path / "board" / "mine.html").write_text("mine")
        with pytest.raises(UsageError, match=re.escape("board/mine.html")):
            write_site(table, tmp_path)

    def test_a_list_can_claim_nothing_outside(self, tmp_path: Path) -> None:
        table, out = one_table(papers({"p": (1, 50.0)})), tmp_path / "out"
        write_site(table, out)
        (tmp_path / "mine.html").write_text("mine")
        (out / "linked").symlink_to(tmp_path)
        listed = '"files": ["../mine.html", "linked", '
        (out / "site.json").write_text((out / "site.json").read_text().replace('"files": [', listed))
        write_site(table, out)
        assert (tmp_path / "mine.html").read_text() == "mine"
        assert not (out / "linked").exists()

    def test_a_file_in_the_place_of_the_folder_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "out").write_text("mine")
        with pytest.raises(UsageError, match="not a folder"):
            write_site(one_table(papers({"p": (1, 50.0)})), tmp_path / "out")

    def test_no_tables_are_a_site_too(self, tmp_path: Path) -> None:
        write_site(Leaderboard((), {}), tmp_path)
        assert "0 tables" in (tmp_path / "index.html").read_text()


class TestRefusals:
    def test_evidence_that_is_not_the_results(self, tmp_path: Path) -> None:
        row = checked_row(tmp_path, "a", PARSING, [segmentation(1, n=2)])
        forged = replace(row, evidence=(EvidenceFile(row.evidence[0].path, "0" * 64),))
        for bad, kind in ((forged, "evidence_sha256"), (replace(row, result=None), "row_without_result")):
            with pytest.raises(DataError) as caught:
                write_site(one_table([bad]), tmp_path / kind)
            assert caught.value.kind == kind
        row.evidence[0].path.unlink()
        with pytest.raises(DataError) as caught:
            write_site(one_table([row]), tmp_path / "missing")
        assert caught.value.kind == "evidence_missing"

    def test_names_that_no_page_can_have(self, tmp_path: Path) -> None:
        for name, kind in (
            ("../up", "page_name"),
            ("", "page_name"),
            ("a" * 201, "page_name"),
            ("a", "page_name_twice"),
        ):
            rows = [paper_row(one, PARSING, {"miou": 1.0}) for one in ("a", name)]
            with pytest.raises(DataError) as caught:
                write_site(one_table(rows), tmp_path / "out")
            assert caught.value.kind == kind
            assert not (tmp_path / "out").exists()

    def test_tables_of_one_address(self, tmp_path: Path) -> None:
        tables = [board(replace(PARSING, split=split), "x", papers({split: (1, 5.0)})) for split in ("a-b", "a--b")]
        tables[1] = replace(tables[1], rows=(replace(tables[1].rows[0], id="other"),))
        with pytest.raises(DataError, match="two tables"):
            write_site(Leaderboard(tuple(tables), {}), tmp_path / "out")

    def test_long_names_of_tables_are_cut_and_stay_apart(self) -> None:
        names = {board_file(replace(PARSING, split=f"{'long ' * 50}{end}")) for end in "ab"}
        assert len(names) == 2
        assert all(len(name) < 150 for name in names)


class _Parts(HTMLParser):
    """The policy of a page, and the texts of its executable scripts and its styles."""

    def __init__(self) -> None:
        super().__init__()
        self.policy = ""
        self.script: list[str] = []
        self.style: list[str] = []
        self.attributes: list[str] = []
        self._inside: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.attributes += given
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"] or ""
        self._inside = {"script": self.script, "style": self.style}.get(tag) if "type" not in given else None

    def handle_data(self, data: str) -> None:
        if self._inside is not None:
            self._inside.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._inside = None


def test_policies_allow_the_page_itself_alone(small_site: SmallSite) -> None:
    for page in small_site.folder.rglob("*.html"):
        parts = _Parts()
        parts.feed(page.read_text(encoding="utf-8"))
        rules = dict(rule.split(" ", 1) for rule in parts.policy.split("; "))
        assert rules.pop("frame-src", None) == ("'self' file:" if page.parent.name == "board" else None)
        for kind in ("script", "style"):
            texts = getattr(parts, kind)
            hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts]
            assert rules.pop(f"{kind}-src") == (" ".join(f"'sha256-{one}'" for one in hashes) or "'none'")
        assert rules == {
            "default-src": "'none'",
            "img-src": "data:",
            "base-uri": "'none'",
            "form-action": "'none'",
        }
        assert not [name for name in parts.attributes if name.startswith("on") or name == "style"]


def test_own_scripts_stay_small() -> None:
    scripts = sorted(TEMPLATES.glob("*.js"))
    assert 0 < sum(path.stat().st_size for path in scripts) <= MOST_SCRIPT_BYTES == 25_000
    assert all(path.read_bytes().endswith(b"\n") for path in scripts)
    for path in scripts:  # neither can end its element or open a comment in it
        assert not re.search(r"</script|<!--", path.read_text(encoding="utf-8"), re.IGNORECASE)


def test_scripts_that_have_grown_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame, "MOST_SCRIPT_BYTES", 100)
    with pytest.raises(ValueError, match=r"table\.js.* at most 100"):
        frame.make_frame(frame.BOARD_SCRIPTS)


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    """Twelve rows need no more than six: pages are made one at a time."""
    rng = np.random.default_rng(0)
    names = part_table().names
    shape = (1600, len(names))
    columns = {name: rng.integers(0, 10**6, shape, dtype=np.int32) for name in ("intersection", "target", "prediction")}
    columns["target"] += columns["intersection"]
    columns["prediction"] += columns["intersection"]
    meta = {"class_names": list(names), "absent": "zero", "background": True}
    first = checked_row(
        tmp_path, "row", PARSING, [Evidence("segmentation", tuple(f"{i:05d}" for i in range(1600)), columns, meta)]
    )

    def peak(rows: int) -> int:
        table = one_table([replace(first, id=f"row-{number}") for number in range(rows)])
        tracemalloc.start()
        write_site(table, tmp_path / "site")
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(1)  # templates are compiled once
    few, many = peak(6), peak(12)
    page = (tmp_path / "site/model/row-1.html").stat().st_size
    assert page > 500_000
    assert many - few < page


class TestFigures:
    @pytest.mark.parametrize(
        ("value", "decimals", "width", "text"),
        [
            (62.345, 2, 2, "62.34"),
            (62.3, 1, 2, "62.3\u2007"),
            (62.0, 0, 2, "62\u2007\u2007\u2007"),
            (-1.5, 1, None, "\u22121.5"),
            (None, 1, 2, "–"),
            (float("nan"), 1, 2, "–"),
        ],
    )
    def test_rounding(self, value: float | None, decimals: int, width: int | None, text: str) -> None:
        assert rounded(value, decimals, width) == text

    def test_papers_keep_their_digits(self) -> None:
        assert [decimals_of(values) for values in ([62.0, 61.3], [62.0], [61.25, None, float("nan")], [])] == [
            1,
            0,
            2,
            0,
        ]

    def test_exact_figures_read_back(self) -> None:
        for value in np.random.default_rng(0).normal(size=50) * 10.0 ** np.arange(-25, 25):
            assert float(exact(value)) == value

    def test_labels(self) -> None:
        names = ["miou", "gps_AP50", "iou_ARm", "accuracy_upper", "AP"]
        assert [figure_label(name) for name in names] == ["mIoU", "GPS AP50", "mask ARm", "accuracy upper", "AP"]

    def test_only_addresses_of_the_web_are_followed(self) -> None:
        for bad in ("javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//x.test", "", "https://[x", "x"):
            assert web_address(bad) == ""
        assert web_address(" https://x.test/a ") == "https://x.test/a"


class TestScales:
    def test_ticks_are_round_and_cover_the_values(self) -> None:
        rng = np.random.default_rng(0)
        for _ in range(200):
            low, high = sorted(rng.normal(0, 10.0 ** rng.integers(-3, 4), 2).tolist())
            ticks = round_ticks(low, high)
            assert ticks[0] <= low <= high <= ticks[-1]
            assert 2 <= len(ticks) <= 8
            assert len({tick_text(one, ticks) for one in ticks}) == len(ticks)
        assert round_ticks(50.0, 50.0)[0] <= 50 <= round_ticks(50.0, 50.0)[-1]
        assert len(round_ticks(0.0, 0.0)) >= 2

    def test_logarithmic_scales_give_equal_ratios_equal_lengths(self) -> None:
        scale = Scale(0.01, 1, 0, 200, logarithmic=True)
        assert [scale(value) for value in (0.01, 0.1, 1)] == [0, 100, 200]


class TestRatioChart:
    def test_a_line_joins_the_shares_of_one_method_on_one_split(self) -> None:
        own = papers({"a": (0.1, 40.0), "b": (1.0, 60.0)})
        chart = ratio_chart(board(PARSING, "x", own))
        assert chart is not None
        (line,) = chart.series
        assert [(point.labels, point.shown) for point in line.points] == [("10\xa0%", "40.00"), ("100\xa0%", "60.00")]
        assert line.path.count("L") == 1
        assert line.points[0].x < line.points[1].x
        assert line.points[0].y > line.points[1].y

    def test_another_split_is_marked_and_joined_to_nothing(self) -> None:
        """The paper's 20 % rows were scored on a test set of their own."""
        own = board(PARSING, "x", papers({"a": (1.0, 60.0)}))
        short = board(SHORT, "x", papers({"b": (0.1, 40.0), "c": (0.2, 45.0)}, SHORT))
        chart = ratio_chart(own, [short])
        assert chart is not None
        assert [(line.other, line.split, bool(line.path)) for line in chart.series] == [
            (False, "test", False),
            (True, "v3_test", False),
        ]
        assert "scored on v3_test" in chart.series[1].name
        assert "not comparable" in chart.caption

    def test_figures_of_papers_and_of_evidence_are_not_joined(self, tmp_path: Path) -> None:
        rows = [
            checked_row(tmp_path, "a", PARSING, [segmentation(1, n=2)], pretrain_data=""),
            *papers({"b": (0.1, 40.0)}),
        ]
        chart = ratio_chart(board(PARSING, "x", rows))
        assert chart is not None
        assert sorted(line.name for line in chart.series) == ["hcmoco", "hcmoco, paper"]

    def test_two_models_of_one_share_are_two_lines(self) -> None:
        chart = ratio_chart(board(PARSING, "x", papers({"a": (0.1, 40.0), "b": (0.1, 41.0), "c": (1.0, 60.0)})))
        assert chart is not None
        assert sorted(line.name for line in chart.series) == ["a", "b", "c"]

    def test_one_share_is_no_chart(self) -> None:
        assert ratio_chart(board(PARSING, "x", papers({"a": (1.0, 60.0)}))) is None

    def test_the_last_step_of_an_ablation_stands_for_a_method_without_another_row(self) -> None:
        whole = papers({"whole": (1.0, 60.0)})
        steps = [
            paper_row(f"step-{n}", PARSING, {"miou": 10.0 * n}, ablation=n, ratio=ratio)
            for n, ratio in ((1, 0.2), (3, 0.2), (2, 0.2), (2, 1.0))
        ]
        chart = ratio_chart(board(PARSING, "x", [*whole, *steps]))
        assert chart is not None
        assert [point.shown for line in chart.series for point in line.points] == ["30.00", "60.00"]
        again = paper_row("step-3-again", PARSING, {"miou": 31.0}, ablation=3, ratio=0.2)
        assert ratio_chart(board(PARSING, "x", [*whole, *steps, again])) is None

    def test_what_is_left_out_is_said(self) -> None:
        rows = [
            paper_row(f"{number}-{ratio}", PARSING, {"miou": number}, method=f"m{number}", ratio=ratio / 10)
            for number in range(MOST_LINES + 2)
            for ratio in (1, 10)
        ]
        chart = ratio_chart(board(PARSING, "x", rows))
        assert chart is not None
        assert len(chart.series) == MOST_LINES
        assert f"{MOST_LINES} of {MOST_LINES + 2} lines" in chart.caption


class TestBars:
    def test_steps_stand_in_their_order_and_are_as_long_as_their_score(self) -> None:
        steps = [paper_row(f"s{n}", PARSING, {"miou": 10.0 * n}, ablation=n, ratio=0.2) for n in (3, 1, 2)]
        (chart,) = ablation_bars(board(PARSING, "x", steps))
        assert [bar.label for bar in chart.bars] == ["s1", "s2", "s3"]
        first = chart.bars[0].width
        assert [bar.width / first for bar in chart.bars] == pytest.approx([1, 2, 3], rel=1e-2)

    def test_studies_of_other_shares_are_apart(self) -> None:
        steps = papers({"a": (0.1, 40.0), "b": (0.2, 50.0)}, ablation=1)
        assert [chart.heading for chart in ablation_bars(board(PARSING, "x", steps))] == [
            "Ablation, 10\xa0% of the labels, hrnet_w18",
            "Ablation, 20\xa0% of the labels, hrnet_w18",
        ]


class TestHeat:
    def test_colors_follow_the_figures(self) -> None:
        classes = {"head": {"iou": 0.0}, "arm": {"iou": 50.0}, "leg": {"iou": 100.0}, "none": {"iou": None}}
        rows = papers({"a": (1.0, 50.0)}, per_class=classes) + papers({"b": (1.0, 50.0)})
        (heat,) = class_heats(board(PARSING, "x", rows))
        (row,) = heat.rows
        assert [cell.step for cell in row.cells] == [0, 4, 8, None]
        assert [cell.shown for cell in row.cells] == ["0", "50", "100", "–"]

    def test_what_is_left_out_is_said(self) -> None:
        rows = papers({f"r{n}": (1.0, 1.0) for n in range(MOST_ROWS + 1)}, per_class={"head": {"iou": 1.0}})
        (heat,) = class_heats(board(PARSING, "x", rows))
        assert len(heat.rows) == MOST_ROWS
        assert f"first {MOST_ROWS} of {MOST_ROWS + 1}" in heat.caption


class TestIndex:
    def test_the_best_row_is_named_with_its_ties(self, small_site: SmallSite) -> None:
        first, second, *_ = index_page(small_site.leaderboard).boards
        best = small_site.rows["seeds"]
        assert first.best_evidence is not None
        assert (first.best_evidence.name, first.best_evidence.tied) == (best.name, 2)
        assert first.best_evidence.score == f"{best.score:.2f}"
        assert first.best_paper is not None
        assert (first.best_paper.name, first.best_paper.score) == ("Ours & theirs_100%", "56.27")
        assert (second.best_evidence, second.n_papers) == (None, 5)

    def test_a_lower_score_may_be_the_best(self, small_site: SmallSite) -> None:
        errors = replace(small_site.leaderboard.boards[0], higher_is_better=False)
        (line,) = index_page(Leaderboard((errors,), {})).boards
        assert line.best_paper is not None
        assert line.best_paper.name == "CMC*"


def test_rows_of_one_name_are_told_apart() -> None:
    rows = [
        paper_row("a", PARSING, {}, name="CMC", ratio=0.2),
        paper_row("b", PARSING, {}, name="CMC", ratio=1.0),
        paper_row("c", PARSING, {}, name="CMC", ratio=1.0, init="scratch"),
        paper_row("d", PARSING, {}, name="CMC", ratio=1.0, init="scratch", backbone="hrnet_w32"),
    ]
    assert labels_of(rows) == [
        "CMC, 20\xa0%",
        "CMC, 100\xa0%, from imagenet",
        "CMC, 100\xa0%, from scratch, hrnet_w18",
        "CMC, 100\xa0%, from scratch, hrnet_w32",
    ]


class TestTable:
    def test_ranked_rows_and_papers_stand_apart(self, small_site: SmallSite) -> None:
        page = board_page(small_site.leaderboard.boards[0], (), {})
        assert [[row.rank for row in group.rows] for group in page.groups] == [["1–3", "1–3", "1–3", "4"], ["–", "–"]]
        assert [row.tied for row in page.groups[0].rows] == [True, True, True, False]
        assert "1.34 percentage points" in page.resolution
        assert "not ranked" in page.groups[1].heading

    def test_one_row_is_not_tied_with_itself(self, small_site: SmallSite) -> None:
        (group,) = board_page(small_site.leaderboard.boards[3], (), {}).groups
        assert [(row.rank, row.tied) for row in group.rows] == [("1", False)]
        assert "no other" in group.heading

    def test_many_figures_get_a_table_of_their_own(self, small_site: SmallSite) -> None:
        page = board_page(small_site.leaderboard.boards[2], (), {})
        names = [column.name for column in page.columns if column.kind == "number"]
        assert names[:2] == ["gps_AP", "labels"]
        assert all(name.startswith("gps_") for name in names[2:])
        assert page.more is not None
        assert len(page.more.labels) == 30
        assert page.heats == ()  # by measure, they are the scores once more

    def test_a_lower_score_may_be_the_better_one(self, small_site: SmallSite) -> None:
        page = board_page(small_site.leaderboard.boards[5], (), {})
        assert [column.first for column in page.columns if column.name == "mpjpe"] == ["asc"]
