"""What a task says about itself: frozen records, shown by the command line and written into results."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
_FROZEN = ConfigDict(frozen=True, extra="forbid")


class ProtocolRecord(BaseModel):
    """A way to train and score, by name.

    Attributes:
        name: E.g. `native` or `published`.
        summary: What it does, in a sentence or two.
        leaks: What the protocol lets a model know that it should not; None if nothing. Results say it.
    """

    model_config = _FROZEN

    name: Word
    summary: str
    leaks: str | None = None


class SplitRecord(BaseModel):
    """A split of the task's data.

    Attributes:
        name: As `open_data` takes it.
        rule: Which samples it holds.
        size: Number of samples in the original data; None where it depends on the store.
    """

    model_config = _FROZEN

    name: str
    rule: str
    size: int | None = None


class Download(BaseModel):
    """Something the user has to fetch from its owner.

    Attributes:
        what: The files.
        where: The owner's page.
        put: Where the files belong, and the command that then reads them.
    """

    model_config = _FROZEN

    what: str
    where: str
    put: str


class TaskRecord(BaseModel):
    """A task as declared.

    Attributes:
        id: Its name on the command line.
        version: Rises when scores are no longer comparable with those before.
        title: For people.
        data: What it reads: the kind of store, or the raw layout.
        splits: Its splits; a store may declare more.
        protocols: Ways to train and score.
        default_protocol: Name of one of them.
        main_score: The key of `Evaluation.scores` that results are compared by.
        unit: Of the main score, e.g. `%` or `mm`.
        higher_is_better: Whether more of the main score is better.
        chance: What a model without any skill gets, and how that follows.
        citation: Whom to cite.
        downloads: What the user has to fetch.
        bad_input: Which bad input is an error, and which is left out, counted and named.
    """

    model_config = _FROZEN

    id: Word
    version: int = Field(ge=1)
    title: str
    data: str
    splits: tuple[SplitRecord, ...] = Field(min_length=1)
    protocols: tuple[ProtocolRecord, ...] = Field(min_length=1)
    default_protocol: str = "native"
    main_score: str
    unit: str
    higher_is_better: bool = True
    chance: str
    citation: str
    downloads: tuple[Download, ...]
    bad_input: str

    @model_validator(mode="after")
    def _check(self) -> TaskRecord:
        names = [protocol.name for protocol in self.protocols]
        if len(set(names)) != len(names) or self.default_protocol not in names:
            raise ValueError(f"protocols {names} must be distinct and hold the default {self.default_protocol!r}")
        return self

    def protocol(self, name: str) -> ProtocolRecord:
        """The protocol of that name; raises KeyError if there is none (settings are checked before)."""
        return {protocol.name: protocol for protocol in self.protocols}[name]
