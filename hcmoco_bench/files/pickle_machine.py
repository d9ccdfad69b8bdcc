"""The machine that reads pickles: a stack, a memory, and the instructions that build plain values.

A pickle is a program for a small machine, some of whose instructions call functions that the file names. Python's own
reader calls them. This machine has no way to import or call anything that a pickle names: it hands names, calls and
states to the kind of pickle that derives from it, and what that kind does not know is refused. The format is that of
`pickletools` in Python's library.

Each instruction makes a value of a fixed size or of the size of its bytes, so a pickle takes memory in proportion to
its length.
"""

from __future__ import annotations

import codecs
import pickletools
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, Protocol

_PROTOCOLS: Final = range(6)
_KEYS: Final = (type(None), bool, int, float, str, bytes)


class PickleRefusedError(Exception):
    """A pickle asks for something that is not read; the message says for what."""


class Stream(Protocol):
    """A file, as far as it is read here; a memory map is one too."""

    def read(self, size: int, /) -> bytes:
        """The next bytes."""
        ...

    def readline(self) -> bytes:
        """The next line, with its end."""
        ...

    def tell(self) -> int:
        """Position of the next byte."""
        ...


def refused_name(module: str, name: str) -> PickleRefusedError:
    """The error for a name that is not known; it holds nothing that a terminal would obey."""
    return PickleRefusedError(f"{ascii(f'{module}.{name}')[1:-1]:.80}")


def _not_known(code: bytes) -> Exception:
    names = {one.code: one.name for one in pickletools.opcodes}
    name = names.get(code.decode("latin1"))
    if name is None:
        return ValueError(f"byte {code[0]} is no instruction")
    return PickleRefusedError(f"the instruction {name}, which only other kinds of pickle have")


def _entries(items: list[Any]) -> dict[Any, Any]:
    if len(items) % 2:
        raise ValueError("a key without a value")
    keys = items[::2]
    # The hash of a tuple of tuples may take forever.
    if not all(isinstance(key, _KEYS) for key in keys):
        raise PickleRefusedError("a dictionary with other keys than numbers and texts")
    return dict(zip(keys, items[1::2], strict=True))


def _protocol(machine: PickleMachine) -> None:
    if machine.take(1)[0] not in _PROTOCOLS:
        raise ValueError("of an unknown protocol")


def _int_line(machine: PickleMachine) -> None:
    line = machine.line()
    machine.push({b"00": False, b"01": True}[line] if line in (b"00", b"01") else int(line))


def _string_line(machine: PickleMachine) -> None:
    line = machine.line().strip()
    if len(line) < 2 or line[:1] not in (b"'", b'"') or line[0] != line[-1]:
        raise ValueError("a text without quotes")
    machine.push(codecs.escape_decode(line[1:-1])[0])


def _mark(machine: PickleMachine) -> None:
    machine.below.append(machine.stack)
    machine.stack = []


def _tuple_of(number: int) -> Callable[[PickleMachine], None]:
    def make(machine: PickleMachine) -> None:
        if len(machine.stack) < number:
            raise IndexError("a tuple of more values than there are")
        machine.stack[-number:] = [tuple(machine.stack[-number:])]

    return make


def _append(machine: PickleMachine) -> None:
    item = machine.stack.pop()
    machine.fill([item])


def _set_item(machine: PickleMachine) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    machine.enter([key, value])


def _global(machine: PickleMachine) -> None:
    module, name = machine.line().decode("latin1"), machine.line().decode("latin1")
    machine.push(machine.name(module, name))


def _stack_global(machine: PickleMachine) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    machine.push(machine.name(module, name))


def _reduce(machine: PickleMachine) -> None:
    arguments, function = machine.stack.pop(), machine.stack.pop()
    machine.push(machine.call(function, arguments))


def _build(machine: PickleMachine) -> None:
    state, target = machine.stack.pop(), machine.stack.pop()
    machine.push(machine.with_state(target, state))


def _sized(form: str) -> Callable[[PickleMachine], bytes]:
    """Bytes that follow their number."""
    return lambda machine: machine.take(machine.number(form))


def _utf8(read: Callable[[PickleMachine], bytes]) -> Callable[[PickleMachine], None]:
    return lambda machine: machine.push(str(read(machine), "utf-8", "surrogatepass"))


def _bytes(read: Callable[[PickleMachine], bytes]) -> Callable[[PickleMachine], None]:
    return lambda machine: machine.push(read(machine))


def _integer(read: Callable[[PickleMachine], bytes]) -> Callable[[PickleMachine], None]:
    return lambda machine: machine.push(int.from_bytes(read(machine), "little", signed=True))


def _plain_number(form: str) -> Callable[[PickleMachine], None]:
    return lambda machine: machine.push(machine.number(form))


def _fresh(make: Callable[[], Any]) -> Callable[[PickleMachine], None]:
    return lambda machine: machine.push(make())


INSTRUCTIONS: Final[Mapping[bytes, Callable[[PickleMachine], Any]]] = {
    b"\x80": _protocol,
    b"\x95": lambda machine: machine.number("<Q"),  # a frame: only a hint for readers of streams
    b"N": _fresh(lambda: None),
    b"\x88": _fresh(lambda: True),
    b"\x89": _fresh(lambda: False),
    b"]": _fresh(list),
    b")": _fresh(tuple),
    b"}": _fresh(dict),
    b"I": _int_line,
    b"L": lambda machine: machine.push(int(machine.line().removesuffix(b"L"))),
    b"F": lambda machine: machine.push(float(machine.line())),
    b"J": _plain_number("<i"),
    b"K": _plain_number("<B"),
    b"M": _plain_number("<H"),
    b"G": _plain_number(">d"),
    b"\x8a": _integer(_sized("<B")),
    b"\x8b": _integer(_sized("<i")),
    b"S": _string_line,
    b"T": _bytes(_sized("<i")),
    b"U": _bytes(_sized("<B")),
    b"B": _bytes(_sized("<I")),
    b"C": _bytes(_sized("<B")),
    b"\x8e": _bytes(_sized("<Q")),
    b"\x96": _bytes(_sized("<Q")),
    b"V": lambda machine: machine.push(str(machine.line(), "raw-unicode-escape")),
    b"X": _utf8(_sized("<I")),
    b"\x8c": _utf8(_sized("<B")),
    b"\x8d": _utf8(_sized("<Q")),
    b"(": _mark,
    b"t": lambda machine: machine.push(tuple(machine.since_mark())),
    b"\x85": _tuple_of(1),
    b"\x86": _tuple_of(2),
    b"\x87": _tuple_of(3),
    b"l": lambda machine: machine.push(machine.since_mark()),
    b"d": lambda machine: machine.push(_entries(machine.since_mark())),
    b"a": _append,
    b"e": lambda machine: machine.fill(machine.since_mark()),
    b"s": _set_item,
    b"u": lambda machine: machine.enter(machine.since_mark()),
    b"0": lambda machine: machine.stack.pop(),
    b"1": lambda machine: machine.since_mark(),
    b"2": lambda machine: machine.push(machine.stack[-1]),
    b"p": lambda machine: machine.remember(int(machine.line())),
    b"q": lambda machine: machine.remember(machine.number("<B")),
    b"r": lambda machine: machine.remember(machine.number("<I")),
    b"\x94": lambda machine: machine.remember(len(machine.memory)),
    b"g": lambda machine: machine.push(machine.memory[int(machine.line())]),
    b"h": lambda machine: machine.push(machine.memory[machine.number("<B")]),
    b"j": lambda machine: machine.push(machine.memory[machine.number("<I")]),
    b"c": _global,
    b"\x93": _stack_global,
    b"R": _reduce,
    b"b": _build,
}
"""What each instruction for plain values does, and those that name, call and set a state."""


class PickleMachine(ABC):
    """Reads one pickle after another out of a file; a kind of pickle says what names, calls and states are read as.

    Args:
        stream: The file, at the start of a pickle.
        size: Its size in bytes.
        limit: Number of instructions after which a pickle is refused; None for no limit but the file's length.

    Attributes:
        instructions: What each instruction does; those of Python that are not here are refused.
    """

    instructions: ClassVar[Mapping[bytes, Callable[[Any], Any]]] = INSTRUCTIONS

    def __init__(self, stream: Stream, size: int, limit: int | None = None) -> None:
        self.stream, self.size = stream, size
        self.limit = size + 1 if limit is None else limit  # each instruction takes a byte
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memory: dict[int, Any] = {}

    @abstractmethod
    def name(self, module: Any, name: Any) -> Any:
        """What a name is read as; raises PickleRefusedError if it is not known. Both may be of any type."""

    @abstractmethod
    def call(self, function: Any, arguments: Any) -> Any:
        """What a call gives; raises PickleRefusedError if it is not known. Both may be of any type."""

    @abstractmethod
    def with_state(self, target: Any, state: Any) -> Any:
        """A value with the state that the pickle gives it; raises PickleRefusedError if it has none to set."""

    def run(self) -> Any:
        """The value that the next pickle builds, in which pieces that only serve to build others may be left.

        Raises:
            PickleRefusedError: If it uses an instruction or name that is not known here, or exceeds the limit.
            LookupError, ValueError, TypeError, MemoryError, struct.error: If it is damaged.
        """
        self.stack, self.below, self.memory = [], [], {}
        for _ in range(self.limit):
            code = self.take(1)
            if code == b".":
                return self.stack.pop()
            instruction = self.instructions.get(code)
            if instruction is None:
                raise _not_known(code)
            instruction(self)
        raise PickleRefusedError(f"more than {self.limit:,} instructions")

    def take(self, number: int) -> bytes:
        """The next bytes of the file."""
        # A declared size is compared with the file before anything of that size is made.
        if not 0 <= number <= self.size - self.stream.tell():
            raise ValueError(f"{number} bytes are announced, and the file ends before them")
        return self.stream.read(number)

    def number(self, form: str) -> Any:
        """The next number, in a form of `struct`."""
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self) -> bytes:
        """The next line, without its end."""
        found = self.stream.readline()
        if not found.endswith(b"\n"):
            raise ValueError("the file ends within a line")
        return found[:-1]

    def push(self, value: Any) -> None:
        """Put a value on top of the stack."""
        self.stack.append(value)

    def since_mark(self) -> list[Any]:
        """Take what was put on the stack since the last mark."""
        items, self.stack = self.stack, self.below.pop()
        return items

    def fill(self, items: list[Any]) -> None:
        """Put items into the list on top of the stack."""
        target = self.stack[-1]
        if type(target) is not list:
            raise TypeError(f"items for a {type(target).__name__}")
        target.extend(items)

    def enter(self, items: list[Any]) -> None:
        """Put keys and values, in turn, into the dictionary on top of the stack."""
        target = self.stack[-1]
        if type(target) is not dict:
            raise TypeError(f"entries for a {type(target).__name__}")
        target.update(_entries(items))

    def remember(self, place: int) -> None:
        """Keep the top of the stack."""
        self.memory[place] = self.stack[-1]
