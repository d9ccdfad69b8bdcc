"""Copies of prepared stores with planted changes, and folders of runs that were never trained."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from hcmoco_bench.data.data_record import DataRecord, record_stores
from hcmoco_bench.files.images import decode_rgb, decode_unchanged, encode_png
from hcmoco_bench.sources.ntu.names import SampleId
from hcmoco_bench.store.kinds.ntu.columns import name_columns

Row = dict[str, Any]


def changed_store(
    store: Path,
    copy: Path,
    change: Callable[[Row], Row | None],
    *,
    only: str | None = None,
    manifest: Mapping[str, Any] | None = None,
) -> Path:
    """A copy of a store whose rows are changed, or left out where `change` gives None.

    Args:
        store: The store.
        copy: Where the copy goes.
        change: Gives the row of the copy.
        only: The stored split whose rows are kept; None for all.
        manifest: Fields of the copy's manifest.
    """
    shutil.copytree(store, copy)
    ids: dict[str, list[str]] = {}
    for path in sorted(copy.glob("*.parquet")):
        split = path.name.split("-")[0]
        table = pq.read_table(path)
        kept = [change(dict(row)) for row in table.to_pylist() if only in (None, split)]
        rows = [row for row in kept if row is not None]
        ids.setdefault(split, []).extend(row["sample_id"] for row in rows)
        pq.write_table(pa.Table.from_pylist(rows, table.schema), path, compression="none", use_dictionary=False)
    splits = json.loads((copy / "splits.json").read_text())
    for split, found in ids.items():
        splits["splits"][split]["ids"] = found
    (copy / "splits.json").write_text(json.dumps(splits))
    values = json.loads((copy / "manifest.json").read_text()) | dict(manifest or {})
    values = {name: value for name, value in values.items() if value is not None}
    (copy / "manifest.json").write_text(json.dumps(values))
    return copy


def as_pretraining(store: Path, copy: Path, change: Callable[[Row], Row], *, seed: int) -> Path:
    """The test rows of a labeled store, changed, as a store of unlabeled frames of another tree."""
    people = {"seed": seed, "recurring": False}
    changed_store(store, copy, change, only="test", manifest={"generated_people": people})
    for path in copy.glob("train-*.parquet"):
        path.unlink()
    values = json.loads((copy / "manifest.json").read_text())
    shards = {}
    for path in sorted(copy.glob("test-*.parquet")):
        name = path.name.replace("test-", "train-")
        shards[name] = values["shards"][path.name]
        path.rename(copy / name)
    splits = json.loads((copy / "splits.json").read_text())
    (copy / "splits.json").write_text(json.dumps(splits | {"splits": {"train": splits["splits"]["test"]}}))
    values |= {
        "shards": shards,
        "splits": {"train": values["splits"]["test"]},
        "options": values["options"] | {"set": "pretrain"},
    }
    (copy / "manifest.json").write_text(json.dumps(values))
    return copy


def renamed(row: Row, *, setup: int = 0, performer: int = 0) -> Row:
    """A row under another setup and performer, by that much."""
    sample = SampleId.parse(row["sample_id"])
    name = (
        f"S{sample.clip.setup + setup:03d}{str(sample)[4:8]}P{sample.clip.performer + performer:03d}{str(sample)[12:]}"
    )
    return row | {"sample_id": name} | name_columns(SampleId.parse(name))


def encoded_anew(row: Row, *, mirrored: bool = False, cut: int = 0) -> Row:
    """A row whose color image is encoded anew, with what goes along with it for depth."""
    rgb, depth = decode_rgb(row["rgb"]["bytes"]), decode_unchanged(row["depth"]["bytes"])
    if mirrored:
        rgb, depth = rgb[:, ::-1], depth[:, ::-1]
    if cut:
        rgb, depth = rgb[cut:-cut, cut:-cut], depth[cut:-cut, cut:-cut]
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(rgb)).save(buffer, "JPEG", quality=55)
    return row | {
        "rgb": row["rgb"] | {"bytes": buffer.getvalue()},
        "depth": row["depth"] | {"bytes": encode_png(np.ascontiguousarray(depth))},
    }


def write_run(folder: Path, settings: Any) -> Path:
    """The files of a run that tell what it learned from."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(settings.to_dict()))
    record = DataRecord(stores=record_stores(settings.stores))
    (folder / "data.json").write_text(json.dumps(record.to_dict()))
    return folder
