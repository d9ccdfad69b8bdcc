"""`view` on a store prepared from generated people: the sheet, the frequencies, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from generated_trees import GeneratedTree
from PIL import Image
from typer.testing import CliRunner

from hcmoco_bench.cli.app import app
from hcmoco_bench.errors import StoreError, UsageError
from hcmoco_bench.prepare.ntu import prepare_ntu
from hcmoco_bench.prepare.options import check_options
from hcmoco_bench.sources.ntu.masks import MaskFolder, read_mask
from hcmoco_bench.sources.ntu.names import SampleId
from hcmoco_bench.store.kinds.ntu import NtuStore
from hcmoco_bench.store.part_counts import count_parts


@pytest.fixture(scope="module")
def store(generated_tree: GeneratedTree, tmp_path_factory: pytest.TempPathFactory) -> NtuStore:
    folder = tmp_path_factory.mktemp("view") / "store"
    options = check_options(set="parsing4k", parts=True, align="registered")
    return prepare_ntu([generated_tree.root], folder, options, annotations=generated_tree.masks).store


def test_a_sheet_of_named_samples_and_the_frequencies(store: NtuStore, tmp_path: Path) -> None:
    sheet, parts = tmp_path / "new" / "sheet.png", tmp_path / "new" / "parts.png"
    ids = store.spread(2)
    done = CliRunner().invoke(app, ["view", str(store.path), *ids, "--out", str(sheet), "--frequencies", str(parts)])
    assert done.exit_code == 0, done.output
    assert str(sheet) in done.output.replace("\n", "")
    with Image.open(sheet) as two:
        colors = len(set(two.convert("RGB").resize((200, 80)).get_flattened_data()))
        assert colors > 500, "images, not blank panels"
        height = two.height
    assert CliRunner().invoke(app, ["view", str(store.path), ids[0], "--out", str(sheet), "-q"]).exit_code == 0
    with Image.open(sheet) as one:
        assert one.height * 2 == height, "one line a sample"
    assert parts.stat().st_size > 10_000


def test_parts_are_counted_as_in_the_masks(store: NtuStore, generated_tree: GeneratedTree) -> None:
    counts = count_parts(store)
    ids = [
        SampleId.parse(row["sample_id"]) for split in store.stored_splits for row in store.rows(split, ["sample_id"])
    ]
    masks = MaskFolder.open(generated_tree.masks)
    pixels = np.zeros(25, np.int64)
    for sample in ids:
        asset = masks.find(sample)
        assert asset is not None
        pixels += np.bincount(read_mask(asset).ravel(), minlength=25)
    np.testing.assert_array_equal(counts.pixels, pixels)
    assert counts.n_frames == len(ids)
    assert (counts.pixels[1:] > 0).all(), "all 24 parts are seen"
    assert counts.frames[0] == len(ids)


def test_a_spread_visits_the_whole_store(store: NtuStore) -> None:
    everything = store.spread(10_000)
    assert len(everything) == len(set(everything)) == sum(entry.rows for entry in store.manifest.shards.values())
    three = store.spread(3)
    positions = [everything.index(sample_id) for sample_id in three]
    assert positions == sorted(positions)
    assert positions[0] < len(everything) / 3 < positions[1] < 2 * len(everything) / 3 < positions[2]


def test_what_view_refuses(store: NtuStore, tmp_path: Path) -> None:
    runner = CliRunner()
    unknown = runner.invoke(
        app, ["view", str(store.path), "S099C001P001R001A001F001", "--out", str(tmp_path / "x.png")]
    )
    assert isinstance(unknown.exception, StoreError)
    assert "S099C001P001R001A001F001 is not in the store" in str(unknown.exception)
    kind = runner.invoke(app, ["view", str(store.path), "--out", str(tmp_path / "sheet.xyz")])
    assert isinstance(kind.exception, UsageError)
    nothing = runner.invoke(app, ["view", str(tmp_path / "nowhere")])
    assert isinstance(nothing.exception, StoreError)
    assert not list(tmp_path.iterdir())


def test_a_store_without_masks_has_a_sheet_but_no_frequencies(generated_tree: GeneratedTree, tmp_path: Path) -> None:
    options = check_options(set="pretrain", every=5)
    made = prepare_ntu([generated_tree.root], tmp_path / "store", options).store
    sheet = tmp_path / "sheet.png"
    assert CliRunner().invoke(app, ["view", str(made.path), "-n", "1", "--out", str(sheet)]).exit_code == 0
    assert cv2.imread(str(sheet)) is not None
    refused = CliRunner().invoke(
        app, ["view", str(made.path), "-n", "1", "--out", str(sheet), "--frequencies", str(tmp_path / "p.png"), "-q"]
    )
    assert isinstance(refused.exception, StoreError)
    assert "no part masks" in str(refused.exception)
