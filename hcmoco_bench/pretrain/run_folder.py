"""The settings of the run in a folder."""

from __future__ import annotations

from pathlib import Path

from hcmoco_bench.errors import UsageError
from hcmoco_bench.pretrain.config import FREE_TO_CHANGE, PretrainConfig, make_config
from hcmoco_bench.training.run_folder import CONFIG_FILE, prepare_folder


def prepare_pretraining(folder: Path, config: PretrainConfig, *, resume: bool) -> None:
    """Make a run's folder ready; see `training.run_folder.prepare_folder`."""
    before = make_config(str(folder / CONFIG_FILE)).to_dict() if (folder / CONFIG_FILE).is_file() else None
    prepare_folder(folder, config.to_dict(), before=before, resume=resume, free_to_change=FREE_TO_CHANGE)


def saved_config(folder: Path) -> PretrainConfig:
    """Settings of the run in a folder; raises UsageError if there is none."""
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise UsageError(f"{folder}: there is no run to resume; leave --resume out to start one")
    return make_config(str(path))
