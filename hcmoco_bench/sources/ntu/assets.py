"""A file of a raw tree, either plain or inside a zip archive, which is read in place."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import total_ordering
from io import BytesIO
from pathlib import Path
from shutil import copyfileobj
from typing import BinaryIO, cast

from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.ntu.archives import opened, unreadable_as_data_error

IN_MEMORY = 256 * 2**20
"""Largest archive member held in memory to be seekable, bytes; larger ones go to an unnamed temporary file."""


@total_ordering
@dataclass(frozen=True)
class Asset:
    """A file, or a member of a zip archive: cheap, picklable, opens nothing until it is read.

    Attributes:
        path: The file or the archive.
        member: Name inside the archive; None for a plain file.
    """

    path: Path
    member: str | None = None

    def __str__(self) -> str:
        return str(self.path) if self.member is None else f"{self.path}!{self.member}"

    def __lt__(self, other: Asset) -> bool:
        return (self.path, self.member or "") < (other.path, other.member or "")

    def size(self) -> int:
        """Size in bytes (uncompressed).

        Raises:
            DataError: Kinds `file_missing`, `file_unreadable`, `zip_unreadable`.
        """
        if self.member is None:
            try:
                return self.path.stat().st_size
            except OSError as error:
                raise self._file_error(error) from error
        with opened(self.path) as archive:
            try:
                return archive.getinfo(self.member).file_size
            except KeyError as error:
                raise self._file_error(FileNotFoundError()) from error

    def read_bytes(self) -> bytes:
        """Read the whole file; a member's checksum is verified.

        Raises:
            DataError: Kinds `file_missing`, `file_unreadable`, `zip_unreadable`.
        """
        if self.member is None:
            try:
                return self.path.read_bytes()
            except OSError as error:
                raise self._file_error(error) from error
        with self._open_member() as handle, unreadable_as_data_error(self.path, self.member):
            return handle.read()

    def open(self) -> BinaryIO:
        """Open for reading; the result can seek and is to be closed by the caller.

        A member is unpacked first, its checksum verified: into memory up to `IN_MEMORY` bytes, above that into a
        temporary file that vanishes when closed.

        Raises:
            DataError: Kinds `file_missing`, `file_unreadable`, `zip_unreadable`.
        """
        if self.member is None:
            try:
                return self.path.open("rb")
            except OSError as error:
                raise self._file_error(error) from error
        if self.size() <= IN_MEMORY:
            return BytesIO(self.read_bytes())
        # The header's size may lie, so what is unpacked is bounded by the disk and not by memory.
        unpacked = tempfile.TemporaryFile()  # noqa: SIM115 - handed to the caller
        try:
            with self._open_member() as handle, unreadable_as_data_error(self.path, self.member):
                copyfileobj(handle, unpacked, 2**20)
        except BaseException:
            unpacked.close()
            raise
        unpacked.seek(0)
        return cast(BinaryIO, unpacked)

    def _open_member(self) -> BinaryIO:
        with opened(self.path) as archive:
            try:
                return cast(BinaryIO, archive.open(cast(str, self.member)))
            except KeyError as error:
                raise self._file_error(FileNotFoundError()) from error

    def _file_error(self, error: OSError) -> DataError:
        if isinstance(error, (FileNotFoundError, NotADirectoryError)):
            return DataError(
                f"{self}: no such file; check --root and that the download is complete",
                kind="file_missing",
                file=str(self),
            )
        return DataError(
            f"{self}: cannot be read ({error.strerror or error}); check its permissions and the disk",
            kind="file_unreadable",
            file=str(self),
        )
