"""Published part masks of NTURGBD-Parsing-4K: paletted PNGs of raw label ids, in a folder or an archive."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body import part_table
from hcmoco_bench.errors import DataError
from hcmoco_bench.files.image_error import ImageError
from hcmoco_bench.files.png import decode_labels
from hcmoco_bench.sources.ntu.archives import members
from hcmoco_bench.sources.ntu.assets import Asset
from hcmoco_bench.sources.ntu.layout import DEPTH_SIZE, MASK_FOLDER
from hcmoco_bench.sources.ntu.members import leads_outside
from hcmoco_bench.sources.ntu.names import SampleId

_DEEPEST = 3


@dataclass(frozen=True)
class MaskFolder:
    """Where the masks `<sample id>.png` are.

    Attributes:
        path: The folder of the masks, or the archive.
        members: In an archive, the masks' member names by sample; None for a folder.
        top: The folder in which to look for masks that `path` lacks: it may be a broken extraction; None for no other.
    """

    path: Path
    members: Mapping[SampleId, str] | None = None
    top: Path | None = None

    @classmethod
    def open(cls, path: Path) -> MaskFolder:
        """Find the masks.

        Args:
            path: The folder `png_annotation_v2` under whatever name, a folder that contains it at most three levels
                down, or a zip archive with it at any level.

        Raises:
            DataError: Kind `masks_missing`, if there are none; `zip_unreadable`.
        """
        if path.is_file():
            found = _members(path)
            if not found:
                _no_masks(path)
            return cls(path, found)
        try:
            folder = next((folder for folder in _folders(path) if _holds_masks(folder)), None)
        except OSError as error:
            raise DataError(
                f"{path}: the masks' folder cannot be read ({error.strerror or error}); check --annotations",
                kind="masks_missing",
                file=str(path),
            ) from error
        return cls(_no_masks(path) if folder is None else folder, top=path)

    def find(self, sample_id: SampleId) -> Asset | None:
        """The first mask of a sample that is not an empty file, or else an empty one; None if there is none."""
        if self.members is not None:
            member = self.members.get(sample_id)
            return None if member is None else Asset(self.path, member)
        file = self.path / f"{sample_id}.png"
        if _holds_bytes(file):
            return Asset(file)
        other = next((folder / file.name for folder in self._further if _holds_bytes(folder / file.name)), None)
        if other is not None:
            return Asset(other)
        return Asset(file) if file.is_file() else None

    @cached_property
    def _further(self) -> tuple[Path, ...]:
        """Further folders of masks; looked for once, when a mask is not where the others are."""
        if self.top is None:
            return ()
        try:
            return tuple(folder for folder in _folders(self.top) if folder != self.path and _holds_masks(folder))
        except OSError:
            return ()


def read_mask(asset: Asset) -> NDArray[np.uint8]:
    """Read one mask and map its raw label ids to class indices.

    Returns:
        (424, 512) uint8, class indices 0..24 in the order of the part table, 0 = background.

    Raises:
        DataError: `mask_unreadable` (no PNG, cut off, damaged, or colors instead of label ids), `mask_wrong_size`;
            the kinds of `Asset.read_bytes`.
        LabelError: Kind `mask_unknown_id`; names the file, each unknown id and its pixel count.
    """
    data = asset.read_bytes()
    try:
        raw = decode_labels(data, expected="a mask's pixels are label ids: 8 bit palette or gray", size=DEPTH_SIZE)
    except ImageError as error:
        _fail(asset, "mask_wrong_size" if error.kind == "wrong_size" else "mask_unreadable", str(error))
    return part_table().decode(raw, source=str(asset))


def _folders(top: Path) -> Iterator[Path]:
    """Yield the folder and those below it that bear the published name, nearest first, then by name."""
    yield top
    level = [top]
    seen = {top.resolve()}
    for _ in range(_DEEPEST):
        below: list[Path] = []
        for folder in level:
            with os.scandir(folder) as entries:
                names = sorted(entry.name for entry in entries if entry.is_dir())
            for inner in (folder / name for name in names):
                if (real := inner.resolve()) not in seen and os.access(inner, os.R_OK | os.X_OK):
                    seen.add(real)
                    below.append(inner)
        yield from (folder for folder in below if folder.name == MASK_FOLDER)
        level = below


def _holds_bytes(file: Path) -> bool:
    try:
        return file.is_file() and file.stat().st_size > 0
    except OSError:
        return False


def _holds_masks(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return any(_sample(entry.name) is not None for entry in entries)


def _members(archive: Path) -> dict[SampleId, str]:
    """The masks of an archive: those in folders of the published name, else in the folder with the most.

    Of several, the first by name counts; folders whose names lead out of the archive come last.
    """
    found: dict[str, dict[SampleId, str]] = {}
    for member, why in members(archive):
        folder, _, name = member.rpartition("/")
        sample = _sample(name)
        if sample is not None and why is not None:
            raise DataError(
                f"{archive}: its masks {why}; unpack it with 7z and give the folder",
                kind="masks_missing",
                file=str(archive),
            )
        if sample is not None and "__MACOSX" not in member.split("/"):
            found.setdefault(folder, {})[sample] = member
    proper = sorted(found, key=lambda folder: (leads_outside(folder), folder))
    named = [folder for folder in proper if folder.rpartition("/")[2] == MASK_FOLDER]
    best = named or sorted(proper, key=lambda folder: -len(found[folder]))[:1]
    return {sample: member for folder in reversed(best) for sample, member in found[folder].items()}


def _sample(file_name: str) -> SampleId | None:
    stem, dot, suffix = file_name.rpartition(".")
    if not dot or suffix != "png":
        return None
    try:
        return SampleId.parse(stem)
    except DataError:
        return None


def _no_masks(path: Path) -> NoReturn:
    message = f"{path}: holds no masks ({MASK_FOLDER}/<sample id>.png); check --annotations"
    raise DataError(message, kind="masks_missing", file=str(path))


def _fail(asset: Asset, kind: str, why: str) -> NoReturn:
    message = f"{asset}: {why}; extract or download the published masks again"
    raise DataError(message, kind=kind, file=str(asset))
