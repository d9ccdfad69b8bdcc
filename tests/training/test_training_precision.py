"""`auto` is bf16 where the device computes in it, and a run keeps what it stood for."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hcmoco_bench.training.precision import autocast, computes_in_bf16, resolve_precision, with_precision
from hcmoco_bench.training.settings import OptimizationSettings

CPU = torch.device("cpu")


@pytest.mark.parametrize(("has_avx512", "has_amx"), [(False, False), (True, False), (False, True)])
def test_auto_asks_the_processor(monkeypatch: pytest.MonkeyPatch, has_avx512: bool, has_amx: bool) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_avx512)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: has_amx)
    expected = "bf16" if has_avx512 or has_amx else "fp32"
    assert computes_in_bf16(CPU) == (expected == "bf16")
    assert resolve_precision("auto", CPU) == expected
    assert with_precision(OptimizationSettings(precision="auto"), CPU).precision == expected
    with autocast("auto", CPU):
        assert nn.Linear(2, 2)(torch.ones(1, 2)).dtype == (torch.bfloat16 if expected == "bf16" else torch.float32)


def test_torch_still_tells_what_the_processor_has() -> None:
    """The two questions are private functions of torch: without them, `auto` would be fp32 everywhere."""
    assert isinstance(torch.cpu._is_avx512_bf16_supported(), bool)
    assert isinstance(torch.cpu._is_amx_tile_supported(), bool)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_named_precision_stays(precision: str) -> None:
    settings = OptimizationSettings(precision=precision)
    assert with_precision(settings, CPU) == settings
    with autocast(settings.precision, CPU):
        assert nn.Linear(2, 2)(torch.ones(1, 2)).dtype == getattr(torch, {"fp32": "float32"}.get(precision, "bfloat16"))
