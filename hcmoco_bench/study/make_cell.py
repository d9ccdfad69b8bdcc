"""Making one cell: its commands in processes of their own, continued where they were, and its record."""

from __future__ import annotations

import functools
import hashlib
import platform
import shutil
import time
import zipfile
from collections.abc import Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Final

from hcmoco_bench import __version__
from hcmoco_bench.errors import HcmocoBenchError
from hcmoco_bench.files.atomic import write_error
from hcmoco_bench.files.hashing import folder_sha256, json_sha256
from hcmoco_bench.files.lock import LOCK_FILE
from hcmoco_bench.results.schema import Result, read_result
from hcmoco_bench.runtime.command_server import CommandServer
from hcmoco_bench.runtime.commit import commit
from hcmoco_bench.study.cells import Cell
from hcmoco_bench.study.folder import StudyFolder
from hcmoco_bench.study.progress_file import CellProgress, read_progress, write_progress
from hcmoco_bench.study.record import CellRecord, current_record, write_record
from hcmoco_bench.training.run_files import (
    CHECKPOINT_FILE,
    CONFIG_FILE,
    LOSSES_FILE,
    RESULT_FILE,
    has_begun,
    seed_folder,
)

_LAST_BYTES: Final = 4000


class CellFailedError(HcmocoBenchError):
    """A command of a cell failed; the message names the log."""


def is_made(folder: StudyFolder, cell: Cell) -> bool:
    """Whether what other cells need of a cell is there, on this machine and by its present commands."""
    progress = read_progress(folder.work(cell.name))
    return (
        progress is not None
        and progress.fingerprint == cell.fingerprint
        and progress.done == len(cell.commands)
        and folder.is_there(cell)
    )


def make_cell(folder: StudyFolder, cell: Cell, cells: Mapping[str, Cell], server: CommandServer) -> tuple[str, ...]:
    """Run a cell's commands and write its record; to be called while holding the lock of its work folder.

    What an earlier attempt with the same fingerprint left is continued, and what one with another left is deleted.

    Args:
        folder: The study's folder.
        cell: The cell; what it needs is there.
        cells: All cells by name.
        server: Runs commands in the study's folder, so that paths in what they write are the same wherever that is.

    Returns:
        What a user should know, in sentences.

    Raises:
        CellFailedError: If a command fails.
        KeyboardInterrupt: If it was interrupted with Ctrl-C; a training has then kept its last state.
        DataError: If a result cannot be read.
        StoreError: If something cannot be written.
    """
    work = folder.work(cell.name)
    progress = _begin(work, cell)
    if progress.done == len(cell.commands) and not folder.is_there(cell):  # somebody removed the output
        progress = CellProgress(fingerprint=cell.fingerprint)
        if cell.kind == "finetune":  # whose result would say that nothing is left to do
            remove(folder.out(cell.name) / RESULT_FILE)
    progress = progress.begun()
    write_progress(work, progress)
    out = folder.out(cell.name).relative_to(folder.root).as_posix()
    place = {name: folder.product(cells[name]) for name in cell.needs}
    for line in cell.lines(place, out)[progress.done :]:
        words = _continued(folder, cell, line, out)
        if words:
            progress, exit_code = _run(folder, cell, words, progress, server)
            if exit_code:
                said = _last_line(folder.log(cell.name))
                write_progress(work, progress.failed(said))
                raise CellFailedError(f"{cell.name}: exit code {exit_code}: {said}; see {folder.log(cell.name)}")
        progress = progress.model_copy(update={"done": progress.done + 1})
        write_progress(work, progress)
    return _record(folder, cell, cells, progress)


def _begin(work: Path, cell: Cell) -> CellProgress:
    progress = read_progress(work)
    if progress is not None and progress.fingerprint == cell.fingerprint:
        return progress
    remove(work / "out", work / "log.txt")
    return CellProgress(fingerprint=cell.fingerprint)


def remove(*paths: Path) -> None:
    """Remove files, folders and links that are there; raises StoreError if that is not possible."""
    for path in paths:
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            path.unlink(missing_ok=True)
        except OSError as error:
            raise write_error(path, error) from error


def _continued(folder: StudyFolder, cell: Cell, line: list[str], out: str) -> list[str]:
    """The words of a command, of the one that continues it, or none if it is finished."""
    if cell.kind == "data":
        return line
    run = folder.out(cell.name)
    if cell.kind in ("finetune", "eval") and (run / RESULT_FILE).is_file():
        return []
    if cell.kind == "eval":
        return line
    return cell.resuming(out) if has_begun(_run_folder(run, cell)) else line


def _run_folder(out: Path, cell: Cell) -> Path:
    return out if cell.seed is None or cell.kind == "pretrain" else seed_folder(out, cell.seed)


def _run(
    folder: StudyFolder, cell: Cell, words: Sequence[str], progress: CellProgress, server: CommandServer
) -> tuple[CellProgress, int]:
    begin, log = time.monotonic(), folder.log(cell.name)
    try:
        with log.open("ab") as handle:
            handle.write(f"$ hcmoco-bench {' '.join(words)}\n".encode(errors="backslashreplace"))
        ended = server.run([*words, "--quiet"], log)
    except OSError as error:
        raise write_error(log, error) from error
    return progress.spent(time.monotonic() - begin, ended.processor_seconds), ended.exit_code


def _last_line(log: Path) -> str:
    with log.open("rb") as handle:
        handle.seek(max(0, log.stat().st_size - _LAST_BYTES))
        lines = [line.strip() for line in handle.read().decode(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines and not lines[-1].startswith("$ ") else "it printed nothing"


def _record(folder: StudyFolder, cell: Cell, cells: Mapping[str, Cell], progress: CellProgress) -> tuple[str, ...]:
    out, files = folder.out(cell.name), {}
    if cell.kind == "pretrain":
        found = tensors_sha256(out / CHECKPOINT_FILE)
        files = {name: out / name for name in (LOSSES_FILE, CONFIG_FILE)}
    elif cell.kind == "data":
        found = folder_sha256(out, without=(LOCK_FILE,))
    else:
        result = read_result(out / RESULT_FILE)
        found = result_sha256(result)
        files = {name: out / name for name in (RESULT_FILE, *(entry.file for entry in result.evidence))}
    before = current_record(folder, cell)
    if before is not None:  # made again for its output alone
        if before.sha256 == found:
            return ()
        return (other_bits(cell, found, before),)
    record = CellRecord(
        name=cell.name,
        fingerprint=cell.fingerprint,
        commands=cell.commands,
        needs={name: cells[name].fingerprint for name in cell.needs},
        recipe=dict(cell.recipe),
        seconds=round(progress.seconds, 3),
        processor_seconds=round(progress.processor_seconds, 3),
        attempts=progress.attempts,
        tool=f"hcmoco-bench {__version__}",
        git=commit(),
        processor=processor_name(),
        sha256=found,
    )
    write_record(folder.record(cell.name), record, files)
    return ()


def other_bits(cell: Cell, found: str, before: CellRecord) -> str:
    """That a cell came out otherwise than before.

    Args:
        cell: The cell.
        found: SHA-256 of what was made now.
        before: The record of what was made before.
    """
    what = {"data": "data", "pretrain": "weights"}.get(cell.kind, "scores")
    return (
        f"{cell.name}: the {what} made here are not those of the record (SHA-256 {found[:12]}... here, "
        f"{before.sha256[:12]}... there, on {before.processor or 'another machine'}); other processors, numbers of "
        "threads and versions of libraries round and write differently, so this is no error"
    )


def tensors_sha256(path: Path) -> str:
    """SHA-256 (hexadecimal) of all numbers in the tensors of a checkpoint, in the order in which they were saved.

    The bytes of the file differ between a training that was resumed and one that was not, even if every value in it is
    the same: Python writes equal texts once or twice, by whether they are one object. No tensor is built, and the
    process of a study does not load torch for it.

    Args:
        path: A file that `torch.save` wrote.
    """
    digest = hashlib.sha256()
    with zipfile.ZipFile(path) as archive:
        parts = [name.rpartition("/data/") for name in archive.namelist()]
        for folder, data, number in sorted(filter(itemgetter(1), parts), key=lambda part: int(part[2])):
            digest.update(hashlib.sha256(archive.read(folder + data + number)).digest())
    return digest.hexdigest()


def result_sha256(result: Result) -> str:
    """SHA-256 of all that a result says but how it was computed: task, model, data, scores, evidence and status."""
    return json_sha256(result.model_dump(mode="json", by_alias=True, exclude={"run"}))


@functools.cache
def processor_name() -> str:
    """Name of the machine's processor, as the operating system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
