"""The backbone that a state dict is of, told from its names and shapes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import timm
import torch
from torch import Tensor

from hcmoco_bench.models.hrnet import RAW_HRNETS

RESNETS: Final = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")
"""The ResNets of torchvision, whose names and shapes MoCo, LiftedCL and timm share."""

_COUNTERS: Final = "num_batches_tracked"


def backbone_of(state: Mapping[str, Tensor]) -> str | None:
    """The backbone all of whose tensors a state dict holds in their shapes; heads may stand beside them.

    Args:
        state: The encoder's weights under their published names.

    Returns:
        One of `RAW_HRNETS` and `RESNETS`; None if it is none of them.
    """
    candidates: tuple[str, ...] = ()
    if "transition1.0.0.weight" in state:
        width = len(state["transition1.0.0.weight"])
        candidates = tuple(name for name in RAW_HRNETS if _shapes(name)["transition1.0.0.weight"][0] == width)
    elif "layer1.0.conv1.weight" in state:
        candidates = RESNETS
    given = {name: tuple(value.shape) for name, value in state.items()}
    fitting = [name for name in candidates if _shapes(name).items() <= given.items()]
    # a deeper ResNet holds all names of a shallower one of the same blocks, so the largest that fits is the one
    return max(fitting, key=lambda name: len(_shapes(name)), default=None)


def backbone_setting(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """The setting `backbone` of a network with this encoder; empty if the tensors do not tell it."""
    found = backbone_of(state)
    return {} if found is None else {"backbone": found}


@cache
def _shapes(name: str) -> dict[str, tuple[int, ...]]:
    """Shapes of a backbone's tensors by name, without the counters that old files lack."""
    options: dict[str, Any] = {"feature_location": ""} if name in RAW_HRNETS else {}
    with torch.device("meta"):
        state = timm.create_model(name, features_only=True, **options).state_dict()
    return {key: tuple(value.shape) for key, value in state.items() if not key.endswith(_COUNTERS)}
