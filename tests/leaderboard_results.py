"""Results on a generated parsing store, written by real evaluations of predictions with errors of a given share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hcmoco_bench.data.parsing import ParsingDataset
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.results.evidence import Evidence, load_evidence, save_evidence
from hcmoco_bench.tasks.core.evaluate import evaluate_predictions
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings
from hcmoco_bench.tasks.core.registry import get_task

TASK = get_task("depth_parsing")


def write_predictions(store: Path, folder: Path, *, wrong: float, seed: int = 0, split: str = "test") -> Path:
    """The store's own labels with a share of the pixels drawn anew, as masks by sample id."""
    config = make_finetune_settings(TASK, {"stores": (str(store),)})
    data = TASK.open_data(config, split, train=False)
    assert isinstance(data.dataset, ParsingDataset)
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for row, name in enumerate(data.ids):
        label = data.dataset.label(row)
        drawn = rng.random(label.shape) < wrong
        mask = np.where(drawn, rng.integers(0, 25, label.shape, dtype=np.uint8), label).astype(np.uint8)
        Image.fromarray(mask).save(folder / f"{name}.png")
    return folder


def write_result(store: Path, predictions: Path, out: Path, *, name: str, protocol: str = "native") -> Path:
    """The result of predictions, with evidence beside it."""
    config = make_finetune_settings(TASK, {"stores": (str(store),), "protocol": protocol})
    out.parent.mkdir(parents=True, exist_ok=True)
    evaluate_predictions(TASK, predictions, config, out=out, name=name, bootstrap=50, as_given=True)
    return out


def edit_result(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a result file by hand."""
    content = json.loads(path.read_text("utf-8"))
    change(content)
    path.write_text(json.dumps(content), "utf-8")


def edit_evidence(path: Path, change: Callable[[Evidence], Evidence], *, rehash: bool = True) -> None:
    """Change the first evidence file of a result, and state its new hash there as somebody who cheats would."""
    entry = json.loads(path.read_text("utf-8"))["evidence"][0]
    file = path.with_name(entry["file"])
    save_evidence(file, change(load_evidence(file)))
    if rehash:
        edit_result(path, lambda content: content["evidence"][0].update(sha256=file_sha256(file)))


def with_columns(evidence: Evidence, changed: Mapping[str, Any]) -> Evidence:
    """Evidence with some columns replaced."""
    return replace(evidence, columns={**evidence.columns, **changed})


def restate(path: Path) -> None:
    """State the scores that the evidence now has, so that nothing but the evidence is wrong."""
    entry = json.loads(path.read_text("utf-8"))["evidence"][0]
    evidence = load_evidence(path.with_name(entry["file"]))
    scores = TASK.scores(evidence)

    def change(content: dict[str, Any]) -> None:
        content["scores"].update(
            mean=scores["miou"], per_seed=[scores["miou"]], all=scores, per_class=TASK.per_class(evidence), ci95=None
        )
        content["scores"]["ci95_draws"] = None

    edit_result(path, change)
