"""The manifest of an NTU store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from hcmoco_bench.store.kinds.ntu.options import PrepareOptions
from hcmoco_bench.store.manifest import SHA256_PATTERN, DeclaredSplit, StoreManifest

LICENSE_NTU: Final = (
    "Pixels from NTU RGB+D / NTU RGB+D 120, (c) ROSE Lab, Nanyang Technological University: for academic research "
    "only, not to be redistributed (https://rose1.ntu.edu.sg/dataset/actionRecognition/)."
)

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class Source(BaseModel):
    """Where the pixels come from; `generated` decides whether they may be handed on."""

    model_config = _FROZEN
    dataset: Literal["ntu-rgbd"] = "ntu-rgbd"
    generated: bool
    license: str = Field(validation_alias=AliasChoices("license", "licence"), serialization_alias="licence")


class Lists(BaseModel):
    """The sample lists: the name of their declaration, and each file's SHA-256."""

    model_config = _FROZEN
    declaration: str
    files: dict[str, str]


class Inputs(BaseModel):
    """The clips that were used: their number, and a hash over their names, parts present and sizes in bytes."""

    model_config = _FROZEN
    n_clips: int = Field(ge=0)
    sha256: str = Field(pattern=SHA256_PATTERN)


class GeneratedPeople(BaseModel):
    """Which generated people a store shows; the same numbers stand for other people in trees of another seed.

    Attributes:
        seed: Seed of the generated tree.
        recurring: Whether a performer is one person in all setups; otherwise a number is another person in each setup.
    """

    model_config = _FROZEN
    seed: int
    recurring: bool = False


class NtuManifest(StoreManifest):
    """The whole manifest; the oldest kind, and the only one whose manifests name no kind.

    Attributes:
        source: Data set and license.
        options: Everything that was asked for (`options.set` is the sample set).
        lists: The sample lists.
        inputs: Fingerprint of the raw clips.
        parts: Whether there is a `parts` column.
        calibration_sha256: Hash of `calibration.json`.
        generated_people: Who the people are; None for recorded ones, for several generated trees at once, and in stores
            of earlier versions, which did not state it. The file says it only where it is known.
    """

    schema_version: Literal[1] = Field(default=1, alias="schema")
    source: Source
    options: PrepareOptions
    lists: Lists
    inputs: Inputs
    splits: Mapping[str, DeclaredSplit]
    parts: bool
    calibration_sha256: str = Field(pattern=SHA256_PATTERN)
    splits_sha256: str = Field(pattern=SHA256_PATTERN)
    generated_people: GeneratedPeople | None = None

    @model_serializer(mode="wrap")
    def _without_unknown(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = write(self)
        if self.generated_people is None:
            del fields["generated_people"]
        return fields
