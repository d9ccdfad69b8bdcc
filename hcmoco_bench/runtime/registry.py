"""Registries: methods, tasks, encoders and kinds of store by name, also those of other packages.

A registry knows three sources, asked in this order: objects that were registered in this process, the modules of this
package, and entry points of installed packages. Nothing is imported before it is asked for, so listing names is cheap.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar

from hcmoco_bench.errors import UsageError
from hcmoco_bench.runtime.near_names import did_you_mean

Entry = TypeVar("Entry")


class Registry(Generic[Entry]):
    """Entries of one type by name.

    Args:
        noun: What an entry is called in messages, e.g. `method`.
        kind: Type that every entry must have; an entry that is a class of that type is instantiated.
        group: Entry-point group in which other packages name theirs, e.g. `hcmoco_bench.methods`.
        own: Entries of this package: `module:attribute` by name.
    """

    def __init__(self, noun: str, kind: type[Entry], group: str, own: Mapping[str, str]) -> None:
        self.noun, self.kind, self.group = noun, kind, group
        self._own = dict(own)
        self._registered: dict[str, Entry] = {}
        self._loaded: dict[str, Entry] = {}

    def register(self, name: str, entry: Entry | type[Entry]) -> None:
        """Add an entry in this process.

        Raises:
            UsageError: If the name is taken, or the entry is of another type.
        """
        if name in self.names():
            raise UsageError(f"{self.noun} {name!r} is registered already; give yours another name")
        self._registered[name] = self._instance(name, entry, "register")

    def unregister(self, name: str) -> None:
        """Remove an entry that `register` added."""
        del self._registered[name]

    def names(self) -> tuple[str, ...]:
        """All names in alphabetical order; imports nothing."""
        return tuple(sorted({*self._registered, *self._own, *self._entry_points()}))

    def get(self, name: str) -> Entry:
        """The entry of a name; its module is imported at the first call.

        Raises:
            UsageError: If there is none (lists near matches), its module cannot be imported, it is of another type, or
                two packages claim the name.
        """
        if name in self._registered:
            return self._registered[name]
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def _entry_points(self) -> dict[str, list[EntryPoint]]:
        found: dict[str, list[EntryPoint]] = {}
        for point in _installed(self.group, _where_packages_are()):
            found.setdefault(point.name, []).append(point)
        return found

    def _load(self, name: str) -> Entry:
        if name in self._own:
            module, _, attribute = self._own[name].partition(":")
            return self._instance(name, getattr(import_module(module), attribute), module)
        points = self._entry_points().get(name, [])
        if not points:
            raise UsageError(f"{self.noun} {name!r} is unknown; {did_you_mean(name, self.names())}")
        values = sorted({point.value for point in points})
        if len(values) > 1:
            raise UsageError(
                f"{self.noun} {name!r} is offered by several packages ({', '.join(values)}); uninstall all but one"
            )
        try:
            entry = points[0].load()
        except (ImportError, AttributeError) as error:
            raise UsageError(
                f"{self.noun} {name!r}: its entry point {values[0]} cannot be loaded ({error}); reinstall the package"
            ) from error
        return self._instance(name, entry, values[0])

    def _instance(self, name: str, entry: Any, source: str) -> Entry:
        found = entry() if isinstance(entry, type) and issubclass(entry, self.kind) else entry
        if not isinstance(found, self.kind):
            raise UsageError(
                f"{self.noun} {name!r} ({source}) is a {type(found).__name__}; it must be a {self.kind.__name__}"
            )
        return found


def _where_packages_are() -> tuple[tuple[str, int], ...]:
    """What packages are looked for in, with its time of change, which an installation sets."""
    places = []
    for place in sys.path:
        with suppress(OSError, ValueError):  # as for imports, what is not there counts as empty
            places.append((place, Path(place).stat().st_mtime_ns))
    return tuple(places)


@lru_cache(maxsize=64)
def _installed(group: str, places: tuple[tuple[str, int], ...]) -> tuple[EntryPoint, ...]:
    """The entry points of a group. To find them reads a file of every installed package, and names are often asked."""
    return tuple(entry_points(group=group))
