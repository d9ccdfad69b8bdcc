"""The folder of a site: only one that holds nothing else is written to, and pages of an earlier site are removed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.files.atomic import TEMPORARY_SUFFIX, write_atomic
from hcmoco_bench.files.json import dump_json, read_json

LIST: Final = "site.json"
"""The file that lists a site's files, by which a later build knows which are its own."""
_FORMAT: Final = "hcmoco-bench-site-1"


def claim_folder(folder: Path, files: Sequence[str]) -> None:
    """Make a folder ready for a site of these files, or refuse it before anything is written.

    Raises:
        UsageError: If it is no folder, or holds anything that no earlier site wrote; names some of it.
        StoreError: If the list cannot be written.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise UsageError(f"{folder}: is not a folder; choose another --out")
    folder.mkdir(parents=True, exist_ok=True)
    earlier = _listed(folder)
    foreign = sorted(name for name in _present(folder) if name not in earlier)
    if foreign:
        shown = ", ".join(foreign[:5]) + (", ..." if len(foreign) > 5 else "")
        raise UsageError(f"{folder}: holds what no leaderboard page wrote ({shown}); choose an empty folder for --out")
    _write_list(folder, {*earlier, *files})
    for name in files:
        (folder / name).parent.mkdir(exist_ok=True)


def remove_stale(folder: Path, files: Sequence[str]) -> None:
    """Remove what an earlier site has and this one has not, and list this one's files."""
    for name in _present(folder) - {*files, LIST}:
        (folder / name).unlink()
    for inner in sorted(path for path in folder.iterdir() if path.is_dir()):
        if not any(inner.iterdir()):
            inner.rmdir()
    _write_list(folder, files)


def _present(folder: Path) -> set[str]:
    """Everything in the folder but directories and what dead processes of a build left, by relative name."""
    found = set()
    for path in folder.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            continue
        if path.name.startswith(".") and path.name.endswith(TEMPORARY_SUFFIX) and not path.is_symlink():
            path.unlink()
            continue
        found.add(path.relative_to(folder).as_posix())
    return found


def _listed(folder: Path) -> set[str]:
    path = folder / LIST
    if path.is_symlink() or not path.is_file():
        return set()
    try:
        content = read_json(path, kind="site_list")
    except DataError:
        return set()
    if not isinstance(content, dict) or content.get("format") != _FORMAT or not isinstance(content.get("files"), list):
        return set()
    return {LIST, *(name for name in content["files"] if isinstance(name, str))}


def _write_list(folder: Path, files: Iterable[str]) -> None:
    write_atomic(folder / LIST, dump_json({"format": _FORMAT, "files": sorted({*files} - {LIST})}))
