"""The demo from end to end, and again in the same folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from hcmoco_bench.cli.app import app
from hcmoco_bench.demo.page import DemoFigure, DemoScore, DemoStep, write_page
from hcmoco_bench.demo.settings import FINETUNING
from hcmoco_bench.store.kinds.ntu import NTU


@pytest.mark.slow
def test_the_demo_ends_with_a_page_and_can_be_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FINETUNING, "epochs", 2)
    arguments = ["demo", "--out", str(tmp_path), "--clips", "6", "--frames", "9", "--workers", "1", "--json"]
    first = CliRunner().invoke(app, arguments)
    assert first.exit_code == 0, first.output
    report = json.loads(first.stdout)
    store = NTU.open(tmp_path / "stores" / "parsing4k")
    stored = {name: store.manifest.splits[name].rows for name in ("train", "test", "train_20")}
    assert {name: report["rows"][name] for name in stored} == stored, "datasets loads what the manifest counts"
    assert stored["train"] > 0
    assert stored["test"] > 0
    page = (tmp_path / "index.html").read_text()
    assert set(report["scores"]) == {"from scratch", "pre-trained"}
    sheets = [f"finetune/{name}/result-figures/sheet.png" for name in ("from-scratch", "pre-trained")]
    for name in ("sheet.png", "parts.png", *sheets):
        assert f'src="{name}"' in page
        assert min(Image.open(tmp_path / name).size) > 500
    manifest = (tmp_path / "stores" / "parsing4k" / "manifest.json").read_bytes()
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 0, again.output
    assert (tmp_path / "stores" / "parsing4k" / "manifest.json").read_bytes() == manifest
    assert json.loads(again.stdout)["rows"] == report["rows"]
    assert json.loads(again.stdout)["scores"] == report["scores"]


def test_the_page_escapes_what_it_is_given(tmp_path: Path) -> None:
    steps = [DemoStep("a <b>", 'tool --out "x & y"', 1.25, "2 > 1"), DemoStep("c", "tool", 2.0, "")]
    scores = [DemoScore("a & b", 12.34, (10.0, 15.0), "%"), DemoScore("c", 5.0, None, "%")]
    page = write_page(tmp_path, tmp_path / "data", steps, [DemoFigure("p.png", '"quoted"')], scores).read_text()
    assert "<th>a &amp; b</th>" in page
    assert "<b>12.3 %</b> (10.0 to 15.0)" in page
    assert "a &lt;b&gt;" in page
    assert "x &amp; y" in page
    assert "2 &gt; 1" in page
    assert "3.2 s" in page
    assert 'alt="&quot;quoted&quot;"' in page
