"""Results on the card and in the folder of an exported encoder, and their way to a Hub."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from exports_rows import HOSTILE, MEAN, result_content
from huggingface_hub import ModelCard, parse_eval_result_entries
from markdown_it import MarkdownIt
from safetensors.torch import save

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.hub.model_card import MethodFacts, ModelFacts
from hcmoco_bench.hub.push import PushTarget
from hcmoco_bench.hub.push_model import push_model, write_model_folder
from hcmoco_bench.leaderboard.exports.hub import add_results
from hcmoco_bench.leaderboard.exports.texts import markdown_text

FACTS = ModelFacts(
    repo="me/encoder", modality="depth", backbone="hrnet_w18", parameters=10, fusion="bilinear", in_timm=True,
    method=MethodFacts("hcmoco", "contrast", "Hong et al."),
    config={"method": "hcmoco", "init": "imagenet", "image_size": 64, "stores": ["/data/ntu60"]},
    steps=1, total_steps=1, n_samples=None, data=(), checkpoint_sha256="c" * 64,
)  # fmt: skip
FILE = "hcmoco-bench-depth-parsing-native-nturgbd-parsing-4k-test-train-20.yaml"


def _result(path: Path, **changes: Any) -> Path:
    path.write_text(json.dumps(result_content(**changes)))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_model_folder(tmp_path / "encoder", save({"weight": torch.ones(3)}), FACTS)
    return tmp_path / "encoder"


@pytest.fixture
def result(tmp_path: Path) -> Path:
    return _result(tmp_path / "result.json")


def _files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_results_go_onto_the_card_and_into_the_folder(folder: Path, result: Path) -> None:
    card = (folder / "README.md").read_text()
    assert add_results(folder, [result]) == (folder / ".eval_results" / FILE,)
    (entry,) = parse_eval_result_entries(yaml.safe_load((folder / ".eval_results" / FILE).read_text()))
    assert entry.value == MEAN
    assert "level: self-reported" in (entry.notes or "")
    text = (folder / "README.md").read_text()
    assert text.startswith(card.rstrip())
    assert "| 34.44 | 30.14 to 39.41 | 2 |" in text
    assert ModelCard(text).data.library_name == "timm"
    assert f".eval_results/{FILE}" in json.loads((folder / "pretraining.json").read_text())["files"]


def test_run_again_nothing_changes_and_none_takes_them_away(folder: Path, result: Path) -> None:
    before = _files(folder)
    add_results(folder, [result])
    once = _files(folder)
    add_results(folder, [result])
    assert _files(folder) == once
    add_results(folder, [])
    assert _files(folder) == before


def test_new_weights_lose_the_results_of_the_old(folder: Path, result: Path) -> None:
    add_results(folder, [result])
    write_model_folder(folder, save({"weight": torch.zeros(3)}), FACTS)
    assert not (folder / ".eval_results").exists()
    assert "## Results" not in (folder / "README.md").read_text()


def test_files_of_others_are_not_touched(folder: Path, result: Path) -> None:
    (folder / ".eval_results").mkdir()
    (folder / ".eval_results/gpqa.yaml").write_text("[]")
    with pytest.raises(UsageError, match=r"\.eval_results/gpqa\.yaml"):
        add_results(folder, [result])
    with pytest.raises(UsageError, match=r"\.eval_results/gpqa\.yaml"):
        write_model_folder(folder, b"", FACTS)
    assert (folder / ".eval_results/gpqa.yaml").exists()


@pytest.mark.parametrize(
    ("entry", "changes", "expected"),
    [
        ("model", {"backbone": "hrnet_w48"}, "its backbone hrnet_w48, not hrnet_w18"),
        ("model", {"pretrain": {"method": "scratch"}}, "its method scratch, not hcmoco; its data None, not ntu60"),
        ("model", {"pretrain": None}, "its method None"),
        ("task", {"id": "rgb_parsing"}, "its modality rgb, not depth"),
    ],
)
def test_results_of_another_encoder_are_refused(
    folder: Path, tmp_path: Path, entry: str, changes: dict[str, Any], expected: str
) -> None:
    before = _files(folder)
    other = _result(tmp_path / "other.json", **{entry: {**result_content()[entry], **changes}})
    with pytest.raises(UsageError, match=expected):
        add_results(folder, [other])
    assert _files(folder) == before


def test_what_cannot_be_is_refused(folder: Path, result: Path, tmp_path: Path) -> None:
    twin = _result(tmp_path / "twin.json")
    with pytest.raises(UsageError, match="another result given is of the same task"):
        add_results(folder, [result, twin])
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(DataError, match="not a result"):
        add_results(folder, [tmp_path / "broken.json"])
    with pytest.raises(DataError, match="is not an exported encoder"):
        add_results(tmp_path, [result])
    add_results(folder, [result])
    card = folder / "README.md"
    card.write_text(card.read_text().replace("<!-- results of hcmoco-bench: end -->", ""))
    with pytest.raises(DataError, match="are not one pair"):
        add_results(folder, [result])


def test_hostile_names_are_text_on_the_card(folder: Path, tmp_path: Path) -> None:
    data = {**result_content()["data"], "name": HOSTILE + "www.example.org https://example.org a@b.org"}
    add_results(folder, [_result(tmp_path / "hostile.json", data=data)])
    section = (folder / "README.md").read_text().partition("<!-- results of hcmoco-bench: begin -->")[2]
    html = MarkdownIt("gfm-like", {"linkify": False}).render(section)
    assert html.count("<td") == 9
    for tag in ("<script", "<img", "<a ", "<code>javascript", "<em>"):
        assert tag not in html
    assert "&lt;/script&gt;&lt;img src=x onerror=" in html
    assert "\u202e" not in section


def test_markdown_text_reads_back_as_itself() -> None:
    text = "a|b `c` *d* _e_ [f](g) <h> & ~i~ #j ![k] \\l {m} !n"
    html = MarkdownIt("commonmark").renderInline(markdown_text(text))
    import html as entities

    assert entities.unescape(html) == text


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """The Hub of tests/hub."""
    from huggingface_hub import constants

    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "hub"))
    from hub_fake_server import TOKEN, fake_hub

    with fake_hub() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield server
    sys.modules.pop("hub_fake_server", None)


def test_push_takes_results_along_and_removes_only_old_ones_of_ours(hub: Any, folder: Path, result: Path) -> None:
    add_results(folder, [result])
    push_model(folder, PushTarget("me/encoder"), quiet=True)
    files = hub.repositories["models/me/encoder"].files
    assert files[f".eval_results/{FILE}"] == (folder / ".eval_results" / FILE).read_bytes()
    assert b"## Results" in files["README.md"]
    files[".eval_results/gpqa.yaml"] = b"[]"
    add_results(folder, [])
    push_model(folder, PushTarget("me/encoder"), quiet=True)
    files = hub.repositories["models/me/encoder"].files
    assert f".eval_results/{FILE}" not in files
    assert ".eval_results/gpqa.yaml" in files
    assert b"## Results" not in files["README.md"]
