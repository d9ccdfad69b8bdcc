"""Writes small finished stores with real JPEG and PNG content, without running prepare."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hcmoco_bench import __version__
from hcmoco_bench.align.calibration import Calibration, RigCalibration
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.files.json import dump_json
from hcmoco_bench.sources.ntu.names import ClipName, SampleId
from hcmoco_bench.sources.ntu.splits import Split, subject_disjoint, uniform
from hcmoco_bench.store.kinds.ntu import LICENSE_NTU, Inputs, Lists, NtuManifest, PrepareOptions, Source, store_schema
from hcmoco_bench.store.kinds.ntu.columns import image_names, name_columns
from hcmoco_bench.store.manifest import LICENSE_GENERATED, MANIFEST_FILE, DeclaredSplit, ShardEntry, Tool

NO_HASH = "0" * 64


@dataclass(frozen=True)
class StoreRecipe:
    """What a store is to be."""

    n_train: int = 24
    n_test: int = 8
    generated: bool = True
    parts: bool = True
    rgb_only: bool = False
    set: str = "parsing4k"
    registered: bool = True
    lists: str = "generated"
    absent: frozenset[int] = field(default_factory=frozenset)  # positions in train whose clip was missing
    rows_per_shard: int = 10
    row_group: int = 4


def sample_ids(recipe: StoreRecipe) -> list[SampleId]:
    """Sorted ids over two rigs; performers 1..4, so that train and test share some."""
    total = recipe.n_train + recipe.n_test
    return sorted(SampleId(ClipName(1 + i % 2, 1, 1 + i // 2 % 4, 1, 1 + i), 10 + i) for i in range(total))


def make_row(sample: SampleId, recipe: StoreRecipe, calibration: RigCalibration) -> dict[str, Any]:
    """A row whose content follows from the sample's id."""
    rng = np.random.default_rng([sample.clip.setup, sample.clip.action, sample.frame])
    rgb = cv2.resize(rng.integers(0, 255, (11, 13, 3), np.uint8), (512, 424))
    depth = rng.integers(500, 65535, (424, 512)).astype(np.uint16)
    depth[:100] = 0
    parts = cv2.resize(rng.integers(0, 25, (8, 8)).astype(np.uint8), (512, 424), interpolation=cv2.INTER_NEAREST)
    names = image_names(sample)
    png = cv2.imencode(".png", depth)[1].tobytes()
    joints = rng.normal(size=(25, 3)).astype(np.float32)
    joints[3] = np.nan
    body = {
        "body_id": 72057594037927936 + sample.frame,
        "joints_xyz": joints.tolist(),
        "joints_depth": joints[:, :2].tolist(),
        "joints_color": joints[:, 1:].tolist(),
        "tracking": rng.integers(0, 3, 25).tolist(),
    }
    row: dict[str, Any] = {
        "sample_id": str(sample),
        **name_columns(sample),
        "rgb": {"bytes": cv2.imencode(".jpg", rgb)[1].tobytes(), "path": names["rgb"]},
        "depth": None if recipe.rgb_only else {"bytes": png, "path": names["depth"]},
        "bodies": [body] * (sample.frame % 3),
        "alignment": {"mode": "homography", "residual_px": calibration.residuals.homography.mean},
    }
    if recipe.parts:
        row["parts"] = {"bytes": cv2.imencode(".png", parts)[1].tobytes(), "path": names["parts"]}
    return row


def rig_calibration(rig: str, *, registered: bool) -> RigCalibration:
    """A calibration with numbers that JSON and Parquet must keep to the last bit."""
    residual = {"mean": 0.1 + 1 / 3, "p95": 0.7, "n": 1234}
    return RigCalibration.model_validate(
        {
            "rig": rig,
            "n_clips": 3,
            "n_points": 4000,
            "n_outliers": 5,
            "homography": [[0.34512345678, 0.1 + 0.2, -75.25], [0, 0.3456, 25], [1e-7, -2e-9, 1]],
            "registered": {
                "depth": {"fx": 366.1, "fy": 366.2, "cx": 256.3, "cy": 208.4, "k1": 0.09},
                "color": {
                    "fx": 1060.1,
                    "fy": 1060.2,
                    "cx": 954.4,
                    "cy": 534.3,
                    "rotation": [0.001, -0.002, 1 / 7],
                    "translation": [0.052, 1 / 3, 0.0],
                },
            }
            if registered
            else None,
            "registered_problem": None if registered else "too few points",
            "residuals": {"homography": residual, "registered": residual if registered else None},
        }
    )


def make_splits(recipe: StoreRecipe) -> dict[str, Split]:
    """The splits that the lists would make."""
    ids = sample_ids(recipe)
    train, test = tuple(ids[: recipe.n_train]), tuple(ids[recipe.n_train :])
    if recipe.set == "pretrain":
        return {"train": Split("train", "the middle frame of each 30", tuple(ids))}
    splits = {"train": Split("train", "list a", train), "test": Split("test", "list b", test)}
    for percent in (20, 10, 5, 1):
        name = f"train_{percent}"
        splits[name] = Split(name, f"uniform-{percent} of train", uniform(train, percent))
    splits["v3_train"] = Split("v3_train", "list c", train[: len(train) // 5])
    splits["v3_test"] = Split("v3_test", "list d", test[: len(test) // 5])
    for side, ids_of_side in zip(("train", "test"), subject_disjoint(train, test), strict=True):
        splits[f"subjects_{side}"] = Split(f"subjects_{side}", f"subjects: {side} side", ids_of_side)
    return splits


def build_store(path: Path, recipe: StoreRecipe) -> Path:
    """Write the store and return its path."""
    path.mkdir(parents=True)
    splits = make_splits(recipe)
    absent = {splits["train"].ids[i] for i in recipe.absent}
    rigs = {str(sample.clip.rig) for split in splits.values() for sample in split.ids}
    calibration = Calibration(
        seed=0, rigs={rig: rig_calibration(rig, registered=recipe.registered) for rig in sorted(rigs)}
    )
    calibration.save(path / "calibration.json")
    document = {
        name: {"rule": split.rule, "sha256": split.sha256, "ids": [str(sample) for sample in split.ids]}
        for name, split in splits.items()
    }
    (path / "splits.json").write_text(dump_json({"declaration": recipe.lists, "splits": document}))
    (path / "problems.jsonl").write_text("")
    schema = store_schema(parts=recipe.parts)
    shards: dict[str, ShardEntry] = {}
    for name in ("train", "test"):
        if name not in splits:
            continue
        present = [sample for sample in splits[name].ids if sample not in absent]
        pieces = [present[i : i + recipe.rows_per_shard] for i in range(0, len(present), recipe.rows_per_shard)] or [[]]
        for number, piece in enumerate(pieces):
            file = f"{name}-{number:05d}-of-{len(pieces):05d}.parquet"
            rows = [make_row(sample, recipe, calibration.rig(sample.clip.rig)) for sample in piece]
            with pq.ParquetWriter(path / file, schema) as writer:
                for start in range(0, len(rows), recipe.row_group):
                    writer.write_table(pa.Table.from_pylist(rows[start : start + recipe.row_group], schema))
            size = (path / file).stat().st_size
            shards[file] = ShardEntry(sha256=file_sha256(path / file), rows=len(rows), bytes=size)
    manifest = NtuManifest(
        tool=Tool(version=__version__),
        source=Source(generated=recipe.generated, license=LICENSE_GENERATED if recipe.generated else LICENSE_NTU),
        options=PrepareOptions.model_validate(
            {"set": recipe.set, "rgb_only": recipe.rgb_only, "parts": recipe.parts, "jpeg_quality": 95}
        ),
        lists=Lists(declaration=recipe.lists, files={"train_list_v2.txt": NO_HASH}),
        inputs=Inputs(n_clips=recipe.n_train, sha256=NO_HASH),
        plan_sha256=NO_HASH,
        splits={
            name: DeclaredSplit(
                expected=len(split.ids),
                rows=sum(sample not in absent for sample in split.ids),
                sha256=split.sha256,
            )
            for name, split in splits.items()
        },
        parts=recipe.parts,
        shards=shards,
        problems={"clip_missing": len(absent)} if absent else {},
        calibration_sha256=file_sha256(path / "calibration.json"),
        splits_sha256=file_sha256(path / "splits.json"),
        problems_sha256=file_sha256(path / "problems.jsonl"),
    )
    (path / MANIFEST_FILE).write_text(manifest.to_json())
    return path
