"""Checkpoint files of any origin: those of this tool, and those of other programs, told apart by their content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from hcmoco_bench.errors import DataError
from hcmoco_bench.models.foreign.registry import Recognized, recognize
from hcmoco_bench.models.weight_files import read_checkpoint, state_dict_in
from hcmoco_bench.training.checkpoint import load_checkpoint


@dataclass(frozen=True)
class ForeignCheckpoint:
    """A file that this tool did not write.

    Attributes:
        path: The file.
        content: Its whole content.
        state: Its state dict, as it is.
        recognized: Its format and the state dict under the format's names; None if it is of no known program.
    """

    path: Path
    content: Mapping[str, Any]
    state: dict[str, Tensor]
    recognized: Recognized | None

    @property
    def origin(self) -> str:
        """Where the weights are from, in words for results; what is not known is said too."""
        program = "an unknown program" if self.recognized is None else self.recognized.format.program
        return f"the weights are from {self.path.name}, a file of {program}; how they were trained is not known"


def open_checkpoint(path: Path) -> dict[str, Any] | ForeignCheckpoint:
    """Read a checkpoint of this tool, as `load_checkpoint` gives it, or of another program; nothing is unpickled.

    Raises:
        DataError: If the file is missing (`checkpoint_missing`), damaged (`checkpoint_damaged`), holds no state dict or
            anything but tensors and plain values (`weights_foreign`).
    """
    try:
        return load_checkpoint(path)
    except DataError as error:
        if error.kind == "checkpoint_missing" and not path.is_dir():  # a folder may hold weights
            raise
        own = error
    try:
        content = read_checkpoint(path)
    except DataError as error:
        if error.kind == "weights_unreadable":
            raise own from error
        raise
    state = state_dict_in(content, file=str(path))
    return ForeignCheckpoint(path, content, state, recognize(state))
