"""A reader of pickles that makes data of them and runs nothing.

A pickle is a program: it names functions and classes and calls them. Python's own reader does so, and a subclass of it
can at best choose what is called. This reader has no way to call, import or change anything that a pickle names. It
knows the opcodes with which values are built, from protocol 2 on, and makes lists, dictionaries, numbers and texts;
a class becomes the name of an inert record. Everything else is refused.

Each opcode makes a value of a fixed size or of the size of its bytes, so a pickle takes memory in proportion to its
length.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Name = tuple[str, str]
"""Module and name of a function or class."""


class PickleRefusedError(Exception):
    """A pickle asks for something that is not read; the message says for what."""


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


class ObjectPickle:
    """One pickle after another out of a buffer.

    Args:
        data: The bytes.
        functions: What to make of a call, by the function's name; each takes the call's arguments and must not trust
            them.
        records: Whether objects of a class are read as `StoredObject`.
        words: Names that may stand as values, such as types; they are read as `Global`.
        stored: What to make of a persistent id, with which torch refers to the memory of a tensor.
    """

    def __init__(
        self,
        data: bytes | memoryview,
        *,
        functions: Mapping[Name, Callable[..., Any]],
        records: Callable[[Name], bool],
        words: frozenset[Name],
        stored: Callable[[Any], Any],
    ) -> None:
        self.position = 0
        self._data = memoryview(data)
        self._functions, self._records, self._words, self._stored = functions, records, words, stored
        self._stack: list[Any] = []
        self._marks: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def read(self) -> Any:
        """The value of the next pickle; `position` then is behind it.

        Raises:
            PickleRefusedError: If it names anything but what was allowed, or changes it.
            ValueError, LookupError, TypeError, struct.error: If it is damaged.
        """
        self._stack, self._marks, self._memo = [], [], {}
        while True:
            opcode = self._take(1)[0]
            if opcode == _STOP:
                return self._stack.pop()
            action = _ACTIONS.get(opcode)
            if action is None:
                raise PickleRefusedError(f"an operation that only other kinds of pickle have ({opcode:#04x})")
            action(self)

    def _take(self, size: int) -> memoryview:
        first, self.position = self.position, self.position + size
        if self.position > len(self._data):
            raise ValueError("it is cut short")
        return self._data[first : self.position]

    def _number(self, layout: str) -> Any:
        return struct.unpack(layout, self._take(struct.calcsize(layout)))[0]

    def _line(self) -> str:
        characters = bytearray()
        while (character := self._take(1)[0]) != ord("\n"):
            characters.append(character)
        return characters.decode()

    def _text(self, layout: str) -> None:
        self._stack.append(str(self._take(self._number(layout)), "utf-8", "surrogatepass"))

    def _bytes(self, layout: str) -> None:
        self._stack.append(bytes(self._take(self._number(layout))))

    def _tuple(self, size: int) -> None:
        self._stack[len(self._stack) - size :] = [tuple(self._stack[len(self._stack) - size :])]

    def _mark(self) -> None:
        self._marks.append(self._stack)
        self._stack = []

    def _since_mark(self) -> list[Any]:
        items, self._stack = self._stack, self._marks.pop()
        return items

    def _marked_tuple(self) -> None:
        items = tuple(self._since_mark())
        self._stack.append(items)

    def _append(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is not list:
            raise TypeError("it appends to what is no list")
        target.extend(items)

    def _set(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is not dict:
            raise TypeError("it puts an entry into what is no dictionary")
        if not all(type(key) in _KEYS for key in items[::2]):
            raise TypeError("a key that is neither a text nor a number")
        target.update(zip(items[::2], items[1::2], strict=True))

    def _pair(self) -> list[Any]:
        value, key = self._stack.pop(), self._stack.pop()
        return [key, value]

    def _name(self, name: Name) -> None:
        if not (name in self._functions or name in self._words or self._records(name)):
            raise PickleRefusedError(".".join(name))
        self._stack.append(Global(name))

    def _stack_name(self) -> None:
        module, name = self._pair()
        if not (isinstance(module, str) and isinstance(name, str)):
            raise TypeError("a name that is no text")
        self._name((module, name))

    def _call(self) -> None:
        function, arguments = self._pair()
        if type(arguments) is not tuple:
            raise TypeError("a call without arguments")
        if not isinstance(function, Global) or function.name not in self._functions:
            raise PickleRefusedError(f"a call of {_told(function)}")
        self._stack.append(self._functions[function.name](*arguments))

    def _new(self) -> None:
        kind, arguments = self._pair()
        if not isinstance(kind, Global) or not self._records(kind.name) or arguments != ():
            raise PickleRefusedError(f"an object of {_told(kind)}")
        self._stack.append(StoredObject(kind.name))

    def _build(self) -> None:
        state = self._stack.pop()
        target = self._stack[-1]
        if not isinstance(target, StoredObject) or type(state) is not dict:
            raise PickleRefusedError(f"a change of {_told(target)}")
        target.state.update(state)


def _told(value: object) -> str:
    return ".".join(value.name) if isinstance(value, Global | StoredObject) else f"a {type(value).__name__}"


def _push(value: Any) -> Callable[[ObjectPickle], None]:
    return lambda reader: reader._stack.append(value)


def _number(layout: str) -> Callable[[ObjectPickle], None]:
    return lambda reader: reader._stack.append(reader._number(layout))


def _keep(layout: str) -> Callable[[ObjectPickle], None]:
    return lambda reader: reader._memo.__setitem__(reader._number(layout), reader._stack[-1])


def _recall(layout: str) -> Callable[[ObjectPickle], None]:
    return lambda reader: reader._stack.append(reader._memo[reader._number(layout)])


_KEYS: Final = (str, int)
_STOP: Final = ord(".")
_ACTIONS: Final[dict[int, Callable[[ObjectPickle], Any]]] = {
    0x80: lambda reader: reader._take(1),  # the protocol
    0x95: lambda reader: reader._take(8),  # length of a frame
    ord("("): lambda reader: reader._mark(),
    ord("0"): lambda reader: reader._stack.pop(),
    ord("1"): lambda reader: reader._since_mark(),
    ord("N"): _push(None),
    0x88: _push(True),
    0x89: _push(False),
    ord(")"): _push(()),
    ord("]"): lambda reader: reader._stack.append([]),
    ord("}"): lambda reader: reader._stack.append({}),
    ord("J"): _number("<i"),
    ord("K"): _number("<B"),
    ord("M"): _number("<H"),
    ord("G"): _number(">d"),
    0x8A: lambda reader: reader._stack.append(
        int.from_bytes(reader._take(reader._number("<B")), "little", signed=True)
    ),
    ord("X"): lambda reader: reader._text("<I"),
    0x8C: lambda reader: reader._text("<B"),
    0x8D: lambda reader: reader._text("<Q"),
    ord("B"): lambda reader: reader._bytes("<I"),
    ord("C"): lambda reader: reader._bytes("<B"),
    0x8E: lambda reader: reader._bytes("<Q"),
    0x85: lambda reader: reader._tuple(1),
    0x86: lambda reader: reader._tuple(2),
    0x87: lambda reader: reader._tuple(3),
    ord("t"): lambda reader: reader._marked_tuple(),
    ord("a"): lambda reader: reader._append([reader._stack.pop()]),
    ord("e"): lambda reader: reader._append(reader._since_mark()),
    ord("s"): lambda reader: reader._set(reader._pair()),
    ord("u"): lambda reader: reader._set(reader._since_mark()),
    ord("q"): _keep("<B"),
    ord("r"): _keep("<I"),
    0x94: lambda reader: reader._memo.__setitem__(len(reader._memo), reader._stack[-1]),
    ord("h"): _recall("<B"),
    ord("j"): _recall("<I"),
    ord("c"): lambda reader: reader._name((reader._line(), reader._line())),
    0x93: lambda reader: reader._stack_name(),
    ord("Q"): lambda reader: reader._stack.append(reader._stored(reader._stack.pop())),
    ord("R"): lambda reader: reader._call(),
    0x81: lambda reader: reader._new(),
    ord("b"): lambda reader: reader._build(),
}
"""What is done for each opcode; see Python's `pickletools`."""
