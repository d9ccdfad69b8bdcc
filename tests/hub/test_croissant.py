"""`croissant.json`, read by mlcroissant without a network and without this package's help."""

from __future__ import annotations

import hashlib
import io
import json
import socket
from pathlib import Path
from typing import Any

import mlcroissant
import numpy as np
import pytest
from hub_fake_server import FakeHub
from hub_store_builder import StoreRecipe, build_store
from PIL import Image

from hcmoco_bench.errors import UsageError
from hcmoco_bench.hub.publish import Published, publish
from hcmoco_bench.hub.push import PushTarget, push
from hcmoco_bench.store.kinds.ntu import LICENSE_NTU, NTU
from hcmoco_bench.store.manifest import LICENSE_GENERATED


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No connection to anywhere but this machine, where the Hub of the tests is."""
    connect = socket.socket.connect

    def refuse(self: socket.socket, address: Any) -> None:
        if self.family is not socket.AF_UNIX and address[0] not in ("127.0.0.1", "localhost", "::1"):
            raise AssertionError(f"a connection was opened to {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", refuse)


def _read(folder: Path) -> mlcroissant.Dataset:
    dataset = mlcroissant.Dataset(jsonld=str(folder / "croissant.json"))
    assert dataset.metadata.ctx.issues.errors == set()
    (warning,) = dataset.metadata.ctx.issues.warnings
    assert "datePublished" in warning  # a date would make every publication of the same stores another one
    return dataset


def _document(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "croissant.json").read_text())
    return document


def _records(folder: Path, name: str, split: str | None = None) -> list[dict[str, Any]]:
    filters = None if split is None else {f"{name}/split": split}
    return list(_read(folder).records(name, filters=filters))


def _stored(store: Path, split: str) -> dict[str, dict[str, Any]]:
    return {row["sample_id"]: row for row in NTU.open(store).rows(split)}


def test_rgb_depth_and_masks_are_the_stores(published: Published, parsing_store: Path) -> None:
    records = _records(published.folder, "parsing", "test")
    stored = _stored(parsing_store, "test")
    assert [one["parsing/sample_id"].decode() for one in records] == list(stored)
    deepest = 0
    for one in records:
        row = stored[one["parsing/sample_id"].decode()]
        images = {name: np.asarray(Image.open(io.BytesIO(row[name]["bytes"]))) for name in ("rgb", "depth", "parts")}
        read = {name: np.asarray(one[f"parsing/{name}"]) for name in images}
        for name, image in images.items():
            np.testing.assert_array_equal(read[name], image)
        assert one["parsing/depth"].mode == "I;16"
        assert {name: image.dtype for name, image in read.items()} == {"rgb": "u1", "depth": "u2", "parts": "u1"}
        assert read["rgb"].shape == (424, 512, 3)
        deepest = max(deepest, int(read["depth"].max()))
        assert read["parts"].max() <= 24
    assert deepest > 60_000  # far beyond 8 bits


def test_numbers_and_skeletons_are_the_stores(published: Published, parsing_store: Path) -> None:
    stored = _stored(parsing_store, "test")
    seen = 0
    for one in _records(published.folder, "parsing", "test"):
        row = stored[one["parsing/sample_id"].decode()]
        assert (one["parsing/setup"], one["parsing/frame"]) == (row["setup"], row["frame"])
        assert one["parsing/alignment"]["parsing/alignment/mode"].decode() == row["alignment"]["mode"]
        assert one["parsing/alignment"]["parsing/alignment/residual_px"] == np.float32(row["alignment"]["residual_px"])
        assert len(one["parsing/bodies"]) == len(row["bodies"])
        for read, body in zip(one["parsing/bodies"], row["bodies"], strict=True):
            seen += 1
            for name, value in body.items():
                got = read[f"parsing/bodies/{name}"]
                np.testing.assert_array_equal(np.array(got), np.array(value, np.array(got).dtype))
    assert seen > 3


def test_every_split_of_every_configuration_has_its_rows(published: Published) -> None:
    record_sets = {one.id for one in _read(published.folder).metadata.record_sets}
    for name, splits in published.record.configurations.items():
        assert {name, f"{name}_splits"} <= record_sets
        assert [one[f"{name}_splits/name"] for one in _records(published.folder, f"{name}_splits")] == list(splits)
    splits = [one["parsing/split"].decode() for one in _records(published.folder, "parsing")]
    counts = published.record.configurations["parsing"]
    assert {split: splits.count(split) for split in splits} == counts
    assert len(_records(published.folder, "parsing", "train_10")) == counts["train_10"] < counts["train"]


def test_every_data_file_is_there_with_its_hash(published: Published) -> None:
    described = {
        one["contentUrl"]: one["sha256"]
        for one in _document(published.folder)["distribution"]
        if one["@type"] == "cr:FileObject"
    }
    found = {
        path.relative_to(published.folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in published.folder.rglob("*.parquet")
    }
    assert described == found


def test_columns_are_those_of_the_files(published: Published) -> None:
    for record_set in _document(published.folder)["recordSet"]:
        if record_set["@id"] in published.record.configurations:
            first = next((published.folder / f"data/{record_set['@id']}").glob("*.parquet"))
            import pyarrow.parquet as pq

            names = [field["name"] for field in record_set["field"]]
            assert names == ["split", *pq.read_schema(first).names]


def test_annotations_alone_hold_no_pixel_and_state_the_owners_terms(licensed_store: Path, tmp_path: Path) -> None:
    made = publish([licensed_store], tmp_path / "out", annotations_only=True)
    document = _document(made.folder)
    assert document["license"] == "https://rose1.ntu.edu.sg/dataset/actionRecognition/"
    assert document["conditionsOfAccess"] == LICENSE_NTU
    assert "shahroudy2016ntu" in document["citeAs"]
    assert "ImageObject" not in json.dumps(document)
    assert "No image of the source" in document["description"]
    records = _records(made.folder, "annotations", "parsing")
    assert len(records) == 25
    assert records[0]["annotations/rgb_sha256"]
    calibration = records[0]["annotations/calibration"]
    assert np.array(calibration["annotations/calibration/homography"]).shape == (3, 3)


def test_generated_people_are_free_and_said_to_be_generated(published: Published) -> None:
    document = _document(published.folder)
    assert document["license"] == "https://creativecommons.org/publicdomain/zero/1.0/"
    assert document["conditionsOfAccess"] == LICENSE_GENERATED
    assert "Everybody in this dataset is generated" in document["description"]
    assert "shahroudy2016ntu" not in document["citeAs"]
    assert document["citeAs"] in (published.folder / "README.md").read_text()
    assert document["name"] == published.folder.name


def test_rows_without_depth_read_as_none(tmp_path: Path) -> None:
    store = build_store(tmp_path / "rgb", StoreRecipe(n_train=4, n_test=2, rgb_only=True, parts=False))
    made = publish([store], tmp_path / 'a "named" folder')
    records = _records(made.folder, "parsing", "train")
    assert [one["parsing/depth"] for one in records] == [None] * 4
    assert "parsing/parts" not in records[0]
    assert np.asarray(records[0]["parsing/rgb"]).shape == (424, 512, 3)


def test_a_damaged_description_is_made_again_on_request(pretrain_store: Path, tmp_path: Path) -> None:
    made = publish([pretrain_store], tmp_path / "out")
    content = (made.folder / "croissant.json").read_text()
    assert publish([pretrain_store], tmp_path / "out").nothing_to_do
    (made.folder / "croissant.json").write_text(content.replace("1.1", "1.0"))
    assert not publish([pretrain_store], tmp_path / "out", overwrite=True).nothing_to_do
    assert (made.folder / "croissant.json").read_text() == content


def test_a_publication_of_an_earlier_version_is_not_taken_for_whole(pretrain_store: Path, tmp_path: Path) -> None:
    made = publish([pretrain_store], tmp_path / "out")
    (made.folder / "croissant.json").unlink()
    files = {name: file for name, file in made.record.files.items() if name != "croissant.json"}
    made.record.model_copy(update={"files": files}).save(made.folder)
    with pytest.raises(UsageError, match="--overwrite"):
        publish([pretrain_store], tmp_path / "out")
    assert not publish([pretrain_store], tmp_path / "out", overwrite=True).nothing_to_do
    assert (made.folder / "croissant.json").is_file()


def test_a_push_takes_it_along_with_its_place_on_the_hub(hub: FakeHub, pretrain_store: Path, tmp_path: Path) -> None:
    made = publish([pretrain_store], tmp_path / "out", target=PushTarget("me/data"))
    push(made.folder, PushTarget("me/data"), quiet=True)
    pushed = json.loads(hub.repositories["me/data"].files["croissant.json"])
    assert (pushed["name"], pushed["url"]) == ("me/data", "https://huggingface.co/datasets/me/data")
    assert len(_records(made.folder, "pretrain")) == 9
