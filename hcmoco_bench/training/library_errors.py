"""Errors of PyTorch whose cause is outside of the program, told in a sentence: memory, workers, batch norm."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import torch

from hcmoco_bench.errors import TrainingError

_NO_MEMORY: Final = ("can't allocate memory", "out of memory", "STATUS_ALLOC_FAILED")
_TOO_MANY_FILES: Final = ("Too many open files", "received 0 items of ancdata")


@contextmanager
def library_errors() -> Iterator[None]:
    """Turn such an error into a TrainingError that says the cause and what to do; others pass as they are."""
    try:
        yield
    except (MemoryError, RuntimeError, ValueError, OSError) as error:
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
    if any(sign in text for sign in _TOO_MANY_FILES):
        return (
            "too many files are open at once, for the shared tensors of loading processes are files; raise the limit "
            "(ulimit -n 65536) or use fewer --workers; a run continues from its last checkpoint with --resume"
        )
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or any(sign in text for sign in _NO_MEMORY):
        return (
            "memory has run out; use a smaller --batch-size or --size, divide the batch with --accumulate, or compute "
            "in bf16 (--precision bf16)"
        )
    if text.startswith("Expected more than 1 value per channel"):
        return (
            "batch norm got a single value per channel, which has no variance: the batch has one sample (or one that "
            "has the modality), and its maps are one cell large; use a larger --batch-size or --size, or a smaller "
            "--accumulate"
        )
    return None
