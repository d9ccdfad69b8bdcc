"""The configuration that may be shared: what is in it, and above all what is not."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from hcmoco_bench.align.calibration import Calibration, RigCalibration
from hcmoco_bench.errors import UsageError
from hcmoco_bench.hub.annotation_rows import annotation_tables
from hcmoco_bench.hub.features import ANNOTATION_COLUMNS, ROW_COLUMNS, annotation_features, row_features
from hcmoco_bench.hub.publish import Published, publish
from hcmoco_bench.store.kinds.ntu import NTU, store_schema

JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n"


def _annotations(published: Published) -> list[dict]:
    return pq.read_table(published.folder / "data/annotations").to_pylist()


@pytest.fixture(scope="module")
def shared(licensed_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Published:
    return publish([licensed_store], tmp_path_factory.mktemp("shared") / "ntu-annotations", annotations_only=True)


def test_no_image_and_no_skeleton_of_a_licensed_source(shared: Published, licensed_store: Path) -> None:
    content = b"".join(path.read_bytes() for path in shared.folder.rglob("*") if path.is_file())
    assert JPEG not in content
    assert PNG not in content
    columns = pq.read_schema(next((shared.folder / "data/annotations").glob("*.parquet")))
    assert set(columns.names) == set(ANNOTATION_COLUMNS) - {"parts"}
    numbers = next(body["joints_xyz"] for row in NTU.open(licensed_store).rows("train") for body in row["bodies"])
    assert np.float32(numbers[0]).tobytes() not in content
    assert list((shared.folder / "data").iterdir()) == [shared.folder / "data/annotations"]
    assert not shared.record.pixels
    assert not shared.record.masks


def test_masks_only_when_told_for_licensed_sources(licensed_store: Path, parsing_store: Path, tmp_path: Path) -> None:
    told = publish([licensed_store], tmp_path / "told", annotations_only=True, with_masks=True)
    assert all(row["parts"]["bytes"].startswith(PNG) for row in _annotations(told))
    content = b"".join(path.read_bytes() for path in told.folder.rglob("*.parquet"))
    assert JPEG not in content
    assert content.count(PNG) == len(_annotations(told))  # the masks, and no depth
    generated = publish([parsing_store], tmp_path / "generated", annotations_only=True)
    assert generated.record.masks
    without = publish([parsing_store], tmp_path / "without", annotations_only=True, with_masks=False)
    assert "parts" not in _annotations(without)[0]


def test_masks_asked_for_that_are_not_there(pretrain_store: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no part masks"):
        publish([pretrain_store], tmp_path / "out", with_masks=True)


def test_masks_are_the_stored_ones(published: Published, parsing_store: Path) -> None:
    rows = {row["sample_id"]: row for row in NTU.open(parsing_store).rows("train")}
    checked = 0
    for row in _annotations(published):
        if row["sample_id"] in rows and "train" in row["splits"] and row["parts"] is not None:
            assert row["parts"] == rows[row["sample_id"]]["parts"]
            assert np.asarray(Image.open(io.BytesIO(row["parts"]["bytes"]))).max() < 25
            checked += 1
    assert checked == len(rows)


def test_pretrain_rows_have_no_mask_beside_those_of_the_parsing_set(published: Published) -> None:
    rows = pq.read_table(published.folder / "data/annotations/pretrain-00000-of-00001.parquet").to_pylist()
    assert {row["parts"] for row in rows} == {None}
    assert {row["parts_sha256"] for row in rows} == {None}


def test_split_membership_is_the_stores(published: Published, parsing_store: Path) -> None:
    splits = NTU.open(parsing_store).splits
    rows = pq.read_table(published.folder / "data/annotations/parsing-00000-of-00001.parquet").to_pylist()
    for row in rows:
        assert row["splits"] == [name for name, split in splits.items() if row["sample_id"] in split.ids]
    assert any("train_20" in row["splits"] for row in rows)


def test_calibrations_come_back_to_the_last_bit(shared: Published, parsing_store: Path, licensed_store: Path) -> None:
    for store, tables in (
        (licensed_store, [pq.read_table(shared.folder / "data/annotations")]),
        (parsing_store, list(annotation_tables(NTU.open(parsing_store), masks=False, parts_column=False))),
    ):
        rigs = Calibration.load(store / "calibration.json").rigs
        rows = [row for table in tables for row in table.to_pylist()]
        assert rows
        for row in rows:
            restored = RigCalibration.model_validate(row["calibration"])
            assert restored == rigs[row["sample_id"][:8]]


def test_features_are_the_stores_columns() -> None:
    for parts in (True, False):
        features = row_features(parts=parts)
        assert [(field.name, field.type) for field in features.arrow_schema] == [
            (field.name, field.type) for field in store_schema(parts=parts)
        ]
        assert set(features) <= set(ROW_COLUMNS)
        assert set(annotation_features(parts=parts)) == set(ANNOTATION_COLUMNS) - (set() if parts else {"parts"})
    assert set(row_features(parts=True)) == set(ROW_COLUMNS)
