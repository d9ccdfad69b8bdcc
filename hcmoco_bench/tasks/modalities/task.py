"""What cross-modality supervision and missing modalities share: labeled frames mixed with unlabeled pairs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, cast

import torch
from pydantic import Field
from torch import nn

from hcmoco_bench.body import part_table
from hcmoco_bench.data.batch import collate
from hcmoco_bench.data.ntu_store import Crops, Hidden, NtuJoints, NtuStoreDataset, check_apart
from hcmoco_bench.errors import UsageError
from hcmoco_bench.files.hashing import file_sha256, fingerprint
from hcmoco_bench.modality import Modality
from hcmoco_bench.prepare.manifest import MANIFEST_FILE
from hcmoco_bench.prepare.store import Store
from hcmoco_bench.pretrain.build import build_model, build_objective
from hcmoco_bench.pretrain.config import Negatives, PretrainConfig
from hcmoco_bench.pretrain.hcmoco import HCMoCoObjective
from hcmoco_bench.pretrain.stores import default_stores, open_mixture
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.runtime.settings import validated
from hcmoco_bench.tasks.core.checkpoints import pretrained_settings
from hcmoco_bench.tasks.core.config import FinetuneConfig
from hcmoco_bench.tasks.core.record import ProtocolRecord, SplitRecord
from hcmoco_bench.tasks.core.task import Evaluation, TaskData
from hcmoco_bench.tasks.modalities.leakage_check import check_fits, check_unseen, refuse_as_file
from hcmoco_bench.tasks.modalities.net import JointNet
from hcmoco_bench.tasks.modalities.objective import JointObjective
from hcmoco_bench.tasks.parsing.protocols import PUBLISHED
from hcmoco_bench.tasks.parsing.task import ParsingOptions, ParsingTask
from hcmoco_bench.training.objective import Objective

SCORED_OVER_TRAINED: Final = 1.5
"""Size of a whole frame in scoring over the crop's size in training: 320 px crops and 473 px frames, as published.

Training crops are squares of 132 to 424 px of a frame 512 px wide, so people are then about as large as in training.
"""

JOINT_NATIVE = ProtocolRecord(
    name="native",
    summary=(
        "Of the unlabeled pairs, clips of labeled frames and performers of the test split are left out, in "
        "pre-training too. The last epoch counts. Frames keep their aspect, are half as large again as the training's "
        "crops, and are scored at the labels' own resolution; absent classes are left out of the means."
    ),
)
JOINT_PUBLISHED = PUBLISHED.model_copy(
    update={
        "leaks": (
            "with overlap = keep, which is how the authors train, unlabeled pairs may hold frames of the labeled "
            "clips with the hidden modality, and performers of the test split; with choose = best the epoch is picked "
            "on the test split"
        )
    }
)
JOINT_SPLITS = (
    SplitRecord(
        name="train",
        rule="the published list v2; --ratio takes train_20, ...; mixed in equal shares with unlabeled NTU pairs "
        "(prepare --set pretrain), of which clips of labeled frames and performers of test are left out",
        size=1963,
    ),
    SplitRecord(
        name="test",
        rule="the published list v2, all of NTU-120's actions. 26 of its performers are also in train, as published; "
        "three (6, 8, 11) are among NTU-60's 40, and no clip is",
        size=1963,
    ),
    SplitRecord(name="v3_train", rule="the first 392 of train, the authors' 20 %", size=392),
    SplitRecord(name="v3_test", rule="the first 392 of test; not comparable with test", size=392),
)
CHANCE = (
    "about 4 %: everything background has an IoU of nearly 1 for one class of 25; the authors' runs without "
    "contrastive terms have 3.7 to 3.9 % on a modality without labels"
)


class JointOptions(ParsingOptions):
    """Settings of parsing from shared embeddings.

    Attributes:
        contrastive: What is learned beside the labels: hcmoco (all its terms), cmc (its sample level), or none.
        parsing_weight: Of the cross entropy; contrastive terms have 1.
        overlap: Unlabeled pairs of clips of the labeled store, or of performers of its test split: leave_out, or
            keep, as the authors do (protocol published only).
        crops: square, as published; person, for small data and short runs.
        joints: Keypoints: mpii16, or shared13; those of the pre-training.
        dim: Length of the embeddings; that of the pre-training.
        negatives: Negatives an anchor at the sample level, from the memory bank; or `batch`, the rest of the batch.
        bank_momentum: Share of the old entry that stays when the memory bank is updated.
        temperature: Of all contrastive terms.
        points: Pixels an image in the dense term.
        dense: Targets of the dense term: soft, or hard.
    """

    lists: Literal["v2", "v3"] = "v2"
    framing: Literal["frame"] = "frame"
    contrastive: Literal["hcmoco", "cmc", "none"] = "hcmoco"
    parsing_weight: float = Field(default=10.0, gt=0)
    overlap: Literal["leave_out", "keep"] = "leave_out"
    crops: Crops = "square"
    joints: NtuJoints = "mpii16"
    dim: int = Field(default=128, ge=1)
    negatives: Negatives = 16_384
    bank_momentum: float = Field(default=0.5, ge=0, lt=1)
    temperature: float = Field(default=0.07, gt=0)
    points: int = Field(default=400, ge=1)
    dense: Literal["soft", "hard"] = "soft"


class JointParsingTask(ParsingTask):
    """Parsing with one head for both modalities; the tasks differ in what is hidden, and when."""

    modality: ClassVar[Modality] = "rgb"  # both encoders are of its backbone
    options: ClassVar[type[JointOptions]] = JointOptions
    defaults: ClassVar[Mapping[str, Any]] = {
        "image_size": 320,
        "batch_size": 180,
        "epochs": 100,
        "lr": 0.03,
        "momentum": 0.9,
        "weight_decay": 1e-4,
        "schedule": "cosine",
        "final_lr": 0.001,
    }

    @abstractmethod
    def sources(self, config: FinetuneConfig) -> tuple[Modality, ...]:
        """The modalities that labels are learned with."""

    @abstractmethod
    def hidden(self, config: FinetuneConfig) -> Hidden:
        """The modality of the labeled store that no training may read."""

    def scored_size(self, config: FinetuneConfig) -> int:
        """See `ParsingTask.scored_size`; a multiple of 32."""
        return 32 * round(SCORED_OVER_TRAINED * config.image_size / 32)

    def check(self, config: FinetuneConfig) -> None:
        """See `Task.check`."""
        super().check(config)
        if self._options(config).overlap == "keep" and config.protocol != JOINT_PUBLISHED.name:
            raise UsageError(
                f"{self.record.id}: with overlap = keep, what is hidden may be seen in unlabeled pairs; that goes "
                "with --protocol published alone, whose results say so"
            )
        self._contrast_config(config)

    def notes(self, config: FinetuneConfig, *, own: bool = True) -> tuple[str, ...]:
        """See `Task.notes`."""
        options = self._options(config)
        learned = (f"contrastive = {options.contrastive}, overlap = {options.overlap}",) if own else ()
        return (self.setting(config), *learned)

    @abstractmethod
    def setting(self, config: FinetuneConfig) -> str:
        """What labels are learned with and what is tested, in a sentence."""

    def default_data(self, home: Path) -> dict[str, Any]:
        """The stores that `prepare ntu` makes in the home folder: labeled frames, then unlabeled pairs."""
        labeled: tuple[str, ...] = super().default_data(home)["stores"]
        return {"stores": labeled + default_stores(home)}

    def open_data(self, config: FinetuneConfig, split: str, *, train: bool) -> TaskData:
        """See `Task.open_data`; `config.stores` is the labeled store, and for training stores of unlabeled pairs."""
        if not config.stores:
            raise UsageError(f"{self.record.id}: no labeled store given; use --store")
        path = Path(config.stores[0])
        store = Store.open(path)
        check_apart(store)
        if not train:
            return self._open_frames(path, config, split, train=False)
        if len(config.stores) < 2:
            raise UsageError(
                f"{self.record.id} learns from labeled frames and unlabeled pairs; give --store twice: the labeled "
                "store, then one of prepare ntu --set pretrain"
            )
        if split not in store.splits or not store.manifest.parts:
            raise UsageError(f"{path}: has no labeled split {split}; prepare it with --set parsing4k --annotations")
        mixture = open_mixture(self._contrast_config(config), labeled_split=split)
        ids: list[str] = []
        for dataset in mixture.datasets:
            if not isinstance(dataset, NtuStoreDataset):
                raise UsageError(f"{self.record.id}: photographs have no depth to pair with; give NTU stores alone")
            ids += dataset.index.ids.tolist()
        return TaskData(
            dataset=mixture,
            collate=collate,
            ids=tuple(ids),
            name="NTURGBD-Parsing-4K and unlabeled pairs",
            generated=store.manifest.source.generated,
            split=split,
            expected=tuple(ids),
            split_sha256=fingerprint(ids),
            manifest_sha256=file_sha256(path / MANIFEST_FILE),
            mixture=mixture.lengths,
        )

    def build_model(self, config: FinetuneConfig, *, fresh: bool = True) -> JointNet:  # type: ignore[override]
        """See `Task.build_model`; from a pre-training come both encoders, the mappers and the keypoints' encoder.

        Raises:
            UsageError: Also if the pre-training saw what is hidden here.
        """
        if fresh and config.ckpt is not None:
            self._check_pretraining(config, Path(config.ckpt))
        elif fresh and config.init not in ("scratch", "imagenet"):
            refuse_as_file(Path(config.init))
        features = build_model(self._contrast_config(config), fresh=fresh)
        contrast = self._options(config).contrastive != "none"
        return JointNet(features, len(part_table()), sources=self.sources(config), contrast=contrast)

    def build_objective(self, config: FinetuneConfig, model: nn.Module, data: TaskData) -> Objective[Any]:
        """See `Task.build_objective`."""
        options = self._options(config)
        contrast = None
        if options.contrastive != "none":
            if not isinstance(model, JointNet):
                raise TypeError(f"a {type(model).__name__} has no embeddings to contrast")
            made = build_objective(self._contrast_config(config), model.features, len(data), torch.device("cpu"))
            contrast = cast(HCMoCoObjective, made)
        return JointObjective(contrast, self._class_weights(config, data), options.parsing_weight)

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
        """See `Task.evaluate`; with the encoder of the tested modality alone."""
        if not isinstance(model, JointNet):
            raise TypeError(f"a {type(model).__name__} does not read both modalities")
        reader = model.reader(self.image(config))
        return super().evaluate(reader, data, config, device=device, progress=progress, sheet_size=sheet_size)

    def _options(self, config: FinetuneConfig) -> JointOptions:
        return self.options.model_validate(config.options)

    def _contrast_config(self, config: FinetuneConfig) -> PretrainConfig:
        """The training as a pre-training: its stores, what is hidden of them, its terms and first weights."""
        options = self._options(config)
        labeled = config.stores[:1] and (self.hidden(config),)
        return validated(
            PretrainConfig,
            {
                "method": "cmc" if options.contrastive == "cmc" else "hcmoco",
                "backbone": config.backbone,
                "init": config.ckpt or config.init,
                "stores": config.stores,
                "hide": (*labeled, *("nothing" for _ in config.stores[1:])),
                "overlap": options.overlap,
                "joints": options.joints,
                "image_size": config.image_size,
                "crops": options.crops,
                "dense": options.dense,
                "dim": options.dim,
                "negatives": options.negatives,
                "bank_momentum": options.bank_momentum,
                "temperature": options.temperature,
                "points": options.points,
                "sync_batch_norm": config.sync_batch_norm,
                "seed": config.seed,
            },
            f"settings of {self.record.id}",
        )

    def _check_pretraining(self, config: FinetuneConfig, path: Path) -> None:
        options, trained = self._options(config), pretrained_settings(path)
        check_fits(path, trained, backbone=config.backbone, joints=options.joints, dim=options.dim)
        if options.overlap == "leave_out":
            check_unseen(path, trained, Store.open(Path(config.stores[0])), self.hidden(config))
