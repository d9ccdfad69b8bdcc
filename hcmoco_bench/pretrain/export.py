"""From a pre-training checkpoint to one encoder in a form that other programs read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hcmoco_bench.data.data_record import DataRecord, StoreRecord, read_data_record, record_stores
from hcmoco_bench.errors import UsageError
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.hub.model_card import MethodFacts, ModelFacts, TrainingData
from hcmoco_bench.hub.push_model import write_model_folder
from hcmoco_bench.models.encoders import TimmEncoder
from hcmoco_bench.models.export import FORMATS, encoder_state, fusion_of, safetensors_content, write_encoder
from hcmoco_bench.pretrain.checkpoints import load_pretrained
from hcmoco_bench.pretrain.method import MethodRecord
from hcmoco_bench.runtime.settings import describe_settings
from hcmoco_bench.training.checkpoint import load_checkpoint

HUB = "hub"


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: The file, or the folder for the Hub.
        backbone: Name of the architecture, as `create_encoder` takes it.
        parameters: Number of learned numbers.
        note: What whoever loads it should know; empty if nothing.
        commands: What to type in the other program's folder to use it.
    """

    path: Path
    backbone: str
    parameters: int
    note: str
    commands: tuple[str, ...] = ()


def export_checkpoint(
    checkpoint: Path, modality: Literal["rgb", "depth"], to: str, out: Path, *, repo: str | None = None
) -> Exported:
    """Write the RGB or depth encoder of a checkpoint.

    Args:
        checkpoint: Of a pre-training by this tool.
        modality: Which encoder.
        to: `timm`, `hrnet-seg`, `detectron2`, `a2j`, or `hub`.
        out: The file; for `hub` the folder.
        repo: Name on the Hub for the card's examples; None for the folder's name.

    Raises:
        DataError: If the checkpoint is missing, damaged, foreign, or of another kind.
        UsageError: If the format is not known, cannot hold this encoder, or does not go with `out`.
        StoreError: If nothing can be written there.
    """
    if to not in (*FORMATS, HUB):
        raise UsageError(f"format {to!r} is not known; use one of {', '.join((*FORMATS, HUB))}")
    found = load_pretrained(checkpoint)
    encoders, settings = found.method.encoders(found.model), found.settings
    if modality not in encoders:
        raise UsageError(
            f"{checkpoint}: a pre-training by {found.method.name}, which has no {modality} encoder; it has "
            f"{', '.join(encoders)}"
        )
    encoder: Any = encoders[modality]
    parameters = sum(value.numel() for value in encoder.parameters())
    backbone = found.method.backbones(settings)[modality]
    if to != HUB:
        written = write_encoder(encoder, to, out)
        return Exported(out, backbone, parameters, _fusion_note(written.trained_fusion, written.scheme.fusion, to))
    fusion, weights = fusion_of(encoder), encoder_state(encoder)
    progress = load_checkpoint(checkpoint)
    facts = ModelFacts(
        repo=repo or out.resolve().name,
        modality=modality,
        backbone=backbone,
        parameters=parameters,
        fusion=fusion,
        in_timm=isinstance(encoder, TimmEncoder),
        method=_method_facts(found.method.record),
        config=settings.to_dict(),
        steps=int(progress["step"]),
        total_steps=int(progress["total_steps"]),
        n_samples=_bank_rows(progress),
        data=_training_data(settings.stores, read_data_record(progress.get("data"), str(checkpoint))),
        checkpoint_sha256=file_sha256(checkpoint),
        unused=settings.without_effect(),
        meanings={record.name: record.meaning for record in describe_settings(type(settings))},
        input=encoder.input,
    )
    write_model_folder(out, safetensors_content(weights), facts)
    return Exported(out, backbone, parameters, _fusion_note(fusion, "nearest" if fusion else "", "timm"))


def _method_facts(record: MethodRecord) -> MethodFacts:
    return MethodFacts(record.title, record.phrase, f"{record.citation} ([paper]({record.url})).")


def _fusion_note(trained: str, there: str, program: str) -> str:
    if not trained or trained == there:
        return ""
    return (
        f"{program} adds an HRNet's branches enlarged by {there} neighbor, this one was trained with {trained} "
        "enlarging: features differ somewhat until it is fine-tuned there"
    )


def _bank_rows(state: dict[str, Any]) -> int | None:
    bank: dict[str, Any] = state.get("bank") or {}
    return next((len(rows) for name, rows in bank.items() if name.startswith("bank_")), None)


def _training_data(stores: Sequence[str], trained: DataRecord | None) -> tuple[TrainingData, ...]:
    """What each store said of itself when the run began; for runs of earlier versions, what it says now."""
    known = record_stores(stores) if trained is None else trained.stores
    by_path = {record.path: record for record in known}
    return tuple(_facts(Path(store).name, by_path.get(store)) for store in stores)


def _facts(name: str, record: StoreRecord | None) -> TrainingData:
    source: dict[str, Any] = {} if record is None else record.manifest.get("source", {})
    if record is None or "generated" not in source:
        return TrainingData(name=name, generated=None, license="", rows=None, manifest_sha256="")
    return TrainingData(
        name=name,
        generated=bool(source["generated"]),
        license=str(source.get("licence", source.get("license", ""))),
        rows=record.manifest["splits"].get("train", {}).get("rows"),
        manifest_sha256=record.manifest_sha256,
    )
