"""Which HRNets detectron2 can load: its own network, built from the configuration alone, against timm's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import timm
import torch

from hcmoco_bench.errors import UsageError
from hcmoco_bench.models.detectron2_hrnet import check_detectron2_hrnet, detectron2_hrnet, detectron2_hrnets
from hcmoco_bench.models.hrnet import RAW_HRNETS

Shapes = dict[str, tuple[int, ...]]


def norm(name: str, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.num_batches_tracked", ()
    for part in ("weight", "bias", "running_mean", "running_var"):
        yield f"{name}.{part}", (width,)


def layer(convolution: str, batch_norm: str, *shape: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{convolution}.weight", shape
    yield from norm(batch_norm, shape[0])


def basic_block(name: str, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    for number in (1, 2):
        yield from layer(f"{name}.conv{number}", f"{name}.bn{number}", width, width, 3, 3)


def detectron2_shapes(configuration: Mapping[str, Any]) -> Shapes:
    """Names and shapes of the parameters of detectron2's `PoseHigherResolutionNet` for a `MODEL.HRNET`."""
    found: Shapes = {}
    found.update(layer("conv1", "bn1", 64, 3, 3, 3))
    found.update(layer("conv2", "bn2", 64, 64, 3, 3))
    for block in range(4):
        name, given = f"layer1.{block}", 256 if block else 64
        found.update(layer(f"{name}.conv1", f"{name}.bn1", 64, given, 1, 1))
        found.update(layer(f"{name}.conv2", f"{name}.bn2", 64, 64, 3, 3))
        found.update(layer(f"{name}.conv3", f"{name}.bn3", 256, 64, 1, 1))
    found.update(layer("layer1.0.downsample.0", "layer1.0.downsample.1", 256, 64, 1, 1))
    before = [256]
    for number in (2, 3, 4):
        stage, widths = configuration[f"STAGE{number}"], configuration[f"STAGE{number}"]["NUM_CHANNELS"]
        assert (stage["BLOCK"], stage["NUM_BRANCHES"], stage["FUSE_METHOD"]) == ("BASIC", len(widths), "SUM")
        for branch, width in enumerate(widths):
            name = f"transition{number - 1}.{branch}"
            if branch >= len(before):
                found.update(layer(f"{name}.0.0", f"{name}.0.1", width, before[-1], 3, 3))
            elif width != before[branch]:
                found.update(layer(f"{name}.0", f"{name}.1", width, before[branch], 3, 3))
        for module in range(stage["NUM_MODULES"]):
            found.update(module_shapes(f"stage{number}.{module}", stage))
        before = widths
    return found


def module_shapes(name: str, stage: Mapping[str, Any]) -> Shapes:
    found: Shapes = {}
    widths = stage["NUM_CHANNELS"]
    for branch, (width, blocks) in enumerate(zip(widths, stage["NUM_BLOCKS"], strict=True)):
        for block in range(blocks):
            found.update(basic_block(f"{name}.branches.{branch}.{block}", width))
    for to, width in enumerate(widths):
        for source, given in enumerate(widths):
            fuse = f"{name}.fuse_layers.{to}.{source}"
            if source > to:
                found.update(layer(f"{fuse}.0", f"{fuse}.1", width, given, 1, 1))
            for step in range(to - source):
                made = width if step == to - source - 1 else given
                found.update(layer(f"{fuse}.{step}.0", f"{fuse}.{step}.1", made, given, 3, 3))
    return found


def timm_shapes(name: str) -> Shapes:
    with torch.device("meta"):
        network = timm.create_model(name, features_only=True, feature_location="")
    return {key: tuple(value.shape) for key, value in network.state_dict().items()}


@pytest.mark.parametrize("name", ["hrnet_w18", "hrnet_w32", "hrnet_w48"])
def test_detectron2_builds_exactly_these_parameters(name: str) -> None:
    assert name in detectron2_hrnets()
    check_detectron2_hrnet(f"{name}.ms_in1k")
    assert detectron2_shapes(detectron2_hrnet(name)) == timm_shapes(name)


def test_an_hrnet_of_another_beginning_is_refused_with_those_that_fit() -> None:
    assert set(RAW_HRNETS) - set(detectron2_hrnets()) == {"hrnet_w18_small"}
    widths = {f"STAGE{count}": [16 * 2**branch for branch in range(count)] for count in (2, 3, 4)}
    nearest = {
        name: detectron2_hrnet("hrnet_w18")[name]
        | {"NUM_CHANNELS": width, "NUM_MODULES": 1, "NUM_BLOCKS": [2] * len(width)}
        for name, width in widths.items()
    }
    own, there = timm_shapes("hrnet_w18_small"), detectron2_shapes(nearest)
    random = [name for name, shape in there.items() if own.get(name) != shape]
    assert random  # no configuration makes its first stage
    assert all(name.startswith(("layer1.", "transition1.")) for name in random)
    with pytest.raises(
        UsageError, match=r"begin with 4 blocks of width 64.*hrnet_w18_small with 1 of width 32"
    ) as caught:
        check_detectron2_hrnet("hrnet_w18_small")
    assert "hrnet_w18, hrnet_w32, hrnet_w48" in str(caught.value)
    with pytest.raises(UsageError, match="this encoder is resnet50"):
        detectron2_hrnet("resnet50.a1_in1k")
