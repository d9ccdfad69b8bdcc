"""State of the random generators that a training step draws from, per process."""

from __future__ import annotations

import torch
from torch import Tensor


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
