"""The HRNets that detectron2's DensePose can build, and how its configuration describes them.

Read from https://github.com/facebookresearch/detectron2, `projects/DensePose/densepose/modeling/hrnet.py` and
`config.py`: stages 2 to 4 follow `MODEL.HRNET`, while the stem and stage 1 are fixed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from timm.models.hrnet import cfg_cls

from hcmoco_bench.errors import UsageError
from hcmoco_bench.models.hrnet import RAW_HRNETS

_STEM_WIDTH: Final = 64
_FIRST_STAGE: Final[Mapping[str, Any]] = {"block_type": "BOTTLENECK", "num_blocks": (4,), "num_channels": (64,)}
_CONFIGURED_STAGES: Final = (2, 3, 4)


def detectron2_hrnets() -> tuple[str, ...]:
    """Names of the HRNets that detectron2 can build."""
    return tuple(name for name in RAW_HRNETS if _fits(name))


def check_detectron2_hrnet(name: str) -> None:
    """Raise UsageError, which says why and which others fit, if detectron2 cannot build an HRNet.

    Args:
        name: One of `RAW_HRNETS`, with or without a timm tag.
    """
    if _fits(name):
        return
    others = ", ".join(detectron2_hrnets())
    name = name.partition(".")[0]
    if name not in RAW_HRNETS:
        raise UsageError(f"detectron2's DensePose has HRNets like {others}; this encoder is {name}")
    first = _configuration(name)["stage1"]
    raise UsageError(
        f"detectron2's HRNets begin with {_FIRST_STAGE['num_blocks'][0]} blocks of width "
        f"{_FIRST_STAGE['num_channels'][0]}, and {name} with {first['num_blocks'][0]} of width "
        f"{first['num_channels'][0]}, whose weights would stay random there; it can load {others}"
    )


def detectron2_hrnet(name: str) -> dict[str, dict[str, Any]]:
    """What goes under `MODEL.HRNET` to build an HRNet.

    Args:
        name: One of `RAW_HRNETS`, with or without a timm tag.

    Raises:
        UsageError: If detectron2 cannot build it.
    """
    check_detectron2_hrnet(name)
    configuration = _configuration(name)
    return {f"STAGE{number}": _stage(configuration[f"stage{number}"]) for number in _CONFIGURED_STAGES}


def _configuration(name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = cfg_cls[name.partition(".")[0]]
    return found


def _fits(name: str) -> bool:
    if name.partition(".")[0] not in RAW_HRNETS:
        return False
    configuration = _configuration(name)
    first = configuration["stage1"]
    return configuration["stem_width"] == _STEM_WIDTH and all(first[key] == _FIRST_STAGE[key] for key in _FIRST_STAGE)


def _stage(stage: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "NUM_MODULES": stage["num_modules"],
        "NUM_BRANCHES": stage["num_branches"],
        "BLOCK": stage["block_type"],
        "NUM_BLOCKS": list(stage["num_blocks"]),
        "NUM_CHANNELS": list(stage["num_channels"]),
        "FUSE_METHOD": stage["fuse_method"],
    }
