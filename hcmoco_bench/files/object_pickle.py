"""Pickles of objects whose classes are not looked up: a class becomes the name of an inert record.

The values are those of protocol 2 on, which is what torch writes: lists, dictionaries, numbers and texts. What calls
and persistent ids stand for says whoever reads the file; everything else is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from hcmoco_bench.files.pickle_machine import (
    INSTRUCTIONS,
    PickleMachine,
    PickleRefusedError,
    Stream,
    refused_name,
)

Name = tuple[str, str]
"""Module and name of a function or class."""

_KEYS: Final = (str, int)
_PLAIN: Final = b"\x80\x95(01N\x88\x89)]}JKMG\x8aX\x8c\x8dBC\x8e\x85\x86\x87taesuqr\x94hjc\x93Rb"
"""The instructions for plain values from protocol 2 on, and those that name, call and set a state."""


@dataclass(frozen=True)
class Global:
    """What a name in a pickle is read as: the name itself."""

    name: Name


@dataclass(frozen=True, eq=False)
class StoredObject:
    """An object of a class that is not looked up.

    Attributes:
        name: Module and name of its class.
        state: Its attributes.
    """

    name: Name
    state: dict[str, Any] = field(default_factory=dict)


def _new(machine: ObjectPickle) -> None:
    arguments, kind = machine.stack.pop(), machine.stack.pop()
    machine.push(machine.new(kind, arguments))


def _persistent(machine: ObjectPickle) -> None:
    machine.push(machine.stored(machine.stack.pop()))


class ObjectPickle(PickleMachine):
    """Pickles of objects.

    Args:
        stream: The file, at the start of a pickle.
        size: Its size in bytes.
        functions: What to make of a call, by the function's name; each takes the call's arguments and must not trust
            them.
        records: Whether objects of a class are read as `StoredObject`.
        words: Names that may stand as values, such as types; they are read as `Global`.
        stored: What to make of a persistent id, with which torch refers to the memory of a tensor.
    """

    instructions: ClassVar[Mapping[bytes, Callable[[Any], Any]]] = {
        **{bytes([code]): INSTRUCTIONS[bytes([code])] for code in _PLAIN},
        b"Q": _persistent,
        b"\x81": _new,
    }

    def __init__(
        self,
        stream: Stream,
        size: int,
        *,
        functions: Mapping[Name, Callable[..., Any]],
        records: Callable[[Name], bool],
        words: frozenset[Name],
        stored: Callable[[Any], Any],
    ) -> None:
        super().__init__(stream, size)
        self.functions, self.records, self.words, self.stored = functions, records, words, stored

    def name(self, module: Any, name: Any) -> Global:
        """See `PickleMachine.name`."""
        if not (isinstance(module, str) and isinstance(name, str)):
            raise TypeError("a name that is no text")
        found = (module, name)
        if not (found in self.functions or found in self.words or self.records(found)):
            raise refused_name(module, name)
        return Global(found)

    def call(self, function: Any, arguments: Any) -> Any:
        """See `PickleMachine.call`."""
        if type(arguments) is not tuple:
            raise TypeError("a call without arguments")
        if not isinstance(function, Global) or function.name not in self.functions:
            raise PickleRefusedError(f"a call of {_told(function)}")
        return self.functions[function.name](*arguments)

    def new(self, kind: Any, arguments: Any) -> StoredObject:
        """An object without attributes; raises PickleRefusedError if its class is no record, or takes arguments."""
        if not isinstance(kind, Global) or not self.records(kind.name) or arguments != ():
            raise PickleRefusedError(f"an object of {_told(kind)}")
        return StoredObject(kind.name)

    def with_state(self, target: Any, state: Any) -> StoredObject:
        """See `PickleMachine.with_state`."""
        if not isinstance(target, StoredObject) or type(state) is not dict:
            raise PickleRefusedError(f"a change of {_told(target)}")
        target.state.update(state)
        return target

    def enter(self, items: list[Any]) -> None:
        """Put keys and values, in turn, into the dictionary on top of the stack; keys are texts or whole numbers."""
        if not all(type(key) in _KEYS for key in items[::2]):
            raise TypeError("a key that is neither a text nor a number")
        super().enter(items)


def _told(value: object) -> str:
    return ".".join(value.name) if isinstance(value, Global | StoredObject) else f"a {type(value).__name__}"
