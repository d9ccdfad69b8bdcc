"""Errors of PyTorch whose cause is outside of the program, told in a sentence: memory, workers, batch norm."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from hcmoco_bench.errors import TrainingError


@contextmanager
def library_errors() -> Iterator[None]:
    """Turn such an error into a TrainingError that says the cause and what to do; others pass as they are."""
    try:
        yield
    except (MemoryError, RuntimeError, ValueError) as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        raise TrainingError(sentence) from error


def _sentence(error: Exception) -> str | None:
    text = " ".join(str(error).split())
    if text.startswith("DataLoader worker") or "shared memory" in text or "Caught MemoryError" in text:
        why = f"{text[:120]}..." if len(text) > 120 else text
        return (
            f"a loading process died ({why}); in most cases memory or shared memory (/dev/shm) has run out: use fewer "
            "--workers or a smaller batch; a run continues from its last checkpoint with --resume"
        )
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in text:
        return (
            "memory has run out; use a smaller --batch-size or --size, divide the batch with --accumulate, or compute "
            "in bf16 (--precision bf16)"
        )
    if text.startswith("Expected more than 1 value per channel"):
        return (
            "batch norm got a single value per channel, which has no variance: a batch of one sample (or with one "
            "sample that has the modality) whose maps are one cell large; use a larger --batch-size or --size, or a smaller "
            "--accumulate"
        )
    return None
