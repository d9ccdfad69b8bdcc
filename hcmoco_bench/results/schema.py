"""The result file: one model on one task under one protocol, with everything that its figures depend on."""

from __future__ import annotations

import math
import os
import secrets
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.files.atomic import write_atomic, write_error
from hcmoco_bench.files.json import dump_json
from hcmoco_bench.files.outside_text import storable

_FROZEN = ConfigDict(frozen=True, extra="forbid")
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Figure = Annotated[float, Field(allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=0)]
_Name = Annotated[str, Field(min_length=1)]

Tier = Literal["self-reported"]
"""What a result can say of itself; a leaderboard checks it and keeps what it found in files of its own."""


GENERATED: Final = " (generated)"
"""End of the names of generated data."""


class _Entry(BaseModel):
    """Texts of a result may quote names from outside."""

    @field_validator("*", mode="before")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        if isinstance(value, str):
            return storable(value)
        if isinstance(value, (list, tuple)):
            return [storable(one) if isinstance(one, str) else one for one in value]
        return value


class TaskEntry(_Entry):
    """What was asked.

    Attributes:
        id: Task, e.g. `depth_parsing`.
        version: Of the task's record.
        protocol: Name of the protocol, e.g. `native` or `published`.
        variant: Variant of the task, e.g. `rgb_to_depth`; scores of two variants are not comparable. Empty for tasks
            that have none, and in results of earlier versions, which did not state it.
        split: Name of the split that was scored.
        split_sha256: Fingerprint of its sample ids: SHA-256 of them, each followed by a newline.
    """

    model_config = _FROZEN
    id: _Name
    version: _Name
    protocol: _Name
    variant: str = ""
    split: _Name
    split_sha256: _Sha256


class PretrainEntry(_Entry):
    """Where the encoder comes from: method, data it saw, and what it started from."""

    model_config = _FROZEN
    method: _Name
    data: str | None = None
    init: str | None = None


class TrainingEntry(_Entry):
    """What labels the model learned from: name of the training split, and its share of all training data (0..1)."""

    model_config = _FROZEN
    split: _Name
    ratio: Annotated[float, Field(gt=0, le=1)]


class ModelEntry(_Entry):
    """What was scored.

    Attributes:
        name: As it shall stand in a table.
        backbone: Architecture of the encoder; None where only predictions are known.
        weights_sha256: Of the checkpoint file (of the first seed's, with several); None for predictions of others.
        pretrain: None where nothing is known of it.
        training: None where nothing is known of it.
    """

    model_config = _FROZEN
    name: _Name
    backbone: str | None = None
    weights_sha256: _Sha256 | None = None
    pretrain: PretrainEntry | None = None
    training: TrainingEntry | None = None


class DataEntry(_Entry):
    """On what data.

    Attributes:
        name: Of the data set, e.g. `nturgbd-parsing-4k`; generated data says so in its name.
        manifest_sha256: Of the prepared store's manifest; None where data is read in its published layout.
        n_expected: Samples of the split.
        n_scored: Those that the scores are made of; the rest could not be scored and counts as the task states.
    """

    model_config = _FROZEN
    name: _Name
    manifest_sha256: _Sha256 | None = None
    n_expected: _Count
    n_scored: _Count

    @property
    def generated(self) -> bool:
        """Whether the people are generated, as the name says."""
        return self.name.endswith(GENERATED)


class RunEntry(_Entry):
    """How it was computed.

    Attributes:
        tool: Program and version, e.g. `hcmoco-bench 0.4.0`.
        git: Commit of the program; None outside a checkout.
        config_sha256: Of the resolved settings of the training; None for predictions of others.
        seeds: Of the trainings; one score each.
        versions: Of the libraries that matter, by name.
        device: E.g. `cpu` or the GPU's name.
        precision: fp32 or bf16; of the forward pass.
        command: As it was typed.
    """

    model_config = _FROZEN
    tool: _Name
    git: str | None = None
    config_sha256: _Sha256 | None = None
    seeds: tuple[int, ...] = ()
    versions: dict[str, str] = Field(default_factory=dict)
    device: str | None = None
    precision: str | None = None
    command: str | None = None


class ScoreEntry(_Entry):
    """The figures, at full precision.

    Attributes:
        main: Name of the main score, a key of `all`.
        unit: Of the main score, e.g. `%` or `mm`; the figure is a plain number in it.
        mean: Main score; its mean over seeds.
        std: Standard deviation over seeds (n - 1); None with one seed.
        ci95: 95 % bootstrap interval over samples; None where there is no evidence.
        ci95_draws: Number of draws of the interval; None where there is none, and in results of earlier versions, which
            did not state it.
        per_seed: Main score of each seed, in the order of `run.seeds`.
        per_class: By class and figure, mean over seeds; None where a class was not there.
        all: Every figure by name, mean over seeds; None where it is not defined on this data.
    """

    model_config = _FROZEN
    main: _Name
    unit: str
    mean: _Figure
    std: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    ci95: tuple[_Figure, _Figure] | None = None
    ci95_draws: Annotated[int, Field(ge=1)] | None = None
    per_seed: tuple[_Figure, ...] = ()
    per_class: dict[str, dict[str, _Figure | None]] = Field(default_factory=dict)
    all: dict[str, _Figure | None] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.per_seed and not math.isclose(self.mean, math.fsum(self.per_seed) / len(self.per_seed), rel_tol=1e-9):
            raise ValueError(f"mean {self.mean} is not the mean of per_seed {self.per_seed}")
        if self.ci95 is not None and self.ci95[0] > self.ci95[1]:
            raise ValueError(f"ci95 {self.ci95} ends before it begins")
        if self.all and self.main not in self.all:
            raise ValueError(f"the main score {self.main!r} is not among {', '.join(self.all)}")
        return self


class EvidenceEntry(_Entry):
    """A file of per-sample statistics (`results.evidence`), beside the result file, and its hash."""

    model_config = _FROZEN
    file: Annotated[str, Field(pattern=r"^[^/\\]+$")]
    sha256: _Sha256


class StatusEntry(_Entry):
    """How far the figures can be relied on by this file alone, and what a reader should know.

    Attributes:
        tier: Always self-reported: what more there is to say is for those to say who checked it (`leaderboard add`).
        notes: E.g. what a protocol leaks.
    """

    model_config = _FROZEN
    tier: Tier
    notes: tuple[str, ...] = ()


class Result(_Entry):
    """A whole result file.

    Attributes:
        schema_version: 1; key `schema` in the file.
        task: Task, protocol and split.
        model: Model and its weights.
        data: Data and how much of it was scored.
        run: Tool, seeds, versions, device.
        scores: The figures.
        evidence: Per-sample statistics, one file a seed in the order of `run.seeds`; empty where they were not kept.
        status: Tier and notes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_version: Literal[1] = Field(default=1, alias="schema")
    task: TaskEntry
    model: ModelEntry
    data: DataEntry
    run: RunEntry
    scores: ScoreEntry
    evidence: tuple[EvidenceEntry, ...] = ()
    status: StatusEntry

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.data.n_scored > self.data.n_expected:
            raise ValueError(f"{self.data.n_scored} samples scored of {self.data.n_expected} expected")
        for name, entries in (("scores.per_seed", self.scores.per_seed), ("evidence", self.evidence)):
            if self.run.seeds and entries and len(entries) != len(self.run.seeds):
                raise ValueError(f"{len(entries)} entries in {name} for {len(self.run.seeds)} seeds")
        return self

    def to_json(self) -> str:
        """The file's content: indented JSON with sorted keys and a final newline; floats read back to the same bits."""
        return dump_json(self.model_dump(mode="json", by_alias=True))


def write_result(path: Path, result: Result) -> None:
    """Write a result file whole, under a name that is free; results are added, never changed.

    A file with the very same content is left as it is.

    Raises:
        UsageError: If another result has that name.
        StoreError: If it cannot be written.
    """
    content = result.to_json().encode()
    complete = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.whole.tmp")
    write_atomic(complete, content)
    try:
        _take_name(complete, path, content)
    except FileExistsError as error:
        if path.read_bytes() != content:
            raise UsageError(f"{path}: holds another result; results are not overwritten, give another name") from error
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        complete.unlink(missing_ok=True)


def _take_name(complete: Path, path: Path, content: bytes) -> None:
    """Give a written file its name; FileExistsError if it is taken, also by a process that came just before."""
    try:
        os.link(complete, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        with path.open("xb") as handle:
            handle.write(content)
            os.fsync(handle.fileno())


def read_result(path: Path) -> Result:
    """Read and check a result file.

    Raises:
        DataError: If it is missing (`result_missing`) or not a result of this schema (`result_schema`); the message
            names each wrong field.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path}: no result file can be read here ({error.strerror})", kind="result_missing", file=str(path)
        ) from error
    try:
        return Result.model_validate_json(data)
    except ValidationError as error:
        fields = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'file'}: {one['msg']}" for one in error.errors()[:5])
        raise DataError(
            f"{path}: not a result of schema 1 ({fields}); correct these fields", kind="result_schema", file=str(path)
        ) from error
