"""Options that several lines of a plan share: its table `options`, whose texts stand for `{options.NAME}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from hcmoco_bench.runtime.near_names import did_you_mean

OPTIONS: Final = "options"
"""Name of the table."""

_SHARED: Final = re.compile(r"\{options\.([^{}]*)\}")


def expanded(tables: Mapping[str, Any]) -> dict[str, Any]:
    """The tables of a plan with shared options filled into every text, and without the table that holds them.

    Args:
        tables: Tables of a plan at one size. The texts of `options` may use each other.

    Raises:
        ValueError: If a text names options that there are none of, texts use each other in a circle, or nothing uses
            one; says where.
    """
    filling = _Filling(tables.get(OPTIONS, {}))
    found = {table: filling.value(value, table) for table, value in tables.items() if table != OPTIONS}
    for name in filling.texts:
        if name not in filling.used:
            raise ValueError(f"{OPTIONS}.{name}: no text holds {{{OPTIONS}.{name}}}; remove it")
    return found


class _Filling:
    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts
        self.used: set[str] = set()

    def value(self, value: Any, where: str) -> Any:
        if isinstance(value, Mapping):
            return {name: self.value(one, f"{where}.{name}") for name, one in value.items()}
        if isinstance(value, list):
            return [self.value(one, where) for one in value]
        return self._text(value, where, ()) if isinstance(value, str) else value

    def _text(self, text: str, where: str, within: tuple[str, ...]) -> str:
        for name in _SHARED.findall(text):
            if name not in self.texts:
                raise ValueError(f"{where} holds {{{OPTIONS}.{name}}}; {did_you_mean(name, self.texts)}")
            if name in within:
                circle = " holds ".join((*within[within.index(name) :], name))
                raise ValueError(f"{OPTIONS} hold each other in a circle: {circle}")
            self.used.add(name)
            shared = self._text(self.texts[name], f"{OPTIONS}.{name}", (*within, name))
            text = text.replace(f"{{{OPTIONS}.{name}}}", shared)
        return text
