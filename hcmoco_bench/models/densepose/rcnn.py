"""The DensePose R-CNN: encoder, HRFPN, torchvision's proposals and boxes, and the DensePose head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.detection.faster_rcnn import TwoMLPHead
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import RoIHeads, fastrcnn_loss
from torchvision.models.detection.rpn import RegionProposalNetwork
from torchvision.ops import box_iou

from hcmoco_bench.models.densepose.anchors import ASPECT_RATIOS, PyramidAnchors
from hcmoco_bench.models.densepose.decoder import PyramidDecoder
from hcmoco_bench.models.densepose.fpn import FPN
from hcmoco_bench.models.densepose.head import Charts, DensePoseHead
from hcmoco_bench.models.densepose.hrfpn import HRFPN
from hcmoco_bench.models.densepose.roi_align import PyramidRoIAlign
from hcmoco_bench.models.densepose.settings import RCNNSettings
from hcmoco_bench.models.encoder import Encoder

PERSON = 1
CLASSES = 2
_BOX_RESOLUTION = 7


@dataclass(frozen=True)
class TrainingOutput:
    """What a training step gives.

    Attributes:
        losses: `objectness`, `proposal_box`, `class` and `box`: scalars, torchvision's.
        charts: Of the R regions that fit an annotated person.
        boxes: (R, 4) the regions, x0, y0, x1, y1 input px.
        image: (R,) int64 number of the image in the batch.
        person: (R,) int64 number of the person in that image.
    """

    losses: dict[str, Tensor]
    charts: Charts
    boxes: Tensor
    image: Tensor
    person: Tensor


@dataclass(frozen=True)
class Detections:
    """People found in one image, best first.

    Attributes:
        boxes: (N, 4) float32 x0, y0, x1, y1 input px; N is 100 at most.
        scores: (N,) in 0..1.
        charts: Of the first boxes, as many as were asked for.
        finite: Whether the network gave finite numbers for this image; if not, people may be missing.
    """

    boxes: Tensor
    scores: Tensor
    charts: Charts
    finite: bool


class DensePoseRCNN(nn.Module):
    """Finds people and the surface of their bodies.

    Args:
        encoder: With maps from stride 4 on.
        options: Sizes.
    """

    def __init__(self, encoder: Encoder, options: RCNNSettings) -> None:
        super().__init__()
        self.options = options
        self.encoder = encoder
        self.neck = _neck(encoder, options)
        strides, regional = self.neck.strides, self.neck.strides[: self.neck.region_levels]
        before, after = options.proposals_before, options.proposals_after
        self.proposals = RegionProposalNetwork(
            PyramidAnchors(tuple(8.0 * stride for stride in strides), strides),
            _ProposalHead(options.width, len(ASPECT_RATIOS)),
            fg_iou_thresh=0.7,
            bg_iou_thresh=0.3,
            batch_size_per_image=options.anchors_per_picture,
            positive_fraction=0.5,
            pre_nms_top_n={"training": before[0], "testing": before[1]},
            post_nms_top_n={"training": after[0], "testing": after[1]},
            nms_thresh=0.7,
        )
        self.people = RoIHeads(
            PyramidRoIAlign(_BOX_RESOLUTION, regional),
            TwoMLPHead(options.width * _BOX_RESOLUTION**2, options.box_width),
            _BoxPredictor(options.box_width),
            fg_iou_thresh=0.5,
            bg_iou_thresh=0.5,
            batch_size_per_image=options.boxes_per_picture,
            positive_fraction=0.25,
            bbox_reg_weights=None,
            score_thresh=options.smallest_score,
            nms_thresh=options.suppression,
            detections_per_img=100,
        )
        self.decoder: PyramidDecoder | None = None
        if options.decoder:
            self.decoder = PyramidDecoder(options.width, regional, hidden=options.decoder_width, out=options.width)
        self.regions = PyramidRoIAlign(options.pooled, strides[:1] if options.decoder else regional)
        self.densepose = DensePoseHead(
            options.width,
            convolutions=options.convolutions,
            width=options.head_width,
            coarse_channels=options.coarse_channels,
        )

    def forward(
        self,
        images: Tensor,
        sizes: Sequence[tuple[int, int]],
        people: Sequence[Tensor] | None = None,
        annotated: Sequence[Tensor] | None = None,
        *,
        charted: int = 20,
        padded: bool = True,
    ) -> TrainingOutput | list[Detections]:
        """Train on a batch, or look for people in it.

        Args:
            images: (B, 3, H, W) normalized; smaller images are at the upper left, the rest is 0.
            sizes: Height and width of each image within that.
            people: In training: for each image (P, 4) float32 boxes of all people, input px; P may be 0.
            annotated: In training: (P,) bool, who has DensePose annotations.
            charted: In use: number of detections per image, the best ones, that get charts.
            padded: Pad images so that each of their pixels has a cell on each level. detectron2 does so for an FPN; for
                an HRFPN it does not, and a strip of up to 80 px at the right and lower border is not searched. Without
                padding, images in use are
                searched one by one, as there, so that what is found does not depend on the rest of the batch.

        Raises:
            DataError: Kind `image_too_small` if an image that is not padded has no cell on the coarsest level.
        """
        if not (padded or self.training):
            alone = zip(images[:, None], sizes, strict=True)
            return [
                self._search(self._padded(image[..., : size[0], : size[1]], padded=False), [size], charted)[0]
                for image, size in alone
            ]
        images = self._padded(images, padded=padded)
        if not self.training:
            return self._search(images, sizes, charted)
        pyramid = self.neck(self.encoder(images))
        listed = ImageList(images, list(sizes))
        if people is None or annotated is None:
            raise ValueError("training needs the people of each image, and who of them is annotated")
        targets = [
            {"boxes": boxes, "labels": torch.full((len(boxes),), PERSON, device=boxes.device)} for boxes in people
        ]
        boxes, losses = self.proposals(listed, pyramid, targets)
        boxes, matched, labels, regression = self.people.select_training_samples(boxes, targets)
        scores, deltas = self._judge(pyramid, boxes)
        class_loss, box_loss = fastrcnn_loss(scores, deltas, labels, regression)
        chosen = [self._learnable(*each) for each in zip(boxes, matched, labels, people, annotated, strict=True)]
        return TrainingOutput(
            losses={
                "objectness": losses["loss_objectness"],
                "proposal_box": losses["loss_rpn_box_reg"],
                "class": class_loss,
                "box": box_loss,
            },
            charts=self._charts(pyramid, [box[rows] for box, rows in zip(boxes, chosen, strict=True)]),
            boxes=torch.cat([box[rows] for box, rows in zip(boxes, chosen, strict=True)]),
            image=torch.cat([torch.full_like(rows, number) for number, rows in enumerate(chosen)]),
            person=torch.cat([match[rows] for match, rows in zip(matched, chosen, strict=True)]),
        )

    def _padded(self, images: Tensor, *, padded: bool) -> Tensor:
        """Images with zeros at the right and lower border, where they are asked for or detectron2 adds them too."""
        if not (padded or self.neck.padded_in_detectron2):
            return images
        height, width = (self.neck.padded_size(side) for side in images.shape[-2:])
        return functional.pad(images, (0, width - images.shape[-1], 0, height - images.shape[-2]))

    def _search(self, images: Tensor, sizes: Sequence[tuple[int, int]], charted: int) -> list[Detections]:
        pyramid = self.neck(self.encoder(images))
        boxes, _ = self.proposals(ImageList(images, list(sizes)), pyramid)
        scores, deltas = self._judge(pyramid, boxes)
        counts = [len(box) for box in boxes]
        finite = torch.stack([features.isfinite().flatten(1).all(dim=1) for features in pyramid.values()]).all(dim=0)
        judged = torch.cat([scores, deltas], dim=1).isfinite().all(dim=1).split(counts)  # type: ignore[no-untyped-call]
        found, confidence, _ = self.people.postprocess_detections(scores, deltas, boxes, list(sizes))
        charts = self._charts(pyramid, [box[:charted] for box in found])
        result, first = [], 0
        for number, box in enumerate(found):
            own = charts.rows(first, first + min(len(box), charted))
            first += len(own)
            sound = bool(finite[number] & judged[number].all() & own.isfinite())
            result.append(Detections(box, confidence[number], own, sound))
        return result

    def _judge(self, pyramid: dict[str, Tensor], boxes: list[Tensor]) -> tuple[Tensor, Tensor]:
        features = self.people.box_roi_pool(self._regional(pyramid), boxes)
        scores, deltas = self.people.box_predictor(self.people.box_head(features))
        return scores, deltas

    def _charts(self, pyramid: dict[str, Tensor], boxes: list[Tensor]) -> Charts:
        source = self._regional(pyramid) if self.decoder is None else [self.decoder(pyramid)]
        charts: Charts = self.densepose(self.regions(source, boxes))
        return charts

    def _regional(self, pyramid: dict[str, Tensor]) -> list[Tensor]:
        """The levels from which regions are read."""
        return list(pyramid.values())[: self.neck.region_levels]

    def _learnable(self, boxes: Tensor, matched: Tensor, labels: Tensor, people: Tensor, annotated: Tensor) -> Tensor:
        """Rows of the boxes that lie well on an annotated person."""
        if not len(people):
            return matched.new_zeros(0)
        overlap = box_iou(boxes, people).gather(1, matched[:, None])[:, 0]
        rows = torch.nonzero((labels == PERSON) & annotated[matched] & (overlap >= self.options.foreground))[:, 0]
        limit = self.options.regions_per_picture
        if limit is not None and len(rows) > limit:
            rows = rows[torch.randperm(len(rows), device=rows.device)[:limit]]
        return rows


def _neck(encoder: Encoder, options: RCNNSettings) -> HRFPN | FPN:
    if options.neck == "fpn":
        return FPN(encoder.channels, encoder.strides, width=options.width, levels=options.levels)
    return HRFPN(encoder.channels, encoder.strides, width=options.width, levels=options.levels, pooling=options.pooling)


class _ProposalHead(nn.Module):
    """Objectness and corrections of each anchor; float32 under autocast too.

    Boxes of some hundred px need more than bfloat16's 8 bits.
    """

    def __init__(self, width: int, anchors: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)
        self.objectness = nn.Conv2d(width, anchors, 1)
        self.deltas = nn.Conv2d(width, 4 * anchors, 1)
        for layer in (self.conv, self.objectness, self.deltas):
            _start(layer, 0.01)

    def forward(self, maps: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        hidden = [self.conv(features).relu() for features in maps]
        return (
            [self.objectness(features).float() for features in hidden],
            [self.deltas(features).float() for features in hidden],
        )


class _BoxPredictor(nn.Module):
    """Scores of background and person, and the box's corrections for each; float32 under autocast too."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scores = nn.Linear(width, CLASSES)
        self.deltas = nn.Linear(width, 4 * CLASSES)
        _start(self.scores, 0.01)
        _start(self.deltas, 0.001)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        return self.scores(features).float(), self.deltas(features).float()


def _start(layer: nn.Conv2d | nn.Linear, deviation: float) -> None:
    nn.init.normal_(layer.weight, std=deviation)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
