"""Options of a command from a settings model: one flag per setting, with the setting's meaning as its help.

Which model it is may depend on other arguments (`--method`, `--task`), so the options are made while the command line
is read. Nothing about a setting is written down here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand
from typer.main import get_command

from hcmoco_bench.errors import UsageError

if TYPE_CHECKING:  # pydantic takes a third of a second, which `--help` does not need
    from hcmoco_bench.runtime.settings import SettingRecord, Settings

_MODEL, _OPTIONS, _GIVEN = "hcmoco_bench.model", "hcmoco_bench.options", "hcmoco_bench.given"

SetOptions = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Any setting by its name, e.g. clip=1.0; may be repeated."),
]
ConfigOption = Annotated[
    str | None,
    typer.Option("--config", metavar="FILE|RECIPE", help="Settings from a .toml or .json file, or a packaged recipe."),
]


class SettingsCommand(TyperCommand):
    """A command with the options of a settings model besides its own; a subclass says which model."""

    own: frozenset[str] = frozenset()
    """Fields of the model that the command takes by options of its own."""

    def settings_model(self, args: Sequence[str]) -> type[Settings]:
        """The model that the arguments choose; raises UsageError if they name something unknown."""
        raise TypeError(f"{type(self).__name__} does not say which settings it takes")

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line with the options of the chosen model."""
        ctx.meta[_MODEL] = self.settings_model(args)
        ctx.meta[_OPTIONS] = settings_options(ctx.meta[_MODEL], self.own)
        return super().parse_args(ctx, args)

    def get_params(self, ctx: Any) -> list[Any]:
        """The command's own parameters, then the settings'."""
        return [*super().get_params(ctx), *ctx.meta.get(_OPTIONS, ())]


def given_settings(ctx: typer.Context, settings: Iterable[str] | None) -> dict[str, Any]:
    """The settings that a user gave, by name: those of flags, then those of `--set`, which win."""
    from hcmoco_bench.runtime.settings import describe_settings, parse_setting

    records = {record.name: record for record in describe_settings(ctx.meta[_MODEL])}
    return {**ctx.meta.get(_GIVEN, {}), **dict(parse_setting(setting, records) for setting in settings or ())}


def argument_value(args: Sequence[str], *names: str) -> str | None:
    """The value of an option in raw arguments (`--task X` or `--task=X`); None if it is not there."""
    for place, argument in enumerate(args):
        name, equals, value = argument.partition("=")
        if name in names:
            return value if equals else next(iter(args[place + 1 :]), None)
    return None


def settings_options(model: type[Settings], own: frozenset[str] = frozenset()) -> list[Any]:
    """Command-line options for the settings of a model.

    Args:
        model: The model.
        own: Fields that get no option here.
    """
    from hcmoco_bench.runtime.settings import describe_settings, joined_flags

    joined = joined_flags(model)
    found = [record for record in describe_settings(model) if record.name not in own]
    last = found[0].section if found else ""  # what all models share comes after what is the command's own
    records = {record.name: record for record in sorted(found, key=lambda record: record.section == last)}
    parameters: list[Parameter] = []
    done: set[str] = set()
    for name, record in records.items():
        if name in done:
            continue
        group = joined.get(record.flag, (name,))
        done.update(group)
        parameters.append(_parameter(len(parameters), [records[one] for one in group]))
    return _options(parameters)


def _parameter(number: int, records: Sequence[SettingRecord]) -> Parameter:
    first = records[0]
    shared: dict[str, Any] = {
        "help": _help(records),
        "rich_help_panel": first.section,
        "expose_value": False,
        "show_default": False,
    }
    kind: Any
    if len(records) > 1:
        metavar = " ".join(record.name.upper() for record in records)
        kind = tuple[(str,) * len(records)] | None  # type: ignore[misc]
        option = typer.Option(first.flag, metavar=metavar, callback=_keeper(records), **shared)
    elif first.switch:
        option = typer.Option(f"{first.flag}/--no-{first.flag[2:]}", callback=_keeper(records), **shared)
        kind = bool | None
    else:
        kind = list[str] | None if first.repeated else str | None
        option = typer.Option(first.flag, metavar=_metavar(first), callback=_keeper(records), **shared)
    return Parameter(f"setting_{number}", Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, option])


def _options(parameters: list[Parameter]) -> list[Any]:
    def stand_in() -> None:
        """A function whose signature Typer turns into options."""

    stand_in.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    stand_in.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    app = typer.Typer(add_completion=False)
    app.command()(stand_in)
    return list(get_command(app).params)


def _keeper(records: Sequence[SettingRecord]) -> Callable[..., Any]:
    def keep(ctx: typer.Context, value: Any) -> Any:
        if value is not None and value != [] and value != ():
            given = ctx.meta.setdefault(_GIVEN, {})
            values = value if len(records) > 1 else (value,)
            for record, one in zip(records, values, strict=True):
                given[record.name] = _parsed(record, one)
        return value

    return keep


def _parsed(record: SettingRecord, value: Any) -> Any:
    from hcmoco_bench.runtime.settings import parse_value

    if record.switch or record.repeated:
        return value
    if record.type == "text":
        return value
    if record.type.startswith("list of"):
        return parse_value(value if value.startswith("[") else f"[{value}]")
    found = parse_value(value, none_is_word=record.none_is_word)
    if "text" in record.type and found is not None:
        return value
    if isinstance(found, (dict, list)) and not record.type.startswith(("list", "integer integer")):
        raise UsageError(f"{record.flag} {value}: give a single value ({record.type})")
    return found


def _metavar(record: SettingRecord) -> str:
    if " | " in record.type and not any(word in record.type for word in ("integer", "number", "text", "list")):
        return f"[{record.type.replace(' | ', '|')}]"
    word = record.type.removeprefix("list of ").split(" ")[0]
    return word.upper()


def _help(records: Sequence[SettingRecord]) -> str:
    if len(records) > 1:
        meaning = "; ".join(record.meaning.rstrip(".") for record in records) + "."
    else:
        meaning = records[0].meaning
    defaults = " ".join(record.default for record in records)
    return f"{meaning} [default: {defaults}]" if defaults else meaning
