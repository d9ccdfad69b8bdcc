"""What to type to score an exported model in detectron2; the command `export` and docs/densepose.md say the same."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Final

from hcmoco_bench.metrics.densepose.detectron2_results import PREDICTIONS_FILE
from hcmoco_bench.sources.densepose.layout import FILES, IMAGE_FOLDERS, LATER_FILES
from hcmoco_bench.tasks.densepose.data import TASK, TEST

SCRIPT: Final = "projects/DensePose/train_net.py"
"""The script that knows DensePose's configuration keys; detectron2's `tools/train_net.py` does not."""

OUTPUT: Final = "output"
"""detectron2's default `OUTPUT_DIR`, below the folder in which the script runs."""


def link_commands(root: Path, annotations: Path | None = None) -> list[str]:
    """Commands that put the test split where detectron2 looks for it, below the folder in which they run.

    Args:
        root: COCO's folder.
        annotations: The annotation file of the test split; None for its first published name below `root`.
    """
    source = annotations or root / "annotations" / FILES[TEST]
    images = IMAGE_FOLDERS[TEST]
    return [
        "mkdir -p datasets/coco/annotations",
        f"ln -s {quote(str(source))} datasets/coco/annotations/{LATER_FILES[TEST]}",
        f"ln -s {quote(str(root / images))} datasets/coco/{images}",
    ]


def evaluation_command(configuration: Path, padding: Path | None = None) -> str:
    """The command that evaluates a model on the test split (`DATASETS.TEST` of its configuration).

    Args:
        configuration: The configuration file, absolute.
        padding: The module that registers the padded backbone, absolute, if the configuration names that backbone.
    """
    environment = "" if padding is None else f"DETECTRON2_ENV_MODULE={quote(str(padding))} "
    return f"{environment}python {SCRIPT} --config-file {quote(str(configuration))} --eval-only"


def scoring_command(root: Path) -> str:
    """The command that scores what detectron2 then has written."""
    predictions = f"{OUTPUT}/inference/{PREDICTIONS_FILE}"
    return f"hcmoco-bench eval --task {TASK} --root {quote(str(root))} --predictions {predictions}"
