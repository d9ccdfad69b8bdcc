"""A padded HRFPN for detectron2's DensePose, so that people at the right and lower border are found.

HRFPN's transposed convolutions leave a strip of up to 80 px at the right and lower border without cells. This module
registers the backbone `build_padded_hrfpn_backbone`: detectron2's own HRFPN with the same parameters, in front of which
images are enlarged by zeros until each of their pixels has a cell on each level. It needs only detectron2 and its
DensePose project. detectron2 imports the file in each of its processes if `DETECTRON2_ENV_MODULE` names it; the
configuration then chooses the backbone (`MODEL.BACKBONE.NAME`):

    DETECTRON2_ENV_MODULE=/path/to/this_file.py python projects/DensePose/train_net.py --config-file ... --eval-only

In a program of your own, call `setup_environment()` before you build the model.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional

BACKBONE_STRIDE = 32
"""Input px a cell of HRNet's coarsest branch."""


def padded_size(size: int, coarsest: int) -> int:
    """The least side that a padded image needs for every px of `size` to have a cell on each level of an HRFPN.

    The side is whole cells of the coarsest level, and one more cell of the backbone for the up to 4 cells of stride 4
    that the transposed convolutions cut off.

    Args:
        size: Height or width of the image, px.
        coarsest: Input px a cell of the pyramid's coarsest level.
    """
    unit = max(coarsest, BACKBONE_STRIDE)
    return -(-size // unit) * unit + BACKBONE_STRIDE


def pad_images(backbone: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Enlarge a batch, (B, 3, H, W), before a detectron2 backbone reads it; what is added is 0, the mean color."""
    coarsest = max(stride.stride for stride in backbone.output_shape().values())  # type: ignore[operator]
    height, width = inputs[0].shape[-2:]
    more = (0, padded_size(width, coarsest) - width, 0, padded_size(height, coarsest) - height)
    return (functional.pad(inputs[0], more), *inputs[1:])


def build_padded_hrfpn_backbone(cfg: Any, input_shape: Any) -> nn.Module:
    """detectron2's HRFPN with padded images; parameters and their names stay, so the same weights fit."""
    from densepose.modeling.hrfpn import build_hrfpn_backbone  # type: ignore[import-not-found]

    backbone: nn.Module = build_hrfpn_backbone(cfg, input_shape)
    backbone.register_forward_pre_hook(pad_images)
    return backbone


def setup_environment() -> None:
    """Register the backbone; detectron2 calls this for the module that DETECTRON2_ENV_MODULE names."""
    from detectron2.modeling.backbone import BACKBONE_REGISTRY  # type: ignore[import-not-found]

    if build_padded_hrfpn_backbone.__name__ not in BACKBONE_REGISTRY:
        BACKBONE_REGISTRY.register(build_padded_hrfpn_backbone)
