"""The machine that reads pickles: a stack, a memory, and the instructions that build plain values.

Python's instructions that call or build other objects are not among them, so a pickle that uses one is refused. The
format is that of `pickletools` in Python's library.
"""

from __future__ import annotations

import codecs
import pickletools
import struct
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, Final

from hcmoco_bench.files.pickled_arrays import PickleRefusedError, Unfinished, call, known, with_state

_PROTOCOLS: Final = range(6)
_KEYS: Final = (type(None), bool, int, float, str, bytes)


class PickleMachine:
    """Reads one pickle; `run` may be called once.

    Args:
        stream: The file, at its start.
        size: Its size in bytes.
        limit: Number of instructions after which it is refused.
    """

    def __init__(self, stream: BinaryIO, size: int, limit: int) -> None:
        self.stream, self.size, self.limit = stream, size, limit
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memory: dict[int, Any] = {}
        self.unfinished: dict[int, list[int]] = {}
        self.encoded = 0

    def run(self) -> Any:
        """The value that the pickle builds, in which pieces that only serve to build others may be left.

        Raises:
            PickleRefusedError: If it uses an instruction or name that is not known here, or exceeds the limit.
            IndexError, KeyError, ValueError, TypeError, EOFError, MemoryError: If it is damaged.
        """
        for _ in range(self.limit):
            code = self.take(1)
            if code == b".":
                return self.stack.pop()
            instruction = _INSTRUCTIONS.get(code)
            if instruction is None:
                raise _not_known(code)
            instruction(self)
        raise PickleRefusedError(f"more than {self.limit:,} instructions")

    def take(self, number: int) -> bytes:
        """The next bytes of the file."""
        # A declared size is compared with the file before anything of that size is made.
        if not 0 <= number <= self.size - self.stream.tell():
            raise EOFError(f"{number} bytes are announced, and the file ends before them")
        return self.stream.read(number)

    def number(self, form: str) -> Any:
        """The next number, in a form of `struct`."""
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self) -> bytes:
        """The next line, without its end."""
        found = self.stream.readline()
        if not found.endswith(b"\n"):
            raise EOFError("the file ends within a line")
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

    def call(self) -> None:
        """Replace a name and its arguments by what they stand for."""
        arguments, function = self.stack.pop(), self.stack.pop()
        value = call(function, arguments)
        if type(value) is bytes:  # a copy: many instructions could ask for copies of one text
            self.encoded += len(value)
            if self.encoded > self.size:
                raise PickleRefusedError("more copies of texts than it has texts")
        self.push(value)

    def build(self) -> None:
        """Give an unfinished array or type its state, also where it is remembered."""
        state, target = self.stack.pop(), self.stack.pop()
        value = with_state(target, state)
        for place in self.unfinished.pop(id(target), ()):
            self.memory[place] = value
        self.push(value)

    def remember(self, place: int) -> None:
        """Keep the top of the stack; what is unfinished is replaced when its state comes."""
        value = self.memory[place] = self.stack[-1]
        if isinstance(value, Unfinished):
            self.unfinished.setdefault(id(value), []).append(place)


def _not_known(code: bytes) -> Exception:
    names = {one.code: one.name for one in pickletools.opcodes}
    name = names.get(code.decode("latin1"))
    if name is None:
        return ValueError(f"byte {code[0]} is no instruction")
    return PickleRefusedError(f"the instruction {name}")


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


def _stack_global(machine: PickleMachine) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    machine.push(known(module, name))


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


_INSTRUCTIONS: Final[Mapping[bytes, Callable[[PickleMachine], Any]]] = {
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
    b"c": lambda machine: machine.push(known(machine.line(), machine.line())),
    b"\x93": _stack_global,
    b"R": PickleMachine.call,
    b"b": PickleMachine.build,
}
"""What each instruction does; those of Python that are not here call or build other objects."""
