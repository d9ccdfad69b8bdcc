"""Names that training programs put before those of a network when they wrap it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from torch import Tensor

WRAPPERS: Final = ("module.", "_orig_mod.", "model.")
"""Those of DataParallel and DistributedDataParallel, of `torch.compile`, and of a network kept as `model` beside its
loss (HRNet-Semantic-Segmentation, PyTorch Lightning)."""

_COMPILED: Final = "_orig_mod."


def unwrapped(state: Mapping[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    """A state dict, then the same with one wrapper fewer at a time, until none is left.

    The wrappers stand before a name in any order and number, and not every name need have them: a loss that is kept
    beside the network has fewer. `_orig_mod.` is left out wherever it stands, since no network calls a part so. The
    state dict as it is comes first, so a network whose own names begin like a wrapper is found under them.

    Args:
        state: The state dict of a file.

    Yields:
        State dicts with the same tensors in the same order; no two names of one are equal.
    """
    current = dict(state)
    yield current
    while True:
        names = {name: _without_one(name) for name in current}
        if all(name == shorter for name, shorter in names.items()) or len(set(names.values())) < len(names):
            return
        current = {names[name]: value for name, value in current.items()}
        yield current


def _without_one(name: str) -> str:
    plain = name.replace(_COMPILED, "")
    if plain != name:
        return plain
    return next((name.removeprefix(wrapper) for wrapper in WRAPPERS if name.startswith(wrapper)), name)
