"""Packs a generated tree into the archives that NTU RGB+D is downloaded as, one a setup and kind."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from hcmoco_bench.errors import DataError
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources.ntu.layout import DEPTH_FOLDER, RGB_FOLDER, RGB_SUFFIX, SKELETON_FOLDER, SKELETON_SUFFIX
from hcmoco_bench.sources.ntu.names import ClipName

_FIRST_PART = 17
"""The last setup of NTU-60; skeletons come in one archive for it and one for the rest."""

_DATE = (1980, 1, 1, 0, 0, 0)


def _archive_names(setup: int) -> tuple[str, str, str]:
    """The archives with a setup's videos, depth and skeletons."""
    skeletons = "nturgbd_skeletons_s001_to_s017.zip" if setup <= _FIRST_PART else "nturgbd_skeletons_s018_to_s032.zip"
    return f"nturgbd_rgb_s{setup:03d}.zip", f"nturgbd_depth_masked_s{setup:03d}.zip", skeletons


def archived_clips(out: Path) -> frozenset[ClipName]:
    """Clips whose video is already in an archive of the tree."""
    found: set[ClipName] = set()
    for path in sorted(out.glob("nturgbd_rgb_s*.zip")):
        try:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
        except zipfile.BadZipFile as error:
            raise DataError(
                f"{path}: not a readable archive; delete it and start again", kind="zip_unreadable", file=str(path)
            ) from error
        found.update(clip for clip in map(ClipName.search, names) if clip is not None)
    return frozenset(found)


def _pack(archive: Path, out: Path, files: Sequence[Path]) -> None:
    """Write one archive, stored (its files are compressed already), under its name when complete."""
    temporary = archive.with_name(archive.name + ".part")
    with zipfile.ZipFile(temporary, "w") as target:
        for path in files:
            entry = zipfile.ZipInfo(path.relative_to(out).as_posix(), _DATE)
            entry.external_attr = 0o644 << 16
            target.writestr(entry, path.read_bytes())
    temporary.replace(archive)


def pack_archives(out: Path, clips: Iterable[ClipName], *, progress: Progress = no_progress) -> None:
    """Replace the folders of videos, depth and skeletons by archives.

    Masks and lists stay as they are: they are published apart. The video archive of a setup is written last of its
    three kinds, because it is what says that a clip is archived.

    Args:
        out: The tree.
        clips: All its clips.
        progress: Told the number of archives done.
    """
    contents: dict[str, list[Path]] = {}
    for clip in sorted(clips):
        videos, depth, skeletons = _archive_names(clip.setup)
        contents.setdefault(skeletons, []).append(out / SKELETON_FOLDER / f"{clip}{SKELETON_SUFFIX}")
        contents.setdefault(depth, []).extend(sorted((out / DEPTH_FOLDER / str(clip)).glob("*.png")))
        contents.setdefault(videos, []).append(out / RGB_FOLDER / f"{clip}{RGB_SUFFIX}")
    order = sorted(contents, key=lambda name: ("rgb" in name, name))
    for number, name in enumerate(order, 1):
        if not (out / name).is_file():
            _pack(out / name, out, contents[name])
        progress("archive", number, len(order))
    for folder in (RGB_FOLDER, DEPTH_FOLDER, SKELETON_FOLDER):
        shutil.rmtree(out / folder, ignore_errors=True)
