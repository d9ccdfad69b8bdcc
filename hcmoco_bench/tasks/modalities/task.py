"""What cross-modality supervision and missing modalities share: labeled frames mixed with unlabeled pairs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import nn

from hcmoco_bench.body import part_table
from hcmoco_bench.data.batch import collate
from hcmoco_bench.data.data_record import read_data_record
from hcmoco_bench.data.framing import Region
from hcmoco_bench.data.ntu_index import read_index
from hcmoco_bench.data.ntu_store import Hidden, NtuStoreDataset, check_apart, tracked_region
from hcmoco_bench.errors import UsageError
from hcmoco_bench.files.hashing import file_sha256, fingerprint
from hcmoco_bench.modality import Modality
from hcmoco_bench.models.first_weights import NO_FILES
from hcmoco_bench.models.foreign.format import Network
from hcmoco_bench.pretrain.multimodal.stores import default_stores, open_mixture
from hcmoco_bench.store.manifest import MANIFEST_FILE
from hcmoco_bench.store.registry import open_store
from hcmoco_bench.store.store import AnyStore
from hcmoco_bench.tasks.core.record import VersionChange
from hcmoco_bench.tasks.core.starting_point import pretrained_settings
from hcmoco_bench.tasks.core.task_data import TaskData
from hcmoco_bench.tasks.modalities.contrast import build_contrast, build_features, check_contrast, contrast_settings
from hcmoco_bench.tasks.modalities.leakage_check import check_fits, check_unseen, refuse_as_file
from hcmoco_bench.tasks.modalities.net import SharedEmbeddingNet
from hcmoco_bench.tasks.modalities.objective import SharedEmbeddingObjective
from hcmoco_bench.tasks.modalities.protocols import SharedEmbeddingProtocol
from hcmoco_bench.tasks.modalities.settings import NO_CONTRAST, SharedEmbeddingSettings
from hcmoco_bench.tasks.parsing.depth import NTU_SPLITS, ntu_split
from hcmoco_bench.tasks.parsing.task import ParsingTask
from hcmoco_bench.training.checkpoint import load_checkpoint
from hcmoco_bench.training.foreign_checkpoint import ForeignCheckpoint
from hcmoco_bench.training.objective import Objective

SCORED_OVER_TRAINED: Final = 1.5
"""Size of a whole frame in scoring over the size of a crop in training: 473 px frames and 320 px crops, as published.

Crops in training are squares of 132 to 424 px out of a frame that is 512 px wide, so that people in scoring are about
as large as in training.
"""

SPLITS = (
    ntu_split(
        "train",
        "the training frames of the published list v2 (--ratio takes train_20, ...), mixed in equal shares with "
        "unlabeled NTU pairs (prepare ntu --set pretrain), of which clips of labeled frames and performers of test are "
        "left out",
    ),
    ntu_split(
        "test",
        "the test frames of the published list v2, with all actions of NTU-120. As published, 26 of its "
        "performers are also in train; three of them (6, 8, 11) are among the 40 of NTU-60, but none of the clips is",
    ),
    *(split for split in NTU_SPLITS if split.name.startswith("v3_")),
)
CHANCE = (
    "About 4 %: a model that predicts background everywhere has an IoU of nearly 1 for one class of 25, and of 0 for "
    "the others. The authors' runs without contrastive terms have 3.7 to 3.9 % on a modality without labels."
)
CHANGES = (
    VersionChange(
        version=2,
        change=(
            "the head on the embeddings has a 1x1 convolution, batch norm and ReLU before the 1x1 convolution to the "
            "classes, as published, and no longer two 3x3 convolutions, which see the neighborhood; and there is no "
            "protocol published"
        ),
        new_network=True,
    ),
)


AnySharedSettings = TypeVar("AnySharedSettings", bound=SharedEmbeddingSettings)


class SharedEmbeddingParsing(ParsingTask[AnySharedSettings]):
    """Parsing with one head for both modalities; the tasks differ in what is hidden, and when."""

    modality: ClassVar[Modality] = "rgb"  # both encoders have its backbone
    fixed_by_training: ClassVar[frozenset[str]] = frozenset({"contrastive", "overlap"})
    network: ClassVar[Network | None] = None

    @abstractmethod
    def sources(self, config: AnySharedSettings) -> tuple[Modality, ...]:
        """The modalities with which labels are learned."""

    @abstractmethod
    def hidden(self, config: AnySharedSettings) -> Hidden:
        """The modality of the labeled store that no training may read."""

    def scored_size(self, config: AnySharedSettings) -> int:
        """See `ParsingTask.scored_size`; a multiple of 32 for whole frames, and the side of the crops for people."""
        if config.framing == "joints":
            return config.image_size
        return 32 * round(SCORED_OVER_TRAINED * config.image_size / 32)

    def regions(
        self, config: AnySharedSettings, store: AnyStore, split: str, ids: NDArray[np.str_]
    ) -> Sequence[Region] | None:
        """See `ParsingTask.regions`; with `framing = joints`, the square around the tracked joints."""
        if config.framing != "joints":
            return None
        index = read_index(store, split)
        row_of = {name: row for row, name in enumerate(index.ids.tolist())}
        return [tracked_region(index.joints[row], index.tracking[row]) for row in map(row_of.__getitem__, ids.tolist())]

    def check(self, config: AnySharedSettings) -> None:
        """See `Task.check`."""
        super().check(config)
        if config.overlap == "keep" and not self.protocol(config).may_keep_overlap:
            names = [
                one.name
                for one in self.record.protocols
                if isinstance(one, SharedEmbeddingProtocol) and one.may_keep_overlap
            ]
            raise UsageError(
                f"{self.record.id}: with overlap = keep, unlabeled pairs may show what is hidden; that goes with "
                f"--protocol {' or '.join(names)} alone, whose results say so"
            )
        check_contrast(config, self.hidden(config))

    def protocol(self, config: AnySharedSettings) -> SharedEmbeddingProtocol:
        """See `Task.protocol`."""
        return self.record.protocol_of_type(config.protocol, SharedEmbeddingProtocol)

    def notes(self, config: AnySharedSettings, *, own: bool = True) -> tuple[str, ...]:
        """See `Task.notes`."""
        if not own:
            return (self.setting(config),)
        framed = ("the square around the joints that the sensor tracked fills the input",)
        return (
            self.setting(config),
            *(framed if config.framing == "joints" else ()),
            f"contrastive = {config.contrastive}, overlap = {config.overlap}",
        )

    @abstractmethod
    def setting(self, config: AnySharedSettings) -> str:
        """What labels are learned with and what is tested, in a sentence for results."""

    def default_data(self, home: Path) -> dict[str, Any]:
        """The stores that `prepare ntu` makes in the home folder: labeled frames, then unlabeled pairs."""
        labeled: tuple[str, ...] = super().default_data(home)["stores"]
        return {"stores": labeled + default_stores(home)}

    def open_data(self, config: AnySharedSettings, split: str, *, train: bool) -> TaskData:
        """See `Task.open_data`; `config.stores` is the labeled store, and for training stores of unlabeled pairs."""
        if not config.stores:
            raise UsageError(f"{self.record.id}: no labeled store is given; use --store")
        path = Path(config.stores[0])
        store = open_store(path, "bodies")
        check_apart(store)
        if not train:
            return self._open_frames(path, config, split, train=False)
        if len(config.stores) < 2:
            raise UsageError(
                f"{self.record.id} learns from labeled frames and unlabeled pairs; give --store twice: the labeled "
                "store, then one of prepare ntu --set pretrain"
            )
        if split not in store.splits or not store.capabilities.parts:
            raise UsageError(
                f"{path}: there is no labeled split {split}; prepare it with: hcmoco-bench prepare ntu --set parsing4k "
                "--annotations MASKS"
            )
        mixture = open_mixture(contrast_settings(config, self.hidden(config)), labeled_split=split)
        ids: list[str] = []
        for dataset in mixture.datasets:
            if not isinstance(dataset, NtuStoreDataset):
                raise UsageError(f"{self.record.id}: photographs have no depth to pair with RGB; give NTU stores alone")
            ids += dataset.index.ids.tolist()
        return TaskData(
            dataset=mixture,
            collate=collate,
            ids=tuple(ids),
            name="NTURGBD-Parsing-4K and unlabeled pairs",
            generated=bool(store.capabilities.generated),
            split=split,
            expected=tuple(ids),
            split_sha256=fingerprint(ids),
            manifest_sha256=file_sha256(path / MANIFEST_FILE),
            mixture=mixture.lengths if config.mixture == "equal" else (len(mixture),),
            class_weights=store.kind.class_weights(store.manifest),
        )

    def build_model(self, config: AnySharedSettings, *, fresh: bool = True) -> SharedEmbeddingNet:  # type: ignore[override]
        """See `Task.build_model`; both encoders, the mappers and the keypoints' encoder come from a pre-training.

        Raises:
            UsageError: Also if the pre-training saw what is hidden here.
        """
        if fresh and config.ckpt is not None:
            self._check_pretraining(config, Path(config.ckpt))
        elif fresh and config.init not in NO_FILES:
            refuse_as_file(Path(config.init))
        features = build_features(config, self.hidden(config), fresh=fresh)
        contrast = config.contrastive != NO_CONTRAST
        return SharedEmbeddingNet(features, len(part_table()), sources=self.sources(config), contrast=contrast)

    def build_objective(self, config: AnySharedSettings, model: nn.Module, data: TaskData) -> Objective[Any]:
        """See `Task.build_objective`."""
        if not isinstance(model, SharedEmbeddingNet):
            raise TypeError(f"a {type(model).__name__} has no embeddings to contrast")
        contrast = build_contrast(config, self.hidden(config), model.features, len(data))
        return SharedEmbeddingObjective(contrast, self._class_weights(config, data), config.parsing_weight)

    def encoders(self, model: nn.Module) -> tuple[nn.Module, ...]:
        """See `Task.encoders`; those of both modalities."""
        if not isinstance(model, SharedEmbeddingNet):
            raise TypeError(f"a {type(model).__name__} does not read both modalities")
        return model.features.rgb_encoder, model.features.depth_encoder

    def scored_network(self, model: nn.Module, config: AnySharedSettings) -> nn.Module:
        """See `ParsingTask.scored_network`; the encoder of the tested modality alone, and the head."""
        if not isinstance(model, SharedEmbeddingNet):
            raise TypeError(f"a {type(model).__name__} does not read both modalities")
        return model.reader(self.image(config))

    def _check_pretraining(self, config: AnySharedSettings, path: Path) -> None:
        settings = pretrained_settings(path)
        if isinstance(settings, ForeignCheckpoint):
            raise UsageError(
                f"{path}: a checkpoint of another program, and nobody can tell what its training has seen; give it "
                "as hcmoco-bench finetune --init, and the result says so"
            )
        trained = check_fits(path, settings, backbone=config.backbone, joints=config.joints, dim=config.dim)
        if config.overlap == "leave_out":
            data = read_data_record(load_checkpoint(path).get("data"), str(path))
            check_unseen(path, trained, data, open_store(Path(config.stores[0]), "bodies"), self.hidden(config))
