"""The configuration `annotations`: what may be shared of a store. Ids, splits, transforms, hashes; masks if allowed.

It holds no pixel of the source, and no skeletons either: they are part of NTU RGB+D. Everything else of a row can be
made again from it and the user's own copy (`hcmoco_bench.hub.join`), and the hashes say whether that went well.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from hcmoco_bench.align.calibration import Calibration
from hcmoco_bench.hub.features import annotation_features
from hcmoco_bench.hub.hashes import hash_row
from hcmoco_bench.sources.ntu.names import Rig
from hcmoco_bench.store.kinds.ntu import CALIBRATION_FILE, NtuStore


def annotation_tables(store: NtuStore, *, masks: bool, parts_column: bool) -> Iterator[pa.Table]:
    """Yield the annotation rows of a store in its order, one table a row group.

    Args:
        store: The store.
        masks: Whether its part masks may be handed on; if not, they stay null.
        parts_column: Whether there is a column `parts` at all; all splits of a configuration have the same columns.

    Raises:
        StoreError: If a row cannot be decoded.
        CalibrationError: If a row's rig is not in the store's calibration.
    """
    calibration = Calibration.load(store.path / CALIBRATION_FILE)
    rigs = {name: rig.model_dump(mode="json") for name, rig in calibration.rigs.items()}
    membership: dict[str, list[str]] = {}
    for name, declared in store.splits.items():
        for sample_id in declared.ids:
            membership.setdefault(sample_id, []).append(name)

    def annotate(row: Mapping[str, Any]) -> dict[str, Any]:
        annotation = {
            "sample_id": row["sample_id"],
            "splits": membership.get(row["sample_id"], []),
            "mode": row["alignment"]["mode"],
            "calibration": rigs[calibration.rig(Rig(row["setup"], row["camera"])).rig],
            **asdict(hash_row(row)),
        }
        if parts_column:
            annotation["parts"] = row.get("parts") if masks else None
        return annotation

    schema = annotation_features(parts=parts_column).arrow_schema
    # Decoding and hashing leave Python's lock, so threads are enough.
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        for split in store.stored_splits:
            for table in store.tables(split):
                yield pa.Table.from_pylist(list(pool.map(annotate, table.to_pylist())), schema=schema)
