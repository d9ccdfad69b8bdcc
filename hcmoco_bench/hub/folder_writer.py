"""Writes the configurations of a dataset folder, and keeps account of every file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.hub.parquet_files import DataFile, write_split
from hcmoco_bench.hub.publication import PublishedFile
from hcmoco_bench.runtime.progress import Progress

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Features


@dataclass(frozen=True)
class PublishedConfiguration:
    """One configuration as written.

    Attributes:
        name: E.g. `parsing`.
        description: One sentence.
        features: Its columns.
        folder: Folder of its data files, relative to the dataset's.
        files: Data files of each split.
    """

    name: str
    description: str
    features: Features
    folder: str
    files: Mapping[str, Sequence[DataFile]]

    @property
    def rows(self) -> dict[str, int]:
        """Number of rows of each split."""
        return {split: sum(file.rows for file in files) for split, files in self.files.items()}


class FolderWriter:
    """Writes below a folder.

    Attributes:
        folder: The dataset's folder.
        files: What was written, by path below the folder with forward slashes.
        configurations: The configurations written, in order.
    """

    def __init__(self, folder: Path, progress: Progress) -> None:
        self.folder = folder
        self.files: dict[str, PublishedFile] = {}
        self.configurations: list[PublishedConfiguration] = []
        self._progress = progress

    def add_file(self, path: str) -> None:
        """Take account of a file that was written by other means."""
        file = self.folder / path
        self.files[path] = PublishedFile(sha256=file_sha256(file), size=file.stat().st_size)

    def write(
        self,
        name: str,
        description: str,
        features: Features,
        splits: Mapping[str, tuple[int, Callable[[], Iterable[pa.Table]]]],
    ) -> None:
        """Write one configuration.

        Args:
            name: Its name.
            description: One sentence for the card.
            features: Its columns.
            splits: For each split, its number of rows and how to get them.
        """
        below = f"data/{name}"
        (self.folder / below).mkdir(parents=True)
        written: dict[str, tuple[DataFile, ...]] = {}
        for split, (total, tables) in splits.items():
            label = f"{name}/{split}"

            def report(done: int, label: str = label, total: int = total) -> None:
                self._progress(label, done, total)

            files = write_split(tables(), total, features, self.folder / below, split, report=report)
            written[split] = tuple(files)
            for file in files:
                self.files[f"{below}/{file.path}"] = PublishedFile(sha256=file.sha256, size=file.size, rows=file.rows)
        self.configurations.append(PublishedConfiguration(name, description, features, below, written))
