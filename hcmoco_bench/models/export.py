"""Encoders as files that other programs read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import save as safetensors_bytes
from timm.models._features import FeatureGetterNet, FeatureHookNet
from torch import Tensor, nn

from hcmoco_bench.errors import UsageError
from hcmoco_bench.files.atomic import write_atomic
from hcmoco_bench.files.tensor_files import write_torch_file
from hcmoco_bench.models.backbone_weights import full_model_names
from hcmoco_bench.models.encoder import Encoder
from hcmoco_bench.models.encoders import TimmEncoder
from hcmoco_bench.models.export_names import SCHEMES, NamingScheme, naming_scheme, to_published
from hcmoco_bench.models.hrnet import RAW_HRNETS, fusion_in

SHORT_NAMES = {"hrnet-seg": "hrnet-semantic-segmentation"}
"""What may be said instead of a scheme's full name."""

FORMATS = tuple({scheme: short for short, scheme in SHORT_NAMES.items()}.get(name, name) for name in SCHEMES)
"""Names of all formats, the short ones where there are."""


@dataclass(frozen=True)
class ExportedFile:
    """An encoder that was written.

    Attributes:
        path: The file.
        scheme: Whose names it has.
        tensors: Number of tensors in it.
        parameters: Number of learned numbers in it.
        trained_fusion: How the encoder adds the branches of an HRNet: `bilinear` or `nearest`; empty for others. Where
            the scheme's program does otherwise, the same weights give somewhat other features there.
    """

    path: Path
    scheme: NamingScheme
    tensors: int
    parameters: int
    trained_fusion: str


def write_encoder(encoder: nn.Module, to: str, path: Path) -> ExportedFile:
    """Write an encoder under the names that a program expects.

    Args:
        encoder: What `create_encoder` made; stays as it is.
        to: `timm`, `hrnet-seg`, `detectron2` or `a2j`; see `export_names.SCHEMES`.
        path: The file: `.pth`, or for timm also `.safetensors`.

    Raises:
        UsageError: If the format is not known, cannot hold this encoder, or does not go with the file's suffix.
        StoreError: If the file cannot be written.
    """
    scheme = naming_scheme(SHORT_NAMES.get(to, to))
    _check_suffix(scheme, path)
    if not isinstance(encoder, TimmEncoder):
        raise UsageError(f"a {type(encoder).__name__} has no place in {to}; export it with --to hub")
    if scheme.name != "timm" and encoder.name.partition(".")[0] not in RAW_HRNETS:
        raise UsageError(f"{to} takes an HRNet, this encoder is {encoder.name}; export it with --to timm or --to hub")
    scheme.check_backbone(encoder.name)
    state = encoder_state(encoder)
    content = to_published(state, scheme)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".safetensors":
        write_atomic(path, safetensors_content(content))
    else:
        write_torch_file(path, content, zip_format=scheme.zip_format)
    return ExportedFile(
        path=path,
        scheme=scheme,
        tensors=len(state),
        parameters=sum(value.numel() for value in encoder.parameters()),
        trained_fusion=fusion_of(encoder),
    )


def encoder_state(encoder: Encoder) -> dict[str, Tensor]:
    """An encoder's weights, on the CPU, each with memory of its own; a timm backbone's under the full model's names."""
    if not isinstance(encoder, TimmEncoder):
        return {name: value.detach().cpu().clone().contiguous() for name, value in encoder.state_dict().items()}
    backbone = encoder.backbone
    # wrappers that keep the model whole under a name of their own
    if isinstance(backbone, FeatureGetterNet):
        backbone = backbone["model"]
    elif isinstance(backbone, FeatureHookNet) and "body" in backbone:
        backbone = backbone["body"]
    state = backbone.state_dict()
    full = {name.replace(".", "_"): name for name in full_model_names(encoder.name)}
    named = {full.get(name.replace(".", "_"), name): value for name, value in state.items()}
    return {name: value.detach().cpu().clone().contiguous() for name, value in named.items()}


def fusion_of(encoder: Encoder) -> str:
    """How a raw HRNet adds its branches, `bilinear` or timm's own `nearest`; empty for other encoders."""
    if not isinstance(encoder, TimmEncoder) or encoder.name.partition(".")[0] not in RAW_HRNETS:
        return ""
    return fusion_in(encoder.backbone)


def safetensors_content(state: Mapping[str, Tensor]) -> bytes:
    """The bytes of a safetensors file with these weights, and the mark that timm and transformers look for."""
    return safetensors_bytes(dict(state), metadata={"format": "pt"})


def _check_suffix(scheme: NamingScheme, path: Path) -> None:
    allowed = (".pth", ".safetensors") if scheme.name == "timm" else (".pth",)
    if path.suffix not in allowed:
        raise UsageError(f"{path}: {scheme.name} reads {' or '.join(allowed)} files; give such a name with --out")
