"""Options of a command line as text: their names, what they hold to be filled in, and one set put over another."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Final

_PLACEHOLDER: Final = re.compile(r"\{([A-Za-z][\w-]*)\}")
_OPTION: Final = re.compile(r"--?[A-Za-z][\w.-]*")
_SET: Final = "--set"


def split_line(text: str) -> list[str]:
    """The words of a line as a shell splits them; raises ValueError for a quotation mark that is not closed."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ValueError(f"{text!r} cannot be split into words ({error})") from error


def placeholders(text: str) -> list[str]:
    """Names in braces, in order."""
    return _PLACEHOLDER.findall(text)


def filled(text: str, values: Mapping[str, str]) -> list[str]:
    """The words of a line with each `{name}` filled in, within its word; other braces stay as they are."""
    return [_PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), word) for word in split_line(text)]


def option_names(text: str) -> set[str]:
    """Names of the options of a line, without dashes; `--set NAME=VALUE` gives the name of the setting, too."""
    found = set()
    words = split_line(text)
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        name = word.partition("=")[0]
        if _OPTION.fullmatch(name):
            found.add(name.lstrip("-"))
        if name == _SET:
            found.add((word.partition("=")[2] or following).partition("=")[0])
    return found


def option_value(text: str, name: str) -> str | None:
    """What an option with one value has at the end, e.g. `small` for `config` in `--config small`; None without it."""
    words = _by_name(split_line(text)).get(name)
    if words is None:
        return None
    words = words[max(place for place, word in enumerate(words) if word.partition("=")[0].lstrip("-") == name) :]
    value = words[0].partition("=")[2] if "=" in words[0] else " ".join(words[1:2])
    return value or None


def put_over(text: str, given: str) -> str:
    """Options with others put over them: one of the same name is replaced where it stands, and the rest is added.

    `--set NAME=VALUE` replaces the setting of that name, and `--no-NAME` the switch `--NAME`. An option that stands
    several times in one text, as `--store`, stays so, and is replaced as a whole.
    """
    groups = _by_name(split_line(text)) | _by_name(split_line(given))
    return shlex.join([word for words in groups.values() for word in words])


def _by_name(words: Sequence[str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    current: list[str] = []
    for number, word in enumerate(words):
        name = word.partition("=")[0]
        if _OPTION.fullmatch(name) and not (number and words[number - 1] == _SET):
            key = name.removeprefix("--no-").lstrip("-")
            if name == _SET:
                setting = word.partition("=")[2] or (words[number + 1] if number + 1 < len(words) else "")
                key = f"{_SET} {setting.partition('=')[0]}"
            current = groups.setdefault(key, [])
            if name == _SET or name.startswith("--no-") or f"--no-{key}" in current:
                current.clear()
        elif not groups:
            current = groups.setdefault("", [])
        current.append(word)
    return groups
