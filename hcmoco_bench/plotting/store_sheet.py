"""The sheet to look at rows of a store, whatever its kind."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.errors import UsageError
from hcmoco_bench.plotting.overlay_sheet import overlay_sheet
from hcmoco_bench.plotting.parts_sheet import parts_sheet
from hcmoco_bench.plotting.people_sheet import people_sheet
from hcmoco_bench.store.store import AnyStore


def store_sheet(store: AnyStore, ids: Sequence[str]) -> Figure:
    """Draw rows of a store: the figure of its kind if it has one, or else what the store holds.

    Stores with skeletons get `overlay_sheet`, with annotated people `people_sheet`, others `parts_sheet`.

    Args:
        store: The store.
        ids: Ids of rows; at least one.

    Raises:
        StoreError: If a row is not in the store or cannot be decoded.
        UsageError: If the kind has no figure of its own, and the store no color images.
    """
    rows = [store.find(row_id) for row_id in ids]
    figure = store.kind.figure(rows, store.manifest)
    if figure is not None:
        return figure
    holds = store.capabilities
    if holds.rgb is None:
        raise UsageError(f"{store.path}: holds no images, and its kind ({store.kind.title}) draws nothing else")
    decoded = [store.kind.decode(row) for row in rows]
    if holds.bodies:
        return overlay_sheet(decoded)
    if holds.people and holds.joints is not None:
        return people_sheet(decoded, joint_set(holds.joints))
    return parts_sheet(decoded)
