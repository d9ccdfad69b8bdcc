"""The rows of a split that have a 3-D pose, with their poses, which are small enough to keep in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from hcmoco_bench.body import joint_set
from hcmoco_bench.errors import StoreError
from hcmoco_bench.files.parquet import open_parquet
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.store.store import AnyStore


@dataclass(frozen=True, eq=False)
class PoseIndex:
    """The rows of a split with a pose, about 1 KB each.

    Attributes:
        ids: (N,) sample ids.
        locations: (N, 3) int32, shard, row group, and row in the group.
        joints: (N, J, 3) float64 meters in the camera's coordinates, x right in the image, y down, z forward.
        intrinsics: (N, 4) float64 fx, fy, cx, cy px of the image.
        groups: (N,) subject of each row; the frames of one person are not independent.
        problems: Rows of the split without the image or the pose.
    """

    ids: NDArray[np.str_]
    locations: NDArray[np.int32]
    joints: NDArray[np.float64]
    intrinsics: NDArray[np.float64]
    groups: NDArray[np.str_]
    problems: tuple[Problem, ...]

    def __len__(self) -> int:
        return len(self.ids)


def read_pose_index(store: AnyStore, split: str) -> PoseIndex:
    """Read the ids and poses of a split, without its images.

    Args:
        store: A store with the capability `poses`.
        split: One of its splits.

    Raises:
        StoreError: If a shard cannot be read, or its poses have another shape.
    """
    n_joints = len(joint_set(str(store.capabilities.joints)))
    stored = split in store.stored_splits
    chosen = None if stored else pa.array(store.splits[split].ids, pa.string())
    group_column = store.capabilities.group or "sample_id"
    kept: list[tuple[str, str, tuple[int, int, int]]] = []
    joints, intrinsics, problems = [], [], []
    for shard, path in enumerate(store.shards()):
        if stored and path not in store.shards(split):
            continue
        try:
            with open_parquet(path) as file:
                columns = list(dict.fromkeys(["sample_id", group_column, "rgb.path", "pose"]))
                for group in range(file.num_row_groups):
                    table = file.read_row_group(group, columns)
                    numbers = np.arange(table.num_rows)
                    if chosen is not None:
                        numbers = numbers[pc.is_in(table["sample_id"], chosen).to_numpy()]
                        table = table.take(numbers)
                    for row, number in zip(table.to_pylist(), numbers.tolist(), strict=True):
                        missing = "rgb" if row["rgb"] is None else "pose" if row["pose"] is None else ""
                        if missing:
                            reason = f"no {missing} in the store; left out"
                            problems.append(Problem(str(row["sample_id"]), f"{missing}_missing", "", reason))
                            continue
                        kept.append((row["sample_id"], str(row[group_column]), (shard, group, number)))
                        joints.append(np.array(row["pose"]["joints"], np.float64).reshape(n_joints, 3))
                        intrinsics.append(np.array(row["pose"]["intrinsics"], np.float64).reshape(4))
        except (OSError, pa.ArrowException, ValueError, TypeError) as error:
            raise StoreError(f"{path}: cannot be read ({error}); run verify, then prepare again") from error
    return PoseIndex(
        ids=np.array([name for name, _, _ in kept], np.str_),
        locations=np.array([place for _, _, place in kept], np.int32).reshape(-1, 3),
        joints=np.array(joints, np.float64).reshape(-1, n_joints, 3),
        intrinsics=np.array(intrinsics, np.float64).reshape(-1, 4),
        groups=np.array([group for _, group, _ in kept], np.str_),
        problems=tuple(problems),
    )
