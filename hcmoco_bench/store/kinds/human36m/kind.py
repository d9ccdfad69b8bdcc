"""Human3.6M stores as a kind: frames of videos with part labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final, TypeAlias

import numpy as np
import pyarrow as pa

from hcmoco_bench.body import joint_set, part_table
from hcmoco_bench.errors import DataError
from hcmoco_bench.files.images import decode_image
from hcmoco_bench.sources.human36m import FrameId
from hcmoco_bench.store.arrays.frames import FrameArrays, decode_frame
from hcmoco_bench.store.kind import Capabilities, StoreKind
from hcmoco_bench.store.kinds.human36m.manifest import JOINTS, MOST_OFF, POSE_SCHEMA, SCHEMA, Human36mManifest
from hcmoco_bench.store.store import Store

Human36mStore: TypeAlias = Store[Human36mManifest]
"""A finished Human3.6M store; `HUMAN36M.open` opens one."""


class Human36mKind(StoreKind[Human36mManifest]):
    """Stores that `prepare human36m` writes."""

    name: ClassVar[str] = "human36m"
    title: ClassVar[str] = "Human3.6M"
    maker: ClassVar[str] = "`hcmoco-bench prepare human36m`"
    manifest_model = Human36mManifest
    noun: ClassVar[str] = "frame"
    row_group: ClassVar[int] = 16

    def schema(self, manifest: Human36mManifest) -> pa.Schema:
        """See `StoreKind.schema`."""
        return POSE_SCHEMA if manifest.poses else SCHEMA

    def capabilities(self, manifest: Human36mManifest) -> Capabilities:
        """See `StoreKind.capabilities`."""
        return Capabilities(
            rgb="rgb",
            parts=True,
            poses=manifest.poses,
            joints=JOINTS if manifest.poses else None,
            group="subject",
            generated=manifest.source.generated,
        )

    def decode(self, row: Mapping[str, Any]) -> FrameArrays:
        """See `StoreKind.decode`."""
        return decode_frame(row)

    def row_failures(self, row: Mapping[str, Any], manifest: Human36mManifest) -> Iterator[str]:
        """See `StoreKind.row_failures`."""
        try:
            sample = FrameId.parse(row["sample_id"])
            rgb = decode_image(row["rgb"]["bytes"], source="rgb")
            parts = decode_image(row["parts"]["bytes"], source="parts")
        except (DataError, TypeError) as error:
            yield f"cannot be read: {error}"
            return
        name = sample.sequence
        stated = (row["subject"], row["action"], row["camera"], row["frame"])
        if stated != (name.subject, name.action, name.camera, sample.frame):
            yield f"columns say {stated}, the id says otherwise"
        for column, suffix in (("rgb", "jpg"), ("parts", "png")):
            if row[column]["path"] != f"{sample}.{suffix}":
                yield f"{column} is called {row[column]['path']}"
        if rgb.dtype != np.uint8 or rgb.ndim != 3 or parts.dtype != np.uint8 or parts.shape != rgb.shape[:2]:
            yield f"rgb is {rgb.dtype} {rgb.shape}, parts are {parts.dtype} {parts.shape}"
        elif int(parts.max()) >= len(part_table()):
            yield f"parts hold class {int(parts.max())}, there are {len(part_table())}"
        if row.get("pose") is not None:
            yield from _pose_failures(row["pose"])


def _pose_failures(pose: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a pose."""
    count = len(joint_set(JOINTS))
    try:
        joints, pixels, intrinsics = (np.array(pose[name], np.float64) for name in ("joints", "pixels", "intrinsics"))
    except (TypeError, ValueError) as error:
        yield f"the pose cannot be read: {error}"
        return
    if (joints.shape, pixels.shape, intrinsics.shape) != ((count, 3), (count, 2), (4,)):
        yield f"the pose has joints {joints.shape}, pixels {pixels.shape} and intrinsics {intrinsics.shape}"
    elif not (np.isfinite(joints).all() and np.isfinite(pixels).all() and np.isfinite(intrinsics).all()):
        yield "the pose holds numbers that are not finite"
    elif not ((joints[:, 2] > 0).all() and (intrinsics[:2] > 0).all()):
        yield "the pose is not in front of its camera"
    else:
        focal, center = intrinsics[:2], intrinsics[2:]
        off = np.linalg.norm(focal * joints[:, :2] / joints[:, 2:] + center - pixels, axis=1).max()
        if off > MOST_OFF * focal.min():
            yield f"the joints of the pose are seen {off:.1f} px from its pixels"


HUMAN36M: Final = Human36mKind()
