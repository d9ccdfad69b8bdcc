"""Names of weights by what they begin with: parts of a state dict, and the same part under another name."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor


def under_prefix(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with a prefix, without it."""
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def with_other_prefix(name: str, prefixes: Mapping[str, str]) -> str | None:
    """A name with its beginning exchanged; None if it begins with none of them.

    Args:
        name: The name.
        prefixes: New beginnings by old ones; the first that fits counts.
    """
    for before, after in prefixes.items():
        if name.startswith(before):
            return after + name.removeprefix(before)
    return None


def reversed_prefixes(prefixes: Mapping[str, str]) -> dict[str, str]:
    """The way back, in the same order."""
    return {after: before for before, after in prefixes.items()}
