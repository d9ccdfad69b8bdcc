"""The demo from end to end, and again in the same folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from hcmoco_bench.cli.app import app
from hcmoco_bench.pretrain import recipes
from hcmoco_bench.pretrain.settings import PretrainSettings
from hcmoco_bench.store.kinds.ntu import NTU
from hcmoco_bench.tasks.core import make_settings
from hcmoco_bench.tasks.core.settings import FinetuneSettings

SMALL = "test_resnet"


@pytest.mark.slow
def test_the_demo_ends_with_a_page_and_can_be_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finetuning, pretraining = make_settings.make_finetune_settings, recipes.make_pretrain_settings

    def shorter(task: str | None, given: dict[str, Any], **rest: Any) -> FinetuneSettings:
        return finetuning(task, given | {"epochs": 2, "backbone": SMALL}, **rest)

    def shorter_pretraining(source: str | None, given: dict[str, Any]) -> PretrainSettings:
        return pretraining(source, given | {"stage2_epochs": 2, "backbone": SMALL, "depth_backbone": SMALL})

    monkeypatch.setattr(make_settings, "make_finetune_settings", shorter)
    monkeypatch.setattr(recipes, "make_pretrain_settings", shorter_pretraining)
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
    assert set(report["comparison"]) >= {"difference", "low", "high", "p_value"}
    difference = report["scores"]["pre-trained"] - report["scores"]["from scratch"]
    assert report["comparison"]["difference"] == pytest.approx(difference)
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
