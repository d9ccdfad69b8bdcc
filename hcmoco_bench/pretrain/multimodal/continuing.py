"""Networks and memory bank of a multimodal pre-training that begins with those of an earlier one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from torch import Tensor

from hcmoco_bench.errors import UsageError
from hcmoco_bench.models.foreign.prefixes import under_prefix
from hcmoco_bench.models.weights import load_weights
from hcmoco_bench.pretrain.init_report import InitReport
from hcmoco_bench.pretrain.initial_state import InitialState
from hcmoco_bench.pretrain.multimodal.model import MultiModalModel
from hcmoco_bench.training.objective import Objective

ENCODERS: Final = {"rgb_encoder.": "RGB encoder", "depth_encoder.": "depth encoder"}
NETWORKS: Final = {
    **ENCODERS,
    "keypoint_encoder.": "keypoint encoder (SemGCN)",
    "global_mappers.rgb.": "global mapper of RGB",
    "global_mappers.depth.": "global mapper of depth",
    "keypoint_mapper.": "global mapper of keypoints",
    "dense_mappers.rgb.": "dense mapper of RGB",
    "dense_mappers.depth.": "dense mapper of depth",
    "coarse_mapper.": "mapper to the coarse space",
}
"""Beginnings of the names of a `MultiModalModel`, and what they are called in messages."""

BANK: Final = "memory bank"


def load_networks(model: MultiModalModel, state: InitialState, *, backbone: str, init: str) -> None:
    """Copy the networks that a state holds into a model.

    A pre-training of this tool must fit as a whole. Of another program's, each network is taken whose names and shapes
    are those of the model; one that is missing or of another size keeps its first weights, but an encoder that is there
    must fit.

    Args:
        model: The model.
        state: The state.
        backbone: The backbone of the model.
        init: The file, for messages.

    Raises:
        DataError: If networks that must fit do not; lists names and shapes. The model is then not to be used.
        UsageError: If the encoders are of another backbone; names it.
    """
    if state.whole:
        load_weights(model, state.model, file=init)
        return
    there = state.settings.get("backbone", backbone)
    if there != backbone.partition(".")[0]:
        raise UsageError(f"{init}: its backbone is {there}, here it is {backbone}; give --backbone {there}")
    own = model.state_dict()
    for prefix in NETWORKS:
        given = under_prefix(state.model, prefix)
        if given and (prefix in ENCODERS or _fits(under_prefix(own, prefix), given)):
            load_weights(model.get_submodule(prefix.removesuffix(".")), given, file=init)


def continue_objective(model: MultiModalModel, objective: Objective[Any], state: InitialState) -> InitReport:
    """Give a new objective the memory bank of a state, if its size fits, and say what the run took in all.

    Args:
        model: The model, into which `load_networks` has copied what fits.
        objective: The objective.
        state: The state.
    """
    taken, left, own = list[str](), list[str](), model.state_dict()
    for prefix, title in NETWORKS.items():
        wanted, given = under_prefix(own, prefix), under_prefix(state.model, prefix)
        if not wanted and not given:
            continue
        if _fits(wanted, given):
            taken.append(title)
        elif not given:
            left.append(f"{title}: not in the file, it keeps its first weights")
        else:
            left.append(
                f"{title}: of another size, it keeps its first weights" if wanted else f"{title}: not used here"
            )
    unknown = [name for name in state.model if not name.startswith(tuple(NETWORKS))]
    if unknown:
        left.append(f"{len(unknown)} tensors that belong to no network here ({', '.join(unknown[:3])}, ...)")
    if state.objective:
        why = _load_bank(objective, state.objective)
        if why is None:
            taken.append(f"{BANK} ({_rows(state.objective):,} rows)")
        else:
            left.append(f"{BANK}: {why}")
    return InitReport(state.source, tuple(taken), (*left, *state.left))


def _load_bank(objective: Objective[Any], given: Mapping[str, Tensor]) -> str | None:
    """Hand over a memory bank; the reason if it cannot be."""
    own = objective.state_dict()
    if not own:
        return "this run compares without one"
    if _shapes(own) != _shapes(given):
        return f"it has {_rows(given):,} rows of {_width(given)}, this run {_rows(own):,} of {_width(own)}"
    objective.load_state_dict(dict(given))
    return None


def _fits(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> bool:
    """Whether all tensors of a network are given in their shapes; counters of batch norm may be missing."""
    needed = {name: shape for name, shape in _shapes(wanted).items() if not name.endswith("num_batches_tracked")}
    return bool(wanted) and needed.items() <= _shapes(given).items() and given.keys() <= wanted.keys()


def _shapes(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in state.items()}


def _rows(bank: Mapping[str, Tensor]) -> int:
    return len(next(iter(bank.values())))


def _width(bank: Mapping[str, Tensor]) -> int:
    return int(next(iter(bank.values())).shape[-1])
