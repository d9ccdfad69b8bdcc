"""What a run begins with: first weights of its networks from `init`, and what it took from there in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from torch import Tensor

from hcmoco_bench.models.first_weights import NO_FILES, named_weights
from hcmoco_bench.models.foreign.momentum_contrast import LIFTEDCL_HEADS, QUERY
from hcmoco_bench.models.foreign.prefixes import under_prefix
from hcmoco_bench.models.weights import load_weights
from hcmoco_bench.pretrain.checkpoints import KIND
from hcmoco_bench.pretrain.init_report import InitReport
from hcmoco_bench.pretrain.initial_state import open_init
from hcmoco_bench.pretrain.liftedcl.model import LiftedCLModel
from hcmoco_bench.training.foreign_checkpoint import ForeignCheckpoint

ENCODER: Final = "rgb_encoder."
PARTS: Final = {
    "invariant_head.": "invariant head",
    "equivariant_head.": "equivariant head",
    "lifting.": "lifting network",
    "key.": "key encoder with its heads",
    "discriminator.": "discriminator",
}
"""Beginnings of the names of a `LiftedCLModel` beside the query encoder's, and what they are called in messages."""


@dataclass(frozen=True)
class FirstWeights:
    """What `init` holds for a run.

    Attributes:
        encoder: First weights of the query encoder, as `create_encoder` takes them; None if they are drawn.
        source: The file and the program that wrote it; empty without a file, and for a file of an encoder alone.
        parts: Tensors of the other networks, under the names of a `LiftedCLModel`.
        queues: State of the queues.
        left: What else the file holds.
    """

    encoder: Path | Literal["imagenet"] | None
    source: str = ""
    parts: Mapping[str, Tensor] = field(default_factory=dict)
    queues: Mapping[str, Tensor] = field(default_factory=dict)
    left: tuple[str, ...] = ()


def read_first_weights(init: str) -> FirstWeights:
    """Read the file that `init` names: a run of LiftedCL here or by its release, or any file with an encoder.

    Raises:
        UsageError: If there is no such file.
        DataError: If it cannot be read.
    """
    encoder = named_weights(init)
    if init in NO_FILES:
        return FirstWeights(encoder)
    path = Path(init)
    found = open_init(init)
    if isinstance(found, ForeignCheckpoint):
        return _of_another_program(found)
    if found["kind"] != KIND or not any(name.startswith(tuple(PARTS)) for name in found["model"]):
        return FirstWeights(encoder)
    bank: dict[str, Any] = found.get("bank") or {}
    return FirstWeights(
        encoder,
        source=f"{path.name}, a pre-training of hcmoco-bench",
        parts={name: value for name, value in found["model"].items() if name.startswith(tuple(PARTS))},
        queues={name: value for name, value in bank.items() if isinstance(value, Tensor)},
        left=tuple(name for name in ("optimizer", "scheduler", "rng", "step") if name in found),
    )


def load_parts(model: LiftedCLModel, first: FirstWeights) -> None:
    """Copy into a model what fits of the networks beside the query encoder, which has its weights already.

    The key branch begins as a copy of the query's where the file has none.

    Raises:
        DataError: If a tensor is not finite.
    """
    own = model.state_dict()
    for prefix in PARTS:
        given = under_prefix(first.parts, prefix)
        if _fits(under_prefix(own, prefix), given):
            load_weights(model.get_submodule(prefix.removesuffix(".")), given, file=first.source)
    if not _fits(under_prefix(own, "key."), under_prefix(first.parts, "key.")):
        model.start_key()


def describe_first_weights(
    model: LiftedCLModel, first: FirstWeights, queues: Mapping[str, Tensor]
) -> tuple[InitReport, bool]:
    """What a run took, and whether it takes the queues in.

    Args:
        model: The model, after `load_parts`.
        first: What `init` holds.
        queues: State of the run's own queues.
    """
    own = model.state_dict()
    taken, left = ["query encoder"], list[str]()
    for prefix, title in PARTS.items():
        wanted, given = under_prefix(own, prefix), under_prefix(first.parts, prefix)
        if not wanted and not given:
            continue
        if _fits(wanted, given):
            taken.append(title)
        elif not given:
            begins = "begins as a copy of the query's" if prefix == "key." else "keeps its first weights"
            left.append(f"{title}: not in the file, it {begins}")
        else:
            left.append(
                f"{title}: of another size, it keeps its first weights" if wanted else f"{title}: not used here"
            )
    fits = bool(queues) and _shapes(queues) == _shapes(first.queues)
    if fits:
        taken.append("queues")
    elif first.queues:
        left.append("queues: of another size, they begin with random keys")
    return InitReport(first.source, tuple(taken), (*left, *first.left)), fits


def _of_another_program(file: ForeignCheckpoint) -> FirstWeights:
    found = file.recognized
    if found is None:
        return FirstWeights(file.path)
    parts = {
        f"{own}{name}": value
        for published, own in LIFTEDCL_HEADS.items()
        for name, value in under_prefix(found.state, f"{QUERY}{published}").items()
    }
    if not parts:
        return FirstWeights(file.path)
    left = [name for name in file.content if not isinstance(file.content[name], Mapping) and name not in file.state]
    queues = sorted(name for name in found.state if name.startswith("queue"))
    return FirstWeights(
        file.path,
        source=f"{file.path.name}, a file of {found.format.program}",
        parts=parts,
        left=("encoder_k", *queues, *left),
    )


def _fits(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> bool:
    """Whether all tensors of a network are given in their shapes; counters of batch norm may be missing."""
    needed = {name: shape for name, shape in _shapes(wanted).items() if not name.endswith("num_batches_tracked")}
    return bool(wanted) and needed.items() <= _shapes(given).items() and given.keys() <= wanted.keys()


def _shapes(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in state.items()}
