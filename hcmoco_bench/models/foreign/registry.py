"""All formats of other programs' checkpoints by name, and how a file is recognized as one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from torch import Tensor

from hcmoco_bench.modality import Modality
from hcmoco_bench.models.foreign.backbones import backbone_of
from hcmoco_bench.models.foreign.format import ForeignFormat
from hcmoco_bench.models.foreign.prefixes import under_prefix
from hcmoco_bench.models.foreign.wrappers import unwrapped
from hcmoco_bench.models.weights import OWN_PREFIXES, Prefix
from hcmoco_bench.runtime.registry import Registry

FORMATS: Final[Registry[ForeignFormat]] = Registry(
    "checkpoint format",
    ForeignFormat,  # type: ignore[type-abstract]  # entries are of classes that derive from it
    "hcmoco_bench.formats",
    {
        "a2j": "hcmoco_bench.models.foreign.a2j:PublishedA2J",
        "detectron2-densepose": "hcmoco_bench.models.foreign.detectron2_densepose:Detectron2DensePose",
        "detectron2-densepose-fpn": "hcmoco_bench.models.foreign.detectron2_fpn:Detectron2FPN",
        "hcmoco": "hcmoco_bench.models.foreign.hcmoco:PublishedHCMoCo",
        "hrnet-semantic-segmentation": "hcmoco_bench.models.foreign.hrnet_segmentation:HRNetSegmentation",
        "momentum-contrast": "hcmoco_bench.models.foreign.momentum_contrast:MomentumContrast",
        "plain-encoder": "hcmoco_bench.models.foreign.plain_encoder:PlainEncoder",
    },
)


@dataclass(frozen=True)
class Recognized:
    """A state dict of another program.

    Attributes:
        format: Its format.
        state: The tensors under the format's names, without those of wrappers.
    """

    format: ForeignFormat
    state: dict[str, Tensor]


def register_format(form: ForeignFormat | type[ForeignFormat]) -> None:
    """Add a format in this process.

    A package that is installed beside this one names its formats in the entry-point group `hcmoco_bench.formats`
    instead.

    Raises:
        UsageError: If a format of that name is registered already.
    """
    FORMATS.register(form.name, form)


def all_formats() -> tuple[ForeignFormat, ...]:
    """Every format; those that hold a whole network come first, so that such a file is not taken for an encoder."""
    return tuple(sorted(map(FORMATS.get, FORMATS.names()), key=lambda form: (form.network is None, form.name)))


def recognize(state: Mapping[str, Tensor]) -> Recognized | None:
    """The format of a state dict, with or without wrappers' names; None if it is of no known program."""
    formats = all_formats()
    for names in unwrapped(state):
        for form in formats:
            if form.recognizes(names.keys()):
                return Recognized(form, names)
    return None


def encoder_prefixes() -> tuple[Prefix, ...]:
    """Where other programs keep an encoder inside a state dict, without the names of wrappers."""
    return tuple(
        Prefix(text, modality, form.program) for form in all_formats() for text, modality in form.encoders.items()
    )


def backbone_in(state: Mapping[str, Tensor], modality: Modality) -> str | None:
    """The backbone of a modality's encoder in a state dict, wherever it is kept; None if `backbone_of` knows none."""
    prefixes = [p.text for p in (*encoder_prefixes(), *OWN_PREFIXES) if p.modality in (None, modality)]
    for names in unwrapped(state):
        for prefix in dict.fromkeys(prefixes):
            found = backbone_of(under_prefix(names, prefix))
            if found is not None:
                return found
    return None


def ignored_heads() -> tuple[str, ...]:
    """Beginnings of the names, beside those of an encoder, that are known to belong to no encoder."""
    return tuple(dict.fromkeys(name for form in all_formats() for name in (*form.ignored, *form.heads)))
