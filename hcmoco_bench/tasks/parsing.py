"""What depth and RGB parsing share: frames of a prepared store, HRNet's head, and the segmentation metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from hcmoco_bench.body import part_table
from hcmoco_bench.data.framing import Framing
from hcmoco_bench.data.intrinsics import RigIntrinsics
from hcmoco_bench.data.normalise import normalise_depth, normalise_rgb
from hcmoco_bench.data.parsing import IGNORE, ParsingBatch, ParsingDataset, collate_parsing
from hcmoco_bench.data.parsing_index import read_parsing_index
from hcmoco_bench.errors import UsageError
from hcmoco_bench.metrics.segmentation import (
    SegmentationMetric,
    SegmentationScores,
    segmentation_per_class,
    segmentation_scores,
)
from hcmoco_bench.models.segmentation import SegmentationNet
from hcmoco_bench.models.weights import Modality
from hcmoco_bench.plotting.parsing import ParsedSample, class_bars, confusion_figure, parsing_sheet
from hcmoco_bench.prepare.manifest import MANIFEST_FILE, file_sha256
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
        class_weights: In the training loss: published for NTU, none; auto: as the authors did for the store's data.
        encoding: Pixels of predicted images: class indices, raw ids, or auto.
    """

    lists: Literal["v2", "v3", "subjects"] = "v2"
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
        scores = model(*network_input(batch, points=self.points)).float()
        labels = torch.stack(batch.labels).long()
        if self.points:
            labels = labels.where(labels > 0, IGNORE)
        scores = functional.interpolate(scores, size=labels.shape[-2:], mode="bilinear", align_corners=False)
        weights = torch.ones(scores.shape[1]) if self.weights is None else self.weights
        weights = weights.to(scores.device)
        counted = labels != IGNORE
        # PyTorch's own mean over weighted pixels, but 0 and not nan for a batch in which no pixel counts
        total = weights[labels.where(counted, 0)].where(counted, 0.0).sum().clamp(min=1e-6)
        summed = functional.cross_entropy(scores, labels, weights, ignore_index=IGNORE, reduction="sum")
        number = counted.sum()
        right = (scores.argmax(1) == labels).sum() / number
        return StepResult(summed / total, {"accuracy": Measure(right.detach(), number)})

    def state_dict(self) -> dict[str, Any]:
        """Nothing is kept between steps."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing is kept between steps."""


def network_input(batch: ParsingBatch, *, points: bool) -> tuple[Tensor, Tensor | None]:
    """What `SegmentationNet` takes: the normalised picture, or for points metres and intrinsics."""
    if batch.rgb is not None:
        return normalise_rgb(batch.rgb), None
    if batch.depth is None:
        raise ValueError("a batch has neither RGB nor depth")
    return (batch.depth, batch.intrinsics) if points else (normalise_depth(batch.depth), None)


class ParsingTask(Task):
    """Part labels of frames from a prepared store; the two tasks differ in the picture that is read."""

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

    def check(self, config: FinetuneConfig) -> None:
        """See `Task.check`."""
        super().check(config)
        if config.root is not None:
            raise UsageError(f"{self.record.id} reads a prepared store; run prepare on {config.root}, and give --store")
        if config.backbone == POINTNET and self.modality != "depth":
            raise UsageError(f"{self.record.id}: pointnet takes depth as points; choose another --backbone")
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
        store = Store.open(Path(config.stores[0]))
        if split not in store.splits:
            raise UsageError(f"{store.path}: has no split {split}; it has {', '.join(store.splits)}")
        if not store.manifest.parts:
            raise UsageError(f"{store.path}: has no part masks; prepare it with --annotations")
        index = read_parsing_index(store, split, self.modality)
        declared = store.splits[split]
        wanted = set(declared.ids) - set(index.ids.tolist()) - {problem.id for problem in index.problems}
        dataset = ParsingDataset(
            store.path,
            index,
            store.shards(),
            modality=self.modality,
            size=config.image_size,
            framing=_framing(config),
            seed=config.seed,
            train=train,
            intrinsics=RigIntrinsics.of_store(store) if self.modality == "depth" else None,
            label_size=PUBLISHED_LABELS if config.protocol == PUBLISHED.name and not train else None,
        )
        return TaskData(
            dataset=dataset,
            collate=collate_parsing,
            ids=tuple(index.ids.tolist()),
            name="NTURGBD-Parsing-4K",
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
        chosen = self._options(config).class_weights
        weighted = chosen == "published" or (chosen == "auto" and data.name.startswith("NTU"))
        weights = torch.from_numpy(part_table().weights.copy()) if weighted else None
        return ParsingObjective(weights, points=config.backbone == POINTNET)

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
            for one, label, name in zip(scores, batch.labels, batch.sample_ids, strict=True):
                target = self._scored(label, config)
                metric.update_logits(one[None], target[None], [name])
                if name in sheet:
                    enlarged = functional.interpolate(one[None], size=target.shape, mode="bilinear")[0]
                    height, width = label.shape
                    sheet.add(batch, name, label, enlarged.argmax(0)[:height, :width], _framing(config))
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
            target = torch.from_numpy(dataset.scored_label(label))
            if config.backbone == POINTNET:
                target = target.where(target > 0, IGNORE)
            metric.update(predicted[None], target[None], [name])
            if name in sheet:
                sheet.add(collate_parsing([dataset[row]], 1), name, target, predicted, _framing(config))
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
        """The label as large as the square that the scores are of; without background for points."""
        if config.backbone == POINTNET:
            label = label.where(label > 0, IGNORE)
        height, width = label.shape
        side = max(height, width)
        return functional.pad(label, (0, side - width, 0, side - height), value=IGNORE)

    def _options(self, config: FinetuneConfig) -> ParsingOptions:
        return ParsingOptions.model_validate(config.options)


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


def _framing(config: FinetuneConfig) -> Framing:
    return "stretch" if config.protocol == PUBLISHED.name else "fit"


@dataclass
class _Sheet:
    """Collects some samples, evenly spread over a split."""

    ids: tuple[str, ...]
    number: int
    samples: list[ParsedSample] = field(default_factory=list)

    def __post_init__(self) -> None:
        count = min(self.number, len(self.ids))
        self.wanted = {self.ids[(2 * i + 1) * len(self.ids) // (2 * count)] for i in range(count)}

    def __contains__(self, name: str) -> bool:
        return name in self.wanted

    def add(self, batch: ParsingBatch, name: str, label: Tensor, prediction: Tensor, framing: Framing) -> None:
        """Keep a sample: its input without what lies outside of the frame, its labels and prediction."""
        place = batch.sample_ids.index(name)
        picture: NDArray[Any]
        if batch.rgb is not None:
            picture = batch.rgb[place].permute(1, 2, 0).cpu().numpy()
        elif batch.depth is not None:
            picture = batch.depth[place, 0].cpu().numpy()
        if framing == "fit":
            height, width = label.shape
            side = picture.shape[0] / max(height, width)
            picture = picture[: round(side * height), : round(side * width)]
        truth, found = (labels.cpu().numpy().astype(np.uint8) for labels in (label, prediction))
        self.samples.append(ParsedSample(name, picture, truth, found))


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
