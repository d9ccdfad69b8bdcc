"""The settings of a pre-training run; the defaults are the paper's."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hcmoco_bench.body.annotation_files import annotation_file
from hcmoco_bench.data.ntu_store import Hidden
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.runtime.settings import validated

Method = Literal["hcmoco", "cmc", "mmv"]
Weight = Annotated[float, Field(ge=0)]
Negatives = Annotated[int, Field(ge=1)] | Literal["batch"]
_PACKAGED = "pretrain"


class TermWeights(BaseModel):
    """Weights of HCMoCo's terms (the lambdas of the paper's equation 1); 0 leaves a term out.

    Attributes:
        sample: Sample level, against the memory bank; in both stages.
        dense: Dense intra-sample, RGB with depth; in the second stage.
        sparse_intra: Joints of the maps with the keypoints' own embeddings; in the second stage.
        sparse_inter: Joints over all samples of the batch; in the second stage.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sample: Weight = 1.0
    dense: Weight = 1.0
    sparse_intra: Weight = 1.0
    sparse_inter: Weight = 1.0


class PretrainConfig(BaseModel):
    """A pre-training run in full; without arguments, the paper's.

    Attributes:
        method: hcmoco; cmc (its sample level alone, throughout); mmv (fine and coarse spaces, negatives in the batch).
        backbone: Encoder of the RGB images: any timm backbone with features.
        depth_backbone: Encoder of depth; `pointnet` takes it as points; None for the same as `backbone`.
        init: First weights: `scratch`, `imagenet`, or the path of a checkpoint or weight file.
        stores: Prepared stores that are mixed, each with the same share.
        hide: For each of `stores`, in their order, the modality that is not read: rgb, depth or nothing; empty for
            nothing in all. Whoever tests on depth what was learned on RGB hides depth from the start.
        overlap: What becomes of unlabeled samples (`prepare --set pretrain`) of clips that a store of labeled frames
            in the same mixture has too, or of performers of its test split: leave_out, or keep.
        joints: Keypoints: mpii16 (NTU with MPII) or shared13 (NTU with COCO).
        image_size: Side of the square crops, px.
        crops: Of NTU samples: `square`, random squares as published; or `person`, the whole person with a little
            jitter, for small data and short runs.
        stage1_epochs: Epochs of the sample level alone.
        stage2_epochs: Epochs of all terms.
        weights: Of HCMoCo's terms.
        dense: Targets of the dense term: soft (by distance) or hard (the same cell).
        dim: Length of the embeddings.
        negatives: Negatives an anchor at the sample level, drawn from the memory bank; or `batch`: the rest of the
            batch, without a memory bank, for small data and short runs.
        bank_momentum: Share of the old entry that stays when the memory bank is updated.
        temperature: Of all terms.
        points: Pixels an image in the dense term.
        batch_size: Samples a step, over all processes and accumulated batches.
        accumulate: Batches that make a step.
        optimizer: `sgd`, as published, or `adam`.
        lr: Base learning rate.
        momentum: Of SGD.
        weight_decay: On all parameters.
        final_lr: Factor on `lr` at the end of each stage's cosine.
        warmup_epochs: Linear warm-up at the start of each stage.
        clip: Largest norm of the gradient; None for no limit.
        precision: fp32, or bf16 (autocast; losses and weights stay fp32).
        compile: Compile the encoders with torch.compile.
        channels_last: Memory layout of the encoders; faster on most GPUs.
        sync_batch_norm: Batch statistics over all processes.
        workers: Processes that load data, per training process; does not change the result.
        seed: Of everything that is drawn.
        trackers: Where the figures go beside the CSV: tensorboard, wandb, trackio.
        log_every: Steps between two lines of the CSV.
        checkpoint_minutes: Minutes between two checkpoints.
        checkpoint_every: Steps between two checkpoints, in addition.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Method = "hcmoco"
    backbone: str = "hrnet_w18"
    depth_backbone: str | None = None
    init: str = "imagenet"
    stores: tuple[str, ...] = ()
    hide: tuple[Hidden, ...] = ()
    overlap: Literal["leave_out", "keep"] = "leave_out"
    joints: Literal["mpii16", "shared13"] = "mpii16"
    image_size: int = Field(default=320, ge=32, multiple_of=32)
    crops: Literal["square", "person"] = "square"
    stage1_epochs: int = Field(default=100, ge=0)
    stage2_epochs: int = Field(default=100, ge=0)
    weights: TermWeights = TermWeights()
    dense: Literal["soft", "hard"] = "soft"
    dim: int = Field(default=128, ge=1)
    negatives: Negatives = 16_384
    bank_momentum: float = Field(default=0.5, ge=0, lt=1)
    temperature: float = Field(default=0.07, gt=0)
    points: int = Field(default=400, ge=1)
    batch_size: int = Field(default=224, ge=1)
    accumulate: int = Field(default=1, ge=1)
    optimizer: Literal["sgd", "adam"] = "sgd"
    lr: float = Field(default=0.03, gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=1e-4, ge=0)
    final_lr: float = Field(default=0.001, ge=0, le=1)
    warmup_epochs: float = Field(default=0.0, ge=0)
    clip: float | None = Field(default=None, gt=0)
    precision: Literal["fp32", "bf16"] = "fp32"
    compile: bool = False
    channels_last: bool = False
    sync_batch_norm: bool = False
    workers: int = Field(default=0, ge=0)
    seed: int = Field(default=0, ge=0)
    trackers: tuple[str, ...] = ("tensorboard",)
    log_every: int = Field(default=1, ge=1)
    checkpoint_minutes: float = Field(default=5.0, gt=0)
    checkpoint_every: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _check(self) -> PretrainConfig:
        if self.stage1_epochs + self.stage2_epochs == 0:
            raise ValueError("both stages have 0 epochs; give stage1_epochs or stage2_epochs")
        if self.hide and len(self.hide) != len(self.stores):
            raise ValueError(
                f"hide has {len(self.hide)} entries, for {len(self.stores)} stores; give one for each, e.g. "
                'hide=["depth", "nothing"]'
            )
        if self.method == "hcmoco":
            if self.weights.sample == 0 and self.stage1_epochs:
                raise ValueError("stage 1 is the sample level alone; with weights.sample = 0 give stage1_epochs = 0")
            if not any(self.weights.model_dump().values()):
                raise ValueError("all weights are 0; there is nothing to learn")
        for epochs in (self.stage1_epochs, self.stage2_epochs):
            if epochs and self.warmup_epochs >= epochs:
                raise ValueError(f"warmup_epochs is {self.warmup_epochs}, but a stage has {epochs} epochs")
        return self

    def hidden(self) -> tuple[Hidden, ...]:
        """What is hidden of each store."""
        if self.hide:
            return self.hide
        return tuple("nothing" for _ in self.stores)

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain values, as they stand in checkpoints and in the run's `config.json`."""
        return self.model_dump(mode="json")


FREE_TO_CHANGE = frozenset({"workers", "trackers", "log_every", "checkpoint_minutes", "checkpoint_every", "compile"})
"""Settings that a resumed run may change: they do not change what is learned."""


def make_config(file: str | None = None, settings: dict[str, Any] | None = None) -> PretrainConfig:
    """The settings of a file, with others put over them.

    Args:
        file: Path of a `.toml` or `.json` file, or the name of a packaged one (see `packaged_configs`).
        settings: Names to values; a name with a dot reaches into `weights`, e.g. `weights.dense`.

    Raises:
        DataError: If the file cannot be read.
        UsageError: If a setting is unknown or out of range; names it.
    """
    values = read_config(file) if file else {}
    for name, value in (settings or {}).items():
        *tables, last = name.split(".")
        table = values
        for key in tables:
            table = table.setdefault(key, {})
            if not isinstance(table, dict):
                raise UsageError(f"{name}: {key} is a single value")
        table[last] = value
    return validated(PretrainConfig, values, file or "settings")


def read_config(file: str) -> dict[str, Any]:
    """The values of a settings file; raises DataError if it cannot be read."""
    path = Path(file)
    if not path.is_file() and path.name == file and not path.suffix:
        if file not in packaged_configs():
            raise UsageError(f"--config {file}: no such file; packaged ones are {', '.join(packaged_configs())}")
        path = annotation_file(f"{_PACKAGED}/{file}.toml")
    try:
        text = path.read_text("utf-8")
        values: dict[str, Any] = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as settings ({error})", kind="config_unreadable") from error
    return values


def packaged_configs() -> tuple[str, ...]:
    """Names of the settings that come with the package: the rows of the paper's ablation (Table 3)."""
    folder = annotation_file(f"{_PACKAGED}/ablation-sparse.toml").parent
    return tuple(sorted(path.stem for path in folder.glob("*.toml")))
