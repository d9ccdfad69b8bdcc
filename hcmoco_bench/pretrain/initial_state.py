"""The whole state that a pre-training can begin with: networks and memory bank of an earlier one, here or elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.models.first_weights import NO_FILES
from hcmoco_bench.pretrain.checkpoints import KIND
from hcmoco_bench.training.foreign_checkpoint import ForeignCheckpoint, open_checkpoint


@dataclass(frozen=True)
class InitialState:
    """The networks of a pre-training and the state of its objective, under this package's names.

    Attributes:
        source: The file and the program that wrote it.
        model: State dict of the networks.
        objective: State of the objective: the memory bank; empty if the file holds none.
        whole: Whether the file is of this tool, so that its networks must fit as a whole.
        settings: The settings that a file of another program tells by its tensors.
        left: What else the file holds.
    """

    source: str
    model: Mapping[str, Tensor]
    objective: Mapping[str, Tensor]
    whole: bool
    settings: Mapping[str, Any]
    left: tuple[str, ...]


def read_initial_state(init: str) -> InitialState | None:
    """The state in the file that a run's `init` names.

    Returns:
        None for `scratch` and `imagenet`, and for a file that holds encoders alone.

    Raises:
        UsageError: If there is no such file.
        DataError: If it cannot be read.
    """
    if init in NO_FILES:
        return None
    path = Path(init)
    found = open_init(init)
    if isinstance(found, ForeignCheckpoint):
        return _of_another_program(found)
    if found["kind"] != KIND:
        return None
    return InitialState(
        source=f"{path.name}, a pre-training of hcmoco-bench",
        model=found["model"],
        objective=found.get("bank") or {},
        whole=True,
        settings={},
        left=tuple(name for name in ("optimizer", "scheduler", "rng", "step") if name in found),
    )


def open_init(init: str) -> dict[str, Any] | ForeignCheckpoint:
    """The checkpoint that `--init` names.

    Raises:
        UsageError: If there is no such file.
        DataError: If it cannot be read.
    """
    try:
        return open_checkpoint(Path(init))
    except DataError as error:
        if error.kind == "checkpoint_missing":
            raise UsageError(f"--init {init}: no such file; use scratch, imagenet, or a file of weights") from error
        raise


def _of_another_program(file: ForeignCheckpoint) -> InitialState | None:
    found = file.recognized
    if found is None or found.format.network != "multimodal":
        return None
    form = found.format
    bank = form.objective(file.content)
    taken = {name for name, value in file.content.items() if isinstance(value, Mapping) and _holds(value, file.state)}
    if bank:
        taken |= form.objective_to_published(bank).keys()
    return InitialState(
        source=f"{file.path.name}, a file of {form.program}",
        model=form.from_published(found.state),
        objective=bank,
        whole=False,
        settings=form.settings(found.state),
        left=tuple(name for name in file.content if name not in taken and name not in file.state),
    )


def _holds(container: Mapping[str, Any], state: Mapping[str, Tensor]) -> bool:
    """Whether a part of a file is the state dict that was found in it."""
    return container.keys() == state.keys()
