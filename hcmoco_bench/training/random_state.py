"""State of the random generators that a training step draws from, per process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


@contextmanager
def own_randomness(seed: int, device: torch.device) -> Iterator[None]:
    """PyTorch's generators seeded for a run, and as they were after it."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def random_state(generator: torch.Generator) -> dict[str, Tensor]:
    """States of the loop's own generator and of PyTorch's (dropout), as byte tensors."""
    state = {"loop": generator.get_state(), "torch": torch.get_rng_state()}
    if generator.device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def restore_random_state(state: dict[str, Tensor], generator: torch.Generator) -> None:
    """Put the generators back; the GPU's only where there was one and is one."""
    generator.set_state(state["loop"])
    torch.set_rng_state(state["torch"])
    if "cuda" in state and generator.device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"])
