"""The site in a real browser: figures computed again, forgeries seen, tables sorted, filtered, copied, read by all."""

from __future__ import annotations

import base64
import csv
import io
import math
import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np
import pytest
from page_site import BAD, HOSTILE, PARSING, PLAIN_HOST, SHORT, SmallSite

from hcmoco_bench.files.hashing import bytes_sha256
from hcmoco_bench.leaderboard.page.addresses import board_file
from hcmoco_bench.leaderboard.row import Row
from hcmoco_bench.results import Evidence, load_evidence, save_evidence

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

BOARD = board_file(PARSING)
MODEL = "model/seeds.html"
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="session")
def over_http(small_site: SmallSite) -> Iterator[str]:
    """The site on a web server without encryption, under a name that browsers do not trust."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(small_site.folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://{PLAIN_HOST}:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session", params=["file", "http"])
def root(request: pytest.FixtureRequest, small_site: SmallSite) -> str:
    """Where the site lies: on the file system, or on a web server."""
    return small_site.folder.as_uri() if request.param == "file" else request.getfixturevalue("over_http")


class Tabs:
    """Tabs that tests use one after the other, since each new one costs a process; it keeps what they say and ask."""

    def __init__(self, context: BrowserContext) -> None:
        self._context = context
        self._free: list[Page] = []
        self._used: list[Page] = []
        self.said: list[str] = []
        self.asked: list[str] = []
        context.on("request", lambda request: self.asked.append(request.url))
        context.on("console", lambda message: self.said.append(message.text))
        context.on("weberror", lambda error: self.said.append(str(error.error)))

    def open(self, address: str) -> Page:
        page = self._free.pop() if self._free else self._new()
        self._used.append(page)
        page.goto(address)
        return page

    def clear(self) -> None:
        for page in self._used:
            page.goto("about:blank")
            page.set_viewport_size(WIDE)
            page.emulate_media(media="screen", color_scheme="light")
        self._free += self._used
        self._used, self.said[:], self.asked[:] = [], [], []

    def _new(self) -> Page:
        page = self._context.new_page()
        page.on("dialog", lambda dialog: (self.said.append(dialog.message), dialog.dismiss()))
        return page


@pytest.fixture(scope="session")
def tabs(chromium: Browser) -> Iterator[Tabs]:
    context = chromium.new_context(viewport=WIDE)
    yield Tabs(context)
    context.close()


@pytest.fixture
def opened(tabs: Tabs) -> Iterator[Callable[[str], Page]]:
    """Opens pages; afterwards, none of them may have said anything, asked anybody else or shown a dialog."""
    tabs.clear()
    roots: list[str] = []

    def opens(address: str) -> Page:
        parts = urlsplit(address)
        roots.append(f"{parts.scheme}://{parts.netloc}/")
        return tabs.open(address)

    yield opens
    assert tabs.said == []
    assert tabs.asked
    assert [url for url in tabs.asked if not url.startswith(("data:", *roots))] == []
    tabs.clear()


def verdict(page: Page) -> tuple[str, str]:
    """How a computation ended: good, bad or unknown, and what the page says."""
    page.wait_for_selector("#verdict:is(.good, .bad, .unknown)")
    box = page.locator("#verdict")
    return (box.get_attribute("class") or "").split()[1], box.inner_text()


def cells(page: Page) -> list[dict[str, str]]:
    """Every figure that a model's page states, with what was computed."""
    return page.evaluate(
        """[...document.querySelectorAll("[data-of]")].map((cell) => ({
            ...cell.dataset, stated: cell.textContent, found: cell.nextElementSibling.textContent,
            kind: cell.nextElementSibling.className}))"""
    )


def pythons_figure(row: Row, cell: dict[str, str]) -> float | None:
    assert row.result is not None
    match cell["of"]:
        case "score":
            return row.scores[cell["figure"]]
        case "class":
            return row.per_class[cell["group"]][cell["figure"]]
        case "seed":
            return row.result.scores.per_seed[int(cell["seed"])]
        case _:
            return row.std


@pytest.mark.parametrize("name", ["seeds", "skip", "parts", "ignored", "joints", "dense", "keypoints", "pose"])
def test_the_browser_computes_pythons_figures(small_site: SmallSite, opened: Callable[[str], Page], name: str) -> None:
    row = small_site.rows[name]
    page = opened(f"{small_site.folder.as_uri()}/model/{name}.html#recompute")
    kind, told = verdict(page)
    assert (kind, told[:11]) == ("good", "✓ Confirmed")
    found = cells(page)
    assert {cell["figure"] for cell in found if cell["of"] == "score"} == set(row.scores)
    per_class = {(cell["group"], cell["figure"]) for cell in found if cell["of"] == "class"}
    assert per_class == ({(g, f) for g, one in row.per_class.items() for f in one} if name != "dense" else set())
    for cell in found:
        expected, text = pythons_figure(row, cell), cell["found"].removeprefix("✓ ")
        assert cell["kind"] == "good"
        if expected is None or math.isnan(expected):
            assert text == "not defined"
        else:
            assert float(cell["stated"]) == expected
            assert float(text) == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert "good" in (page.locator("#headline").get_attribute("class") or "")


def test_the_own_sha256_is_sha256(small_site: SmallSite, opened: Callable[[str], Page]) -> None:
    page = opened(small_site.folder.as_uri() + "/" + MODEL)
    for size in (0, 1, 55, 56, 63, 64, 65, 1000):
        data = bytes(np.random.default_rng(size).integers(0, 256, size, dtype=np.uint8))
        assert page.evaluate("(data) => sha256(Uint8Array.from(data))", list(data)) == bytes_sha256(data)


def test_evidence_of_another_metric_is_neither_confirmed_nor_refused(
    small_site: SmallSite, opened: Callable[[str], Page]
) -> None:
    kind, told = verdict(opened(small_site.folder.as_uri() + "/model/foreign.html#recompute"))
    assert (kind, "cannot compute figures of the metric foreign" in told) == ("unknown", True)


def restated(html: str, row: Row, changed: Evidence, folder: Path) -> str:
    """The page with other evidence of the first seed, and with its SHA-256, as who forges both would write it."""
    sha256 = save_evidence(folder / "forged.npz", changed)
    old, new = ((path.read_bytes()) for path in (row.evidence[0].path, folder / "forged.npz"))
    html = html.replace(base64.b64encode(old).decode(), base64.b64encode(new).decode())
    return html.replace(row.evidence[0].sha256, sha256)


def edited(evidence: Evidence, column: str = "intersection") -> Evidence:
    columns = {name: one.copy() for name, one in evidence.columns.items()}
    columns[column][3, 1] += 1
    return Evidence(evidence.metric, evidence.sample_ids, columns, evidence.meta)


def renamed(evidence: Evidence, ids: tuple[str, ...]) -> Evidence:
    return Evidence(evidence.metric, ids, evidence.columns, evidence.meta)


Forgery = Callable[[str, Row, Evidence, Path], str]
FORGERIES: dict[str, tuple[Forgery, str]] = {
    "evidence byte": (
        lambda html, row, _, __: re.sub(
            r'(class="evidence">.{400})(.)', lambda m: m[1] + ("A", "B")[m[2] == "A"], html
        ),
        "the evidence has the SHA-256",
    ),
    "evidence cut short": (
        lambda html, row, _, __: re.sub(r'(class="evidence">.{400})[^<]*', r"\1", html),
        "the evidence has the SHA-256",
    ),
    "count, hash restated": (
        lambda html, row, evidence, folder: restated(html, row, edited(evidence), folder),
        "figures do not follow",
    ),
    "swapped ids, hash restated": (
        lambda html, row, evidence, folder: restated(html, row, renamed(evidence, evidence.sample_ids[::-1]), folder),
        "not in their order",
    ),
    "id twice, hash restated": (
        lambda html, row, evidence, folder: restated(
            html, row, renamed(evidence, (evidence.sample_ids[1], *evidence.sample_ids[1:])), folder
        ),
        "a sample id twice",
    ),
    "subset, hash restated": (
        lambda html, row, evidence, folder: restated(html, row, evidence.select(range(9)), folder),
        "9 samples, the result states 12",
    ),
    "stated score": (
        lambda html, row, _, __: html.replace(repr(row.scores["macc"]), repr((row.scores["macc"] or 0) + 1e-10)),
        "1 of 58 figures do not follow",
    ),
    "stated class": (
        lambda html, row, _, __: html.replace(repr(row.per_class["head"]["iou"]), "99.0"),
        "1 of 58 figures do not follow",
    ),
    "undefined class": (lambda html, row, _, __: html.replace(">–</td>", ">100.0</td>", 1), "1 of 58 figures"),
    "headline": (
        lambda html, row, _, __: re.sub(r'(id="headline">)[\d.]+', r"\g<1>99.99", html),
        "not the score above",
    ),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_what_was_tampered_with_turns_red(
    small_site: SmallSite, opened: Callable[[str], Page], tmp_path: Path, what: str
) -> None:
    change, reason = FORGERIES[what]
    row = small_site.rows["seeds"]
    html = (small_site.folder / MODEL).read_text(encoding="utf-8")
    forged = change(html, row, load_evidence(row.evidence[0].path), tmp_path)
    assert forged != html
    (tmp_path / "forged.html").write_text(forged, encoding="utf-8")
    page = opened((tmp_path / "forged.html").as_uri() + "#recompute")
    kind, told = verdict(page)
    assert kind == "bad"
    assert told.startswith("✗ Not confirmed")
    assert reason in told
    assert page.locator("#headline").get_attribute("class") == "bad"
    if what.startswith("stated"):
        assert [cell["found"][0] for cell in cells(page) if cell["kind"] == "bad"] == ["✗"]


class TestBoard:
    def test_a_figure_turns_green_in_place(self, root: str, opened: Callable[[str], Page]) -> None:
        page = opened(f"{root}/{BOARD}")
        row = page.locator('tr[data-row="seeds"]')
        row.locator("button.recompute").click()
        assert verdict(page)[0] == "good"
        assert "good" in (row.locator("td.main").get_attribute("class") or "")
        assert row.locator(".mark").inner_text() == "✓ recomputed"
        assert page.locator("iframe").count() == 0

    @pytest.mark.parametrize("change", ["value", "shown"])
    def test_an_edited_table_turns_red(self, small_site: SmallSite, opened: Callable[[str], Page], change: str) -> None:
        """The table states another figure than the model's page."""
        page = opened(f"{small_site.folder.as_uri()}/{BOARD}")
        score = small_site.rows["skip"].score or 0
        forged = {"value": repr(score + 1e-9), "shown": f"{score + 0.011:.2f}"}[change]
        page.evaluate(
            "([name, text]) => { document.querySelector('tr[data-row=skip] td.main').dataset[name] = text; }",
            [change, forged],
        )
        page.locator('tr[data-row="skip"] button.recompute').click()
        assert verdict(page)[0] == "bad"
        assert page.locator('tr[data-row="skip"] .mark').inner_text() == "✗ not confirmed"

    def test_sorting_has_its_state_in_the_address(self, root: str, opened: Callable[[str], Page]) -> None:
        page = opened(f"{root}/{BOARD}")
        assert shown(page) == ["seeds", "skip", "parts", "ignored", "paper-cmc", "paper-hcmoco"]
        header = page.locator('th[data-name="macc"]')
        header.locator("button").focus()
        page.keyboard.press("Enter")
        assert header.get_attribute("aria-sort") == "descending"
        page.keyboard.press("Enter")
        assert header.get_attribute("aria-sort") == "ascending"
        ascending = shown(page)
        assert ascending[-2:] == ["paper-cmc", "paper-hcmoco"]  # never mixed with ranked rows
        assert ascending != ["seeds", "skip", "parts", "ignored"]
        again = opened(page.url)
        assert shown(again) == ascending
        assert again.locator('th[data-name="macc"]').get_attribute("aria-sort") == "ascending"
        page.keyboard.press("Enter")
        assert page.url.endswith("#")
        assert shown(page)[:4] == ["seeds", "skip", "parts", "ignored"]

    def test_filters_have_their_state_in_the_address(
        self, small_site: SmallSite, opened: Callable[[str], Page]
    ) -> None:
        page = opened(f"{small_site.folder.as_uri()}/{BOARD}")
        page.locator("[data-filter=labels]").select_option("1.0")
        page.locator("[data-filter=level]").select_option("2")
        assert shown(page) == ["seeds"]
        assert page.locator("#shown").inner_text() == "1 of 6 rows"
        assert shown(opened(page.url)) == ["seeds"]
        page.locator("[data-filter=level]").select_option("")
        page.locator("[data-filter=q]").fill("table cmc")
        assert shown(page) == ["paper-cmc"]
        again = opened(page.url)
        assert shown(again) == ["paper-cmc"]
        assert again.locator("[data-filter=q]").input_value() == "table cmc"
        page.locator("[data-filter=q]").fill("nothing is called so")
        assert shown(page) == []

    def test_a_strange_address_hides_nothing(self, small_site: SmallSite, opened: Callable[[str], Page]) -> None:
        for end in ("level=<img src=x>&sort=nothing&__proto__=1", "scores", "%%%=%"):
            assert len(shown(opened(f"{small_site.folder.as_uri()}/{BOARD}#{end}"))) == 6

    def test_a_row_opens_to_its_provenance(self, small_site: SmallSite, opened: Callable[[str], Page]) -> None:
        page = opened(f"{small_site.folder.as_uri()}/{BOARD}")
        row = page.locator('tr[data-row="seeds"]')
        assert not row.locator("dl").is_visible()
        row.locator("summary").click()
        assert "The interval draws whole performers." in row.inner_text()
        assert "1" * 64 in row.locator("dl").inner_text()


def shown(page: Page) -> list[str | None]:
    return [row.get_attribute("data-row") for row in page.locator("#scores tr[data-row]").all() if row.is_visible()]


class TestCopies:
    def copied(self, page: Page, form: str) -> str:
        page.locator(f"[data-copy={form}]").click()
        page.wait_for_function("(form) => document.querySelector('#copied-what').textContent.includes(form)", arg=form)
        return page.locator("#copied").input_value()

    def test_csv_holds_what_is_shown_at_full_precision(self, root: str, opened: Callable[[str], Page]) -> None:
        page = opened(f"{root}/{BOARD}#method=cmc")
        header, *lines = csv.reader(io.StringIO(self.copied(page, "CSV")))
        assert header[:6] == ["rank", "model", "labels", "miou", "level", "pretraining"]
        assert [line[1] for line in lines] == ["CMC", "CMC*"]
        assert lines[1][header.index("miou")] == "50.1"
        assert lines[1][0] == ""

    def test_csv_starts_no_formula(self, small_site: SmallSite, opened: Callable[[str], Page]) -> None:
        page = opened(f"{small_site.folder.as_uri()}/{BOARD}")
        header, *lines = csv.reader(io.StringIO(self.copied(page, "CSV")))
        assert "'=1+1" in [line[1] for line in lines]
        scores = [float(line[header.index("miou")]) for line in lines]
        assert scores == [row.score for row in small_site.leaderboard.boards[0].rows]

    def test_latex_is_escaped(self, small_site: SmallSite, opened: Callable[[str], Page]) -> None:
        text = self.copied(opened(f"{small_site.folder.as_uri()}/{BOARD}"), "LaTeX")
        assert r"& Ours \& theirs\_100\% & 100~\% & 56.27 & paper" in text
        assert r"\begin{tabular}{llrrlllrrr}" in text
        assert text.count(r"\\") == 7  # the header and six rows
        assert "1--3 & HCMoCo" in text

    def test_bibtex_is_that_of_the_rows(self, root: str, opened: Callable[[str], Page]) -> None:
        page = opened(f"{root}/{BOARD}")
        assert self.copied(page, "BibTeX").startswith("@inproceedings{hong2022versatile,")
        page.locator("[data-filter=level]").select_option("1")
        assert self.copied(page, "BibTeX") == ""

    def test_hostile_texts_are_escaped(self, small_site: SmallSite, opened: Callable[[str], Page]) -> None:
        page = opened(f"{small_site.folder.as_uri()}/{board_file(small_site.rows['bad'].key)}")
        latex = self.copied(page, "LaTeX")
        assert r"\textbackslash{}input\{x\}\%\_\$\#\textasciicircum{}\textasciitilde{}" in latex
        assert "\\input{" not in latex.replace("textbackslash{}input\\{", "")
        assert [line[1] for line in csv.reader(io.StringIO(self.copied(page, "CSV")))][1].startswith("</script>")


class TestEverybody:
    @pytest.mark.parametrize("path", ["index.html", board_file(SHORT), board_file(BAD), "model/joints.html#recompute"])
    def test_axe_finds_nothing(self, small_site: SmallSite, opened: Callable[[str], Page], path: str) -> None:
        from axe_playwright_python.sync_playwright import Axe

        page = opened(f"{small_site.folder.as_uri()}/{path}")
        if path.startswith("model"):
            verdict(page)
        if path == board_file(BAD):
            page.locator("button.recompute").click()
            verdict(page)
            page.locator("summary").first.click()
            page.locator("[data-copy=CSV]").click()
        for size, scheme in ((WIDE, "dark"), (NARROW, "light")):
            page.set_viewport_size(size)
            page.emulate_media(color_scheme=scheme)
            report = Axe().run(page)
            assert report.violations_count == 0, report.generate_report()
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0

    def test_a_page_reads_without_scripts(self, small_site: SmallSite, chromium: Browser) -> None:
        context = chromium.new_context(java_script_enabled=False)
        page = context.new_page()
        page.goto(f"{small_site.folder.as_uri()}/{BOARD}")
        text = page.locator("main").inner_text()
        for part in ("tied with the best", "1.34 percentage points", "not ranked", "third party", "56.27", "CMC*"):
            assert part in text
        assert not page.locator("#filters").is_visible()
        page.locator("a.recompute").first.click()
        assert page.url.endswith("/model/seeds.html#recompute")
        assert "Computing needs JavaScript" in page.locator("main").inner_text()
        assert not page.get_by_role("button").count()
        context.close()

    def test_the_keyboard_reaches_the_content_first(self, small_site: SmallSite, opened: Callable[[str], Page]) -> None:
        page = opened(f"{small_site.folder.as_uri()}/{BOARD}")
        page.keyboard.press("Tab")
        skip = page.locator(".skip")
        assert skip.evaluate("(link) => document.activeElement === link && link.getBoundingClientRect().left >= 0")
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.dataset.filter") == "q"
        assert len(shown(page)) == 6

    def test_on_paper_there_are_no_controls(self, small_site: SmallSite, opened: Callable[[str], Page]) -> None:
        page = opened(f"{small_site.folder.as_uri()}/{BOARD}")
        page.emulate_media(media="print", color_scheme="dark")
        assert not page.locator("#filters").is_visible()
        assert page.locator("#scores").is_visible()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"

    def test_screenshots(self, small_site: SmallSite, opened: Callable[[str], Page], tmp_path: Path) -> None:
        page = opened(f"{small_site.folder.as_uri()}/{BOARD}")
        for name, size, scheme in (("wide", WIDE, "light"), ("narrow", NARROW, "light"), ("dark", WIDE, "dark")):
            page.set_viewport_size(size)
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=tmp_path / f"{name}.png")
        assert len({path.read_bytes() for path in tmp_path.glob("*.png")}) == 3


class TestHostile:
    def test_texts_stay_texts(self, small_site: SmallSite, opened: Callable[[str], Page]) -> None:
        """`opened` sees dialogs and requests; no text may make an element, on any page that shows it."""
        bad = small_site.rows["bad"]
        for path in ("index.html", board_file(bad.key), "model/bad.html#recompute"):
            page = opened(f"{small_site.folder.as_uri()}/{path}")
            assert page.locator("img, [onerror], [onload], [onclick], [href^='javascript:']").count() == 0
            assert page.locator("svg[onload], script:not([type])").count() == (path != "index.html")
            text = page.locator("main").text_content() or ""
            assert "</script><img src=x onerror=alert(1)>\"'><svg onload=alert(2)>{{7*7}}" in text
            assert not set(text) & set("\u202e\x00\x1b")
            assert "\\u202e" in text
        assert verdict(page)[0] == "good"
        assert len([cell for cell in cells(page) if cell.get("group") == HOSTILE.replace("\x00", "\ufffd")]) == 2

    def test_the_policy_is_in_force(self, small_site: SmallSite, chromium: Browser, over_http: str) -> None:
        """What a forged page would try is blocked: scripts and styles that were not there, requests, forms."""
        page = chromium.new_page()
        page.goto(f"{over_http}/{BOARD}")
        blocked = page.evaluate(
            """async () => {
                const seen = [];
                document.addEventListener("securitypolicyviolation", (event) => seen.push(event.effectiveDirective));
                document.body.insertAdjacentHTML("beforeend", `<img src="/x.png"><p style="color:red">x
                    <button onclick="document.title='run'">x</button><style>p{color:red}</style>
                    <form action="/"><input name="a"></form><iframe src="https://example.com"></iframe>`);
                document.body.lastElementChild.closest("body").querySelector("[onclick]").click();
                const script = document.createElement("script");
                script.textContent = "document.title = 'run'";
                document.body.append(script);
                document.querySelector("form").submit();
                await fetch("/index.html").catch(() => {});
                for (let tries = 0; seen.length < 8 && tries < 100; tries++) {
                    await new Promise((done) => setTimeout(done, 20));
                }
                return [...new Set(seen)].sort().concat(document.title);
            }"""
        )
        page.close()
        title = blocked.pop()
        assert title != "run"
        assert set(blocked) == {
            "connect-src",
            "form-action",
            "frame-src",
            "img-src",
            "script-src-attr",
            "script-src-elem",
            "style-src-attr",
            "style-src-elem",
        }
