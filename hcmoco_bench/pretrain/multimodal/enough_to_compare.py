"""Settings with which a contrast has nothing to tell apart: its loss would be 0 and its accuracy 100 %."""

from __future__ import annotations

from typing import Literal

from hcmoco_bench.errors import UsageError


def check_batch_contrast(batch_size: int, accumulate: int) -> None:
    """Check that a comparison within the batch has at least two samples.

    Args:
        batch_size: Samples a step, over all processes and accumulated batches.
        accumulate: Batches that make a step; each is compared within itself.

    Raises:
        UsageError: If there is one sample in each.
    """
    if batch_size // accumulate < 2:
        raise UsageError(
            f"batch_size = {batch_size} with accumulate = {accumulate} leaves one sample in each accumulated batch, "
            "and negatives from the batch need at least two; use a larger --batch-size, or a smaller --accumulate"
        )


def check_samples(negatives: int | Literal["batch"], n_samples: int) -> None:
    """Check that the training data holds as many samples as a comparison draws.

    Args:
        negatives: Negatives per anchor, out of a memory bank with a row for each sample; or `batch`.
        n_samples: Number of training samples.

    Raises:
        UsageError: If there are fewer.
    """
    if n_samples < 2:
        raise UsageError(f"the training data has {n_samples} sample, and there is none to tell it from; give more data")
    if not isinstance(negatives, str) and negatives > n_samples:
        raise UsageError(
            f"negatives = {negatives:,} are more than the memory bank has rows ({n_samples:,}, one for each training "
            f"sample), so that negatives would come several times; give --negatives batch, or at most {n_samples:,}"
        )
