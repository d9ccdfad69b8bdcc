"""Per-sample statistics behind a score: counts, never pixels, and enough to compute the score again."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.atomic import write_atomic
from hcmoco_bench.files.hashing import bytes_sha256
from hcmoco_bench.files.zip_errors import NPZ_ERRORS
from hcmoco_bench.results.evidence_archive import MOST_PACKED, pack, unpack

FORMAT = "hcmoco-bench-evidence-1"


@dataclass(frozen=True, eq=False)
class Evidence:
    """Statistics of each scored sample, a row a sample.

    Attributes:
        metric: Name of the metric that knows how to make scores of the columns.
        sample_ids: N ids; distinct, except in what `select` draws with repetition.
        columns: Arrays by name, each (N, ...), of numbers or booleans.
        meta: What the scores need beside the rows (class names, rules, thresholds); plain JSON values.
    """

    metric: str
    sample_ids: tuple[str, ...]
    columns: Mapping[str, NDArray[Any]]
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        wrong = {name: len(column) for name, column in self.columns.items() if len(column) != len(self.sample_ids)}
        if wrong:
            raise DataError(
                f"evidence of {self.metric}: {len(self.sample_ids)} samples, but columns of other lengths: {wrong}",
                kind="evidence_lengths",
            )

    def __len__(self) -> int:
        return len(self.sample_ids)

    def select(self, rows: ArrayLike) -> Evidence:
        """The samples at these places, in this order; a place may come several times."""
        places = np.asarray(rows)
        if not places.size:
            places = places.astype(np.intp)  # an empty list has no type of its own
        ids = tuple(np.array(self.sample_ids, dtype=object)[places])
        return Evidence(self.metric, ids, {name: one[places] for name, one in self.columns.items()}, self.meta)


def join_evidence(parts: Sequence[Evidence]) -> Evidence:
    """One evidence of several with the same metric, columns and meta, sorted by sample id.

    Raises:
        DataError: If they do not fit (`evidence_differs`) or hold a sample twice (`duplicate_ids`).
    """
    first = parts[0]
    if any(
        (one.metric, one.columns.keys(), one.meta) != (first.metric, first.columns.keys(), first.meta) for one in parts
    ):
        raise DataError(f"evidence of {first.metric}: parts of other metrics or settings", kind="evidence_differs")
    filled = [one for one in parts if len(one)] or [first]
    ids = tuple(name for one in filled for name in one.sample_ids)
    require_distinct(ids, "evidence")
    columns = {name: np.concatenate([one.columns[name] for one in filled]) for name in first.columns}
    return Evidence(first.metric, ids, columns, first.meta).select(sorted(range(len(ids)), key=ids.__getitem__))


def require_distinct(ids: Sequence[str], what: str) -> None:
    """Raise DataError (`duplicate_ids`) with number and names if an id comes more than once in `what`."""
    if len(set(ids)) == len(ids):
        return
    twice = sorted(name for name, times in Counter(ids).items() if times > 1)
    listed = ", ".join(twice[:5]) + (", ..." if len(twice) > 5 else "")
    raise DataError(
        f"{what}: {len(twice)} sample ids come more than once ({listed}); score each sample once, and with several "
        "processes in one of them (no padded sampler)",
        kind="duplicate_ids",
    )


def save_evidence(path: Path, evidence: Evidence) -> str:
    """Write an evidence file (`.npz`; numpy reads its arrays too) atomically, the same bytes for the same evidence.

    Returns:
        SHA-256 of the file, hexadecimal.

    Raises:
        StoreError: If it cannot be written.
    """
    header = {"format": FORMAT, "metric": evidence.metric, "meta": dict(evidence.meta)}
    data = pack(header, evidence.sample_ids, evidence.columns)
    write_atomic(path, data)
    return bytes_sha256(data)


def load_evidence(path: Path, *, sha256: str | None = None) -> Evidence:
    """Read an evidence file; nothing in it is executed, and memory is bounded whatever it holds (`evidence_archive`).

    Args:
        path: The file.
        sha256: What its SHA-256 must be, as the result file states it; None to take it as it is.

    Raises:
        DataError: If it is missing (`evidence_missing`), damaged, of another format or larger than any evidence
            (`evidence_damaged`), or not the file that was hashed (`evidence_sha256`).
    """
    try:
        with path.open("rb") as handle:
            size = os.fstat(handle.fileno()).st_size
            data = handle.read(size) if size <= MOST_PACKED else b""
    except OSError as error:
        raise DataError(
            f"{path}: no evidence file can be read here ({error.strerror})", kind="evidence_missing", file=str(path)
        ) from error
    if size > MOST_PACKED:
        raise DataError(
            f"{path}: has {size:,} bytes, and no evidence has more than {MOST_PACKED:,}; take another copy or evaluate "
            "again",
            kind="evidence_damaged",
            file=str(path),
        )
    if sha256 is not None and (found := bytes_sha256(data)) != sha256:
        raise DataError(
            f"{path}: its SHA-256 is {found}, the result states {sha256}; it is not the evidence of that result",
            kind="evidence_sha256",
            file=str(path),
        )
    try:
        archive = unpack(data)
        if archive.header["format"] != FORMAT:
            raise ValueError(f"format {archive.header['format']}, not {FORMAT}")
        return Evidence(archive.header["metric"], archive.ids, archive.columns, archive.header["meta"])
    except (*NPZ_ERRORS, DataError) as error:
        raise DataError(
            f"{path}: not a whole evidence file ({error}); take another copy or evaluate again",
            kind="evidence_damaged",
            file=str(path),
        ) from error
