"""Some rows of a data set as a data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch.utils.data import Dataset

from hcmoco_bench.data.sample import DrawLike, as_draw


class Subset(Dataset[Any]):
    """Rows of a data set, counted anew; the randomness of a draw stays that of the row in the whole.

    Args:
        dataset: Takes rows and draws.
        rows: Which of its rows, in which order.
    """

    def __init__(self, dataset: Dataset[Any], rows: Sequence[int]) -> None:
        self.dataset, self.rows = dataset, tuple(rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: DrawLike) -> Any:
        draw = as_draw(key, 0)
        return self.dataset[draw._replace(row=self.rows[draw.row])]
