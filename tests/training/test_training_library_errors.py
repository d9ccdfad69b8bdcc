"""Errors of PyTorch with a cause outside of the program become a sentence; others pass."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hcmoco_bench.errors import TrainingError
from hcmoco_bench.training.library_errors import library_errors


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. "), r"loading process died \(.*pid 7"),
        (RuntimeError("DataLoader worker (pid(s) 7, 8) exited unexpectedly"), "a loading process died"),
        (RuntimeError("unable to allocate shared memory(shm) for file </torch_1>"), "/dev/shm"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "memory has run out"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "memory has run out"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"), "memory has run out"),
        (RuntimeError("Too many open files. Communication with the workers is no longer possible."), "ulimit -n"),
        (OSError(24, "Too many open files"), "ulimit -n"),
        (MemoryError(), "memory has run out"),
    ],
)
def test_what_is_known_becomes_a_sentence(error: Exception, said: str) -> None:
    with pytest.raises(TrainingError, match=said) as found, library_errors():
        raise error
    assert found.value.__cause__ is error
    assert "\n" not in str(found.value)


def test_batch_norm_with_one_value_is_told() -> None:
    with pytest.raises(TrainingError, match="a single value per channel"), library_errors():
        nn.BatchNorm2d(3)(torch.zeros(1, 3, 1, 1))


def test_other_errors_pass() -> None:
    with pytest.raises(RuntimeError, match="size of tensor a"), library_errors():
        torch.zeros(2) + torch.zeros(3)
