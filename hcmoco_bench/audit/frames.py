"""The color images of some samples, one after the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.data.picture_folder import PictureFolder
from hcmoco_bench.data.shape_crops import read_image
from hcmoco_bench.errors import DataError
from hcmoco_bench.files.image_error import ImageError
from hcmoco_bench.files.images import decode_rgb, decode_unchanged
from hcmoco_bench.store.shards import row_groups
from hcmoco_bench.store.store import AnyStore


@dataclass(frozen=True, eq=False)
class Frame:
    """A color image.

    Attributes:
        key: Its name.
        rgb: (H, W, 3) uint8 RGB; None if it is missing or damaged.
        depth: (H, W) uint16 millimeters, 0 = none; None without.
    """

    key: str
    rgb: NDArray[np.uint8] | None
    depth: NDArray[np.uint16] | None = None


class FrameSource(ABC):
    """Images by name.

    Attributes:
        has_depth: Whether frames come with depth, which says where the person is.
    """

    has_depth: bool = False

    @abstractmethod
    def frames(self, keys: frozenset[str]) -> Iterator[Frame]:
        """The frames of these names, each once, in any order.

        Raises:
            StoreError: If a file of a store cannot be read.
        """


class StoreFrames(FrameSource):
    """The color images of a store.

    Args:
        store: A store with color images.
    """

    def __init__(self, store: AnyStore) -> None:
        self.store = store
        self.has_depth = store.capabilities.depth

    def frames(self, keys: frozenset[str]) -> Iterator[Frame]:
        """See `FrameSource.frames`."""
        key, rgb, left = self.store.kind.key, str(self.store.capabilities.rgb), set(keys)
        columns = [key, rgb, *(("depth",) if self.has_depth else ())]
        for path in self.store.shards():
            if not left:
                return
            for table in row_groups(path, columns, frozenset(left), key=key):
                for row in table.to_pylist():
                    if row[key] in left:  # an image that two splits hold comes once
                        left.remove(row[key])
                        yield _decoded(row[key], row[rgb], row.get("depth"))


class FolderFrames(FrameSource):
    """The pictures of a folder.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: PictureFolder) -> None:
        self.folder = folder

    def names(self) -> tuple[str, ...]:
        """Name of each picture."""
        return tuple(map(self.folder.name, range(len(self.folder))))

    def frames(self, keys: frozenset[str]) -> Iterator[Frame]:
        """See `FrameSource.frames`."""
        for row, name in enumerate(self.names()):
            if name in keys:
                try:
                    yield Frame(name, self.folder.image(row).decode(1))
                except DataError:
                    yield Frame(name, None)


class FileFrames(FrameSource):
    """Image files.

    Args:
        files: The file of each name.
    """

    def __init__(self, files: Mapping[str, Path]) -> None:
        self.files = dict(files)

    def frames(self, keys: frozenset[str]) -> Iterator[Frame]:
        """See `FrameSource.frames`."""
        for key, path in self.files.items():
            if key in keys:
                try:
                    yield Frame(key, read_image(path))
                except DataError:
                    yield Frame(key, None)


def _decoded(key: str, rgb: dict[str, bytes] | None, depth: dict[str, bytes] | None) -> Frame:
    try:
        return Frame(
            key,
            None if rgb is None else decode_rgb(rgb["bytes"]),
            None if depth is None else decode_unchanged(depth["bytes"]),
        )
    except ImageError:
        return Frame(key, None)


def store_keys(store: AnyStore, ids: Sequence[str]) -> tuple[str, ...]:
    """Row of a store that each sample is of: the sample's own, or the image that shows a person of this id.

    Raises:
        StoreError: If a shard cannot be read.
    """
    if not store.capabilities.people:
        return tuple(ids)
    image_of: dict[str, str] = {}
    for path in store.shards():
        for table in row_groups(path, [store.kind.key, "people.list.element.person_id"], None):
            for row in table.to_pylist():
                image = row[store.kind.key]
                image_of[image] = image
                image_of |= {person["person_id"]: image for person in row["people"] or ()}
    return tuple(image_of.get(one, one) for one in ids)


def store_people(store: AnyStore, keys: Sequence[str]) -> tuple[str, ...] | None:
    """Who each row of a store shows, by its own column of people; None if it has none.

    Raises:
        StoreError: If a shard cannot be read.
    """
    key, group = store.kind.key, store.capabilities.group
    if group is None:
        return None
    shown: dict[str, str] = {}
    for path in store.shards():
        for table in row_groups(path, [key, group], None):
            shown |= {row[key]: str(row[group]) for row in table.to_pylist()}
    return tuple(shown.get(one, one) for one in keys)
