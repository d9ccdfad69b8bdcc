"""The precision in which networks compute, and where bf16 is worth it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Literal, TypeVar

import torch

from hcmoco_bench.training.settings import OptimizationSettings, Precision

AnySettings = TypeVar("AnySettings", bound=OptimizationSettings)


def computes_in_bf16(device: torch.device) -> bool:
    """Whether the device multiplies in bf16 itself; one that has to emulate it is several times slower than in fp32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        kinds = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # private in torch, hence asked with care
        return any(getattr(torch.cpu, kind, bool)() for kind in kinds)
    return False


def resolve_precision(precision: Precision, device: torch.device) -> Literal["fp32", "bf16"]:
    """What `auto` stands for on a device; other values stand for themselves."""
    if precision == "auto":
        return "bf16" if computes_in_bf16(device) else "fp32"
    return precision


def with_precision(settings: AnySettings, device: torch.device) -> AnySettings:
    """The settings with their `precision` resolved, so that a run keeps and reports the one that it has."""
    return settings.model_copy(update={"precision": resolve_precision(settings.precision, device)})


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[Any]:
    """A context in which networks compute in the precision; weights and losses stay fp32."""
    enabled = resolve_precision(precision, device) == "bf16"
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)
