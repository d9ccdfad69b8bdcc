"""Checkpoints: written whole or not at all, the one before is kept, and nothing is ever unpickled."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.atomic import TEMPORARY_SUFFIX, write_error
from hcmoco_bench.files.tensor_files import TensorFileError, read_torch_file, write_torch_file
from hcmoco_bench.training.run_files import previous_checkpoint

FORMAT = "hcmoco-bench-checkpoint-1"


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint; at every moment `path` is a complete one, and so is the one before beside it.

    Args:
        path: The `.pth` file.
        state: Tensors, numbers, strings, None, and dicts and lists of them; `kind` (`pretrain` or `task`), `config`
            and `model` are expected in every checkpoint, what resuming needs comes with it. `format` is added.

    Raises:
        StoreError: If it cannot be written.
    """
    if path.is_file():
        keep_copy(path, previous_checkpoint(path))
    write_torch_file(path, {"format": FORMAT} | state)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint of this tool to the CPU; tensors and plain values only, never code.

    Raises:
        DataError: If it is missing (`checkpoint_missing`), damaged (`checkpoint_damaged`) or not from this tool
            (`checkpoint_foreign`).
    """
    if not path.is_file():
        raise DataError(f"{path}: no such checkpoint", kind="checkpoint_missing", file=str(path))
    try:
        state = read_torch_file(path, older=False)
    except TensorFileError as error:
        raise (_foreign if error.kind == "foreign" else _damaged)(path, str(error)) from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise _foreign(path, f"its format is not {FORMAT}")
    missing = [key for key in ("kind", "config", "model") if key not in state]
    if missing:
        raise _foreign(path, f"it has no {', '.join(missing)}")
    return state


def keep_copy(path: Path, copy: Path) -> None:
    """Give a checkpoint a second name, where possible without a second copy; one saved later takes only the first.

    Raises:
        StoreError: If it cannot be written.
    """
    temporary = copy.with_name(f".{copy.name}.{os.getpid()}{TEMPORARY_SUFFIX}")
    temporary.unlink(missing_ok=True)
    try:
        try:
            os.link(path, temporary)
        except OSError:  # a file system without hard links
            shutil.copyfile(path, temporary)
        temporary.replace(copy)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise write_error(copy, error) from error


def _damaged(path: Path, why: str) -> DataError:
    return DataError(
        f"{path}: this checkpoint is damaged ({why}); use the one before it ({previous_checkpoint(path).name}) or "
        "another copy",
        kind="checkpoint_damaged",
        file=str(path),
    )


def _foreign(path: Path, why: str) -> DataError:
    return DataError(
        f"{path}: not a checkpoint of hcmoco-bench ({why}); give one that pretrain or finetune wrote",
        kind="checkpoint_foreign",
        file=str(path),
    )
