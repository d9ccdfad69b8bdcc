"""The mark of a folder of generated data: what made it, so that it can be continued and is never taken for real."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hcmoco_bench import __version__
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.files.lock import folder_lock
from hcmoco_bench.sources.ntu.layout import GENERATED_MARK


def write_text(path: Path, text: str) -> None:
    """Write a text file under its name when it is complete; makes its folder."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file under its name when it is complete; makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(content)
    temporary.replace(path)


@contextmanager
def generated_folder(out: Path, what: str, options: Mapping[str, Any]) -> Iterator[None]:
    """Mark a folder as generated data, or check that it is the one to be continued, and hold its lock.

    Args:
        out: New, empty, or begun before with the same options.
        what: One sentence for the mark.
        options: Everything that its content depends on.

    Raises:
        UsageError: If the folder holds something else.
        StoreLockedError: If another process is writing it.
        DataError: If it cannot be written (`tree_unwritable`) or a worker was killed (`worker_killed`).
    """
    record = {"what": what, "tool": {"name": "hcmoco-bench", "version": __version__}, **options}
    try:
        _claim(out, json.dumps(record, indent=1, sort_keys=True) + "\n")
        with folder_lock(out):
            yield
    except OSError as error:
        raise DataError(
            f"{out}: {error}; make room or make it writable, then give the same command again: it goes on",
            kind="tree_unwritable",
            file=str(out),
        ) from error
    except BrokenProcessPool as error:
        raise DataError(
            f"{out}: a worker process was killed, perhaps for lack of memory; give the same command again with fewer "
            "--workers: it goes on",
            kind="worker_killed",
            file=str(out),
        ) from error


def _claim(out: Path, text: str) -> None:
    mark = out / GENERATED_MARK
    if mark.is_file():
        if mark.read_text(encoding="utf-8") != text:
            raise UsageError(
                f"{out} holds a generated tree made with other options or by another version; "
                "choose another --out, or delete it first"
            )
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is not empty and not a generated tree; choose another --out")
    out.mkdir(parents=True, exist_ok=True)
    write_text(mark, text)
