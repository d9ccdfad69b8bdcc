"""Data of a task, and subsets of it, lead back to what the task opened."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, TensorDataset

from hcmoco_bench.data.parsing import collate_parsing
from hcmoco_bench.tasks.core.task_data import TaskData

WHOLE = TensorDataset(torch.arange(7))
IDS = tuple("abcdefg")
DATA = TaskData(WHOLE, collate_parsing, IDS, "letters", True, "test", IDS, "", None)


def test_rows_of_subsets_of_subsets_are_those_of_the_whole() -> None:
    dataset, rows = DATA.source(TensorDataset)
    assert dataset is WHOLE
    np.testing.assert_array_equal(rows, np.arange(7))
    part = DATA.subset([6, 4, 2, 0], split="even").subset([3, 1], split="two")
    dataset, rows = part.source(TensorDataset)
    assert dataset is WHOLE
    np.testing.assert_array_equal(rows, [0, 4])
    assert part.ids == tuple(IDS[row] for row in rows)
    assert DATA.subset([], split="none").source(TensorDataset)[1].shape == (0,)


def test_data_that_another_task_opened() -> None:
    class Others(Dataset[int]):
        pass

    with pytest.raises(TypeError, match="letters was opened as TensorDataset, and Others is needed"):
        DATA.subset([1], split="one").source(Others)
