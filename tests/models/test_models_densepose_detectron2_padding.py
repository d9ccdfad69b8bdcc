"""The padded HRFPN for detectron2, in a stand-in of the parts of detectron2 that it meets."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from hcmoco_bench.models.densepose import detectron2_padding
from hcmoco_bench.models.densepose.hrfpn import HRFPN
from hcmoco_bench.models.encoders import create_encoder

ShapeSpec = namedtuple("ShapeSpec", ["channels", "stride"])


class Registry:
    """The part of fvcore's: names to functions, each name once."""

    def __init__(self) -> None:
        self.entries: dict[str, Callable[..., Any]] = {}

    def register(self, made: Callable[..., Any]) -> None:
        assert made.__name__ not in self.entries
        self.entries[made.__name__] = made

    def __contains__(self, name: str) -> bool:
        return name in self.entries


class TheirHRFPN(nn.Module):
    """detectron2's interface around this package's parts: images in, a dictionary of levels out, strides told."""

    def __init__(self) -> None:
        super().__init__()
        self.bottom_up = create_encoder("hrnet_w18_small", fusion="nearest")
        self.neck = HRFPN(self.bottom_up.channels, self.bottom_up.strides, width=8, levels=4)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return dict(self.neck(self.bottom_up(images)))

    def output_shape(self) -> dict[str, ShapeSpec]:
        return {f"p{number + 1}": ShapeSpec(8, stride) for number, stride in enumerate(self.neck.strides)}


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    found = Registry()

    def build_hrfpn_backbone(cfg: Any, input_shape: Any) -> TheirHRFPN:
        assert (cfg, input_shape) == ("cfg", "shape")
        return TheirHRFPN().eval()

    for name in ("detectron2.modeling", "densepose.modeling"):
        monkeypatch.setitem(sys.modules, name.partition(".")[0], ModuleType(name.partition(".")[0]))
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    backbone, hrfpn = ModuleType("detectron2.modeling.backbone"), ModuleType("densepose.modeling.hrfpn")
    backbone.BACKBONE_REGISTRY = found  # type: ignore[attr-defined]
    hrfpn.build_hrfpn_backbone = build_hrfpn_backbone  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, backbone.__name__, backbone)
    monkeypatch.setitem(sys.modules, hrfpn.__name__, hrfpn)
    return found


def as_detectron2_imports(path: Path) -> ModuleType:
    """How `detectron2.utils.env` imports the file that DETECTRON2_ENV_MODULE names; it then calls its function."""
    spec = importlib.util.spec_from_file_location("detectron2.utils.env.custom_module", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.setup_environment()
    return module


def test_it_registers_a_backbone_with_the_same_parameters_that_pads(registry: Registry, tmp_path: Path) -> None:
    path = tmp_path / "padding.py"
    path.write_text(Path(detectron2_padding.__file__).read_text("utf-8"), "utf-8")
    module = as_detectron2_imports(path)
    assert list(registry.entries) == ["build_padded_hrfpn_backbone"]
    module.setup_environment()  # a second time changes nothing
    torch.manual_seed(0)
    built = registry.entries["build_padded_hrfpn_backbone"]("cfg", "shape")
    torch.manual_seed(0)
    theirs = TheirHRFPN().eval()
    assert list(built.state_dict()) == list(theirs.state_dict())
    images = torch.randn(2, 3, 100, 150)
    with torch.no_grad():
        padded, alone = built(images), theirs(images)
        sides = [theirs.neck.padded_size(side) for side in (100, 150)]
        enlarged = torch.zeros(2, 3, *sides)
        enlarged[:, :, :100, :150] = images
        expected = theirs(enlarged)
    for number, (name, level) in enumerate(padded.items()):
        assert torch.equal(level, expected[name])
        assert level.shape[2] * 4 * 2**number >= 100
        assert level.shape[3] * 4 * 2**number >= 150
        assert alone[name].shape[3] * 4 * 2**number < 150


def test_the_file_needs_nothing_of_this_package() -> None:
    tree = ast.parse(Path(detectron2_padding.__file__).read_text("utf-8"))
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported == {"__future__", "typing", "torch", "detectron2", "densepose"}
