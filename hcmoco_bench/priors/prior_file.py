"""The file of a prior: safetensors with a few words of metadata; nothing in it is ever run.

Tensors: `joints` float32 (N, 17, 3), `body` int32 (N), and `pitch` float32 (N) degrees where it is known. One entry of
the metadata, `hcmoco_bench`, holds JSON: `format` ("skeleton prior"), `version` (1), `joint_set`, `axes`, `metric`,
`source`, and `sha256` of the numbers and of these words. The same prior gives the same bytes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors.numpy import save
from torch import Tensor

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.atomic import write_atomic
from hcmoco_bench.files.hashing import bytes_sha256, json_sha256
from hcmoco_bench.files.json import json_text
from hcmoco_bench.files.outside_text import storable
from hcmoco_bench.files.tensor_files import TensorFileError, is_safetensors, read_safetensors, safetensors_metadata
from hcmoco_bench.priors.checks import skeleton_faults
from hcmoco_bench.priors.skeleton_prior import JOINTS, SkeletonPrior

SUFFIX: Final = ".safetensors"
VERSION: Final = 1

_ENTRY: Final = "hcmoco_bench"
_FORMAT: Final = "skeleton prior"
_LARGEST: Final = 1 << 30
"""Bytes; a million skeletons have a fifth of that."""

_STEEPEST: Final = 90.0
_LONGEST_SOURCE: Final = 400


class _Header(BaseModel):
    """The metadata of version 1."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal["skeleton prior"] = _FORMAT
    version: Literal[1] = VERSION
    joint_set: Literal["h36m17"] = JOINTS
    axes: Literal["x right, y down, z forward"] = "x right, y down, z forward"
    metric: bool
    source: str
    sha256: str


def write_prior(path: Path, prior: SkeletonPrior) -> Path:
    """Write a prior: whole or not at all. Makes the folder.

    Args:
        path: File; its name should end in `.safetensors`.
        prior: What to write.

    Returns:
        The path.

    Raises:
        DataError: If a skeleton is none; see `prior_fault`.
        StoreError: If the file cannot be written.
    """
    fault = prior_fault(prior)
    if fault is not None:
        raise DataError(f"{path}: not written, {fault}", kind="prior_implausible", file=str(path))
    tensors: dict[str, NDArray[Any]] = {"joints": prior.joints, "body": prior.body}
    if prior.pitch is not None:
        tensors["pitch"] = prior.pitch
    words = _Header(metric=prior.metric, source=storable(prior.source)[:_LONGEST_SOURCE], sha256="")
    header = words.model_copy(update={"sha256": _checksum(words, prior)})
    # One entry: safetensors does not keep several in order.
    content = save(tensors, {_ENTRY: json_text(header.model_dump(), sort_keys=True)})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, content)
    return path


def read_prior(path: Path) -> SkeletonPrior:
    """Read and check a file that `write_prior` wrote.

    Raises:
        DataError: Kind `prior_missing`, `prior_damaged`, `prior_foreign` (another format or version) or
            `prior_implausible`; the message names the file and what to do.
    """
    if not path.is_file():
        raise prior_missing(path)
    if path.stat().st_size > _LARGEST:
        raise foreign(path, f"it has {path.stat().st_size:,} bytes, more than a prior ever has")
    try:
        tensors = read_safetensors(path)
        metadata = safetensors_metadata(path)
    except TensorFileError as error:
        raise damaged(path, str(error)) from error
    header = _read_header(path, metadata)
    prior = _assemble(path, tensors, header)
    if _checksum(header, prior) != header.sha256:
        raise damaged(path, "its content does not have the checksum that it states")
    fault = prior_fault(prior)
    if fault is not None:
        raise implausible(path, fault)
    return prior


def is_prior_file(path: Path) -> bool:
    """Whether a file begins as a prior's do."""
    return is_safetensors(path)


def prior_fault(prior: SkeletonPrior) -> str | None:
    """What makes a prior unusable, in a phrase, or None: its arrays' shapes, or its first skeleton that is none."""
    count = len(prior.joints)
    if prior.joints.shape != (count, 17, 3) or count == 0:
        return f"joints have the shape {prior.joints.shape}, not (N, 17, 3) with at least one skeleton"
    if prior.body.shape != (count,) or (prior.body < 0).any():
        return f"the bodies of {count} skeletons must be {count} numbers of 0 or more"
    if prior.pitch is not None and (
        prior.pitch.shape != (count,) or not (np.abs(prior.pitch) <= _STEEPEST).all()  # nan compares as false
    ):
        return f"the pitch of {count} cameras must be {count} angles of {-_STEEPEST:g} to {_STEEPEST:g} degrees"
    faults = [(row, why) for row, why in enumerate(skeleton_faults(prior.joints, metric=prior.metric)) if why]
    if faults:
        row, why = faults[0]
        return f"{len(faults):,} of {count:,} skeletons are no person's (skeleton {row}: {why})"
    return None


def prior_missing(path: Path) -> DataError:
    """The error for a file that is not there."""
    return DataError(
        f"{path}: there is no such prior file; give `generated`, make one with `hcmoco-bench prior make`, or give the "
        "release's norm_joints.pt",
        kind="prior_missing",
        file=str(path),
    )


def damaged(path: Path, why: str) -> DataError:
    """The error for a file that cannot be read."""
    return DataError(
        f"{path}: cannot be read as a prior ({why}); make or fetch it again", kind="prior_damaged", file=str(path)
    )


def foreign(path: Path, why: str) -> DataError:
    """The error for a file that holds something else."""
    return DataError(
        f"{path}: is no skeleton prior ({why}); make one with `hcmoco-bench prior make`",
        kind="prior_foreign",
        file=str(path),
    )


def implausible(path: Path, why: str) -> DataError:
    """The error for a file whose skeletons are no people's."""
    return DataError(
        f"{path}: {why}; joints must be in the order of {JOINTS}, with the root at 0",
        kind="prior_implausible",
        file=str(path),
    )


def _checksum(header: _Header, prior: SkeletonPrior) -> str:
    """SHA-256 of the words, without the checksum itself, and of all numbers."""
    words = header.model_dump(exclude={"sha256"})
    arrays = [prior.joints, prior.body, *([] if prior.pitch is None else [prior.pitch])]
    content = b"".join(np.ascontiguousarray(one, one.dtype.newbyteorder("<")).tobytes() for one in arrays)
    return bytes_sha256(json_sha256(words).encode() + content)


def _read_header(path: Path, metadata: dict[str, str]) -> _Header:
    if _ENTRY not in metadata:
        raise foreign(path, f"a safetensors file without the entry {_ENTRY}")
    try:
        values = json.loads(metadata[_ENTRY])
        if isinstance(values, dict) and values.get("format") == _FORMAT and values.get("version") != VERSION:
            raise foreign(path, f"version {values.get('version')!r:.20} of the format; this program reads {VERSION}")
        return _Header.model_validate(values)
    except (ValueError, RecursionError) as error:
        why = error.errors()[0] if isinstance(error, ValidationError) else None
        said = f"{'.'.join(map(str, why['loc']))}: {why['msg']}" if why else "not JSON"
        raise foreign(path, f"its entry {_ENTRY} is not as expected ({said:.200})") from error


def _assemble(path: Path, tensors: dict[str, Tensor], header: _Header) -> SkeletonPrior:
    required = {"joints": ("torch.float32", 3), "body": ("torch.int32", 1)}
    optional = {"pitch": ("torch.float32", 1)}
    extra, missing = (
        sorted(tensors.keys() - required.keys() - optional.keys()),
        sorted(required.keys() - tensors.keys()),
    )
    if extra or missing:
        what = f"the tensor {missing[0]} is missing" if missing else f"there is a tensor {extra[0]!r:.60}"
        raise foreign(path, what)
    for name, (dtype, dimensions) in (required | optional).items():
        tensor = tensors.get(name)
        if tensor is not None and (str(tensor.dtype) != dtype or tensor.dim() != dimensions):
            raise foreign(path, f"{name} is {tensor.dtype} of shape {tuple(tensor.shape)}")
    return SkeletonPrior.of(
        tensors["joints"].numpy(),
        tensors["body"].numpy(),
        metric=header.metric,
        source=header.source,
        pitch=tensors["pitch"].numpy() if "pitch" in tensors else None,
    )
