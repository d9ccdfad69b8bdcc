"""The settings of the run in a folder."""

from __future__ import annotations

from pathlib import Path

from hcmoco_bench.data.data_record import DataRecord
from hcmoco_bench.errors import UsageError
from hcmoco_bench.pretrain.checkpoints import saved_settings
from hcmoco_bench.pretrain.method import Method
from hcmoco_bench.pretrain.settings import PretrainSettings
from hcmoco_bench.runtime.settings import Bookkeeping, read_settings_file
from hcmoco_bench.training.run_files import CONFIG_FILE
from hcmoco_bench.training.run_folder import prepare_folder


def prepare_pretraining(
    folder: Path, settings: PretrainSettings, data: DataRecord, method: Method, *, resume: bool
) -> None:
    """Make a run's folder ready; see `training.run_folder.prepare_folder`."""
    path = folder / CONFIG_FILE
    before = saved_settings(read_settings_file(path), str(path), method=method).to_dict() if path.is_file() else None
    prepare_folder(
        folder, settings.to_dict(), data, before=before, resume=resume, free_to_change=settings.marked(Bookkeeping)
    )


def saved_run(folder: Path) -> PretrainSettings:
    """Settings of the run in a folder; raises UsageError if there is none."""
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise UsageError(f"{folder}: there is no run to resume; leave --resume out to start one")
    return saved_settings(read_settings_file(path), str(path))


def saved_method(folder: Path) -> str | None:
    """Name of the method of the run in a folder; None if there is no run."""
    path = folder / CONFIG_FILE
    return str(read_settings_file(path).get("method")) if path.is_file() else None
