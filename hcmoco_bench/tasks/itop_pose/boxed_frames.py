"""Training frames that have a box of the person; those without are left out, as published."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.files.problems import Problem
from hcmoco_bench.tasks.core.task_data import TaskData


def with_boxes(data: TaskData, boxes: NDArray[np.float64]) -> TaskData:
    """The frames of a split that have a box; the others are still expected, and named as problems (`box_missing`).

    Args:
        data: The split.
        boxes: (N, 4) box of each of its rows, nan where there is none.
    """
    there = np.isfinite(boxes[:, 0]).tolist()
    lost = tuple(
        Problem(name, "box_missing", "", "the box file has no box for it; left out, as published")
        for name, found in zip(data.ids, there, strict=True)
        if not found
    )
    if not lost:
        return data
    kept = data.subset([row for row, found in enumerate(there) if found], split=data.split)
    return replace(kept, expected=data.expected, split_sha256=data.split_sha256, problems=(*data.problems, *lost))
