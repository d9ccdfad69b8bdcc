"""What depth and RGB parsing share: frames of a prepared store, HRNet's head, and the segmentation metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from hcmoco_bench.body import part_table
from hcmoco_bench.data.framing import Framing, Region
from hcmoco_bench.data.intrinsics import RigIntrinsics
from hcmoco_bench.data.normalise import normalise_depth, normalise_rgb
from hcmoco_bench.data.parsing import IGNORE, ParsingBatch, ParsingDataset, collate_parsing
from hcmoco_bench.data.parsing_index import read_parsing_index
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.metrics.segmentation import (
    SegmentationMetric,
    SegmentationScores,
    segmentation_per_class,
    segmentation_scores,
)
from hcmoco_bench.modality import Modality
from hcmoco_bench.models.segmentation import SegmentationNet
from hcmoco_bench.plotting.parsing import ParsedSample, class_bars, confusion_figure, parsing_sheet
from hcmoco_bench.prepare.manifest import MANIFEST_FILE, file_sha256
from hcmoco_bench.prepare.parsing_store import open_parsing_store
from hcmoco_bench.prepare.store import Store
from hcmoco_bench.pretrain.build import POINTNET
from hcmoco_bench.progress import Progress, no_progress
from hcmoco_bench.results.evidence import Evidence
from hcmoco_bench.tasks.batches import autocast, evaluation_batches
from hcmoco_bench.tasks.config import FinetuneConfig
from hcmoco_bench.tasks.encoder import task_encoder
from hcmoco_bench.tasks.label_images import Encoding, LabelImages
from hcmoco_bench.tasks.record import ProtocolRecord
from hcmoco_bench.tasks.task import Evaluation, Picture, Task, TaskData, TaskOptions
from hcmoco_bench.tasks.uniform import spread
from hcmoco_bench.training.objective import Measure, Objective, StepResult

STORE = "parsing4k"
PUBLISHED_LABELS: Final = (1000, 1000)
"""Width and height of the labels in the authors' evaluation, whatever the frame's."""

NATIVE = ProtocolRecord(
    name="native",
    summary="The frame keeps its aspect; scores at the labels' own resolution, from one forward pass; absent classes "
    "are left out of the means.",
)
PUBLISHED = ProtocolRecord(
    name="published",
    summary=(
        "As the authors' code: the frame is stretched to a square, labels are brought to 1000x1000 (nearest), scores "
        "of the frame and of its mirror image are averaged and enlarged to that, and a class that is absent scores 0. "
        "Its training picks the best epoch on the test split: choose = best does so, and the result says that it leaks."
    ),
)
BAD_INPUT = (
    "Errors, by name: labels that are no class indices, a picture and labels of different sizes, class scores that are "
    "not finite; predicted images that are damaged, of another size, or hold unknown ids; missing, repeated or unknown "
    "predictions. Counted and named, left out of the scores: samples of the split that are not in the store, or have "
    "no picture or no labels there."
)


class ParsingOptions(TaskOptions):
    """Settings of parsing.

    Attributes:
        lists: Which declared splits: v2 (train and test of 1,963), v3 (the first fifth of both lists), subjects (no
            performer on both sides).
        framing: What fills the input: frame, or person: the square around the pixels with measured depth, for small
            inputs; background is predicted outside of it. It uses nothing from the labels.
        class_weights: In the training loss: published for NTU, none; auto: as the authors did for the store's data.
        encoding: Pixels of predicted images: class indices, raw ids, or auto.
    """

    lists: Literal["v2", "v3", "subjects"] = "v2"
    framing: Literal["frame", "person"] = "frame"
    class_weights: Literal["auto", "published", "none"] = "auto"
    encoding: Encoding = "auto"


class ParsingObjective:
    """Cross entropy of every pixel, with scores enlarged to the labels; pixels with label 255 do not count.

    Args:
        weights: (C,) of the classes; None for none.
        points: Whether the network takes points; background is then no class.
    """

    columns = ("accuracy",)

    def __init__(self, weights: Tensor | None, *, points: bool) -> None:
        self.weights, self.points = weights, points

    def __call__(self, model: nn.Module, batch: ParsingBatch, *, stage: int, generator: torch.Generator) -> StepResult:
        """The loss, and the share of pixels that are right."""
        scores = model(*network_input(batch, points=self.points))
        labels = torch.stack(batch.labels).long()
        if self.points:
            labels = labels.where(labels > 0, IGNORE)
        loss, accuracy = pixel_loss(scores, labels, self.weights)
        return StepResult(loss, {"accuracy": accuracy})

    def state_dict(self) -> dict[str, Any]:
        """Nothing is kept between steps."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing is kept between steps."""


def pixel_loss(scores: Tensor, labels: Tensor, weights: Tensor | None) -> tuple[Tensor, Measure]:
    """Cross entropy over the pixels that count, and the share of them that are right.

    Args:
        scores: (B, C, h, w), enlarged to the labels here.
        labels: (B, H, W) int64, 255 where they do not count.
        weights: (C,) of the classes; None for none.

    Returns:
        The mean by PyTorch's weights, 0 (and not nan) if no pixel counts; and the accuracy.
    """
    scores = functional.interpolate(scores.float(), size=labels.shape[-2:], mode="bilinear", align_corners=False)
    weights = torch.ones(scores.shape[1]) if weights is None else weights
    weights = weights.to(scores.device)
    counted = labels != IGNORE
    total = weights[labels.where(counted, 0)].where(counted, 0.0).sum().clamp(min=1e-6)
    summed = functional.cross_entropy(scores, labels, weights, ignore_index=IGNORE, reduction="sum")
    number = counted.sum()
    right = (scores.argmax(1) == labels).sum() / number
    return summed / total, Measure(right.detach(), number)


def network_input(batch: ParsingBatch, *, points: bool) -> tuple[Tensor, Tensor | None]:
    """What `SegmentationNet` takes: the normalised picture, or for points metres and intrinsics."""
    if batch.rgb is not None:
        return normalise_rgb(batch.rgb), None
    if batch.depth is None:
        raise ValueError("a batch has neither RGB nor depth")
    return (batch.depth, batch.intrinsics) if points else (normalise_depth(batch.depth), None)


class ParsingTask(Task):
    """Part labels of frames from a prepared store; the tasks differ in the picture that is read."""

    options: ClassVar[type[TaskOptions]] = ParsingOptions
    modality: ClassVar[Modality]
    defaults: ClassVar[Mapping[str, Any]] = {
        "image_size": 473,
        "batch_size": 80,
        "epochs": 150,
        "lr": 0.007,
        "momentum": 0.9,
        "weight_decay": 5e-4,
        "schedule": "poly",
        "poly_power": 0.9,
    }

    def picture(self, config: FinetuneConfig) -> Modality:
        """The modality that is scored on."""
        return self.modality

    def scored_size(self, config: FinetuneConfig) -> int:
        """Side of the square that holds a whole frame in scoring, px."""
        return config.image_size

    def check(self, config: FinetuneConfig) -> None:
        """See `Task.check`."""
        super().check(config)
        if config.root is not None:
            raise UsageError(f"{self.record.id} reads a prepared store; run prepare on {config.root}, and give --store")
        if config.backbone == POINTNET and self.modality != "depth":
            raise UsageError(f"{self.record.id}: pointnet takes depth as points; choose another --backbone")
        if self._options(config).framing == "person" and (
            self.modality != "depth" or config.protocol == PUBLISHED.name
        ):
            raise UsageError("framing=person goes with depth and the protocol native; leave it out")
        if config.ratio != 1 and self._options(config).lists != "v2":
            raise UsageError(f"--ratio goes with the lists v2, not with {self._options(config).lists}")

    def default_data(self, home: Path) -> dict[str, Any]:
        """The store that `prepare ntu` makes in the home folder."""
        store = home / STORE
        if not (store / MANIFEST_FILE).is_file():
            raise UsageError(
                f"{store}: no prepared store. With NTU RGB+D: hcmoco-bench prepare ntu --root DIR --annotations MASKS. "
                "Without: hcmoco-bench synth ntu --out generated, then hcmoco-bench prepare ntu --root generated "
                "--annotations generated"
            )
        return {"stores": (str(store),)}

    def training_split(self, config: FinetuneConfig) -> str:
        """See `Task.training_split`; of the chosen lists."""
        lists = self._options(config).lists
        return super().training_split(config) if lists == "v2" else f"{lists}_train"

    def test_split(self, config: FinetuneConfig) -> str:
        """See `Task.test_split`; of the chosen lists."""
        lists = self._options(config).lists
        return "test" if lists == "v2" else f"{lists}_test"

    def open_data(self, config: FinetuneConfig, split: str, *, train: bool) -> TaskData:
        """See `Task.open_data`; `config.stores` is one store with masks."""
        if len(config.stores) != 1:
            raise UsageError(f"{self.record.id} reads one store, {len(config.stores)} are given; use --store once")
        return self._open_frames(Path(config.stores[0]), config, split, train=train)

    def _open_frames(self, path: Path, config: FinetuneConfig, split: str, *, train: bool) -> TaskData:
        """The frames of a split with the picture that is scored on, and their labels; the other one is not read."""
        store, modality = open_parsing_store(path), self.picture(config)
        if split not in store.splits:
            raise UsageError(f"{store.path}: has no split {split}; it has {', '.join(store.splits)}")
        if not store.manifest.parts:
            raise UsageError(f"{store.path}: has no part masks; prepare it with --annotations")
        index = read_parsing_index(store, split, modality)
        declared = store.splits[split]
        wanted = set(declared.ids) - set(index.ids.tolist()) - {problem.id for problem in index.problems}
        dataset = ParsingDataset(
            store.path,
            index,
            store.shards(),
            modality=modality,
            size=config.image_size if train else self.scored_size(config),
            framing=self._framing(config),
            seed=config.seed,
            train=train,
            intrinsics=RigIntrinsics.of_store(store) if modality == "depth" and isinstance(store, Store) else None,
            label_size=PUBLISHED_LABELS if config.protocol == PUBLISHED.name and not train else None,
        )
        return TaskData(
            dataset=dataset,
            collate=collate_parsing,
            ids=tuple(index.ids.tolist()),
            name="NTURGBD-Parsing-4K" if isinstance(store, Store) else "Human3.6M",
            generated=store.manifest.source.generated,
            split=split,
            expected=declared.ids,
            split_sha256=declared.sha256,
            manifest_sha256=file_sha256(store.path / MANIFEST_FILE),
            problems=(*(problem for problem in store.problems() if problem.id in wanted), *index.problems),
            groups=tuple(index.groups.tolist()),
        )

    def build_model(self, config: FinetuneConfig, *, fresh: bool = True) -> SegmentationNet:
        """See `Task.build_model`."""
        return SegmentationNet(task_encoder(config, self.modality, fresh=fresh), len(part_table()))

    def build_objective(self, config: FinetuneConfig, model: nn.Module, data: TaskData) -> Objective[Any]:
        """See `Task.build_objective`."""
        return ParsingObjective(self._class_weights(config, data), points=config.backbone == POINTNET)

    def evaluate(
        self,
        model: nn.Module,
        data: TaskData,
        config: FinetuneConfig,
        *,
        device: torch.device,
        progress: Progress = no_progress,
        pictures: int = 0,
    ) -> Evaluation:
        """See `Task.evaluate`."""
        metric = self._metric(config, device)
        sheet = _Sheet(data.ids, pictures)
        done = 0
        for batch in evaluation_batches(data, config, device):
            scores = class_scores(model, batch, config, device)
            for place, name in enumerate(batch.sample_ids):
                target = self._scored(batch.labels[place], config)
                prediction = whole_prediction(scores[place], batch.regions[place], target, name)
                metric.update(prediction[None], target[None], [name])
                if name in sheet:
                    sheet.add(batch, place, target, prediction)
            done += len(batch.sample_ids)
            progress("scoring, samples", done, len(data))
        progress("scoring, samples", len(data), len(data))
        return self._evaluation(metric, data, sheet)

    def score_predictions(
        self,
        path: Path,
        data: TaskData,
        config: FinetuneConfig,
        *,
        progress: Progress = no_progress,
        pictures: int = 0,
    ) -> Evaluation:
        """See `Task.score_predictions`; `path` is a folder of `<sample id>.png`, see `LabelImages`."""
        dataset = data.dataset
        if not isinstance(dataset, ParsingDataset):
            raise TypeError("predictions are scored on a whole split")
        images = LabelImages.open(path, data.ids, self._options(config).encoding)
        metric = self._metric(config, torch.device("cpu"))
        sheet = _Sheet(data.ids, pictures)
        for row, name in enumerate(data.ids):
            label = dataset.label(row)
            predicted = torch.from_numpy(dataset.scored_label(images.read(name, (label.shape[1], label.shape[0]))))
            target = self._scored(torch.from_numpy(dataset.scored_label(label)), config)
            metric.update(predicted[None], target[None], [name])
            if name in sheet:
                sheet.add(collate_parsing([dataset[row]], 1), 0, target, predicted)
            progress("scoring, samples", row + 1, len(data))
        return self._evaluation(metric, data, sheet)

    def scores(self, evidence: Evidence) -> dict[str, float]:
        """Percent: mIoU and accuracies by the protocol's rules, and mIoU of the parts without background."""
        found = segmentation_scores(evidence) | {"miou_parts": segmentation_scores(evidence, background=False)["miou"]}
        return {name: 100 * value for name, value in found.items()}

    def _evaluation(self, metric: SegmentationMetric, data: TaskData, sheet: _Sheet) -> Evaluation:
        found, evidence = metric.compute(), metric.evidence()
        per_class = {
            name: {figure: None if value is None else 100 * value for figure, value in figures.items()}
            for name, figures in segmentation_per_class(evidence).items()
        }
        return Evaluation(
            scores=self.scores(evidence),
            per_class=per_class,
            evidence=evidence,
            n_expected=len(data.expected),
            n_scored=len(evidence),
            pictures=_pictures(found, per_class, sheet) if sheet.wanted else (),
        )

    def _metric(self, config: FinetuneConfig, device: torch.device) -> SegmentationMetric:
        return SegmentationMetric(
            part_table().names,
            ignore_index=IGNORE,
            absent="zero" if config.protocol == PUBLISHED.name else "skip",
            background=config.backbone != POINTNET,
            device=device,
        )

    def _scored(self, label: Tensor, config: FinetuneConfig) -> Tensor:
        """The label as it is scored: without background for points."""
        return label.where(label > 0, IGNORE) if config.backbone == POINTNET else label

    def _framing(self, config: FinetuneConfig) -> Framing:
        if config.protocol == PUBLISHED.name:
            return "stretch"
        return "person" if self._options(config).framing == "person" else "fit"

    def _class_weights(self, config: FinetuneConfig, data: TaskData) -> Tensor | None:
        """(C,) weights of the classes in the loss; None for none."""
        chosen = self._options(config).class_weights
        weighted = chosen == "published" or (chosen == "auto" and data.name.startswith("NTU"))
        return torch.from_numpy(part_table().weights.copy()) if weighted else None

    def _options(self, config: FinetuneConfig) -> ParsingOptions:
        return cast(ParsingOptions, self.options.model_validate(config.options))


def class_scores(model: nn.Module, batch: ParsingBatch, config: FinetuneConfig, device: torch.device) -> Tensor:
    """(B, C, h, w) float32 scores of a batch as the protocol makes them."""
    points = config.backbone == POINTNET
    with autocast(config, device):
        scores: Tensor = model(*network_input(batch, points=points))
        if config.protocol == PUBLISHED.name:
            other = model(*network_input(batch.mirrored(), points=points))
            partners = torch.from_numpy(part_table().flip.astype(np.int64)).to(device)
            scores = (scores + other.flip(-1)[:, partners]) / 2
    scores = scores.float()
    if points:
        scores[:, 0] = -1e4  # finite, so that it can be interpolated
    return scores


def whole_prediction(scores: Tensor, region: Region, target: Tensor, sample_id: str) -> Tensor:
    """The classes of a whole frame from the scores of its region; background outside of that.

    Args:
        scores: (C, h, w) of the region, enlarged bilinearly.
        region: Pixels of the target that the scores are of.
        target: (H, W), for size and device.
        sample_id: For messages.

    Returns:
        (H, W) uint8.

    Raises:
        DataError: If the highest score of a pixel is not finite (`prediction_not_finite`).
    """
    enlarged = functional.interpolate(scores[None], size=(region.height, region.width), mode="bilinear")[0]
    highest, classes = enlarged.max(0)  # passes nan on
    if not bool(highest.isfinite().all()):
        raise DataError(
            f"sample {sample_id}: class scores are nan or infinite; the model has diverged, or its input is bad",
            kind="prediction_not_finite",
        )
    height, width = target.shape
    prediction = torch.zeros_like(target, dtype=torch.uint8)
    top, left = max(0, -region.top), max(0, -region.left)
    inside = classes[top : height - region.top, left : width - region.left]
    row, column = max(0, region.top), max(0, region.left)
    prediction[row : row + inside.shape[0], column : column + inside.shape[1]] = inside.to(torch.uint8)
    return prediction


@dataclass
class _Sheet:
    """Collects some samples, evenly spread over a split."""

    ids: tuple[str, ...]
    number: int
    samples: list[ParsedSample] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.wanted = frozenset(spread(self.ids, self.number))

    def __contains__(self, name: str) -> bool:
        return name in self.wanted

    def add(self, batch: ParsingBatch, place: int, label: Tensor, prediction: Tensor) -> None:
        """Keep a sample of a batch: its input, its labels and prediction."""
        picture: NDArray[Any]
        if batch.rgb is not None:
            picture = batch.rgb[place].permute(1, 2, 0).cpu().numpy()
        elif batch.depth is not None:
            picture = batch.depth[place, 0].cpu().numpy()
        truth, found = (labels.cpu().numpy().astype(np.uint8) for labels in (label, prediction))
        self.samples.append(ParsedSample(batch.sample_ids[place], picture, batch.regions[place], truth, found))


def _pictures(
    found: SegmentationScores, per_class: Mapping[str, Mapping[str, float | None]], sheet: _Sheet
) -> tuple[Picture, ...]:
    names = part_table().names
    pictures = [
        Picture("classes", "IoU and accuracy of each class", partial(class_bars, per_class)),
        Picture("confusion", "What each class is taken for", partial(confusion_figure, found.confusion, names)),
    ]
    if sheet.samples:
        samples = sorted(sheet.samples, key=lambda sample: sample.sample_id)
        pictures.append(
            Picture("sheet", "Input, labels, prediction, and where they differ", partial(parsing_sheet, samples))
        )
    return tuple(pictures)
