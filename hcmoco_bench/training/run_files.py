"""Names of the files of a training run, for those that only look whether they are there."""

from __future__ import annotations

from pathlib import Path
from typing import Final

CHECKPOINT_FILE: Final = "checkpoint.pth"
LOSSES_FILE: Final = "losses.csv"
CONFIG_FILE: Final = "config.json"
RESULT_FILE: Final = "result.json"
MODEL_FILE: Final = "model.pth"


def previous_checkpoint(path: Path) -> Path:
    """Where `save_checkpoint` keeps the checkpoint that `path` held before."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def has_begun(folder: Path) -> bool:
    """Whether a folder holds a run that has come to its first step."""
    checkpoint = folder / CHECKPOINT_FILE
    return any(path.is_file() for path in (checkpoint, previous_checkpoint(checkpoint), folder / LOSSES_FILE))


def seed_folder(out: Path, seed: int) -> Path:
    """The folder of a seed's training, in that of a fine-tuning."""
    return out / f"seed-{seed}"
