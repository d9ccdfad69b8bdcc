"""Published part masks of NTURGBD-Parsing-4K: paletted PNGs of raw label ids, in a folder or an archive."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body import part_table
from hcmoco_bench.errors import DataError
from hcmoco_bench.files.image_error import ImageError
from hcmoco_bench.files.png import decode_labels
from hcmoco_bench.sources.ntu.archives import member_names
from hcmoco_bench.sources.ntu.assets import Asset
from hcmoco_bench.sources.ntu.layout import DEPTH_SIZE, MASK_FOLDER
from hcmoco_bench.sources.ntu.names import SampleId

_DEEPEST = 3


@dataclass(frozen=True)
class MaskFolder:
    """Where the masks `<sample id>.png` are.

    Attributes:
        path: The folder of the masks, or the archive.
        members: In an archive, the masks' member names by sample; None for a folder.
    """

    path: Path
    members: Mapping[SampleId, str] | None = None

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
            members = _members(path)
            if not members:
                _no_masks(path)
            return cls(path, members)
        try:
            folder = next((folder for folder in _folders(path) if _holds_masks(folder)), None)
        except OSError as error:
            raise DataError(
                f"{path}: the masks' folder cannot be read ({error.strerror or error}); check --annotations",
                kind="masks_missing",
                file=str(path),
            ) from error
        return cls(_no_masks(path) if folder is None else folder)

    def find(self, sample_id: SampleId) -> Asset | None:
        """The mask of a sample; None if it is not there."""
        if self.members is not None:
            member = self.members.get(sample_id)
            return None if member is None else Asset(self.path, member)
        file = self.path / f"{sample_id}.png"
        return Asset(file) if file.is_file() else None


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


def _holds_masks(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return any(_sample(entry.name) is not None for entry in entries)


def _members(archive: Path) -> dict[SampleId, str]:
    """The masks of an archive: those in a folder of the published name, else in the folder with the most."""
    found: dict[str, dict[SampleId, str]] = {}
    for member in member_names(archive):
        folder, _, name = member.rpartition("/")
        sample = _sample(name)
        if sample is not None and "__MACOSX" not in member.split("/"):
            found.setdefault(folder, {})[sample] = member
    named = sorted(folder for folder in found if folder.rpartition("/")[2] == MASK_FOLDER)
    best = named or sorted(found, key=lambda folder: (-len(found[folder]), folder))
    return found[best[0]] if best else {}


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
