"""What all parsing tasks share: frames of a prepared store, HRNet's head, and the segmentation metric."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hcmoco_bench.body import part_table
from hcmoco_bench.data.framing import Region
from hcmoco_bench.data.intrinsics import RigIntrinsics
from hcmoco_bench.data.parsing import IGNORE, ParsingDataset, Resizing, collate_parsing, resize_labels
from hcmoco_bench.data.parsing_index import read_parsing_index
from hcmoco_bench.errors import UsageError
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.metrics.segmentation import (
    SegmentationMetric,
    segmentation_per_class,
    segmentation_scores_and_parts,
)
from hcmoco_bench.modality import Modality
from hcmoco_bench.models.encoder import encoder_input
from hcmoco_bench.models.first_weights import start_network
from hcmoco_bench.models.foreign.format import Network
from hcmoco_bench.models.segmentation import SegmentationNet
from hcmoco_bench.results.evidence import Evidence
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.store.manifest import MANIFEST_FILE
from hcmoco_bench.store.registry import open_store
from hcmoco_bench.store.store import AnyStore
from hcmoco_bench.tasks.core.batches import evaluation_batches
from hcmoco_bench.tasks.core.encoder import task_encoder
from hcmoco_bench.tasks.core.plausibility import Reading, refuse_doubtful, refuse_reading
from hcmoco_bench.tasks.core.task import Evaluation, SampleGroups, Task
from hcmoco_bench.tasks.core.task_data import TaskData
from hcmoco_bench.tasks.parsing.figures import SheetSamples, parsing_figures
from hcmoco_bench.tasks.parsing.frame_groups import frame_groups
from hcmoco_bench.tasks.parsing.label_images import LabelImages
from hcmoco_bench.tasks.parsing.label_reading import read_palette
from hcmoco_bench.tasks.parsing.mask_readings import COMPARED, likely_mask_reading
from hcmoco_bench.tasks.parsing.objective import ParsingObjective
from hcmoco_bench.tasks.parsing.prediction import class_scores, whole_prediction
from hcmoco_bench.tasks.parsing.protocols import ParsingProtocol
from hcmoco_bench.tasks.parsing.settings import FrameSettings, ParsingSettings
from hcmoco_bench.training.objective import Objective
from hcmoco_bench.uniform import spread

STORE = "parsing4k"
POINTS: Final = "points"
"""The variant whose scores leave background out."""


AnyParsingSettings = TypeVar("AnyParsingSettings", bound=ParsingSettings)


class ParsingTask(Task[AnyParsingSettings]):
    """Part labels of frames from a prepared store; the tasks differ in the image that they read."""

    modality: ClassVar[Modality]
    network: ClassVar[Network | None] = "segmentation"
    label_columns: ClassVar[frozenset[str]] = frozenset({"target"})

    def image(self, config: AnyParsingSettings) -> Modality:
        """The modality of the images that are scored."""
        return self.modality

    def scored_size(self, config: AnyParsingSettings) -> int:
        """Side of the square that holds a whole frame in scoring, px."""
        return config.image_size

    def training_resizing(self, config: AnyParsingSettings) -> Resizing:
        """How frames are brought to the size of the input in training."""
        return config.training_resizing if isinstance(config, FrameSettings) else "centered"

    def regions(
        self, config: AnyParsingSettings, store: AnyStore, split: str, ids: NDArray[np.str_]
    ) -> Sequence[Region] | None:
        """The region of each sample (N,) that fills the input; None if the setting `framing` says it alone."""
        return None

    def scored_network(self, model: nn.Module, config: AnyParsingSettings) -> nn.Module:
        """What gives the class scores of an input; a task whose model holds more than that takes its part here."""
        return model

    def check(self, config: AnyParsingSettings) -> None:
        """See `Task.check`."""
        super().check(config)
        if config.root is not None:
            raise UsageError(f"{self.record.id} reads a prepared store; run prepare on {config.root}, and give --store")
        if config.framing == "person" and (self.modality != "depth" or not self.protocol(config).person_framing):
            raise UsageError(
                f"{self.record.id}, protocol {config.protocol}: framing=person goes with depth and a protocol that "
                "allows it (native does); leave it out"
            )
        if self.training_resizing(config) == "opencv" and self.protocol(config).frame(config.framing) != "stretch":
            raise UsageError(
                f"{self.record.id}: training_resizing = opencv stretches frames to squares, and protocol "
                f"{config.protocol} does not; use --protocol published, or training_resizing = centered"
            )
        if config.ratio != 1 and config.lists != "v2":
            raise UsageError(
                f"ratio = {config.ratio:g} goes with lists = v2, not with {config.lists}; leave one of them out"
            )

    def protocol(self, config: AnyParsingSettings) -> ParsingProtocol:
        """See `Task.protocol`."""
        return self.record.protocol_of_type(config.protocol, ParsingProtocol)

    def variant(self, config: AnyParsingSettings, *, own: bool = True) -> str:
        """`points` for encoders of points, whose scores leave background out."""
        return POINTS if _of_points(config) else ""

    def variants(self, protocol: str) -> frozenset[str]:
        """See `Task.variants`; `points` where an encoder of points can be used."""
        return frozenset({"", POINTS}) if "points" in self.inputs else frozenset({""})

    def variant_settings(self, variant: str) -> Mapping[str, Any]:
        """See `Task.variant_settings`; an encoder of points for `points`."""
        return {"backbone": "pointnet"} if variant == POINTS else {}

    def groups(self, ids: Sequence[str]) -> SampleGroups | None:
        """The performers of NTU's frames; of Human3.6M, whose test split shows two people, the videos."""
        return frame_groups(ids)

    def default_data(self, home: Path) -> dict[str, Any]:
        """The store that `prepare ntu` makes in the home folder."""
        store = home / STORE
        if not (store / MANIFEST_FILE).is_file():
            raise UsageError(
                f"{store}: there is no prepared store. If you have NTU RGB+D: hcmoco-bench prepare ntu --root DIR "
                "--annotations MASKS. If not: hcmoco-bench synth ntu --out generated, then hcmoco-bench prepare ntu "
                "--root generated --annotations generated"
            )
        return {"stores": (str(store),)}

    def training_split(self, config: AnyParsingSettings) -> str:
        """See `Task.training_split`; the split of the chosen lists."""
        return super().training_split(config) if config.lists == "v2" else f"{config.lists}_train"

    def test_split(self, config: AnyParsingSettings) -> str:
        """See `Task.test_split`; the split of the chosen lists."""
        return "test" if config.lists == "v2" else f"{config.lists}_test"

    def open_data(self, config: AnyParsingSettings, split: str, *, train: bool) -> TaskData:
        """See `Task.open_data`; `config.stores` is one store with masks."""
        if len(config.stores) != 1:
            raise UsageError(f"{self.record.id} reads one store, {len(config.stores)} are given; give --store once")
        return self._open_frames(Path(config.stores[0]), config, split, train=train)

    def _open_frames(self, path: Path, config: AnyParsingSettings, split: str, *, train: bool) -> TaskData:
        """The frames of a split with their labels and the image that is scored; the other modality is not read."""
        store, modality, protocol = open_store(path), self.image(config), self.protocol(config)
        if split not in store.splits:
            raise UsageError(f"{store.path}: there is no split {split}; it has {', '.join(store.splits)}")
        if not store.capabilities.parts:
            raise UsageError(
                f"{store.path}: there are no part masks in it; prepare it with: hcmoco-bench prepare ntu --annotations "
                "MASKS"
            )
        index = read_parsing_index(store, split, modality)
        declared = store.splits[split]
        wanted = set(declared.ids) - set(index.ids.tolist()) - {problem.id for problem in index.problems}
        dataset = ParsingDataset(
            store.path,
            index,
            store.shards(),
            modality=modality,
            size=config.image_size if train else self.scored_size(config),
            framing=protocol.frame(config.framing),
            seed=config.seed,
            train=train,
            intrinsics=RigIntrinsics.of_store(store) if modality == "depth" and store.capabilities.rigs else None,
            label_size=None if train else protocol.label_size,
            label_resizing=protocol.label_resizing,
            resizing=self.training_resizing(config) if train else protocol.input_resizing,
            regions=self.regions(config, store, split, index.ids),
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
            class_weights=store.kind.class_weights(store.manifest),
        )

    def build_model(self, config: AnyParsingSettings, *, fresh: bool = True) -> SegmentationNet:
        """See `Task.build_model`."""
        net = SegmentationNet(task_encoder(config, self.modality, fresh=fresh), len(part_table()))
        start_network(net.head, config, drawn=fresh)
        return net

    def build_objective(self, config: AnyParsingSettings, model: nn.Module, data: TaskData) -> Objective[Any]:
        """See `Task.build_objective`."""
        return ParsingObjective(self._class_weights(config, data), points=_of_points(config))

    def evaluate(
        self,
        model: nn.Module,
        data: TaskData,
        config: AnyParsingSettings,
        *,
        device: torch.device,
        progress: Progress = no_progress,
        sheet_size: int = 0,
    ) -> Evaluation:
        """See `Task.evaluate`."""
        protocol = self.protocol(config)
        return self._scored_by(protocol, model, data, config, device, progress=progress, sheet_size=sheet_size)

    def evaluate_epoch(
        self, model: nn.Module, data: TaskData, config: AnyParsingSettings, *, device: torch.device
    ) -> Evaluation:
        """See `Task.evaluate_epoch`; the protocol's rules of validation."""
        return self._scored_by(self.protocol(config).of_validation(), model, data, config, device)

    def _scored_by(
        self,
        protocol: ParsingProtocol,
        model: nn.Module,
        data: TaskData,
        config: AnyParsingSettings,
        device: torch.device,
        *,
        progress: Progress = no_progress,
        sheet_size: int = 0,
    ) -> Evaluation:
        points, network = _of_points(config), self.scored_network(model, config)
        metric = _metric(protocol, device, points=points)
        sheet = SheetSamples(data.ids, sheet_size)
        done = 0
        for batch in evaluation_batches(data, config, device):
            scores = class_scores(network, batch, config, device, protocol=protocol, points=points)
            for place, name in enumerate(batch.sample_ids):
                target = _scored(batch.labels[place], points=points)
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
        config: AnyParsingSettings,
        *,
        progress: Progress = no_progress,
        sheet_size: int = 0,
    ) -> Evaluation:
        """See `Task.score_predictions`; `path` is a folder of `<sample id>.png`, see `LabelImages`."""
        images = _open_images(path, data, config)
        evaluation = self._score_images(images, data, config, progress=progress, sheet_size=sheet_size)
        return replace(evaluation, problems=images.problems)

    def check_predictions(self, path: Path, data: TaskData, config: AnyParsingSettings) -> None:
        """See `Task.check_predictions`, `LabelReading` and `likely_mask_reading`."""
        images = _open_images(path, data, config)
        if images.reading.doubt:
            refuse_doubtful(path, images.reading.doubt)
        points = _of_points(config)
        pairs = (
            (image, _scored(torch.from_numpy(label), points=points).numpy())
            for image, label in _image_pairs(images, data, spread(range(len(data)), COMPARED))
        )
        likely = likely_mask_reading(pairs, part_table())
        if likely is not None:
            given = self._score_images(images, data, config).scores["miou"]
            corrected = self._score_images(images, data, config, change=likely.apply).scores["miou"]
            refuse_reading(
                path,
                "class indices or raw ids in place",
                Reading("masks", f"an mIoU of {given:.1f} %"),
                Reading(likely.what, f"an mIoU of {corrected:.1f} %"),
            )

    def _score_images(
        self,
        images: LabelImages,
        data: TaskData,
        config: AnyParsingSettings,
        *,
        change: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] = np.ascontiguousarray,
        progress: Progress = no_progress,
        sheet_size: int = 0,
    ) -> Evaluation:
        """Score label images, each changed first."""
        dataset = _frames(data)
        points = _of_points(config)
        metric = _metric(self.protocol(config), torch.device("cpu"), points=points)
        sheet = SheetSamples(data.ids, sheet_size)
        for row, (image, label) in enumerate(_image_pairs(images, data, range(len(data)))):
            name = data.ids[row]
            predicted = torch.from_numpy(change(image))
            target = _scored(torch.from_numpy(label), points=points)
            metric.update(predicted[None], target[None], [name])
            if name in sheet:
                sheet.add(collate_parsing([dataset[row]], 1), 0, target, predicted)
            progress("scoring, samples", row + 1, len(data))
        return self._evaluation(metric, data, sheet)

    def blank_evidence(self, protocol: str, variant: str) -> Evidence:
        """See `Task.blank_evidence`."""
        rules = self.record.protocol_of_type(protocol, ParsingProtocol)
        return _metric(rules, torch.device("cpu"), points=variant == POINTS).evidence()

    def evidence_errors(self, evidence: Evidence, protocol: str, variant: str) -> tuple[str, ...]:
        """See `Task.evidence_errors`; also the number of pixels, where the protocol sets the size of labels."""
        told = super().evidence_errors(evidence, protocol, variant)
        size = self.record.protocol_of_type(protocol, ParsingProtocol).label_size
        if told or size is None or not len(evidence):
            return told
        most = int(evidence.columns["target"].sum(1, dtype=np.int64).max())
        if most > size[0] * size[1] or (variant != POINTS and most < size[0] * size[1]):
            return (f"its labels have up to {most:,} pixels, and protocol {protocol} scores {size[0]}x{size[1]}",)
        return ()

    def label_evidence(self, data: TaskData, config: AnyParsingSettings) -> dict[str, NDArray[Any]]:
        """See `Task.label_evidence`: the pixels of each class in the labels as they are scored."""
        dataset, points, n = _frames(data), _of_points(config), len(part_table())
        found = np.zeros((len(data), n), np.int32)
        for row in range(len(data)):
            label = _scored(torch.from_numpy(dataset.scored_label(dataset.label(row))), points=points)
            found[row] = torch.bincount(label[label != IGNORE].flatten(), minlength=n).numpy()
        return {"target": found}

    def scores(self, evidence: Evidence) -> dict[str, float]:
        """In percent: mIoU and accuracies by the protocol's rules, and the mIoU of the parts without background."""
        return {name: 100 * value for name, value in segmentation_scores_and_parts(evidence).items()}

    def per_class(self, evidence: Evidence) -> dict[str, dict[str, float | None]]:
        """IoU and accuracy of each class in percent."""
        return {
            name: {figure: None if value is None else 100 * value for figure, value in figures.items()}
            for name, figures in segmentation_per_class(evidence).items()
        }

    def _evaluation(self, metric: SegmentationMetric, data: TaskData, sheet: SheetSamples) -> Evaluation:
        found, evidence = metric.compute(), metric.evidence()
        per_class = self.per_class(evidence)
        return Evaluation(
            scores=self.scores(evidence),
            per_class=per_class,
            evidence=evidence,
            n_expected=len(data.expected),
            n_scored=len(evidence),
            figures=parsing_figures(found, per_class, sheet) if sheet.wanted else (),
        )

    def _class_weights(self, config: AnyParsingSettings, data: TaskData) -> Tensor | None:
        """(C,) weights of the classes in the loss; None if all weigh the same."""
        weights = {"auto": data.class_weights, "published": part_table().weights, "none": None}[config.class_weights]
        return None if weights is None else torch.from_numpy(weights.copy())


def _frames(data: TaskData) -> ParsingDataset:
    if not isinstance(data.dataset, ParsingDataset):
        raise TypeError("predictions are scored on a whole split")
    return data.dataset


def _open_images(path: Path, data: TaskData, config: ParsingSettings) -> LabelImages:
    if config.palette is not None and config.encoding in ("classes", "raw"):
        raise UsageError(f"a palette is for masks that are read by color; leave out encoding={config.encoding} or it")
    palette = None if config.palette is None else read_palette(Path(config.palette))
    return LabelImages.open(path, data.ids, config.encoding, palette)


def _image_pairs(
    images: LabelImages, data: TaskData, rows: Iterable[int]
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Predicted and true classes of rows, at the size at which they are scored."""
    dataset = _frames(data)
    for row in rows:
        label = dataset.label(row)
        sizes = [(label.shape[1], label.shape[0]), *([dataset.label_size] if dataset.label_size else [])]
        image = images.read(data.ids[row], sizes)
        if dataset.label_size is not None:  # always by the nearest pixel: only labels may be interpolated
            image = resize_labels(image, dataset.label_size)
        yield image, dataset.scored_label(label)


def _metric(protocol: ParsingProtocol, device: torch.device, *, points: bool) -> SegmentationMetric:
    return SegmentationMetric(
        part_table().names, ignore_index=IGNORE, absent=protocol.absent, background=not points, device=device
    )


def _scored(label: Tensor, *, points: bool) -> Tensor:
    """The label as it is scored: for points, without background."""
    return label.where(label > 0, IGNORE) if points else label


def _of_points(config: ParsingSettings) -> bool:
    """Whether the network reads points; these lie on people, so background is neither learned nor scored."""
    return encoder_input(config.backbone) == "points"
