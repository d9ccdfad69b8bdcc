"""Settings: declared once as a model, from which flags, help, tables, cards and checks follow.

A settings model derives from `Settings`. Each field is declared with its type, its default and, as the docstring under
it, its meaning. Where the default of an inherited field is another for one method or task, the class says so in
`defaults`; such values are those of the method's or task's paper.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from inspect import get_annotations
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.files.outside_text import storable
from hcmoco_bench.runtime.near_names import did_you_mean

AnySettings = TypeVar("AnySettings", bound=BaseModel)


@dataclass(frozen=True)
class Flag:
    """Marks a field whose option on the command line has another name than the field.

    Attributes:
        name: E.g. `--size`.
    """

    name: str


@dataclass(frozen=True)
class Paper:
    """Marks a field whose value the paper states.

    Attributes:
        value: The paper's value as it is shown; None if it is the default.
    """

    value: str | None = None


@dataclass(frozen=True)
class Published:
    """Marks a field whose default departs from what the authors' released code does.

    Attributes:
        value: The value with which a run does as the authors' code; `--config published` sets it.
        why: Why the default is another, in whole sentences.
    """

    value: Any
    why: str


@dataclass(frozen=True)
class Bookkeeping:
    """Marks a field that does not change what is learned: a resumed run may change it, fingerprints leave it out."""


@dataclass(frozen=True)
class Location:
    """Marks a field that says where data or weights are, or a seed: fingerprints of settings leave it out."""


@dataclass(frozen=True)
class TrainingOnly:
    """Marks a field that scoring a finished model does not read."""


@dataclass(frozen=True)
class Added:
    """Marks a field that is younger than the first results: fingerprints leave it out while it has its default."""


class Settings(BaseModel):
    """Base of all settings models: frozen, unknown names refused, meanings taken from the fields' docstrings.

    Attributes:
        section: Heading under which help and tables list the fields that this class declares.
        defaults: Defaults of inherited fields that differ for this class; the paper's values.
        published: What the authors' code does where an inherited field's default departs from it.
        joined: Fields that one option on the command line takes together, e.g. `--epochs 100 100`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    section: ClassVar[str] = "Settings"
    defaults: ClassVar[Mapping[str, Any]] = {}
    published: ClassVar[Mapping[str, Published]] = {}
    joined: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        changed, published = cls.__dict__.get("defaults", {}), cls.__dict__.get("published", {})
        unknown = [name for name in (*changed, *published) if name not in cls.model_fields]
        if unknown:
            raise TypeError(f"{cls.__name__} declares {', '.join(unknown)}, which it does not have, otherwise")
        for name, value in changed.items():
            field = copy(cls.__pydantic_fields__[name])
            field.default, field.default_factory = value, None
            field.metadata = [mark for mark in field.metadata if not isinstance(mark, Paper)] + [Paper()]
            cls.__pydantic_fields__[name] = field
        for name, mark in published.items():
            field = copy(cls.__pydantic_fields__[name])
            field.metadata = [old for old in field.metadata if not isinstance(old, Published)] + [mark]
            cls.__pydantic_fields__[name] = field
        if changed:
            cls.model_rebuild(force=True)

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain values, as they stand in checkpoints and in a run's `config.json`."""
        return self.model_dump(mode="json")

    @classmethod
    def conditional_defaults(cls) -> Mapping[str, tuple[Any, str]]:
        """Defaults that depend on another setting, by name: the value, and the condition in words."""
        return {}

    def without_effect(self) -> frozenset[str]:
        """Names of settings that other settings leave without effect, e.g. SGD's momentum under Adam; for cards."""
        return frozenset()

    def replace(self, **values: Any) -> Self:
        """These settings with some others, checked anew; raises UsageError if they are wrong."""
        return validated(type(self), {**self.model_dump(), **values}, "settings")

    @classmethod
    def marked(cls, mark: type[Added | Bookkeeping | Location | TrainingOnly]) -> frozenset[str]:
        """Names of the fields that carry a mark."""
        return frozenset(name for name, field in cls.model_fields.items() if _mark(field, mark) is not None)


@dataclass(frozen=True)
class SettingRecord:
    """One setting as help, tables and cards show it.

    Attributes:
        name: As `--set` and settings files take it; `weights.dense` reaches into a table.
        flag: Its option on the command line.
        type: The type in words, e.g. `integer >= 1` or `sgd | adam`.
        default: The default in words, items of a list with spaces between, and where another setting decides, both
            (`50; 150 if ratio < 1`); empty if there is none.
        meaning: What it does, in a phrase or two.
        paper: The paper's value; empty where the paper states none.
        section: Heading that it belongs under.
        repeated: Whether the option may be given several times.
        switch: Whether it is on or off.
        none_is_word: Whether `none` is one of its words; where it is not, it stands for None.
        published: What the authors' code does, where the default departs from it; otherwise empty.
        why: Why the default departs from it; empty where it does not.
    """

    name: str
    flag: str
    type: str
    default: str
    meaning: str
    paper: str
    section: str
    repeated: bool
    switch: bool
    none_is_word: bool
    published: str = ""
    why: str = ""


def describe_settings(model: type[Settings]) -> tuple[SettingRecord, ...]:
    """Every setting of a model, those of nested models included, in the order in which they are declared."""
    return tuple(_describe(model, "", None))


def published_values(model: type[Settings]) -> dict[str, Any]:
    """The values, by name, with which a run does as the authors' released code."""
    values = {}
    for name, field in model.model_fields.items():
        mark = _mark(field, Published)
        if mark is not None:
            values[name] = mark.value
        inner = _nested(field)
        if inner is not None:
            values |= {f"{name}.{key}": value for key, value in published_values(inner).items()}
    return values


def validated(model: type[AnySettings], values: Mapping[str, Any], source: str) -> AnySettings:
    """The settings as a model.

    Raises:
        UsageError: If a setting is unknown or wrong; names `source` and each of them, an unknown one with near matches.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        problems = "; ".join(_problem(model, line) for line in error.errors())
        raise UsageError(f"{source}: {problems}") from error


def parse_setting(setting: str, records: Mapping[str, SettingRecord]) -> tuple[str, Any]:
    """`NAME=VALUE` of `--set`, the value as in TOML; a bare word is a text.

    Args:
        setting: What was typed.
        records: The settings by name.

    Raises:
        UsageError: If there is no `=`.
    """
    name, equals, text = setting.partition("=")
    if not equals or not name:
        raise UsageError(f"--set {setting}: write NAME=VALUE")
    record = records.get(name)
    return name, parse_value(text, none_is_word=record is not None and record.none_is_word)


def parse_value(text: str, *, none_is_word: bool = False) -> Any:
    """A value as TOML writes it; `none` is None unless it is a word of the setting, and what is no TOML is a text."""
    if text.lower() == "none" and not none_is_word:
        return None
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def merge_settings(values: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with others put over them.

    Args:
        values: Settings by name; tables of settings are mappings.
        given: Settings that win; a name with dots reaches into tables (`weights.dense`).

    Raises:
        UsageError: If a dotted name reaches into something that is no table.
    """
    merged = json.loads(json.dumps(dict(values), default=_plain))
    for name, value in given.items():
        *tables, last = name.split(".")
        table = merged
        for key in tables:
            table = table.setdefault(key, {})
            if not isinstance(table, dict):
                raise UsageError(f"{name}: {key} is a single value, not a table of settings")
        table[last] = value
    return dict(merged)


def read_settings_file(path: Path) -> dict[str, Any]:
    """The values of a `.toml` or `.json` file; raises DataError (`config_unreadable`) if it cannot be read."""
    try:
        text = path.read_text("utf-8")
        values = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as settings ({error})", kind="config_unreadable") from error
    if not isinstance(values, dict):
        raise DataError(f"{path}: holds no table of settings; write NAME = VALUE lines", kind="config_unreadable")
    return values


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return list(value) if isinstance(value, (tuple, set, frozenset)) else str(value)


def _problem(model: type[BaseModel], line: Any) -> str:
    place = ".".join(map(str, line["loc"])) or "settings"
    if line["type"] == "string_unicode":
        shown = storable(str(line["input"]))
        return f"{place}: {shown} is not UTF-8; rename it, or give a link to it whose name is"
    if line["type"] != "extra_forbidden":
        return f"{place}: {line['msg'].removeprefix('Value error, ')}"
    table, prefix = model, ""
    for key in line["loc"][:-1]:
        inner = _nested(table.model_fields[key]) if key in table.model_fields else None
        if inner is None:
            break
        table, prefix = inner, f"{prefix}{key}."
    known = [f"{prefix}{name}" for name in table.model_fields]
    return f"there is no setting {place!r}; {did_you_mean(place, known)}"


def _mark(field: FieldInfo, kind: type[Any]) -> Any:
    return next((mark for mark in field.metadata if isinstance(mark, kind)), None)


def _nested(field: FieldInfo) -> type[Settings] | None:
    kinds = [field.annotation, *get_args(field.annotation)]
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Settings)), None)


def _declared_in(model: type[Settings], name: str) -> type[Settings]:
    return next(
        kind for kind in reversed(model.__mro__) if issubclass(kind, Settings) and name in get_annotations(kind)
    )


def _describe(model: type[Settings], prefix: str, section: str | None) -> Iterator[SettingRecord]:
    for name, field in model.model_fields.items():
        heading = section or _declared_in(model, name).section
        inner = _nested(field)
        if inner is not None:
            yield from _describe(inner, f"{prefix}{name}.", heading)
            continue
        flag, paper, published = _mark(field, Flag), _mark(field, Paper), _mark(field, Published)
        default = "" if field.is_required() else _shown(field.get_default(call_default_factory=True))
        if name in model.conditional_defaults():
            value, condition = model.conditional_defaults()[name]
            default = f"{default}; {_shown(value)} {condition}"
        text = _type_text(field.annotation, field.metadata)
        yield SettingRecord(
            name=f"{prefix}{name}",
            flag=_joined_flag(model, name) or (flag.name if flag else f"--{prefix}{name}".replace("_", "-")),
            type=text,
            default=default,
            meaning=" ".join((field.description or "").split()),
            paper="" if paper is None else (default if paper.value is None else paper.value),
            section=heading,
            repeated=_is_list_of_words(field.annotation),
            switch=field.annotation is bool,
            none_is_word=_none_is_word(field),
            published="" if published is None else _shown(published.value),
            why="" if published is None else published.why,
        )


def _is_list_of_words(annotation: Any) -> bool:
    """Whether it is a list of texts or of words to choose from; lists of numbers are written with commas."""
    arguments = get_args(annotation)
    if get_origin(annotation) is not tuple or arguments[1:] != (Ellipsis,):
        return False
    return arguments[0] is str or get_origin(arguments[0]) is Literal


def _none_is_word(field: FieldInfo) -> bool:
    one_of = get_origin(field.annotation) in (Literal, Union, UnionType)
    kinds = get_args(field.annotation) if one_of else (field.annotation,)
    return NoneType not in kinds and ("none" in kinds or str in kinds)


def _joined_flag(model: type[Settings], name: str) -> str:
    return next((flag for flag, names in joined_flags(model).items() if name in names), "")


def joined_flags(model: type[Settings]) -> dict[str, tuple[str, ...]]:
    """Options that take several fields together, and those fields, of a model and all its bases."""
    kinds = [kind for kind in model.__mro__ if issubclass(kind, Settings)]
    return {flag: names for kind in kinds for flag, names in kind.__dict__.get("joined", {}).items()}


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, str):
        return value
    if isinstance(value, (tuple, list)):
        return " ".join(map(str, value))
    return json.dumps(value, default=_plain)


def _type_text(annotation: Any, metadata: list[Any]) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type_text(arguments[0], [*_expanded(arguments[1:])])
    if origin in (Union, UnionType):
        texts = [_type_text(one, metadata if one not in (NoneType, None) else []) for one in arguments]
        return " | ".join(dict.fromkeys(texts))
    if origin is Literal:
        return " | ".join(map(str, arguments))
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return f"list of {_type_text(arguments[0], [])}"
        return " ".join(_type_text(one, []) for one in arguments)
    names = {NoneType: "none", None: "none", bool: "true | false", int: "integer", float: "number", str: "text"}
    base = names.get(annotation, getattr(annotation, "__name__", str(annotation)))
    bounds = [f"{sign} {value:g}" for sign, value in _bounds(metadata)]
    return " ".join([base, ", ".join(bounds)]) if bounds and base in ("integer", "number") else base


def _expanded(metadata: tuple[Any, ...]) -> Iterator[Any]:
    for mark in metadata:
        yield from mark.metadata if isinstance(mark, FieldInfo) else (mark,)


def _bounds(metadata: list[Any]) -> Iterator[tuple[str, float]]:
    for attribute, sign in (("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<"), ("multiple_of", "multiple of")):
        for mark in metadata:
            value = getattr(mark, attribute, None)
            if value is not None:
                yield sign, value
