"""A pre-trained encoder as a folder for the Hub, and its upload."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from hcmoco_bench import __version__
from hcmoco_bench.errors import DataError, StoreError, UsageError
from hcmoco_bench.files.atomic import write_atomic
from hcmoco_bench.hub.hub_errors import clear_errors
from hcmoco_bench.hub.model_card import RECORD_FILE, ModelFacts, public_settings, render_model_card
from hcmoco_bench.hub.push import PushTarget, check_existing, check_name, hub_api, progress_bars

WEIGHTS_FILE, CARD_FILE, TIMM_FILE = "model.safetensors", "README.md", "config.json"

RESULTS_FOLDER: Final = ".eval_results"
"""Folder of a model repository whose files the Hub shows as results."""

RESULTS_PREFIX: Final = "hcmoco-bench-"
"""Begins the name of each file there that this tool writes, so that those of others are never touched."""

_FORMAT = "hcmoco-bench-encoder-1"
_OURS = frozenset({WEIGHTS_FILE, CARD_FILE, TIMM_FILE, RECORD_FILE})
_KEPT_BY_HUB = ".cache"
_IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
_UNCHANGED = {"mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0]}


def write_model_folder(folder: Path, weights: bytes, facts: ModelFacts) -> None:
    """Write `model.safetensors`, its card, timm's `config.json` (for timm's architectures) and the training's record.

    timm loads the folder as `local-dir:FOLDER`, and what is pushed from it as `hf-hub:USER/NAME`. The record is written
    last. An earlier export in the folder is replaced, and its results, which are those of other weights, are removed.

    Args:
        folder: To write; may exist if it holds nothing else.
        weights: Content of the safetensors file, under timm's names.
        facts: What the card says.

    Raises:
        UsageError: If the folder holds something else.
        StoreError: If it cannot be written.
    """
    _check_folder(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / RECORD_FILE).unlink(missing_ok=True)
        shutil.rmtree(folder / RESULTS_FOLDER, ignore_errors=True)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written ({error.strerror}); give another folder with --out") from error
    write_atomic(folder / WEIGHTS_FILE, weights)
    if facts.in_timm:
        write_atomic(folder / TIMM_FILE, _json(_timm_config(facts)))
    write_atomic(folder / CARD_FILE, render_model_card(facts))
    write_atomic(folder / RECORD_FILE, _json(_record(facts)))


def export_record(folder: Path) -> dict[str, Any]:
    """The record of such a folder, whose files are all there; key `files` names them without the record.

    Raises:
        DataError: If the folder is not an export (`export_unreadable`), or not whole (`export_incomplete`).
    """
    path = folder / RECORD_FILE
    try:
        record: dict[str, Any] = json.loads(path.read_bytes())
        whole = record["format"] == _FORMAT and all((folder / name).is_file() for name in record["files"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{folder}: is not an exported encoder ({RECORD_FILE} cannot be read); write one with export --to hub",
            kind="export_unreadable",
            file=str(path),
        ) from error
    if not whole:
        raise DataError(
            f"{folder}: files of this export are missing; run export --to hub again",
            kind="export_incomplete",
            file=str(path),
        )
    return record


def write_model_results(folder: Path, files: Mapping[str, str], card: str) -> tuple[Path, ...]:
    """Put results into such a folder: the files of `.eval_results/`, in place of those there, and a card that has them.

    Args:
        folder: What `write_model_folder` wrote.
        files: Content by name; each begins with `RESULTS_PREFIX`.
        card: The card's content.

    Returns:
        The files of the results.

    Raises:
        DataError: If the folder is not an export, or not whole.
        UsageError: If `.eval_results/` holds a file of somebody else.
        StoreError: If it cannot be written.
    """
    record = export_record(folder)
    _check_folder(folder)
    kept = [name for name in record["files"] if not name.startswith(f"{RESULTS_FOLDER}/")]
    below = folder / RESULTS_FOLDER
    try:
        shutil.rmtree(below, ignore_errors=True)
        below.mkdir()
    except OSError as error:
        raise StoreError(f"{below}: cannot be written ({error.strerror}); give another folder with --out") from error
    for name, content in files.items():
        write_atomic(below / name, content)
    write_atomic(folder / CARD_FILE, card)
    names = sorted([*kept, *(f"{RESULTS_FOLDER}/{name}" for name in files)])
    write_atomic(folder / RECORD_FILE, _json({**record, "files": names}))
    return tuple(below / name for name in files)


def push_model(folder: Path, target: PushTarget, *, quiet: bool = False) -> str:
    """Upload such a folder as a model repository, private unless `target.public`; run again, it continues.

    Args:
        folder: What `write_model_folder` wrote.
        target: Where to; an existing repository must hold an earlier upload of this kind.
        quiet: Show no progress bars.

    Returns:
        The repository's address.

    Raises:
        DataError: If the folder is not an export, or not whole.
        HubError: If the Hub cannot be reached or refuses; one sentence that says what to do.
    """
    files = [*export_record(folder)["files"], RECORD_FILE]
    api = hub_api()
    with clear_errors(target.repo_id, kind="model"), progress_bars(shown=not quiet):
        check_name(target.repo_id)
        url = api.create_repo(target.repo_id, repo_type="model", private=not target.public, exist_ok=True)
        check_existing(api, target, marker=RECORD_FILE, kind="model")
        api.upload_folder(
            repo_id=target.repo_id,
            repo_type="model",
            folder_path=folder,
            allow_patterns=files,
            delete_patterns=[f"{RESULTS_FOLDER}/{RESULTS_PREFIX}*"],  # of weights that were there before
            commit_message=f"Export with hcmoco-bench {__version__}",
        )
    return str(url)


def _check_folder(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UsageError(f"{folder}: is a file; --to hub writes a folder, give one with --out")
    held = {path.name for path in folder.iterdir()} - {_KEPT_BY_HUB, RESULTS_FOLDER} - _OURS
    results = folder / RESULTS_FOLDER
    if results.is_dir():
        held |= {f"{RESULTS_FOLDER}/{path.name}" for path in results.iterdir() if not _is_result(path)}
    elif results.exists():
        held.add(RESULTS_FOLDER)
    if held:
        raise UsageError(f"{folder}: holds files that export did not write ({min(held)}, ...); give another")


def _is_result(path: Path) -> bool:
    return path.name.startswith(RESULTS_PREFIX) and path.is_file()


def _timm_config(facts: ModelFacts) -> dict[str, Any]:
    """What `timm.create_model("hf-hub:...")` reads: architecture and preparation of images."""
    architecture, size = facts.backbone.partition(".")[0], facts.config["image_size"]
    configuration: dict[str, Any] = {
        "input_size": [3, size, size],
        "interpolation": "bilinear",
        "crop_pct": 1.0,
        "num_classes": 0,
        **(_IMAGENET if facts.modality == "rgb" else _UNCHANGED),
    }
    return {"architecture": architecture, "num_classes": 0, "pretrained_cfg": configuration}


def _record(facts: ModelFacts) -> dict[str, Any]:
    names = {WEIGHTS_FILE, CARD_FILE, *([TIMM_FILE] if facts.in_timm else [])}
    return {
        "format": _FORMAT,
        "tool": {"name": "hcmoco-bench", "version": __version__},
        "modality": facts.modality,
        "backbone": facts.backbone,
        "fusion": facts.fusion,
        "checkpoint_sha256": facts.checkpoint_sha256,
        "steps": facts.steps,
        "total_steps": facts.total_steps,
        "n_samples": facts.n_samples,
        "data": [vars(store) for store in facts.data],
        "config": public_settings(facts.config),
        "files": sorted(names),
    }


def _json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"
