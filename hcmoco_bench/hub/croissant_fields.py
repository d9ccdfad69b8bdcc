"""Columns of a published configuration as Croissant fields: their types, and where in the Parquet files they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from datasets import Features

Json = dict[str, Any]

_TYPES: Final = {
    "string": "sc:Text",
    "uint8": "cr:UInt8",
    "int32": "cr:Int32",
    "int64": "cr:Int64",
    "float32": "cr:Float32",
    "float64": "cr:Float64",
}


def croissant_fields(configuration: str, features: Features, meanings: Mapping[str, str], file_set: str) -> list[Json]:
    """Fields of a configuration, one a column.

    An image is a struct with the encoded file in `bytes`, of which the field takes that alone; a reader decodes it, and
    16-bit depth stays 16-bit. Fields of a struct become sub-fields. Lists are arrays whose lengths are not declared.

    Args:
        configuration: Its name, with which each field's `@id` begins.
        features: Its columns.
        meanings: Meaning of each column.
        file_set: `@id` of the configuration's files.

    Raises:
        KeyError: If a column has no meaning or a value type that Croissant has no name for.
    """
    return [
        _field(f"{configuration}/{name}", name, feature, _Place(file_set, name, ""), meanings[name])
        for name, feature in features.items()
    ]


class _Place:
    """A place in the files: column, and path inside of its structs."""

    def __init__(self, file_set: str, column: str, path: str) -> None:
        self.file_set, self.column, self.path = file_set, column, path

    def below(self, name: str) -> _Place:
        return _Place(self.file_set, self.column, f"{self.path}.{name}" if self.path else name)

    def source(self) -> Json:
        found: Json = {"fileSet": {"@id": self.file_set}, "extract": {"column": self.column}}
        return {**found, "transform": {"jsonPath": self.path}} if self.path else found


def _field(identifier: str, name: str, feature: Any, place: _Place, meaning: str = "") -> Json:
    field: Json = {"@type": "cr:Field", "@id": identifier, "name": name}
    if meaning:
        field["description"] = meaning
    depth, inner = _without_lists(feature)
    if depth:
        field |= {"isArray": True, "arrayShape": ",".join(["-1"] * depth)}
    if isinstance(inner, dict):
        field["subField"] = [_field(f"{identifier}/{key}", key, one, place.below(key)) for key, one in inner.items()]
        return field
    if type(inner).__name__ == "Image":
        return {**field, "dataType": "sc:ImageObject", "source": place.below("bytes").source()}
    return {**field, "dataType": _TYPES[inner.dtype], "source": place.source()}


def _without_lists(feature: Any) -> tuple[int, Any]:
    """Number of nested lists around a feature, and what is in the innermost."""
    depth = 0
    while type(feature).__name__ == "List":
        depth, feature = depth + 1, feature.feature
    return depth, feature
