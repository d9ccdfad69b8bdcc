"""Files of weights as people have them: read by their content, nothing is unpickled."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.plain_pickle import PlainPickleError, read_plain_pickle
from hcmoco_bench.files.tensor_files import (
    TensorFileError,
    is_safetensors,
    read_divided,
    read_safetensors,
    read_torch_file,
)

CONTAINERS = ("model", "state_dict", "net", "model_state_dict", "model_state", "network")
"""Keys under which programs keep the state dict: HCMoCo and this package, HRNet, PyTorch's tutorials, others."""

INDEX = ".index.json"
"""End of the name of the index of tensors in several files."""

_IN_FOLDERS = (f"*{INDEX}", "*.safetensors", "*.pth", "*.pt", "*.bin")
"""What is looked for in a folder of weights, the first that is there alone."""


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read safetensors, a torch file, or a pickle of arrays as detectron2 publishes them, to the CPU.

    A file is known by its content, whatever its name. Tensors in several files are read by their index, and a folder
    stands for the one file of weights in it. Torch files are read with `weights_only=True`, pickles by
    `files.plain_pickle`; arrays become tensors.

    Raises:
        DataError: If the file is missing, damaged, not a dict, or holds anything but tensors and plain containers; in
            the last case nothing of it is executed. Kinds `weights_missing`, `weights_unreadable`, `weights_foreign`.
    """
    path = _weights_file(path)
    divided = path.name.endswith(INDEX)
    try:
        if divided or is_safetensors(path):
            return dict(read_divided(path) if divided else read_safetensors(path))
        arrays = _read_arrays(path)
        checkpoint = read_torch_file(path) if arrays is None else arrays
    except TensorFileError as error:
        raise _unreadable(path, error) from error
    if not isinstance(checkpoint, dict):
        raise DataError(
            f"{path} holds a {type(checkpoint).__name__}, not a state dict; save the state dict instead",
            **_at("foreign", path),
        )
    return checkpoint


def _unreadable(path: Path, error: TensorFileError) -> DataError:
    match error.kind:
        case "other":
            return DataError(f"{path} cannot be read: {error}", **_at("foreign", path))
        case "foreign":
            return DataError(
                f"{path} is damaged, or holds Python objects, which are never unpickled ({error}); save its state dict "
                "alone with torch.save or safetensors where you trust it",
                **_at("foreign", path),
            )
        case "damaged":
            return DataError(
                f"{path} is damaged or no file of weights ({error}); fetch it again", **_at("unreadable", path)
            )


def state_dict_in(checkpoint: Mapping[str, Any], *, file: str = "the checkpoint") -> dict[str, Tensor]:
    """The state dict of a checkpoint: itself if it holds tensors, else the one under a key of `CONTAINERS`.

    If there is none under these keys, it is the only one that lies under any other key. Numbers, texts and lists of
    them that stand among the tensors (`epoch`) are left out.

    Raises:
        DataError: If there is none, or there are several and none is under a known key (kind `weights_foreign`).
    """
    known = {key: checkpoint[key] for key in CONTAINERS if key in checkpoint}
    for candidate in (checkpoint, *known.values()):
        tensors = _tensors_of(candidate)
        if tensors:
            return tensors
    others = {str(key): tensors for key, value in _with_inner(checkpoint) if (tensors := _tensors_of(value))}
    if len(others) == 1:
        return next(iter(others.values()))
    if others:
        raise DataError(
            f"{file} holds several state dicts ({', '.join(map(repr, others))}); save the one that you mean alone",
            **_at("foreign", file),
        )
    keys = ", ".join(f"{key!r} ({type(value).__name__})" for key, value in list(checkpoint.items())[:8]) or "nothing"
    raise DataError(
        f"{file} holds no state dict, neither itself nor under {', '.join(CONTAINERS)}; it holds {keys}",
        **_at("foreign", file),
    )


def _tensors_of(candidate: Any) -> dict[str, Tensor]:
    """The tensors of a state dict; empty if it is none."""
    if not isinstance(candidate, Mapping) or not all(map(_may_be_in_state_dict, candidate, candidate.values())):
        return {}
    return {key: value for key, value in candidate.items() if isinstance(value, Tensor)}


def _may_be_in_state_dict(key: Any, value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(_may_be_in_state_dict(key, one) and not isinstance(one, Tensor) for one in value)
    return isinstance(key, str) and (value is None or isinstance(value, Tensor | bool | int | float | str))


def _with_inner(checkpoint: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The entries of a checkpoint with those of the dictionaries under `CONTAINERS`, under which they may lie too."""
    yield from checkpoint.items()
    for key in CONTAINERS:
        if isinstance(inner := checkpoint.get(key), Mapping):
            yield from ((f"{key}.{name}", value) for name, value in inner.items())


def _weights_file(path: Path) -> Path:
    """The file itself, or the one file of weights in a folder."""
    if path.is_file():
        return path
    if not path.is_dir():
        raise DataError(f"{path} is not there; give the path of a .pth or .safetensors file", **_at("missing", path))
    for pattern in _IN_FOLDERS:
        found = sorted(path.glob(pattern))
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(file.name for file in found[:5])
            raise DataError(
                f"{path} is a folder with several files of weights ({names}); give one", **_at("foreign", path)
            )
    raise DataError(f"{path} is a folder without a file of weights; give the file itself", **_at("missing", path))


def _read_arrays(path: Path) -> dict[str, Any] | None:
    """A pickled dictionary of arrays, with tensors in their place; None if the file is something else.

    Torch's files from before its archives begin with a pickle too, of a number.
    """
    if zipfile.is_zipfile(path):
        return None
    try:
        content = read_plain_pickle(path)
    except PlainPickleError:
        return None
    return _with_tensors(content) if isinstance(content, dict) else None


def _with_tensors(content: Mapping[Any, Any]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for name, value in content.items():
        if isinstance(value, np.ndarray):
            value = torch.from_numpy(np.array(value, dtype=value.dtype.newbyteorder("=")))
        found[name] = _with_tensors(value) if isinstance(value, Mapping) else value
    return found


def _at(kind: str, file: Path | str) -> dict[str, str]:
    return {"kind": f"weights_{kind}", "file": str(file)}
