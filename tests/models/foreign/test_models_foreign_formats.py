"""Formats of other programs: recognized by content, out and in bit for bit, behind any wrappers, never run."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.models.a2j import A2J, concatenate_maps
from hcmoco_bench.models.densepose.rcnn import DensePoseRCNN
from hcmoco_bench.models.densepose.settings import RCNNSettings
from hcmoco_bench.models.encoders import TimmEncoder, create_encoder
from hcmoco_bench.models.foreign.backbones import backbone_of
from hcmoco_bench.models.foreign.format import ForeignFormat
from hcmoco_bench.models.foreign.hcmoco import PublishedHCMoCo
from hcmoco_bench.models.foreign.registry import FORMATS, backbone_in, recognize, register_format
from hcmoco_bench.models.foreign.wrappers import unwrapped
from hcmoco_bench.models.segmentation import SegmentationNet
from hcmoco_bench.models.weight_files import read_checkpoint, state_dict_in
from hcmoco_bench.models.weights import load_weights
from hcmoco_bench.pretrain.multimodal.model import MultiModalModel

SMALL = "hrnet_w18_small"
SIZES = RCNNSettings(width=8, levels=3, box_width=8, decoder_width=8, convolutions=2, head_width=8, pooled=7)


@cache
def encoder(name: str) -> TimmEncoder:
    made = create_encoder(name)
    generator = torch.Generator().manual_seed(len(name))
    for value in made.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=generator))
    return made


@cache
def segmentation() -> nn.Module:
    return SegmentationNet(encoder(SMALL), 25)


@cache
def a2j() -> A2J:
    return A2J(encoder(SMALL), 3, width=8)


@cache
def densepose() -> nn.Module:
    return DensePoseRCNN(encoder("hrnet_w18"), SIZES)


@cache
def densepose_with_fpn() -> nn.Module:
    return DensePoseRCNN(encoder("resnet50_caffe"), SIZES.replace(neck="fpn", levels=5))


@cache
def multimodal() -> nn.Module:
    return MultiModalModel(encoder(SMALL), create_encoder(SMALL), joint_set("mpii16"), dim=16)


MODELS: dict[str, tuple[Callable[[], nn.Module], dict[str, Any]]] = {
    "a2j": (a2j, {"backbone": SMALL, "head_width": 8}),
    "detectron2-densepose": (
        densepose,
        {name: getattr(SIZES, name) for name in ("width", "levels", "box_width", "decoder_width", "convolutions")}
        | {"backbone": "hrnet_w18", "head_width": 8, "coarse_channels": 2, "decoder": True, "pixels": "rgb"},
    ),
    "detectron2-densepose-fpn": (
        densepose_with_fpn,
        {name: getattr(SIZES, name) for name in ("width", "box_width", "decoder_width", "convolutions")}
        | {"backbone": "resnet50_caffe", "head_width": 8, "coarse_channels": 2, "decoder": True, "pixels": "bgr"}
        | {"neck": "fpn", "levels": 5},
    ),
    "hcmoco": (multimodal, {"backbone": SMALL, "dim": 16}),
    "hrnet-semantic-segmentation": (segmentation, {"backbone": SMALL}),
    "momentum-contrast": (lambda: encoder("resnet18").backbone, {"backbone": "resnet18"}),
    "plain-encoder": (lambda: encoder("resnet34").backbone, {"backbone": "resnet34"}),
}
"""For each format a network of this package, and what its tensors tell."""

LOOKED_UP: dict[str, dict[str, tuple[int, ...]]] = {
    "a2j": {
        "Backbone.stage4.0.branches.3.1.conv2.weight": (128, 128, 3, 3),
        "classificationModel.conv1.weight": (8, 240, 3, 3),
        "classificationModel.bn4.running_var": (8,),
        "regressionModel.output.weight": (9 * 3 * 2, 8, 3, 3),
        "DepthRegressionModel.output.bias": (9 * 3,),
    },
    "detectron2-densepose": {
        "backbone.bottom_up.conv1.weight": (64, 3, 3, 3),
        "backbone.interp_conv.3.0.weight": (144, 144, 4, 4),
        "backbone.reduction_pooling_conv.2.0.weight": (8, 270, 4, 4),
        "proposal_generator.rpn_head.anchor_deltas.weight": (12, 8, 1, 1),
        "roi_heads.box_predictor.cls_score.bias": (2,),
        "roi_heads.box_predictor.bbox_pred.weight": (4, 8),
        "roi_heads.decoder.p3.2.weight": (8, 8, 3, 3),
        "roi_heads.decoder.predictor.weight": (8, 8, 1, 1),
        "roi_heads.densepose_head.body_conv_fcn1.weight": (8, 8, 3, 3),
        "roi_heads.densepose_predictor.index_uv_lowres.weight": (8, 25, 4, 4),
    },
    "detectron2-densepose-fpn": {
        "backbone.bottom_up.stem.conv1.weight": (64, 3, 7, 7),
        "backbone.bottom_up.stem.conv1.norm.running_var": (64,),
        "backbone.bottom_up.res2.0.shortcut.weight": (256, 64, 1, 1),
        "backbone.bottom_up.res2.0.shortcut.norm.bias": (256,),
        "backbone.bottom_up.res5.2.conv3.weight": (2048, 512, 1, 1),
        "backbone.bottom_up.res5.2.conv3.norm.weight": (2048,),
        "backbone.fpn_lateral2.weight": (8, 256, 1, 1),
        "backbone.fpn_output5.bias": (8,),
        "proposal_generator.rpn_head.objectness_logits.bias": (3,),
        "roi_heads.decoder.p2.0.weight": (8, 8, 3, 3),
        "roi_heads.decoder.p5.4.bias": (8,),
        "roi_heads.densepose_predictor.v_lowres.bias": (25,),
    },
    "hcmoco": {
        "module.encoder1.conv1.weight": (64, 3, 3, 3),
        "module.encoder2.conv1.weight": (64, 3, 3, 3),
        "module.encoder3.gconv_layers.3.gconv2.gconv.W": (2, 128, 128),
        "module.encoder3.gconv_output.bias": (128,),
        "module.head1.0.weight": (16, 240),
        "module.head3.0.weight": (16, 128),
        "module.encoder2_linear.weight": (16, 240, 1, 1),
    },
    "hrnet-semantic-segmentation": {
        "model.transition1.1.0.0.weight": (32, 128, 3, 3),
        "model.last_layer.0.weight": (240, 240, 1, 1),
        "model.last_layer.1.running_mean": (240,),
        "model.last_layer.3.bias": (25,),
    },
    "momentum-contrast": {"module.encoder_q.layer4.1.bn2.bias": (512,)},
    "plain-encoder": {"layer3.5.conv2.weight": (256, 256, 3, 3)},
}
"""Names and shapes that the programs' own code gives for these sizes."""

BESIDE: dict[str, dict[str, Tensor]] = {
    "detectron2-densepose-fpn": {
        "pixel_mean": torch.ones(3, 1, 1),
        "pixel_std": torch.ones(3, 1, 1),
        "proposal_generator.anchor_generator.cell_anchors.0": torch.ones(3, 4),
    },
    "hrnet-semantic-segmentation": {"loss.criterion.weight": torch.ones(25)},
    "momentum-contrast": {
        "encoder_q.fc.0.weight": torch.ones(4, 4),
        "encoder_q.mlp_invariant.0.weight": torch.ones(2, 2),
        "encoder_q.conv_variant.0.weight": torch.ones(2, 2, 1, 1),
        "encoder_q.lifting.fc1.weight": torch.ones(2, 2),
        "encoder_k.conv1.weight": torch.ones(64, 3, 7, 7),
        "queue": torch.ones(4, 8),
        "queue_inv": torch.ones(4, 8),
        "queue_ptr": torch.zeros(1, dtype=torch.long),
    },
    "plain-encoder": {"fc.weight": torch.ones(1000, 512), "lifting.fc1.weight": torch.ones(2, 2)},
}
"""What the programs' files hold beside the network, and nobody takes."""


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return list(one) == list(other) and all(
        value.dtype == other[name].dtype and torch.equal(value, other[name]) for name, value in one.items()
    )


def test_every_format_has_its_round_trip_here() -> None:
    assert set(MODELS) == set(LOOKED_UP) == set(FORMATS.names())


@pytest.mark.parametrize("name", MODELS)
def test_official_names_go_out_and_come_in_bit_for_bit(tmp_path: Path, name: str) -> None:
    form, (make, told) = FORMATS.get(name), MODELS[name]
    own = make().state_dict()
    torch.save(form.to_published(own), tmp_path / "published.pth")
    published = state_dict_in(read_checkpoint(tmp_path / "published.pth"))
    assert {key: tuple(published[key].shape) for key in LOOKED_UP[name]} == LOOKED_UP[name]
    found = recognize(published)
    assert found is not None
    assert found.format.name == name
    assert form.settings(found.state) == told
    inside = form.from_published(found.state)
    if name == "detectron2-densepose-fpn":  # frozen batch norm has no counters
        own = {key: value for key, value in own.items() if not key.endswith("num_batches_tracked")}
    if name.startswith("detectron2-densepose"):  # detectron2 has no box corrections for the background
        own = own | {key: inside[key] for key in own if key.startswith("people.box_predictor.deltas.")}
    assert equal(inside, own)
    assert equal(state_dict_in(form.to_published(inside)), published)
    assert load_weights(make(), inside).complete


@pytest.mark.parametrize(
    "wrappers", ["", "module.", "module.model.", "model._orig_mod.module.", "_orig_mod.module.module."]
)
@pytest.mark.parametrize("name", MODELS)
def test_wrappers_and_what_stands_beside_make_no_difference(name: str, wrappers: str) -> None:
    form, (make, told) = FORMATS.get(name), MODELS[name]
    plain = list(unwrapped(state_dict_in(form.to_published(make().state_dict()))))[-1]
    found = recognize({wrappers + key: value for key, value in (plain | BESIDE.get(name, {})).items()})
    assert found is not None
    assert (found.format.name, form.settings(found.state)) == (name, told)
    assert form.from_published(found.state).keys() == form.from_published(plain).keys()


def test_an_offset_is_published_as_y_then_x() -> None:
    model = A2J(create_encoder(SMALL), 3, width=8)
    published = FORMATS.get("a2j").to_published(model.state_dict())
    model.eval()
    with torch.no_grad():
        features = concatenate_maps(model.encoder(torch.rand(1, 3, 32, 32)))
        hidden = nn.Sequential(*list(model.offset_head)[:-1])(features)
        layer = "regressionModel.output"
        theirs = functional.conv2d(hidden, published[f"{layer}.weight"], published[f"{layer}.bias"], padding=1)
        ours = model.offset_head(features)
    yx, xy = theirs.unflatten(1, (9, 3, 2)), ours.unflatten(1, (9, 3, 2))
    torch.testing.assert_close(yx.flip(3), xy)
    assert not torch.allclose(yx, xy)


def test_the_memory_bank_goes_out_and_comes_in_bit_for_bit(tmp_path: Path) -> None:
    form = PublishedHCMoCo()
    bank = {f"bank_{name}": torch.randn(7, 16) for name in ("rgb", "depth", "keypoints")}
    torch.save(form.to_published(multimodal().state_dict()) | form.objective_to_published(bank), tmp_path / "c.pth")
    content = read_checkpoint(tmp_path / "c.pth")
    assert list(content["contrast"]) == ["memory_1", "memory_2", "memory_3"]
    assert torch.equal(content["contrast"]["memory_2"], bank["bank_depth"])
    assert equal(form.objective(content), bank)
    assert form.objective({"model": {}}) == {}


def test_a_first_stage_has_no_dense_mappers_and_point_networks_stay_outside() -> None:
    form = PublishedHCMoCo()
    state = form.to_published(multimodal().state_dict())["model"]
    plain = {name.removeprefix("module."): value for name, value in state.items()}
    first = {name: value for name, value in plain.items() if "_linear" not in name}
    assert not any(name.startswith("dense_mappers") for name in form.from_published(first))
    points = {name: value for name, value in plain.items() if not name.startswith("encoder2")}
    points |= {"encoder2.SA_modules.0.mlps.0.layer0.conv.weight": torch.ones(2, 3, 1, 1)}
    points |= {"encoder2_linear.conv.weight": torch.ones(128, 128, 1)}
    found = form.from_published(points)
    assert not any("depth" in name for name in found)
    assert "rgb_encoder.backbone.conv1.weight" in found


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50", "resnet101"])
def test_the_depth_of_a_resnet_is_told_from_its_tensors(name: str) -> None:
    with torch.device("meta"):
        state = timm.create_model(name).state_dict()
    assert backbone_of(state) == name
    assert backbone_in({f"module.encoder_q.{key}": value for key, value in state.items()}, "rgb") == name


def test_a_backbone_that_is_not_known_is_not_guessed() -> None:
    with torch.device("meta"):
        state = timm.create_model("wide_resnet50_2").state_dict()
    assert backbone_of(state) is None
    assert backbone_of({"bert.weight": torch.ones(1)}) is None


@pytest.mark.parametrize(("scale", "told"), [(1.0, "rgb"), (57.4, "bgr")])
def test_the_statistics_of_the_first_layer_tell_which_pixels_a_detectron2_model_takes(scale: float, told: str) -> None:
    layers = nn.Sequential(nn.Conv2d(3, 64, 3, bias=False), nn.BatchNorm2d(64, momentum=None))
    smooth = functional.interpolate(torch.randn(8, 3, 8, 8), size=(48, 48), mode="bilinear")
    layers(scale * (smooth + 0.3 * torch.randn(8, 3, 48, 48)) / smooth.std())
    state = state_dict_in(FORMATS.get("detectron2-densepose").to_published(densepose().state_dict()))
    statistics = {"conv1.weight": layers[0].weight.detach(), "bn1.running_var": layers[1].running_var}
    state |= {f"backbone.bottom_up.{name}": value for name, value in statistics.items()}
    assert FORMATS.get("detectron2-densepose").settings(state)["pixels"] == told


@pytest.mark.parametrize(
    ("extra", "why"),
    [
        ("roi_heads.densepose_head.ASPP.convs.0.0.weight", "DeepLabV3"),
        ("roi_heads.densepose_predictor.sigma_2_lowres.weight", "confidences"),
    ],
)
def test_densepose_models_that_are_built_otherwise_are_named(extra: str, why: str) -> None:
    form = FORMATS.get("detectron2-densepose")
    state = state_dict_in(form.to_published(densepose().state_dict()))
    with pytest.raises(DataError, match=why):
        form.settings(state | {extra: torch.ones(1)})


@pytest.mark.parametrize("name", ["hcmoco", "hrnet-semantic-segmentation", "a2j", "detectron2-densepose"])
def test_networks_that_a_program_does_not_have_are_not_written(name: str) -> None:
    with pytest.raises(UsageError):
        FORMATS.get(name).to_published({"keypoint_encoder.e": torch.ones(1), "encoder.down.0.weight": torch.ones(1)})


def test_another_format_is_one_more_class() -> None:
    class Named(ForeignFormat):
        name = "named"
        program = "a program"
        files = "`x.pth`"
        encoders = MappingProxyType({"trunk.": None})
        takes = leaves = source = ""

        def recognizes(self, names: Any) -> bool:
            return "trunk.conv1.weight" in names

        def settings(self, state: Any) -> dict[str, Any]:
            return {}

        def from_published(self, state: Any) -> dict[str, Tensor]:
            return dict(state)

        def to_published(self, state: Any) -> dict[str, Any]:
            return dict(state)

    register_format(Named)
    try:
        state = {f"module.trunk.{name}": value for name, value in encoder("resnet18").backbone.state_dict().items()}
        found = recognize(state)
        assert found is not None
        assert found.format.name == "named"
        assert backbone_in(state, "rgb") == "resnet18"
    finally:
        FORMATS.unregister("named")


def test_names_that_only_look_like_wrappers_are_left_alone() -> None:
    state = {"model.a": torch.zeros(1), "module.a": torch.ones(1)}
    assert [list(names) for names in unwrapped(state)] == [["model.a", "module.a"]]
    mixed = {"module.model.conv.weight": torch.zeros(1), "module.loss.weight": torch.ones(1)}
    assert [list(names) for names in unwrapped(mixed)][-1] == ["conv.weight", "loss.weight"]
    assert np.array_equal([len(names) for names in unwrapped(mixed)], [2, 2, 2])
