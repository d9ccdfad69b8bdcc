"""The model card: `annotations/MODEL_CARD.md` filled with what the checkpoint says, under the header the Hub reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hcmoco_bench import __version__
from hcmoco_bench.body.annotation_files import annotation_file
from hcmoco_bench.hub.template import render_template

TEMPLATE = "MODEL_CARD.md"
RECORD_FILE = "pretraining.json"

METHODS = {
    "hcmoco": "hierarchical contrastive learning of RGB, depth and 2-D keypoints",
    "cmc": "contrastive multiview coding with three modalities",
    "mmv": "fine and coarse embedding spaces with negatives from the batch",
}

_MODALITY = {"rgb": "RGB", "depth": "depth"}
_INPUT = {
    "rgb": "(B, 3, H, W) RGB in 0..1 with ImageNet's mean (0.485, 0.456, 0.406) taken out and divided by its deviation "
    "(0.229, 0.224, 0.225)",
    "depth": "(B, 3, H, W) depth in meters, minus the mean over the image's own measured pixels, pixels without "
    "measurement 0, the one channel repeated three times (`hcmoco_bench.data.normalize.normalize_depth`)",
    "points": "depth in meters (B, 1, H, W) with 0 = none, intrinsics (B, 4) in px and the person's mask (B, H, W)",
}


@dataclass(frozen=True)
class TrainingData:
    """A store that was trained on.

    Attributes:
        name: Name of its folder.
        generated: Whether its people are generated; None if the store is no longer there to be asked.
        license: Its license in a sentence; empty if not known.
        rows: Samples of its training split; None if not known.
        manifest_sha256: Of its manifest; empty if not known.
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
        backbone: Its timm name, or `pointnet`.
        parameters: Number of learned numbers.
        fusion: How an HRNet adds its branches; empty for other encoders.
        config: The checkpoint's resolved settings (`PretrainConfig.plain`).
        steps: Optimizer steps done.
        total_steps: Steps of the whole run.
        n_samples: Training samples; None for methods without a memory bank.
        data: The stores.
        checkpoint_sha256: Of the checkpoint.
    """

    repo: str
    modality: Literal["rgb", "depth"]
    backbone: str
    parameters: int
    fusion: str
    config: Mapping[str, Any]
    steps: int
    total_steps: int
    n_samples: int | None
    data: Sequence[TrainingData]
    checkpoint_sha256: str

    @property
    def in_timm(self) -> bool:
        """Whether timm knows the architecture."""
        return self.backbone != "pointnet"


def render_model_card(facts: ModelFacts) -> str:
    """The whole `README.md`: YAML header and the filled template."""
    body = render_template(annotation_file(TEMPLATE).read_text(encoding="utf-8"), _values(facts), _flags(facts))
    return f"---\n{_header(facts)}\n---\n\n{body}"


def _header(facts: ModelFacts) -> str:
    from huggingface_hub import ModelCardData

    terms: dict[str, Any] = {"license": "other", "license_name": "terms-of-the-training-data"}
    if facts.data and all(store.generated for store in facts.data):
        terms = {"license": "cc0-1.0"}
    data = ModelCardData(
        base_model=_base_model(facts),
        library_name="timm" if facts.in_timm else "hcmoco-bench",
        pipeline_tag="image-feature-extraction",
        tags=["human-centric", "self-supervised", "rgb-d", facts.config["method"], facts.modality],
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


def _flags(facts: ModelFacts) -> dict[str, bool]:
    return {
        "generated": bool(facts.data) and all(store.generated for store in facts.data),
        "finished": facts.steps >= facts.total_steps,
        "timm": facts.in_timm,
        "bilinear": facts.fusion == "bilinear",
    }


def _values(facts: ModelFacts) -> dict[str, str]:
    config = facts.config
    as_points = facts.modality == "depth" and not facts.in_timm
    return {
        "title": f"{facts.backbone} for {_MODALITY[facts.modality]}, {config['method']}",
        "modality_name": _MODALITY[facts.modality],
        "method": config["method"],
        "method_long": METHODS[config["method"]],
        "version": __version__,
        "backbone": facts.backbone,
        "parameters": f"{facts.parameters:,}",
        "steps": f"{facts.steps:,}",
        "total_steps": f"{facts.total_steps:,}",
        "repo": facts.repo,
        "timm_options": ', feature_location=""' if facts.fusion else "",
        "own_example": _own_example(facts),
        "input": _INPUT["points" if as_points else facts.modality],
        "image_size": str(config["image_size"]),
        "settings": "\n".join(f"| {name} | {value} |" for name, value in _settings(facts)),
        "record_file": RECORD_FILE,
        "data": _data_text(facts),
        "license_text": _license_text(facts),
    }


def _own_example(facts: ModelFacts) -> str:
    fetch = (
        "from pathlib import Path\n\n"
        "from huggingface_hub import hf_hub_download\n{imports}\n\n"
        f'weights = Path(hf_hub_download("{facts.repo}", "model.safetensors"))\n' + "{make}"
    )
    if facts.in_timm:
        return fetch.format(
            imports="from hcmoco_bench.models.encoders import create_encoder",
            make=f'encoder = create_encoder("{facts.backbone}", weights=weights)',
        )
    return fetch.format(
        imports="from hcmoco_bench.models.pointnet import PointNetEncoder\n"
        "from hcmoco_bench.models.weights import load_weights",
        make="encoder = PointNetEncoder()\nload_weights(encoder, weights)",
    )


def _settings(facts: ModelFacts) -> list[tuple[str, str]]:
    config = facts.config
    rows = [
        ("method", str(config["method"])),
        ("encoders", f"RGB {config['backbone']}, depth {config['depth_backbone'] or config['backbone']}"),
        ("first weights", _init_name(str(config["init"]))),
        ("epochs", f"{config['stage1_epochs']} of the first stage, {config['stage2_epochs']} of the second"),
        ("steps", f"{facts.steps:,} of {facts.total_steps:,}"),
        ("batch", f"{config['batch_size']} samples of {config['image_size']} x {config['image_size']} px"),
        (
            "optimizer",
            f"SGD {config['lr']:g}, momentum {config['momentum']:g}, weight decay {config['weight_decay']:g}",
        ),
        ("schedule", f"cosine to {config['final_lr']:g} of the rate, {config['warmup_epochs']:g} epochs of warm-up"),
        ("precision", str(config["precision"])),
        ("keypoints", str(config["joints"])),
        ("seed", str(config["seed"])),
    ]
    if config["method"] == "hcmoco":
        weights = ", ".join(f"{name} {weight:g}" for name, weight in config["weights"].items())
        rows.append(("weights of the terms", f"{weights}; dense targets {config['dense']}"))
    if config["method"] != "mmv":
        number = config["negatives"]
        negatives = "the rest of the batch" if number == "batch" else f"{number:,} an anchor from the memory bank"
        rows.append(("negatives", f"{negatives}, temperature {config['temperature']:g}"))
    return rows


def _init_name(init: str) -> str:
    """The first weights without the path on somebody's machine."""
    return init.replace("\\", "/").rpartition("/")[2]


def _data_text(facts: ModelFacts) -> str:
    kinds = {True: "generated people", False: "recorded people", None: "a store that is no longer there to be asked"}
    lines = [
        f"- `{store.name}`: {kinds[store.generated]}"
        + ("" if store.rows is None else f", {store.rows:,} training samples")
        + (f"; manifest SHA-256 `{store.manifest_sha256}`" if store.manifest_sha256 else "")
        for store in facts.data
    ]
    if facts.n_samples is not None:
        lines.append(f"\n{facts.n_samples:,} training samples in all.")
    return "\n".join(lines) or "The checkpoint names no store."


def _license_text(facts: ModelFacts) -> str:
    stated = dict.fromkeys(store.license for store in facts.data if store.license)
    lines = [f"- {terms}" for terms in stated]
    if not facts.data or any(store.generated is None for store in facts.data):
        lines.append("- Of a part of the training data the license is not recorded here; ask whoever trained this.")
    if facts.config["init"] == "imagenet":
        lines.append("- The run began with timm's ImageNet weights, whose terms hold for what came of them.")
    return "The weights are under the terms of what they were learned from:\n\n" + "\n".join(lines)
