"""What depth and RGB parsing share: frames of a prepared store, HRNet's head, and the segmentation metric."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

import torch
from torch import Tensor, nn

from hcmoco_bench.body import part_table
from hcmoco_bench.data.framing import Framing
from hcmoco_bench.data.intrinsics import RigIntrinsics
from hcmoco_bench.data.parsing import IGNORE, ParsingDataset, collate_parsing
from hcmoco_bench.data.parsing_index import read_parsing_index
from hcmoco_bench.errors import UsageError
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.metrics.segmentation import (
    SegmentationMetric,
    segmentation_per_class,
    segmentation_scores,
)
from hcmoco_bench.modality import Modality
from hcmoco_bench.models.segmentation import SegmentationNet
from hcmoco_bench.pretrain.build import POINTNET
from hcmoco_bench.results.evidence import Evidence
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.store.manifest import MANIFEST_FILE
from hcmoco_bench.store.registry import open_store
from hcmoco_bench.tasks.core.batches import evaluation_batches
from hcmoco_bench.tasks.core.config import FinetuneConfig
from hcmoco_bench.tasks.core.encoder import task_encoder
from hcmoco_bench.tasks.core.task import Evaluation, Task, TaskData, TaskOptions
from hcmoco_bench.tasks.parsing.figures import SheetSamples, parsing_figures
from hcmoco_bench.tasks.parsing.label_images import Encoding, LabelImages
from hcmoco_bench.tasks.parsing.objective import ParsingObjective
from hcmoco_bench.tasks.parsing.prediction import class_scores, whole_prediction
from hcmoco_bench.tasks.parsing.protocols import PUBLISHED, PUBLISHED_LABELS
from hcmoco_bench.training.objective import Objective

STORE = "parsing4k"


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


class ParsingTask(Task):
    """Part labels of frames from a prepared store; the tasks differ in the image that is read."""

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

    def image(self, config: FinetuneConfig) -> Modality:
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
        """The frames of a split with the image that is scored on, and their labels; the other one is not read."""
        store, modality = open_store(path), self.image(config)
        if split not in store.splits:
            raise UsageError(f"{store.path}: has no split {split}; it has {', '.join(store.splits)}")
        if not store.capabilities.parts:
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
            intrinsics=RigIntrinsics.of_store(store) if modality == "depth" and store.capabilities.rigs else None,
            label_size=PUBLISHED_LABELS if config.protocol == PUBLISHED.name and not train else None,
        )
        return TaskData(
            dataset=dataset,
            collate=collate_parsing,
            ids=tuple(index.ids.tolist()),
            name=store.kind.dataset(store.manifest),
            generated=bool(store.capabilities.generated),
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
        return ParsingObjective(self._class_weights(config), points=config.backbone == POINTNET)

    def evaluate(
        self,
        model: nn.Module,
        data: TaskData,
        config: FinetuneConfig,
        *,
        device: torch.device,
        progress: Progress = no_progress,
        sheet_size: int = 0,
    ) -> Evaluation:
        """See `Task.evaluate`."""
        metric = self._metric(config, device)
        sheet = SheetSamples(data.ids, sheet_size)
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
        sheet_size: int = 0,
    ) -> Evaluation:
        """See `Task.score_predictions`; `path` is a folder of `<sample id>.png`, see `LabelImages`."""
        dataset = data.dataset
        if not isinstance(dataset, ParsingDataset):
            raise TypeError("predictions are scored on a whole split")
        images = LabelImages.open(path, data.ids, self._options(config).encoding)
        metric = self._metric(config, torch.device("cpu"))
        sheet = SheetSamples(data.ids, sheet_size)
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

    def _evaluation(self, metric: SegmentationMetric, data: TaskData, sheet: SheetSamples) -> Evaluation:
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
            figures=parsing_figures(found, per_class, sheet) if sheet.wanted else (),
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

    def _class_weights(self, config: FinetuneConfig) -> Tensor | None:
        """(C,) weights of the classes in the loss; None for none."""
        chosen = self._options(config).class_weights
        weights = part_table().weights if chosen == "published" else None
        if chosen == "auto":
            store = open_store(Path(config.stores[0]))
            weights = store.kind.class_weights(store.manifest)
        return None if weights is None else torch.from_numpy(weights.copy())

    def _options(self, config: FinetuneConfig) -> ParsingOptions:
        return cast(ParsingOptions, self.options.model_validate(config.options))
