"""Weights for a timm backbone, from timm's Hub repositories or from a file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

import timm
import torch
from timm.models._features import FeatureGetterNet, FeatureHookNet
from torch import Tensor, nn

from hcmoco_bench.errors import DataError, HubError
from hcmoco_bench.modality import Modality
from hcmoco_bench.models.foreign.registry import encoder_prefixes, ignored_heads
from hcmoco_bench.models.weight_files import read_checkpoint, state_dict_in
from hcmoco_bench.models.weights import OWN_PREFIXES, find_network, load_weights


def load_backbone_weights(
    backbone: nn.Module,
    name: str,
    weights: Path | Literal["imagenet"],
    *,
    modality: Modality | None = None,
) -> None:
    """Load all parameters and statistics of a backbone.

    Only what belongs to the same architecture's classification head, or to stages after the last map, may be left over
    in the source; anything else missing, left over or of another shape fails.

    Args:
        backbone: A timm network with `features_only`.
        name: Its timm name.
        weights: `imagenet` for the Hub, or a file with an encoder in a format of this package (`weights.OWN_PREFIXES`)
            or of another program (`foreign.registry.FORMATS`).
        modality: Which encoder to take from a file that holds two.

    Raises:
        HubError: If the Hub cannot be reached and the weights are not in its cache.
        DataError: If the weights do not exist, cannot be read, or do not fit.
    """
    # some wrappers keep the model whole under a name of their own
    target = backbone
    if isinstance(backbone, FeatureGetterNet):
        target = backbone["model"]
    elif isinstance(backbone, FeatureHookNet) and "body" in backbone:
        target = backbone["body"]
    if weights == "imagenet":
        state = _hub_state(name)
        load_weights(target, state, ignore=set(state) - set(target.state_dict()))
        return
    state = state_dict_in(read_checkpoint(weights), file=str(weights))
    found = find_network(
        target,
        state,
        modality=modality,
        candidates=(*encoder_prefixes(), *OWN_PREFIXES),
        file=str(weights),
    )
    own = found.own()
    beginnings = ignored_heads()
    heads = [key for key in own if key.startswith(beginnings)]
    load_weights(target, own, ignore={*heads, *full_model_names(name)}, file=str(weights))


def _hub_state(name: str) -> dict[str, Tensor]:
    """The full model's weights: timm checks them strictly, head included, and renames older layouts."""
    try:
        state: dict[str, Tensor] = timm.create_model(name, pretrained=True).state_dict()
    except OSError as error:  # every error of huggingface_hub and urllib about the network or a file
        reason = str(error).partition("\n")[0]
        raise HubError(
            f"ImageNet weights of {name} cannot be fetched ({reason}); connect, or give a file with weights"
        ) from error
    except RuntimeError as error:
        raise DataError(f"timm has no ImageNet weights that fit {name}: {error}", kind="weights_mismatch") from error
    return state


@cache
def full_model_names(name: str) -> tuple[str, ...]:
    """The names of all weights of timm's model, with its head."""
    with torch.device("meta"):
        return tuple(timm.create_model(name).state_dict())
