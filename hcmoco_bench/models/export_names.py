"""The names under which other programs expect an HRNet encoder, and the way back.

The parameters of timm's HRNet carry the names of the published HRNet, which all these programs kept; what differs is a
prefix, and the key that holds the state dict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.models.detectron2_hrnet import check_detectron2_hrnet
from hcmoco_bench.models.foreign.prefixes import under_prefix


@dataclass(frozen=True)
class NamingScheme:
    """How one program names an HRNet encoder.

    Attributes:
        name: What `export --to` calls it.
        prefix: What its keys start with.
        container: The key of the file's dict that holds the state dict; None if the file is the state dict.
        fusion: How that program's HRNet adds its branches (see `create_raw_hrnet`); the weights are trained with
            `bilinear` unless asked otherwise.
        zip_format: Whether its torch reads the zip format of torch >= 1.6.
        check_backbone: Raises UsageError if the program cannot build an HRNet of that name.
        source: Where the program says so.
    """

    name: str
    prefix: str
    container: str | None
    fusion: str
    zip_format: bool
    source: str
    check_backbone: Callable[[str], None] = lambda name: None


SCHEMES = {
    scheme.name: scheme
    for scheme in (
        NamingScheme(
            name="hrnet-semantic-segmentation",
            prefix="",
            container=None,
            fusion="bilinear",
            zip_format=False,
            source="https://github.com/HRNet/HRNet-Semantic-Segmentation, lib/models/seg_hrnet.py, init_weights "
            "(MODEL.PRETRAINED): the file is the state dict; keys that the model lacks are dropped, last_layer is new",
        ),
        NamingScheme(
            name="detectron2",
            prefix="backbone.bottom_up.",
            container="model",
            fusion="nearest",
            zip_format=True,
            source="https://github.com/facebookresearch/detectron2, projects/DensePose/densepose/modeling/hrfpn.py "
            "(HRFPN.bottom_up) and densepose_checkpoint.py: only files of exactly 1,956 keys (HRNet with its ImageNet "
            "head) are renamed on loading, so an encoder must come with its prefix",
            check_backbone=check_detectron2_hrnet,
        ),
        NamingScheme(
            name="a2j",
            prefix="",
            container=None,
            fusion="bilinear",
            zip_format=False,
            source="https://github.com/hongfz16/HCMoCo, A2J/hrnet/official_hrnet.py, init_weights (pretrain_pth): the "
            "encoder's own state dict, loaded before it becomes A2J's Backbone",
        ),
        NamingScheme(
            name="timm",
            prefix="",
            container=None,
            fusion="nearest",
            zip_format=True,
            source="https://github.com/huggingface/pytorch-image-models, timm/models/hrnet.py: "
            "timm.create_model(name, features_only=True, feature_location='').load_state_dict(state)",
        ),
    )
}
"""Every program by name; all four leave the parameters' own names as they are published."""


def naming_scheme(name: str) -> NamingScheme:
    """The scheme of that name; raises UsageError with the known ones."""
    if name not in SCHEMES:
        raise UsageError(f"format {name!r} is not known; use one of {', '.join(SCHEMES)}")
    return SCHEMES[name]


def to_published(state: Mapping[str, Tensor], scheme: NamingScheme) -> dict[str, Any]:
    """What to save so that the program finds the encoder.

    Args:
        state: The encoder's state dict, `encoder.backbone.state_dict()`.
        scheme: The program.

    Returns:
        The dict to hand to `torch.save`.
    """
    renamed = {scheme.prefix + key: value for key, value in state.items()}
    return renamed if scheme.container is None else {scheme.container: renamed}


def from_published(checkpoint: Mapping[str, Any], scheme: NamingScheme) -> dict[str, Tensor]:
    """The encoder's state dict out of a dict in the program's names; the inverse of `to_published`.

    Keys outside the prefix (heads, necks) are left out.

    Raises:
        DataError: If the container or the prefix is not there.
    """
    state = checkpoint if scheme.container is None else checkpoint.get(scheme.container)
    if not isinstance(state, Mapping):
        raise DataError(f"a {scheme.name} file keeps its weights under {scheme.container!r}; this one has no such key")
    found = under_prefix(state, scheme.prefix)
    if not found:
        raise DataError(f"no key starts with {scheme.prefix!r}, as those of a {scheme.name} encoder do")
    return found
