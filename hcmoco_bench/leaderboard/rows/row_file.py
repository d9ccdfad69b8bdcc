"""`row.json`: what a row's folder says besides its result and evidence, and the records of its checks."""

from __future__ import annotations

import datetime
import re
import unicodedata
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.hashing import json_sha256
from hcmoco_bench.files.json import dump_json
from hcmoco_bench.files.outside_text import storable
from hcmoco_bench.leaderboard.level import Level
from hcmoco_bench.leaderboard.row import Party
from hcmoco_bench.leaderboard.rows.checklist import DECISIVE, CheckItem, Checklist, LevelWord
from hcmoco_bench.leaderboard.rows.file_sizes import check_size
from hcmoco_bench.leaderboard.rows.outside_names import is_legible

ROW_FILE: Final = "row.json"
RESULT_FILE: Final = "result.json"

_FROZEN = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Name = Annotated[str, Field(min_length=1, max_length=200)]
_Url = Annotated[str, Field(pattern=r"^(https?://[^\s]+)?$", max_length=500)]
_ENTRY: Final = re.compile(r"@[A-Za-z]+\{[^\s,{}%\\]+,.*\}", re.DOTALL)


def _one_entry(text: str) -> str:
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter == "{") - (letter == "}")
        if depth < 0 or (depth == 0 and letter == "}" and place + 1 < len(text)):
            raise ValueError("is not one BibTeX entry: its braces end too early")
    if text and (depth or not _ENTRY.fullmatch(text)):
        raise ValueError("is not one BibTeX entry, e.g. @article{key, title = {...}}")
    return text


_Citation = Annotated[str, StringConstraints(strip_whitespace=True, max_length=5000), AfterValidator(_one_entry)]
_Note = Annotated[str, Field(max_length=1000)]


class _Entry(BaseModel):
    @field_validator("*", mode="before")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        return storable(value) if isinstance(value, str) else value

    @field_validator("*")
    @classmethod
    def _legible(cls, value: Any) -> Any:
        texts = [value] if isinstance(value, str) else value if isinstance(value, tuple) else ()
        if any(not is_legible(text) for text in texts if isinstance(text, str)):
            raise ValueError("holds control characters, or marks that turn the direction of writing")
        return value


class CheckRecord(_Entry):
    """A check that a row passed.

    A record holds for one result alone: its seal covers the result's hash, so that a record that was written for
    another result, or changed by hand, is noticed.

    Attributes:
        level: Level that the check gives.
        by: Who ran it.
        on: Day on which it was run.
        tool: Program and version.
        items: The lines of the checklist that count for this level.
        inputs: SHA-256 of what the check read besides the result, by name, e.g. `weights`.
        seal: Fingerprint of all of this together with the row's id and the result's hash.
    """

    model_config = _FROZEN
    level: LevelWord
    by: _Name
    on: datetime.date
    tool: _Name
    items: Annotated[tuple[CheckItem, ...], Field(min_length=1)]
    inputs: dict[str, _Sha256] = Field(default_factory=dict)
    seal: _Sha256

    @model_validator(mode="after")
    def _passed(self) -> Self:
        level = Level.of(self.level)
        if level not in Checklist(self.items).earned:
            raise ValueError(f"the line {DECISIVE[level]!r} of its checklist does not pass")
        return self

    @classmethod
    def sealed(cls, row: str, result_sha256: str, **content: Any) -> CheckRecord:
        """The record with its seal."""
        unsealed = cls.model_validate({**content, "seal": "0" * 64})
        return unsealed.model_copy(update={"seal": unsealed.proper_seal(row, result_sha256)})

    def proper_seal(self, row: str, result_sha256: str) -> str:
        """The seal that this content has for a row and its result."""
        content = self.model_dump(mode="json", exclude={"seal"})
        return json_sha256({"row": row, "result": result_sha256, "check": content})


class Submission(_Entry):
    """What a submitter says of a row beside its result.

    Attributes:
        by: Who submits it.
        url: Where the model, its code or its paper is; empty if nowhere.
        citation: BibTeX of the publication; empty if there is none.
        notes: What readers should know, whole sentences.
    """

    model_config = _FROZEN
    by: _Name
    url: _Url = ""
    citation: _Citation = ""
    notes: tuple[_Note, ...] = ()


class RowFile(_Entry):
    """A row's own file.

    It states no level: the level is that of the highest check that passes.

    Attributes:
        schema_version: 1; key `schema` in the file.
        id: The row's id, which is its folder's name.
        submitted_by: Who submitted the result.
        added: Day on which it was added.
        result_sha256: SHA-256 of `result.json` beside this file.
        labels_sha256: Fingerprint of the sample ids and of all that the evidence holds of their labels; the same for
            all rows of a table.
        evidence_sha256: Fingerprints of the statistics in each evidence file, however the file is written; no two
            rows of a table share one.
        url: See `Submission`.
        citation: See `Submission`.
        notes: See `Submission`.
        checks: The checks that the row passed, oldest first.
    """

    model_config = _FROZEN
    schema_version: Literal[1] = Field(default=1, alias="schema")
    id: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]
    submitted_by: _Name
    added: datetime.date
    result_sha256: _Sha256
    labels_sha256: _Sha256
    evidence_sha256: Annotated[tuple[_Sha256, ...], Field(min_length=1)]
    url: _Url = ""
    citation: _Citation = ""
    notes: tuple[_Note, ...] = ()
    checks: Annotated[tuple[CheckRecord, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.checks[0].level != "evidence":
            raise ValueError("the first check must be that of the evidence")
        return self

    @property
    def levels(self) -> frozenset[Level]:
        """The levels that its checks give."""
        return frozenset(Level.of(check.level) for check in self.checks)

    @property
    def best(self) -> CheckRecord:
        """The check of the highest level; of several, the first that was not run by the submitter, if there is one."""
        level = max(self.levels)
        found = [check for check in self.checks if Level.of(check.level) == level]
        return next((check for check in found if not same_person(check.by, self.submitted_by)), found[0])

    @property
    def party(self) -> Party:
        """Whether the best check was run by the submitter (first) or by somebody else (third)."""
        return "first" if same_person(self.best.by, self.submitted_by) else "third"

    def wrong_seals(self) -> tuple[str, ...]:
        """Levels whose record was not written for this row and result, or was changed since."""
        return tuple(
            check.level for check in self.checks if check.seal != check.proper_seal(self.id, self.result_sha256)
        )

    def to_json(self) -> str:
        """The file's content: indented JSON with sorted keys and a final newline."""
        return dump_json(self.model_dump(mode="json", by_alias=True))


def same_person(one: str, other: str) -> bool:
    """Whether two names are the same, however they are typed."""
    return _name_key(one) == _name_key(other)


def _name_key(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def read_row_file(folder: Path) -> RowFile:
    """Read a row's `row.json`.

    Raises:
        DataError: If it is missing (`row_missing`), or is no such file or not that of this folder (`row_schema`).
    """
    path = folder / ROW_FILE
    check_size(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path}: no row file can be read here ({error.strerror}); a row is added by leaderboard add",
            kind="row_missing",
            file=str(path),
        ) from error
    try:
        row = RowFile.model_validate_json(data)
    except ValidationError as error:
        fields = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'file'}: {one['msg']}" for one in error.errors()[:5])
        raise DataError(
            f"{path}: is no row of schema 1 ({fields}); rows are written by leaderboard add, not by hand",
            kind="row_schema",
            file=str(path),
        ) from error
    if row.id != folder.name:
        raise DataError(
            f"{path}: is the row {row.id}, in a folder of another name; give the folder that name back",
            kind="row_schema",
            file=str(path),
        )
    return row
