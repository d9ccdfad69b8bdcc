"""Files of tensors, read without ever running what is in them: torch's own format, and safetensors."""

from __future__ import annotations

import json
import pickle
import re
import struct
import zipfile
from pathlib import Path
from typing import IO, Any, Final, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load, load_file
from torch import Tensor

from hcmoco_bench.files.atomic import atomic_file
from hcmoco_bench.files.other_formats import other_format
from hcmoco_bench.files.outside_text import is_storable
from hcmoco_bench.files.plain_values import STAND_INS
from hcmoco_bench.files.zip_errors import ZIP_ERRORS

_UNREADABLE: Final = (
    *ZIP_ERRORS,
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    MemoryError,
    TypeError,
    SafetensorError,
    struct.error,
)
"""What the readers raise on damaged bytes."""


_FOREIGN_NAME: Final = re.compile(r"GLOBAL (\S+) (?:was not an allowed global|whose module)")
"""Where torch's restricted reader names the object that it refuses."""


_LONGEST_HEADER: Final = 100_000_000
"""Bytes of a header that the format of safetensors allows."""


class TensorFileError(Exception):
    """A file of tensors cannot be read; whoever knows what it is for turns this into its own error.

    Attributes:
        kind: `damaged`; `foreign` if it holds Python objects, or is damaged where their names are; `other` if it is a
            file of another kind, of which the message says what to do with it.
    """

    def __init__(self, why: str, *, kind: Literal["damaged", "foreign", "other"] = "damaged") -> None:
        super().__init__(why)
        self.kind = kind


def read_torch_file(path: Path, *, older: bool = True) -> Any:
    """Read what `torch.save` wrote to the CPU: tensors and plain values, never code.

    Plain values are those of torch's restricted reader, numpy's single numbers, which come back as Python's, and the
    namespaces of `argparse`; see `files.plain_values`.

    Args:
        path: The file; it must exist.
        older: Take files from before torch 1.6 too; they have no checksums.

    Raises:
        TensorFileError: `damaged`, `foreign` or `other`; the message is one line.
    """
    try:
        other = other_format(path)
        if other is not None:
            raise TensorFileError(f"it is {other}", kind="other")
        archive = zipfile.is_zipfile(path)
        if not (archive or older):
            raise TensorFileError("it is cut short or no .pth file")
        if archive:
            _compare_checksums(path)
        # Of a path, torch takes the ending `.safetensors` at its word, and it opens UTF-8 names alone.
        with torch.serialization.safe_globals(STAND_INS), path.open("rb") as handle:
            return torch.load(handle, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = _FOREIGN_NAME.search(str(error))
        # The name is the file's: nothing of it may reach a terminal as a command.
        what = f"{ascii(named[1])[1:-1]:.80}" if named else "objects other than tensors"
        raise TensorFileError(f"it holds {what}, which is never loaded", kind="foreign") from error
    except _UNREADABLE as error:
        raise TensorFileError(next(iter(str(error).splitlines()), type(error).__name__)) from error


def write_torch_file(path: Path, content: Any, *, zip_format: bool = True) -> None:
    """Write a file with `torch.save`: whole or not at all.

    Args:
        path: The file; its folder must exist.
        content: What to save.
        zip_format: Whether to write an archive; otherwise the form of torch before 1.6.

    Raises:
        StoreError: If it cannot be written; says so when the disk is full.
    """
    with atomic_file(path) as handle:
        target = _Target(handle)
        torch.save(content, target, _use_new_zipfile_serialization=zip_format)  # type: ignore[arg-type]  # see _Target
        if target.error is not None:
            raise target.error


class _Target:
    """A file for `torch.save` that keeps the first error of writing to itself.

    Torch's writer cannot pass an error on: it ends in one of its own, which hides that the disk is full.
    """

    def __init__(self, handle: IO[bytes]) -> None:
        self.handle = handle
        self.error: OSError | None = None

    def write(self, data: bytes | memoryview) -> int:
        if self.error is None:
            try:
                self.handle.write(data)
            except OSError as error:
                self.error = error
        return memoryview(data).nbytes

    def flush(self) -> None:
        if self.error is None:
            try:
                self.handle.flush()
            except OSError as error:
                self.error = error


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Read a `.safetensors` file to the CPU; it must exist.

    Raises:
        TensorFileError: `damaged`; the message is one line.
    """
    try:
        if is_storable(str(path)):
            return dict(load_file(path, device="cpu"))
        return dict(load(path.read_bytes()))  # safetensors opens UTF-8 names alone
    except _UNREADABLE as error:
        raise TensorFileError(" ".join(str(error).split())) from error


def safetensors_metadata(path: Path) -> dict[str, str]:
    """The texts that a `.safetensors` file holds beside its tensors; read the tensors first, which checks the header.

    Raises:
        TensorFileError: `damaged`; the message is one line.
    """
    try:
        with path.open("rb") as handle:
            length = int.from_bytes(handle.read(8), "little")
            if length > _LONGEST_HEADER:
                raise TensorFileError("its header is longer than the format allows")
            texts = json.loads(handle.read(length)).get("__metadata__", {})
        return {str(name): str(text) for name, text in texts.items()}
    except (*_UNREADABLE, ValueError, RecursionError) as error:
        raise TensorFileError(" ".join(str(error).split())) from error


def read_divided(index: Path) -> dict[str, Tensor]:
    """Read tensors that are divided among several files, safetensors or torch's, by their index, to the CPU.

    Args:
        index: The JSON file whose table `weight_map` has the file of each tensor (`model.safetensors.index.json`).

    Raises:
        TensorFileError: If a file is missing, cannot be read, or does not hold what the index says; the message is one
            line.
    """
    try:
        places = json.loads(index.read_bytes())["weight_map"]
        wanted = {str(name): str(file) for name, file in places.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise TensorFileError("it has no table `weight_map`") from error
    found: dict[str, Tensor] = {}
    for file in sorted(set(wanted.values())):
        shown = ascii(file)[1:-1][:80]
        if Path(file).name != file:
            raise TensorFileError(f"it names {shown}, which is not a file beside it")
        if not (index.parent / file).is_file():
            raise TensorFileError(f"{shown}, which it names, is not beside it")
        found |= {name: value for name, value in _read_part(index.parent / file).items() if wanted.get(name) == file}
    missing = [name for name in wanted if name not in found]
    if missing:
        raise TensorFileError(f"{len(missing)} tensors are not in the files that it names ({missing[0]:.80}, ...)")
    return found


def _read_part(path: Path) -> dict[str, Tensor]:
    if is_safetensors(path):
        return read_safetensors(path)
    content = read_torch_file(path)
    if not isinstance(content, dict):
        raise TensorFileError(f"{path.name} holds a {type(content).__name__}, not a state dict")
    return {name: value for name, value in content.items() if isinstance(value, Tensor)}


def is_safetensors(path: Path) -> bool:
    """Whether a file begins as safetensors do: the length of a JSON header, and that; it may be cut short."""
    try:
        with path.open("rb") as handle:
            head = handle.read(9)
    except OSError:
        return False
    return head[8:] == b"{" and int.from_bytes(head[:8], "little") <= _LONGEST_HEADER


def _compare_checksums(path: Path) -> None:
    """Do what torch itself does not."""
    with zipfile.ZipFile(path) as archive:
        bad = archive.testzip()
    if bad is not None:
        raise TensorFileError(f"the checksum of {bad} is wrong")
