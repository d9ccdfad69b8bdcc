"""What a task says about itself: frozen records that the command line shows and that go into results."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, model_validator

from hcmoco_bench.tasks.core.protocol import AnyProtocol, Protocol, Word

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class SplitRecord(BaseModel):
    """A split of the task's data.

    Attributes:
        name: Name that `open_data` takes.
        rule: Rule by which samples belong to it.
        size: Number of samples in the original data; None where it depends on the store.
        sha256: Fingerprint of its sample ids in the original data; None where it is not known.
    """

    model_config = _FROZEN

    name: str
    rule: str
    size: int | None = None
    sha256: str | None = None


class Download(BaseModel):
    """Something that users have to fetch from its owner.

    Attributes:
        what: The files.
        where: The owner's page.
        put: Where the files belong, and the command that then reads them.
    """

    model_config = _FROZEN

    what: str
    where: str
    put: str


class VersionChange(BaseModel):
    """What a version of a task changed.

    Attributes:
        version: The version that came with the change.
        change: What differs from the version before, in a sentence.
        new_network: Whether the network differs, so that models of earlier versions cannot be scored.
    """

    model_config = _FROZEN

    version: int = Field(ge=2)
    change: str
    new_network: bool


class TaskRecord(BaseModel):
    """A task as it is declared.

    Attributes:
        id: Name on the command line.
        version: Number that rises when scores are no longer comparable with earlier ones.
        changes: What later versions than the first changed, oldest first.
        title: Title for readers.
        data: What the task reads: a kind of prepared store, or a published layout.
        splits: The splits; a store may declare more.
        protocols: The protocols under which the task can be trained and scored.
        default_protocol: Name of the protocol that is used when none is given.
        without_protocols: Names of protocols that users may expect and that the task does not have, with the reason.
        main_score: Key of `Evaluation.scores` by which results are compared; a protocol may name another one.
        unit: Unit of the main score, e.g. `%` or `mm`.
        higher_is_better: Whether a higher main score is better.
        chance: Score of a model without any skill, and why.
        citation: Publications to cite.
        downloads: What users have to fetch.
        predictions: Layout of other programs' predictions, as `eval --predictions` takes them.
        bad_input: Which bad input is an error, and which is left out, counted and named.
    """

    model_config = _FROZEN

    id: Word
    version: int = Field(ge=1)
    changes: tuple[VersionChange, ...] = ()
    title: str
    data: str
    splits: tuple[SplitRecord, ...] = Field(min_length=1)
    protocols: tuple[SerializeAsAny[Protocol], ...] = Field(min_length=1)
    default_protocol: str = "native"
    without_protocols: Mapping[Word, str] = Field(default_factory=dict)
    main_score: str
    unit: str
    higher_is_better: bool = True
    chance: str
    citation: str
    downloads: tuple[Download, ...]
    predictions: str = ""
    bad_input: str

    @model_validator(mode="after")
    def _check(self) -> TaskRecord:
        names = [protocol.name for protocol in self.protocols]
        if len(set(names)) != len(names) or self.default_protocol not in names:
            raise ValueError(f"protocols {names} must be distinct and include the default {self.default_protocol!r}")
        both = sorted(self.without_protocols.keys() & {*names})
        if both:
            raise ValueError(f"protocols {both} are declared and also said to be missing")
        versions = [change.version for change in self.changes]
        if versions != sorted(set(versions)) or any(version > self.version for version in versions):
            raise ValueError(f"changes are of the versions {versions}; they must rise, up to version {self.version}")
        return self

    def main_score_of(self, protocol: str) -> str:
        """Key of the score by which results under a protocol are compared; the record's for unknown protocols."""
        own = [each.main_score for each in self.protocols if each.name == protocol]
        return (own[0] if own else None) or self.main_score

    def protocol(self, name: str) -> Protocol:
        """The protocol of that name; raises KeyError if there is none (settings are checked before)."""
        return {protocol.name: protocol for protocol in self.protocols}[name]

    def protocol_of_type(self, name: str, kind: type[AnyProtocol]) -> AnyProtocol:
        """The protocol of that name, with the rules of a task; raises TypeError if it was declared without them."""
        found = self.protocol(name)
        if not isinstance(found, kind):
            raise TypeError(f"{self.id}: protocol {name} is a {type(found).__name__}, not a {kind.__name__}")
        return found
