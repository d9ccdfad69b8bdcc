"""The network in detectron2's names, with the configuration under which detectron2's DensePose builds the same one.

Read from https://github.com/facebookresearch/detectron2, `projects/DensePose/densepose/modeling` (`hrnet.py`,
`hrfpn.py`, `roi_heads/`, `predictors/chart.py`) and its `Base-DensePose-RCNN-FPN.yaml`.
"""

from __future__ import annotations

from typing import Any, Final

import yaml  # type: ignore[import-untyped]  # its stubs are a package of their own

from hcmoco_bench.errors import UsageError
from hcmoco_bench.models.densepose.detectron2_padding import build_padded_hrfpn_backbone
from hcmoco_bench.models.densepose.hrfpn import HRFPN
from hcmoco_bench.models.densepose.pixels import DEVIATION, MEAN, Pixels
from hcmoco_bench.models.densepose.rcnn import DensePoseRCNN
from hcmoco_bench.models.detectron2_hrnet import check_detectron2_hrnet, detectron2_hrnet
from hcmoco_bench.models.encoder import Encoder
from hcmoco_bench.models.export import fusion_of
from hcmoco_bench.models.foreign.detectron2_densepose import Detectron2DensePose

TRAINING_SPLITS: Final = ("densepose_coco_2014_train", "densepose_coco_2014_valminusminival")
TEST_SPLIT: Final = "densepose_coco_2014_minival"
"""Names under which detectron2's DensePose registers the splits."""

BACKBONE: Final = "build_hrfpn_backbone"
"""Its HRFPN; images are not padded there, see `detectron2_padding`."""


def check_exportable(model: DensePoseRCNN) -> None:
    """Raise UsageError if detectron2's DensePose has no such network; says what differs."""
    check_detectron2_hrnet(model.encoder.name)
    if not isinstance(model.neck, HRFPN):
        raise UsageError(f"the export writes models with HRFPN; this one has neck={model.options.neck}")
    if model.options.pooling != "learned":
        raise UsageError(f"detectron2's HRFPN has learned pooling; this one was trained with {model.options.pooling}")


def to_detectron2(model: DensePoseRCNN) -> dict[str, Any]:
    """What to save with `torch.save` for `MODEL.WEIGHTS`; see `Detectron2DensePose` for the names and the way back.

    Raises:
        UsageError: If detectron2's DensePose has no such network.
    """
    check_exportable(model)
    state = {name: value.detach().cpu().clone().contiguous() for name, value in model.state_dict().items()}
    return Detectron2DensePose().to_published(state)


def detectron2_config(
    model: DensePoseRCNN,
    *,
    weights: str,
    shortest: int,
    longest: int,
    solver: dict[str, Any],
    pixels: Pixels = "rgb",
) -> str:
    """A configuration file for detectron2's DensePose project that builds this network around these weights.

    Args:
        model: The network.
        weights: Value of `MODEL.WEIGHTS`: an absolute path, because detectron2 looks from the folder that it runs in.
        shortest: The shorter side of images in use, px.
        longest: Largest longer side, px.
        solver: What goes under `SOLVER`, for whoever trains on.
        pixels: Form of the images that the model reads; see `set_pixels`.

    Returns:
        YAML for `cfg.merge_from_file`, after `add_densepose_config(cfg)`.

    Raises:
        UsageError: If detectron2's DensePose has no such network.
    """
    check_exportable(model)
    options, strides = model.options, model.neck.strides
    levels = [f"p{number + 1}" for number in range(options.levels)]
    settings = {
        "MODEL": {
            "META_ARCHITECTURE": "GeneralizedRCNN",
            "WEIGHTS": weights,
            "PIXEL_MEAN": list(MEAN if pixels == "rgb" else MEAN[::-1]),
            "PIXEL_STD": list(DEVIATION if pixels == "rgb" else (1.0, 1.0, 1.0)),
            "BACKBONE": {"NAME": BACKBONE},
            "HRNET": {**detectron2_hrnet(model.encoder.name), "HRFPN": {"OUT_CHANNELS": options.width}},
            "ANCHOR_GENERATOR": {"SIZES": [[8 * stride] for stride in strides], "ASPECT_RATIOS": [[0.5, 1.0, 2.0]]},
            "RPN": {
                "IN_FEATURES": levels,
                "BATCH_SIZE_PER_IMAGE": options.anchors_per_picture,
                "PRE_NMS_TOPK_TRAIN": options.proposals_before[0],
                "PRE_NMS_TOPK_TEST": options.proposals_before[1],
                "POST_NMS_TOPK_TRAIN": options.proposals_after[0],
                "POST_NMS_TOPK_TEST": options.proposals_after[1],
            },
            "DENSEPOSE_ON": True,
            "ROI_HEADS": {
                "NAME": "DensePoseROIHeads",
                "IN_FEATURES": levels,
                "NUM_CLASSES": 1,
                "BATCH_SIZE_PER_IMAGE": options.boxes_per_picture,
                "SCORE_THRESH_TEST": options.smallest_score,
                "NMS_THRESH_TEST": options.suppression,
            },
            "ROI_BOX_HEAD": {
                "NAME": "FastRCNNConvFCHead",
                "NUM_FC": 2,
                "FC_DIM": options.box_width,
                "POOLER_RESOLUTION": 7,
                "POOLER_SAMPLING_RATIO": 2,
                "POOLER_TYPE": "ROIAlign",
            },
            "ROI_DENSEPOSE_HEAD": {
                "NAME": "DensePoseV1ConvXHead",
                "NUM_STACKED_CONVS": options.convolutions,
                "CONV_HEAD_DIM": options.head_width,
                "NUM_COARSE_SEGM_CHANNELS": options.coarse_channels,
                "POOLER_TYPE": "ROIAlign",
                "POOLER_RESOLUTION": options.pooled,
                "HEATMAP_SIZE": 4 * options.pooled,
                "FG_IOU_THRESHOLD": options.foreground,
                "DECODER_ON": options.decoder,
                "DECODER_NUM_CLASSES": options.width,
                "DECODER_CONV_DIMS": options.decoder_width,
            },
        },
        "DATASETS": {"TRAIN": list(TRAINING_SPLITS), "TEST": [TEST_SPLIT]},
        "INPUT": {"FORMAT": pixels.upper(), "MIN_SIZE_TEST": shortest, "MAX_SIZE_TEST": longest},
        "SOLVER": solver,
        "VERSION": 2,
    }
    note = f"# Built by hcmoco-bench; {model.encoder.name}{_fusion_note(model.encoder)}\n"
    text: str = yaml.safe_dump(settings, sort_keys=False, default_flow_style=None)
    return note + text


def padded_config(base: str) -> str:
    """A configuration of the same network with padded images, which needs the backbone of `detectron2_padding`.

    Args:
        base: Name of the file that `detectron2_config` gave, in the same folder.

    Returns:
        YAML as `detectron2_config`.
    """
    settings = {"_BASE_": base, "MODEL": {"BACKBONE": {"NAME": build_padded_hrfpn_backbone.__name__}}}
    note = "# Searches images up to their border; DETECTRON2_ENV_MODULE must name the module beside this file.\n"
    text: str = yaml.safe_dump(settings, sort_keys=False)
    return note + text


def _fusion_note(encoder: Encoder) -> str:
    if fusion_of(encoder) == "nearest":
        return "."
    return ", trained with bilinear fusion of its branches. detectron2 fuses by nearest: train on, or expect less."
