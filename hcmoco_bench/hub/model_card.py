"""The model card: `annotations/MODEL_CARD.md` filled with what the checkpoint says, under the header the Hub reads."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from hcmoco_bench import __version__
from hcmoco_bench.body.annotation_files import annotation_file
from hcmoco_bench.files.templates import render_template

TEMPLATE = "MODEL_CARD.md"
RECORD_FILE = "pretraining.json"


@dataclass(frozen=True)
class MethodFacts:
    """A method of pre-training, as a card describes it.

    Attributes:
        name: Its name in the settings.
        summary: What it learns by, in a phrase without a full stop.
        reference: The paper, in Markdown, with a full stop.
    """

    name: str
    summary: str
    reference: str


@dataclass(frozen=True)
class TrainingData:
    """A store that was trained on.

    Attributes:
        name: Name of its folder.
        generated: Whether its people are generated; None if the store is no longer there to be asked.
        license: Its license in a sentence; empty if not known.
        rows: Number of samples of its training split; None if not known.
        manifest_sha256: SHA-256 of its manifest; empty if not known.
    """

    name: str
    generated: bool | None
    license: str
    rows: int | None
    manifest_sha256: str


@dataclass(frozen=True)
class ModelFacts:
    """What a model card is made of.

    Attributes:
        repo: Repository on the Hub, or the folder's name.
        modality: Which encoder.
        backbone: Name of the architecture, as `create_encoder` takes it.
        parameters: Number of learned numbers.
        fusion: How an HRNet adds its branches; empty for other encoders.
        in_timm: Whether timm knows the architecture.
        method: The method of pre-training.
        config: The checkpoint's resolved settings, as plain values; nested ones are tables.
        steps: Optimizer steps done.
        total_steps: Steps of the whole run.
        n_samples: Training samples; None for methods without a memory bank.
        data: The stores.
        checkpoint_sha256: SHA-256 of the checkpoint.
        unused: Settings that this run took no notice of, by name (a dot reaches into a table; a table's name stands
            for all of it); the card leaves them out.
        meanings: What settings mean, by the same names; empty for a table without meanings.
        input: What the encoder takes: images or points.
    """

    repo: str
    modality: Literal["rgb", "depth"]
    backbone: str
    parameters: int
    fusion: str
    in_timm: bool
    method: MethodFacts
    config: Mapping[str, Any]
    steps: int
    total_steps: int
    n_samples: int | None
    data: Sequence[TrainingData]
    checkpoint_sha256: str
    unused: Collection[str] = ()
    meanings: Mapping[str, str] = field(default_factory=dict)
    input: Literal["image", "points"] = "image"


def render_model_card(facts: ModelFacts) -> str:
    """The whole `README.md`: YAML header and the filled template."""
    used = dict(_used_settings(public_settings(facts.config), facts.unused))
    given = {"facts": facts, "used": used, "version": __version__, "record_file": RECORD_FILE}
    return f"---\n{_header(facts)}\n---\n\n{render_template(annotation_file(TEMPLATE), given)}"


def public_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with the names of files and folders instead of their places on somebody's machine."""

    def name(path: str) -> str:
        return path.replace("\\", "/").rstrip("/").rpartition("/")[2]

    return {**config, "stores": [name(store) for store in config["stores"]], "init": name(config["init"])}


def _used_settings(config: Mapping[str, Any], unused: Collection[str], table: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in config.items():
        whole = f"{table}{name}"
        if whole in unused:
            continue
        if isinstance(value, Mapping):
            yield from _used_settings(value, unused, f"{whole}.")
        else:
            yield whole, value


def _header(facts: ModelFacts) -> str:
    from huggingface_hub import ModelCardData

    terms: dict[str, Any] = {"license": "other", "license_name": "terms-of-the-training-data"}
    if facts.data and all(store.generated for store in facts.data):
        terms = {"license": "cc0-1.0"}
    data = ModelCardData(
        base_model=_base_model(facts),
        library_name="timm" if facts.in_timm else "hcmoco-bench",
        pipeline_tag="image-feature-extraction",
        tags=["human-centric", "self-supervised", "rgb-d", facts.method.name, facts.modality],
        **terms,
    )
    return str(data.to_yaml(line_break="\n"))


def _base_model(facts: ModelFacts) -> str | None:
    """The Hub repository of the ImageNet weights that the run began with; None if it began with others."""
    if facts.config["init"] != "imagenet" or not facts.in_timm:
        return None
    import timm

    configuration = timm.get_pretrained_cfg(facts.backbone)
    if configuration is None or not configuration.hf_hub_id:
        return None
    identifier = str(configuration.hf_hub_id)
    return f"{identifier}{configuration.architecture}.{configuration.tag}" if identifier.endswith("/") else identifier
