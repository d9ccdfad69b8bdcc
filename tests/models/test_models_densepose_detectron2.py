"""The export to detectron2: its names and shapes from its own configuration, what its code makes of them, and back."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor
from torch.nn import functional

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.models.densepose import detectron2_padding
from hcmoco_bench.models.densepose.detectron2 import detectron2_config, padded_config, to_detectron2
from hcmoco_bench.models.densepose.rcnn import DensePoseRCNN
from hcmoco_bench.models.densepose.settings import RCNNSettings
from hcmoco_bench.models.encoders import TimmEncoder, create_encoder
from hcmoco_bench.models.foreign.detectron2_densepose import Detectron2DensePose
from hcmoco_bench.models.weights import load_weights

SIZES = RCNNSettings(width=16, box_width=24, decoder_width=12, convolutions=2, head_width=20, pooled=7)


def load_published(model: DensePoseRCNN, content: dict[str, Any]) -> None:
    load_weights(model, Detectron2DensePose().from_published(content["model"]))


@cache
def shared_encoder() -> TimmEncoder:
    return create_encoder("hrnet_w18", fusion="nearest")  # takes seconds to make, so tests share one


def make(options: RCNNSettings = SIZES, seed: int = 0, encoder: TimmEncoder | None = None) -> DensePoseRCNN:
    torch.manual_seed(seed)
    model = DensePoseRCNN(encoder or shared_encoder(), options).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d) and module.running_mean is not None:
            module.running_mean.normal_(std=0.1)
    return model


@pytest.fixture(scope="module")
def model() -> DensePoseRCNN:
    return make()


@pytest.fixture(scope="module")
def state(model: DensePoseRCNN) -> dict[str, Tensor]:
    content = to_detectron2(model)
    assert list(content) == ["model"]
    weights: dict[str, Tensor] = content["model"]
    return weights


def settings_of(model: DensePoseRCNN) -> dict[str, Any]:
    text = detectron2_config(model, weights="/models/model.pth", shortest=800, longest=1333, solver={"BASE_LR": 0.01})
    settings: dict[str, Any] = yaml.safe_load(text)
    return settings


KNOWN_KEYS = """
DATASETS: TEST=() TRAIN=()
INPUT: FORMAT=BGR MAX_SIZE_TEST=1333 MIN_SIZE_TEST=800
MODEL: DENSEPOSE_ON=True META_ARCHITECTURE=GeneralizedRCNN PIXEL_MEAN=[103.53] PIXEL_STD=[1.0] WEIGHTS=
MODEL.ANCHOR_GENERATOR: ASPECT_RATIOS=[] SIZES=[]
MODEL.BACKBONE: NAME=build_resnet_backbone
MODEL.HRNET.HRFPN: OUT_CHANNELS=256
MODEL.HRNET.STAGE2: BLOCK=BASIC FUSE_METHOD=SUM NUM_BLOCKS=[] NUM_BRANCHES=2 NUM_CHANNELS=[] NUM_MODULES=1
MODEL.HRNET.STAGE3: BLOCK=BASIC FUSE_METHOD=SUM NUM_BLOCKS=[] NUM_BRANCHES=3 NUM_CHANNELS=[] NUM_MODULES=4
MODEL.HRNET.STAGE4: BLOCK=BASIC FUSE_METHOD=SUM NUM_BLOCKS=[] NUM_BRANCHES=4 NUM_CHANNELS=[] NUM_MODULES=3
MODEL.ROI_BOX_HEAD: FC_DIM=1024 NAME= NUM_FC=0 POOLER_RESOLUTION=14 POOLER_SAMPLING_RATIO=0 POOLER_TYPE=ROIAlignV2
MODEL.ROI_DENSEPOSE_HEAD: CONV_HEAD_DIM=512 DECODER_CONV_DIMS=256 DECODER_NUM_CLASSES=256 DECODER_ON=True
MODEL.ROI_DENSEPOSE_HEAD: FG_IOU_THRESHOLD=0.7 HEATMAP_SIZE=112 NAME= NUM_COARSE_SEGM_CHANNELS=2 NUM_STACKED_CONVS=8
MODEL.ROI_DENSEPOSE_HEAD: POOLER_RESOLUTION=28 POOLER_TYPE=ROIAlignV2
MODEL.ROI_HEADS: BATCH_SIZE_PER_IMAGE=512 IN_FEATURES=[] NAME=Res5ROIHeads NMS_THRESH_TEST=0.5 NUM_CLASSES=80
MODEL.ROI_HEADS: SCORE_THRESH_TEST=0.05
MODEL.RPN: BATCH_SIZE_PER_IMAGE=256 IN_FEATURES=[] POST_NMS_TOPK_TEST=1000 POST_NMS_TOPK_TRAIN=2000
MODEL.RPN: PRE_NMS_TOPK_TEST=6000 PRE_NMS_TOPK_TRAIN=12000
SOLVER: BASE_LR=0.001
VERSION=2
"""
"""Keys of detectron2's `config/defaults.py` and DensePose's `config.py` with their defaults, which tell the types."""


def known_types() -> dict[str, type]:
    found: dict[str, type] = {}
    for line in KNOWN_KEYS.split("\n"):
        section, colon, rest = line.partition(": ")
        for entry in (rest if colon else line).split():
            name, _, value = entry.partition("=")
            kind = list if value[:1] in ("[", "(") else type(yaml.safe_load(value)) if value else str
            found[f"{section}.{name}" if colon else name] = kind
    return found


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in settings.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return found


@pytest.mark.parametrize("decoder", [True, False])
def test_every_key_is_one_that_detectron2_has_with_a_value_of_its_type(decoder: bool) -> None:
    known = known_types()
    settings = flat(settings_of(make(SIZES.replace(decoder=decoder))))
    assert set(settings) <= set(known)  # yacs refuses others
    wrong = [name for name, value in settings.items() if not isinstance(value, known[name])]
    assert wrong == []  # yacs turns a list into a tuple, and nothing else
    assert settings["DATASETS.TEST"] == ["densepose_coco_2014_minival"]


def test_the_padded_configuration_names_the_backbone_of_the_module() -> None:
    settings = yaml.safe_load(padded_config("model.yaml"))
    name = settings["MODEL"]["BACKBONE"]["NAME"]
    assert settings == {"_BASE_": "model.yaml", "MODEL": {"BACKBONE": {"NAME": name}}}
    assert callable(getattr(detectron2_padding, name))


def expected_shapes(settings: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Names and shapes that detectron2 builds outside of the HRNet, from the configuration alone."""
    config = settings["MODEL"]
    channels = config["HRNET"]["STAGE4"]["NUM_CHANNELS"]
    width, levels = config["HRNET"]["HRFPN"]["OUT_CHANNELS"], config["RPN"]["IN_FEATURES"]
    head, box = config["ROI_DENSEPOSE_HEAD"], config["ROI_BOX_HEAD"]
    shapes: dict[str, tuple[int, ...]] = {}

    def layer(name: str, *weight: int, bias: bool = True, transposed: bool = False) -> None:
        shapes[f"{name}.weight"] = weight
        if bias:
            shapes[f"{name}.bias"] = (weight[1] if transposed else weight[0],)

    def norm(name: str, count: int) -> None:
        shapes[f"{name}.num_batches_tracked"] = ()
        shapes.update({f"{name}.{part}": (count,) for part in ("weight", "bias", "running_mean", "running_var")})

    for number, count in enumerate(channels):
        layer(f"backbone.interp_conv.{number}.0", count, count, 4, 4, bias=False)
        norm(f"backbone.interp_conv.{number}.1", count)
    for number in range(len(levels)):
        layer(f"backbone.reduction_pooling_conv.{number}.0", width, sum(channels), 2**number, 2**number)
        norm(f"backbone.reduction_pooling_conv.{number}.1", width)
        layer(f"backbone.fpn_conv.{number}", width, width, 3, 3)
    anchors = len(config["ANCHOR_GENERATOR"]["ASPECT_RATIOS"][0])
    layer("proposal_generator.rpn_head.conv", width, width, 3, 3)
    layer("proposal_generator.rpn_head.objectness_logits", anchors, width, 1, 1)
    layer("proposal_generator.rpn_head.anchor_deltas", 4 * anchors, width, 1, 1)
    layer("roi_heads.box_head.fc1", box["FC_DIM"], width * box["POOLER_RESOLUTION"] ** 2)
    layer("roi_heads.box_head.fc2", box["FC_DIM"], box["FC_DIM"])
    classes = config["ROI_HEADS"]["NUM_CLASSES"]
    layer("roi_heads.box_predictor.cls_score", classes + 1, box["FC_DIM"])
    layer("roi_heads.box_predictor.bbox_pred", 4 * classes, box["FC_DIM"])
    if head["DECODER_ON"]:
        hidden = head["DECODER_CONV_DIMS"]
        for number, level in enumerate(levels):
            steps = max(1, number)
            for step in range(steps):
                index = step if number == 0 else 2 * step
                layer(f"roi_heads.decoder.{level}.{index}", hidden, width if step == 0 else hidden, 3, 3)
        layer("roi_heads.decoder.predictor", head["DECODER_NUM_CLASSES"], hidden, 1, 1)
    hidden = head["CONV_HEAD_DIM"]
    for number in range(head["NUM_STACKED_CONVS"]):
        name = f"roi_heads.densepose_head.body_conv_fcn{number + 1}"
        layer(name, hidden, width if number == 0 else hidden, 3, 3)
    outputs = {"ann_index_lowres": head["NUM_COARSE_SEGM_CHANNELS"], "index_uv_lowres": 25, "u_lowres": 25}
    for name, count in (outputs | {"v_lowres": 25}).items():
        layer(f"roi_heads.densepose_predictor.{name}", hidden, count, 4, 4, transposed=True)
    return shapes


@pytest.mark.parametrize("decoder", [True, False])
def test_names_and_shapes_are_those_that_detectron2_builds_from_the_configuration(decoder: bool) -> None:
    model = make(SIZES.replace(decoder=decoder, coarse_channels=15))
    state = to_detectron2(model)["model"]
    settings = settings_of(model)
    found = {name: tuple(value.shape) for name, value in state.items() if not name.startswith("backbone.bottom_up.")}
    assert found == expected_shapes(settings)
    assert settings["MODEL"]["HRNET"]["STAGE3"]["NUM_CHANNELS"] == [18, 36, 72]
    assert settings["MODEL"]["ANCHOR_GENERATOR"]["SIZES"] == [[32], [64], [128], [256], [512]]
    assert settings["SOLVER"] == {"BASE_LR": 0.01}


def test_the_hrnet_has_the_names_of_the_published_one(state: dict[str, Tensor]) -> None:
    names = {name.removeprefix("backbone.bottom_up.") for name in state if name.startswith("backbone.bottom_up.")}
    assert {"conv1.weight", "layer1.3.conv3.weight", "stage4.2.fuse_layers.3.0.2.1.running_var"} <= names
    assert len(names) == 1830  # all that the published network has without its head


def detectron2_pyramid(state: dict[str, Tensor], maps: tuple[Tensor, ...]) -> list[Tensor]:
    """detectron2's HRFPN in use, written from its names."""

    def norm(values: Tensor, name: str) -> Tensor:
        parts = (state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return functional.batch_norm(values, *parts).relu()

    enlarged = [
        norm(
            functional.conv_transpose2d(features, state[f"backbone.interp_conv.{i}.0.weight"], stride=2**i),
            f"backbone.interp_conv.{i}.1",
        )
        for i, features in enumerate(maps)
    ]
    height, width = (min(features.shape[axis] for features in enlarged) for axis in (2, 3))
    joined = torch.cat([features[:, :, :height, :width] for features in enlarged], dim=1)
    levels = []
    for i in range(5):
        name = f"backbone.reduction_pooling_conv.{i}"
        reduced = functional.conv2d(joined, state[f"{name}.0.weight"], state[f"{name}.0.bias"], stride=2**i)
        levels.append(norm(reduced, f"{name}.1"))
    for i in range(5):
        cut = levels[-1 - i][:, :, : levels[-1].shape[2] * 2**i, : levels[-1].shape[3] * 2**i]
        levels[-1 - i] = cut
    names = [f"backbone.fpn_conv.{i}" for i in range(5)]
    return [
        functional.conv2d(level, state[f"{name}.weight"], state[f"{name}.bias"], padding=1)
        for level, name in zip(levels, names, strict=True)
    ]


def detectron2_charts(state: dict[str, Tensor], features: Tensor) -> list[Tensor]:
    """Its DensePose head and predictor."""
    for number in (1, 2):
        name = f"roi_heads.densepose_head.body_conv_fcn{number}"
        features = functional.conv2d(features, state[f"{name}.weight"], state[f"{name}.bias"], padding=1).relu()
    outputs = []
    for output in ("ann_index_lowres", "index_uv_lowres", "u_lowres", "v_lowres"):
        name = f"roi_heads.densepose_predictor.{output}"
        low = functional.conv_transpose2d(features, state[f"{name}.weight"], state[f"{name}.bias"], 2, 1)
        outputs.append(functional.interpolate(low, scale_factor=2, mode="bilinear", align_corners=False))
    return outputs


@pytest.mark.parametrize("size", [(160, 224), (133, 201)], ids=["multiples of 32", "others, which are not padded"])
def test_detectron2s_arithmetic_on_the_exported_weights_gives_the_same_features(
    model: DensePoseRCNN, state: dict[str, Tensor], size: tuple[int, int]
) -> None:
    torch.manual_seed(1)
    with torch.no_grad():
        maps = model.encoder(torch.randn(1, 3, *size))
        own = list(model.neck(maps).values())
        for mine, theirs in zip(own, detectron2_pyramid(state, maps), strict=True):
            torch.testing.assert_close(mine, theirs)
        features = torch.randn(2, SIZES.width, 7, 7)
        charts = model.densepose(features)
        for name, theirs in zip(("coarse", "fine", "u", "v"), detectron2_charts(state, features), strict=True):
            torch.testing.assert_close(getattr(charts, name), theirs)


def test_the_person_is_class_0_there_and_has_its_own_corrections(
    model: DensePoseRCNN, state: dict[str, Tensor]
) -> None:
    hidden = torch.randn(3, SIZES.box_width)
    scores, deltas = model.people.box_predictor(hidden)
    name = "roi_heads.box_predictor"
    theirs = functional.linear(hidden, state[f"{name}.cls_score.weight"], state[f"{name}.cls_score.bias"])
    torch.testing.assert_close(scores.softmax(1)[:, 1], theirs.softmax(1)[:, 0])
    corrections = functional.linear(hidden, state[f"{name}.bbox_pred.weight"], state[f"{name}.bbox_pred.bias"])
    torch.testing.assert_close(deltas[:, 4:], corrections)


def test_there_and_back_gives_the_same_detections(model: DensePoseRCNN) -> None:
    other = make(seed=5, encoder=create_encoder("hrnet_w18", fusion="nearest"))
    load_published(other, to_detectron2(model))
    image = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        one, two = model(image, [(64, 64)], charted=1)[0], other(image, [(64, 64)], charted=1)[0]
    assert torch.equal(one.boxes, two.boxes)
    assert torch.equal(one.charts.u, two.charts.u)


def test_weights_of_other_sizes_are_refused_and_change_nothing(model: DensePoseRCNN) -> None:
    other = make(SIZES.replace(head_width=8), seed=3)
    before = {name: value.clone() for name, value in other.state_dict().items()}
    with pytest.raises(DataError, match=r"of another shape: .*densepose\.body\.0\.weight"):
        load_published(other, to_detectron2(model))
    assert all(torch.equal(value, before[name]) for name, value in other.state_dict().items())


def test_what_detectron2_cannot_build_is_refused() -> None:
    small = DensePoseRCNN(create_encoder("hrnet_w18_small"), SIZES.replace(pooling="average"))
    with pytest.raises(UsageError, match="hrnet_w18_small"):
        to_detectron2(small)
    pooled = make(SIZES.replace(pooling="average"))
    with pytest.raises(UsageError, match="learned"):
        detectron2_config(pooled, weights="x.pth", shortest=800, longest=1333, solver={})


def test_the_configuration_says_when_the_fusion_differs() -> None:
    model = make(encoder=create_encoder("hrnet_w18"))
    text = detectron2_config(model, weights="x.pth", shortest=800, longest=1333, solver={})
    assert "bilinear" in text.splitlines()[0]


def test_the_configuration_says_in_which_form_the_model_reads_images() -> None:
    options: dict[str, Any] = {"weights": "x.pth", "shortest": 800, "longest": 1333, "solver": {}}
    found = {pixels: yaml.safe_load(detectron2_config(make(), pixels=pixels, **options)) for pixels in ("rgb", "bgr")}
    assert [found[pixels]["INPUT"]["FORMAT"] for pixels in found] == ["RGB", "BGR"]
    assert found["rgb"]["MODEL"]["PIXEL_MEAN"] == found["bgr"]["MODEL"]["PIXEL_MEAN"][::-1] == [123.675, 116.28, 103.53]
    assert found["rgb"]["MODEL"]["PIXEL_STD"] == [58.395, 57.12, 57.375]
    assert found["bgr"]["MODEL"]["PIXEL_STD"] == [1.0, 1.0, 1.0]
