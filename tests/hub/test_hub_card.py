"""The card says what is in the folder, and its examples run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hub_store_builder import StoreRecipe, build_store

from hcmoco_bench.body import part_table
from hcmoco_bench.hub.card_provenance import shared_performers
from hcmoco_bench.hub.publish import Published, publish
from hcmoco_bench.sources.ntu.lists import load_lists
from hcmoco_bench.store.kinds.ntu import NTU
from hcmoco_bench.store.splits import SplitIds


def card_of(folder: Path) -> tuple[dict[str, Any], str]:
    """The header and the text."""
    _, header, text = (folder / "README.md").read_text().split("---\n", 2)
    return yaml.safe_load(header), text


def table_after(text: str, heading: str) -> list[list[str]]:
    """Cells of the first table below a heading, without its head."""
    lines = text[text.index(heading) :].splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("|"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip(" `") for cell in line.strip("|").split("|")])
    return rows


@pytest.fixture(scope="module")
def licensed(licensed_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Published:
    return publish([licensed_store], tmp_path_factory.mktemp("card") / "licensed")


def test_nothing_is_left_to_fill(published: Published, licensed: Published, tmp_path: Path) -> None:
    plain = build_store(tmp_path / "plain", StoreRecipe(n_train=5, n_test=2, parts=False, rgb_only=True))
    small = publish([plain], tmp_path / "small", annotations_only=True)
    for made in (published, licensed, small):
        text = (made.folder / "README.md").read_text()
        assert re.findall("{{|{%|{#", text.replace("{{NTU RGB+D", "")) == []
        assert "None" not in re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        assert "nan" not in text.split()


def test_counts_and_fingerprints_are_the_manifests(published: Published, parsing_store: Path) -> None:
    _, text = card_of(published.folder)
    manifest = NTU.open(parsing_store).manifest
    rows = {(name, split): (int(rows), int(expected)) for name, split, rows, expected, _ in table_after(text, "# ")}
    assert rows["parsing", "train"] == (manifest.splits["train"].rows, manifest.splits["train"].expected) == (22, 24)
    assert rows["parsing_v3", "train"] == (3, 4)
    assert rows["annotations", "parsing"] == (30, 32)
    fingerprints = {
        split: (expected, rows, sha256)
        for name, split, _, expected, rows, sha256 in table_after(text, "## Splits and fingerprints")
        if name == "parsing4k"
    }
    assert fingerprints == {
        name: (str(split.expected), str(split.rows), split.sha256) for name, split in manifest.splits.items()
    }
    assert manifest.tool.version in text
    assert "clip_missing 2" in text


def test_part_and_column_tables(published: Published) -> None:
    _, text = card_of(published.folder)
    parts = table_after(text, "## Parts")
    assert [row[2] for row in parts] == list(part_table().names)
    assert [int(row[1]) for row in parts] == part_table().raw_ids.tolist()
    assert parts[1][3] == "left hip"
    columns = [row[0] for row in table_after(text, "Configurations `parsing`")]
    assert columns[:1] + columns[7:] == ["sample_id", "rgb", "depth", "parts", "bodies", "alignment"]


def test_residuals_are_the_calibrations(published: Published) -> None:
    _, text = card_of(published.folder)
    row = next(row for row in table_after(text, "## How it was made") if row[0] == "homography")
    assert row[1:] == ["2", "2,468", "0.433", "0.433", "0.700"]


def test_header_agrees_with_the_files(published: Published) -> None:
    header, _ = card_of(published.folder)
    assert [entry["config_name"] for entry in header["configs"]] == ["parsing", "parsing_v3", "pretrain", "annotations"]
    assert [entry.get("default", False) for entry in header["configs"]] == [True, False, False, False]
    for entry in header["configs"]:
        for split in entry["data_files"]:
            assert all((published.folder / path).is_file() for path in split["path"])
    for info in header["dataset_info"]:
        counts = {split["name"]: split["num_examples"] for split in info["splits"]}
        assert counts == published.record.configurations[info["config_name"]]
    assert header["size_categories"] == ["n<1K"]


def test_generated_people_are_called_generated(published: Published, licensed: Published) -> None:
    header, text = card_of(published.folder)
    assert "**Everybody in this dataset is generated.**" in text
    assert text.index("generated") < text.index("## Use")
    assert "generated people" in text.splitlines()[1]
    assert "which are **not** the official ones" in text
    assert "NTURGBD-Parsing-4K (HCMoCo, CVPR 2022)." not in text
    assert header["license"] == "cc0-1.0"
    assert "redistributed" not in text
    header, text = card_of(licensed.folder)
    assert "generated" not in text.split("## Licenses")[0]
    assert "**may not be redistributed**" in text
    assert header["license"] == "other"
    assert header["license_name"] == "ntu-rgbd-terms"


def test_a_mixture_says_which_part_is_generated(licensed_store: Path, pretrain_store: Path, tmp_path: Path) -> None:
    made = publish([licensed_store, pretrain_store], tmp_path / "mixed")
    header, text = card_of(made.folder)
    assert "**A part of this dataset is generated**: `pretrain`, `annotations/pretrain`." in text
    assert header["license"] == "other"
    assert not made.record.generated


def test_citations(licensed: Published, published: Published) -> None:
    _, text = card_of(licensed.folder)
    assert re.findall(r"@\w+\{(\w+),", text) == ["hong2022versatile", "shahroudy2016ntu", "liu2019ntu"]
    _, text = card_of(published.folder)
    assert re.findall(r"@\w+\{(\w+),", text) == ["hong2022versatile"]


def test_without_pixels_the_card_says_so(licensed_store: Path, tmp_path: Path) -> None:
    made = publish([licensed_store], tmp_path / "annotations", annotations_only=True)
    header, text = card_of(made.folder)
    assert "**This publication holds no image of the source.**" in text
    assert "Configurations `parsing`" not in text
    assert [entry["config_name"] for entry in header["configs"]] == ["annotations"]


@pytest.mark.parametrize("which", ["published", "licensed", "annotations"])
def test_the_examples_run_as_they_are(
    request: pytest.FixtureRequest, licensed_store: Path, tmp_path: Path, which: str
) -> None:
    if which == "annotations":
        made = publish([licensed_store], tmp_path / "annotations", annotations_only=True)
    else:
        made = request.getfixturevalue(which)
    _, text = card_of(made.folder)
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(blocks) == {"published": 4, "licensed": 3, "annotations": 1}[which]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "HF_DATASETS_CACHE": str(tmp_path)}
    for block in blocks:
        done = subprocess.run(
            [sys.executable, "-I", "-c", block],
            cwd=made.folder.parent,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def test_shared_performers_by_hand(tmp_path: Path) -> None:
    store = NTU.open(build_store(tmp_path / "store", StoreRecipe(n_train=12, n_test=4)))
    ids = {name: split.ids for name, split in store.splits.items()}
    both = {sample[8:12] for sample in ids["train"]} & {sample[8:12] for sample in ids["test"]}
    counts = shared_performers(store)
    assert both
    assert counts["shared_performers"] == len(both)
    assert counts["shared_train"] == sum(sample[8:12] in both for sample in ids["train"])
    made = publish([store.path], tmp_path / "out")
    assert f"{len(both)} performer ids are on both sides" in (made.folder / "README.md").read_text()


@pytest.mark.lists
def test_shared_performers_of_the_official_lists(official_lists: Path, parsing_store: Path) -> None:
    lists = load_lists(official_lists)
    store = NTU.open(parsing_store)
    splits = {
        name: SplitIds(rule=split.rule, sha256=split.sha256, ids=tuple(map(str, split.ids)))
        for name, split in lists.splits.items()
    }
    store.__dict__["splits"] = splits  # the cached property
    assert shared_performers(store) == {
        "shared_performers": 26,
        "shared_train": 390,
        "shared_test": 563,
        "n_train": 1963,
        "n_test": 1963,
        "v3_train": 392,
        "v3_test": 392,
    }
