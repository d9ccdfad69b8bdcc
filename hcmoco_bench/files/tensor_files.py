"""Files of tensors, read without ever running what is in them: torch's own format, and safetensors."""

from __future__ import annotations

import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any, Final, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

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


class TensorFileError(Exception):
    """A file of tensors cannot be read; whoever knows what it is for turns this into its own error.

    Attributes:
        kind: `damaged`, or `foreign` if it holds Python objects, or is damaged where their names are.
    """

    def __init__(self, why: str, *, kind: Literal["damaged", "foreign"] = "damaged") -> None:
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
        TensorFileError: `damaged` or `foreign`; the message is one line.
    """
    archive = zipfile.is_zipfile(path)
    if not (archive or older):
        raise TensorFileError("it is cut short or no .pth file")
    try:
        if archive:
            _compare_checksums(path)
        with torch.serialization.safe_globals(STAND_INS):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise TensorFileError("it holds objects other than tensors, which are not loaded", kind="foreign") from error
    except _UNREADABLE as error:
        raise TensorFileError(next(iter(str(error).splitlines()), type(error).__name__)) from error


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Read a `.safetensors` file to the CPU; it must exist.

    Raises:
        TensorFileError: `damaged`; the message is one line.
    """
    try:
        return dict(load_file(path, device="cpu"))
    except _UNREADABLE as error:
        raise TensorFileError(" ".join(str(error).split())) from error


def _compare_checksums(path: Path) -> None:
    """Do what torch itself does not."""
    with zipfile.ZipFile(path) as archive:
        bad = archive.testzip()
    if bad is not None:
        raise TensorFileError(f"the checksum of {bad} is wrong")
